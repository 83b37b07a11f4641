"""POST /files: parses the multipart body, detects the type, applies the limits."""

import re

from tests.gigachat_stub.replies import Refused

MB = 1024 * 1024
MAX_IMAGE, MAX_TEXT = 15 * MB, 40 * MB
IMAGES = (
    (b"\xff\xd8\xff", "image/jpeg"), (b"\x89PNG\r\n\x1a\n", "image/png"), (b"BM", "image/bmp"),
    (b"II*\x00", "image/tiff"), (b"MM\x00*", "image/tiff"),
)  # fmt: skip
NOT_TAKEN = (
    b"GIF8",
    b"RIFF",
    b"\x00\x00\x00\x18ftyp",
    b"\x00\x00\x00\x1cftyp",
    b"\x00\x00\x00 ftyp",
)


def read(body: bytes, content_type: str) -> tuple[bytes, str, str, str | None]:
    """Return bytes, file name, MIME type, modality. Raises Refused; 400 for GIF is our assumption."""
    boundary = re.search(r'boundary="?([^";]+)', content_type)
    if not content_type.startswith("multipart/form-data") or boundary is None:
        raise Refused(400, "Your request contains invalid multipart data.")
    for part in body.split(b"--" + boundary[1].encode())[1:-1]:
        head, _, content = part.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        headers = head.decode("utf-8", "replace")
        if re.search(r'name="file"', headers):
            name = re.search(r'filename="([^"]*)"', headers)
            return _checked(content.removesuffix(b"\r\n"), name[1] if name else "file")
    raise Refused(400, "Your request contains no file.")


def _checked(content: bytes, name: str) -> tuple[bytes, str, str, str | None]:
    mime = next((mime for magic, mime in IMAGES if content.startswith(magic)), None)
    if mime is not None:
        if len(content) > MAX_IMAGE:
            raise Refused(413, "Payload too large")
        return content, name, mime, "image"
    if content.startswith(NOT_TAKEN):
        raise Refused(400, "Unsupported file type")
    if len(content) > MAX_TEXT:
        raise Refused(413, "Payload too large")
    return content, name, "text/plain", None
