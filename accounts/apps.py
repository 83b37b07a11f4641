from django.utils.translation import gettext_lazy as _

from events import rooms


class AccountsConfig(rooms.Room):
    name = "accounts"
    verbose_name = _("accounts")

    def ready(self) -> None:
        from accounts.audit import edited, of_events  # noqa: PLC0415 - models are ready only now

        edited.follow_all()
        of_events.listen()

    def connect(self) -> None:
        from accounts.sign_in import receivers  # noqa: PLC0415 - needs the models of all apps

        receivers.connect()
