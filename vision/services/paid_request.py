"""The request for a paid analysis: a picture with all that the steps of `paid` need to know."""

from dataclasses import dataclass
from typing import Any

from django.utils.functional import cached_property

from events.schemas import MediaFile
from media import imaging
from vision.analysis.claims import AnalysisRequest
from vision.analysis.results import MediaResult
from vision.duplicates import detection, reuse
from vision.duplicates.detection import Duplicates
from vision.duplicates.pixel_match import Original
from vision.policy.decision import Decision
from vision.policy.prompts import compose
from vision.policy.schema import VisionPolicy
from vision.providers.port import PaidVision
from vision.services.ocr import StoredImage


@dataclass(frozen=True)
class PaidRequest:
    """One picture for the paid provider, with the tenant's policy; fetched when it is needed."""

    analysis: AnalysisRequest
    file: MediaFile
    decision: Decision
    provider: PaidVision
    policy: VisionPolicy

    @cached_property
    def image(self) -> StoredImage:
        return StoredImage(self.file.s3_key)

    @property
    def prepared(self) -> bytes:
        """The picture as it is sent. Raises ObjectMissing, ProviderRefused and NoPlace."""
        return self._examined[0]

    @property
    def duplicates(self) -> Duplicates:
        """What is known of duplicates. Raises as `prepared`."""
        return self._examined[1]

    @cached_property
    def _examined(self) -> tuple[bytes, Duplicates]:
        """Decode the picture once, to be sent and to be compared; nothing of it is kept."""
        body = self.image.body
        with imaging.analyzed.held(body):
            return self._examine(detection.original_of(body))

    def _examine(self, original: Original) -> tuple[bytes, Duplicates]:
        prepared = self.provider.prepare(original.body, decode=lambda: original.upright)
        found = reuse.find_duplicates(
            tenant=self.analysis.post.tenant,
            sha256=self.analysis.sha256,
            image=original,
            provider=self.provider,
        )
        return prepared, found

    @property
    def prompt(self) -> str:
        return compose(self.policy.prompt_presets, self.decision.prompt_key)

    def result(self, **fields: Any) -> MediaResult:
        return MediaResult(self.file, self.decision, **fields)
