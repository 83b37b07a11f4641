"""Preview: what an import of a batch would change, without writing anything."""

from accounts.models import Tenant
from media.services.pipeline.batches import Batch
from media.services.pipeline.channels import build_channel
from media.services.pipeline.plan import BatchOutcome, plan_batch
from media.services.pipeline.upload import known_contents
from media.sources.export.source import ExportSource


def preview(source: ExportSource, batch: Batch, *, tenant: Tenant) -> BatchOutcome:
    """Plan a batch and count; a new content that several batches have is counted in each."""
    if batch.chat is None or not batch.messages:
        return BatchOutcome()
    channel = build_channel(batch.chat, tenant=tenant)
    plan = plan_batch(source, channel=channel, messages=batch.messages, as_of=batch.chat.as_of)
    counts = plan.outcome.counts
    known = known_contents(plan.contents)
    new = {b.sha256: b.size_bytes for b in plan.blobs if b.sha256 not in known}
    counts["new_or_updated"] += len(plan.messages)
    counts["media_stored"] += len(new)
    counts["bytes_stored"] += sum(new.values())
    counts["duplicates"] += len(plan.blobs) - len(new)
    return plan.outcome
