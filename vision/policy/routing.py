"""Choice of the provider for one file: decided here only, for analysis and forecast alike."""

from enum import Enum, auto

from vision.policy.decision import Decision, mime_key
from vision.policy.schema import VisionPolicy


class Route(Enum):
    SKIP = auto()
    """The policy leaves the file out."""
    OCR = auto()
    """Text recognition on this machine; costs no tokens."""
    PAID = auto()
    """The paid provider, within the tenant's budget."""
    UNSUPPORTED = auto()
    """Allowed by the policy, but no provider reads documents yet."""


def route(decision: Decision, *, mime: str, policy: VisionPolicy, has_paid: bool) -> Route:
    """`has_paid`: a paid provider is configured. Pure."""
    if decision.skip:
        return Route.SKIP
    if decision.use_ocr or not has_paid:
        return Route.OCR
    is_image = mime_key(mime) in policy.allowed_mime_types.images
    return Route.PAID if is_image else Route.UNSUPPORTED
