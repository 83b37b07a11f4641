from django.apps import AppConfig


class ProbeConfig(AppConfig):
    name = "tests.acceptance.probe"
    label = "probe"

    def ready(self) -> None:
        from tests.acceptance.probe import handlers  # noqa: PLC0415 - it imports models

        handlers.register()
