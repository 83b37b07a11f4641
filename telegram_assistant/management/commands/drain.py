from accounts.access import Action
from accounts.management.acting_command import ActingCommand
from events.management.commands.drain import Command as Drain


class Command(ActingCommand, Drain):
    """The command of events, which does not know users, with `--as`."""

    needs = Action.OPERATE
