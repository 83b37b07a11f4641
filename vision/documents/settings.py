"""The limits of this installation."""

from django.conf import settings

from vision.documents.limits import Limits

MIB = 1024**2


def limits() -> Limits:
    chosen = settings.DOCUMENTS
    return Limits(
        unpacked_bytes=chosen.document_max_unpacked_mb * MIB,
        pages=chosen.document_max_pages,
        chars=chosen.document_max_chars,
        seconds=chosen.document_timeout_sec,
        memory_bytes=chosen.document_memory_mb * MIB,
        ocr_pages=chosen.document_ocr_max_pages,
        ocr_seconds=chosen.document_ocr_timeout_sec,
    )
