"""django-allauth's app of identities, which loads its providers when somebody asks for one."""

from allauth.socialaccount import apps


class SocialAccountConfig(apps.SocialAccountConfig):
    def ready(self) -> None:
        """Connect its checks; a provider speaks HTTP, and is loaded with the pages that offer it."""
        from allauth.socialaccount import checks  # noqa: F401, PLC0415 - models are ready only now
