"""What is switched on in this process, for code and for people (CONTRACT §17)."""

from django.conf import settings


class FeatureFlags:
    """Read from the settings at each access; each flag is the variable FEATURE_… of its name."""

    @property
    def vision_enabled(self) -> bool:
        """FEATURE_VISION_ENABLED: pictures are analyzed; without it they are only stored."""
        return bool(settings.VISION.feature_vision_enabled)

    def as_dict(self) -> dict[str, bool]:
        return {"vision_enabled": self.vision_enabled}


feature_flags = FeatureFlags()
