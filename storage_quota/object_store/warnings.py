"""What people have to know about the bucket's server, in the words of the commands."""

from typing import Final

from django.utils.translation import gettext, gettext_noop

from storage_quota.models import BucketState

_WITHOUT: Final = {
    "ListMultipartUploads": "what killed workers left half uploaded cannot be seen: let the provider"
    " abort unfinished uploads after a day",
    gettext_noop("lifecycle rules"): "nothing is deleted while no worker runs",
    "GetBucketVersioning": "whether the bucket keeps what is deleted is unknown: ask the provider",
    "ListObjectVersions": "what old versions hold is unknown, and the provider's quota may fill:"
    " switch versioning off",
    "ListObjectsV2": "the bucket is listed in the older way",
    "ListParts": "what unfinished uploads hold is unknown",
    gettext_noop("uploads in parts"): "each file is put in one request, 40 MiB of memory each",
}


def lacking(state: BucketState) -> str:
    """The operations that the server is without or denies, in the reader's language."""
    return ", ".join(gettext(name) for name in sorted(state.lacks))


def of(state: BucketState) -> list[str]:
    """A sentence for each thing that matters; the first names the cause, the rest the remedy."""
    found = [f"{name}: {how}, so {_WITHOUT.get(name, 'the application does without')}."
             for name, how in sorted(state.lacks.items())]  # fmt: skip
    if state.keeps_old and not state.expires_old:
        found.append(
            f"The bucket keeps old versions (versioning {state.versioning}): deleting frees nothing"
            " at the provider. Run manage.py sync_lifecycle, or switch versioning off."
        )
    if state.keeps_old and state.old_bytes:
        found.append(
            f"{state.old_count} old versions hold {state.old_bytes} B, which count against"
            " S3_TOTAL_LIMIT_GB."
        )
    if state.upload_bytes:
        found.append(
            f"{state.uploads_count} unfinished uploads hold {state.upload_bytes} B that nothing"
            " reserves; a worker aborts those of two hours and more."
        )
    return found
