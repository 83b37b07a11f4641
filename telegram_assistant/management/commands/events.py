from accounts.access import Action
from accounts.management.acting_command import ActingCommand
from events.management.commands.events import Command as Events


class Command(ActingCommand, Events):
    """The command of events, which does not know users, with `--as`."""

    needs = Action.OPERATE
