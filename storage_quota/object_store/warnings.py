"""What people have to know about the bucket's server, in the words of the commands."""

from typing import Final

from django.utils.translation import gettext, gettext_noop

from events.sentences import Sentence
from storage_quota.models import BucketState

_WITHOUT: Final = {
    "ListMultipartUploads": gettext_noop(
        "what killed workers left half uploaded cannot be seen: let the provider abort unfinished"
        " uploads after a day."
    ),
    gettext_noop("lifecycle rules"): gettext_noop("nothing is deleted while no worker runs."),
    "GetBucketVersioning": gettext_noop(
        "whether the bucket keeps what is deleted is unknown: ask the provider."
    ),
    "ListObjectVersions": gettext_noop(
        "what old versions hold is unknown, and the provider's quota may fill: switch versioning off."
    ),
    "ListObjectsV2": gettext_noop("the bucket is listed in the older way."),
    "ListParts": gettext_noop("what unfinished uploads hold is unknown."),
    gettext_noop("uploads in parts"): gettext_noop(
        "each file is put in one request, 40 MiB of memory each."
    ),
}
_OTHERWISE: Final = gettext_noop("the application does without.")
_LACKING: Final = {
    "not there": Sentence(gettext_noop("%(name)s: not there, so %(consequence)s")),
    "denied": Sentence(gettext_noop("%(name)s: denied, so %(consequence)s")),
}
"""By the words of `survey`."""
_KEEPS: Final = Sentence(
    gettext_noop(
        "The bucket keeps old versions (versioning %(versioning)s): deleting frees nothing at the"
        " provider. Run manage.py sync_lifecycle, or switch versioning off."
    )
)
_OLD: Final = Sentence(
    gettext_noop("%(count)s old versions hold %(bytes)s B, which count against S3_TOTAL_LIMIT_GB.")
)
_UNFINISHED: Final = Sentence(
    gettext_noop(
        "%(count)s unfinished uploads hold %(bytes)s B that nothing reserves; a worker aborts those"
        " of two hours and more."
    )
)


def lacking(state: BucketState) -> str:
    """The operations that the server is without or denies, in the reader's language."""
    return ", ".join(gettext(name) for name in sorted(state.lacks))


def of(state: BucketState) -> list[str]:
    """A sentence for each thing that matters; the first names the cause, the rest the remedy."""
    found = [
        _LACKING[how] % {"name": name, "consequence": _WITHOUT.get(name, _OTHERWISE)}
        for name, how in sorted(state.lacks.items())
    ]
    if state.keeps_old and not state.expires_old:
        found.append(_KEEPS % {"versioning": state.versioning})
    if state.keeps_old and state.old_bytes:
        found.append(_OLD % {"count": state.old_count, "bytes": state.old_bytes})
    if state.upload_bytes:
        found.append(_UNFINISHED % {"count": state.uploads_count, "bytes": state.upload_bytes})
    return found
