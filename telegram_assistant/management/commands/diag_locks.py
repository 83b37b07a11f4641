from accounts.access import Action
from accounts.management.acting_command import ActingCommand
from events.management.commands.diag_locks import Command as DiagLocks


class Command(ActingCommand, DiagLocks):
    """The command of events, which does not know users, with `--as`."""

    needs = Action.VIEW
