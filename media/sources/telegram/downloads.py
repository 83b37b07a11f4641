"""Download a file of Telegram to a file of this machine: hashed on the way, whole, or not at all."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any, Final, TypeVar

from telethon import errors
from telethon.tl import types

from media.sources.telegram.caller import SHORT_WAIT_SECONDS, Caller, translated
from media.sources.telegram.failures import (
    DownloadFailed,
    FloodWait,
    TelegramRefused,
    Unreachable,
)
from media.sources.telegram.port import SMALL_FILE_BYTES, RemoteFile
from media.sources.telegram.shape.files import Handle

REQUEST_BYTES: Final = SMALL_FILE_BYTES
ATTEMPTS: Final = 4
_HASHED_BYTES: Final = 1024**2
STALE: Final = (
    errors.FileReferenceExpiredError, errors.FileReferenceInvalidError,
    errors.FileReferenceEmptyError, errors.FilerefUpgradeNeededError,
)  # fmt: skip
Result = TypeVar("Result")
Refresh = Callable[[RemoteFile], Awaitable[RemoteFile | None]]
"""Reads the message of a file again; None where the message shows another file now, or none."""


class Downloads:
    """The downloads of one account; `parallel` of them run at a time."""

    def __init__(self, client: Any, caller: Caller, *, parallel: int) -> None:
        self._client = client
        self._caller = caller
        self._turns = asyncio.Semaphore(parallel)

    async def save(self, file: RemoteFile, target: Path, refresh: Refresh) -> str:
        """
        Save the file, going on where `target` ends; return its SHA-256 (hex).

        Raises DownloadFailed where the size is not the one that Telegram said, and TelegramRefused.
        """
        return await self._tried(lambda fresh: self._saved(fresh, target), file, refresh)

    async def read(self, file: RemoteFile, refresh: Refresh) -> bytes:
        """Read a small file into memory; raises what `save` does."""
        return await self._tried(self._read, file, refresh)

    async def _tried(
        self,
        get: Callable[[RemoteFile], Awaitable[Result]],
        file: RemoteFile,
        refresh: Refresh,
    ) -> Result:
        """Take a place and get the file, again where that is of use."""
        async with self._turns:
            for attempt in range(1, ATTEMPTS + 1):
                try:
                    return await get(file)
                except _Stale:
                    file = await self._refreshed(file, refresh)
                except FloodWait as wait:
                    if wait.seconds > SHORT_WAIT_SECONDS or attempt == ATTEMPTS:
                        raise
                    await self._caller.sleep(wait.seconds)
                except (DownloadFailed, Unreachable):
                    if attempt == ATTEMPTS:
                        raise
                    await asyncio.sleep(attempt - 1)  # what came so far is kept
            raise DownloadFailed("Telegram refuses the file again and again")

    async def _refreshed(self, file: RemoteFile, refresh: Refresh) -> RemoteFile:
        found = await refresh(file)
        if found is None:
            raise DownloadFailed("the message does not show this file any more")
        return found

    async def _read(self, file: RemoteFile) -> bytes:
        content = b"".join([chunk async for chunk in self._chunks(file, offset=0)])
        if len(content) != file.size_bytes:
            raise DownloadFailed(f"{len(content)} bytes came of {file.size_bytes}")
        return content

    async def _saved(self, file: RemoteFile, target: Path) -> str:
        digest, size = _so_far(target, file.size_bytes)
        if size < file.size_bytes:
            with target.open("ab") as out:
                async for chunk in self._chunks(file, offset=size):
                    out.write(chunk)
                    digest.update(chunk)
                    size += len(chunk)
        # Telethon takes a short answer for the end of the file, and compares no size.
        if size != file.size_bytes:
            raise DownloadFailed(f"{size} bytes came of {file.size_bytes}")
        return str(digest.hexdigest())

    async def _chunks(self, file: RemoteFile, *, offset: int) -> AsyncIterator[bytes]:
        # Telegram gives parts that begin at a multiple of their size.
        skip = offset % REQUEST_BYTES
        try:
            with translated():
                chunks = self._client.iter_download(
                    location_of(file.handle), offset=offset - skip, request_size=REQUEST_BYTES,
                    file_size=file.size_bytes, dc_id=file.handle.media.dc_id,
                )  # fmt: skip
                async for chunk in chunks:
                    yield bytes(chunk[skip:]) if skip else chunk
                    skip = 0
        except TelegramRefused as refused:
            if isinstance(refused.__context__, STALE):
                raise _Stale from None
            raise


class _Stale(Exception):
    """The reference of the file has expired: the message has a new one."""


def location_of(handle: Handle) -> Any:
    """What Telegram is asked for."""
    media, size = handle.media, handle.thumb.type if handle.thumb else ""
    kind = (
        types.InputPhotoFileLocation
        if isinstance(media, types.Photo)
        else types.InputDocumentFileLocation
    )
    return kind(media.id, media.access_hash, media.file_reference, size)


def _so_far(target: Path, whole: int) -> tuple[Any, int]:
    """The hash and the size of what an earlier try has left; more than the whole is another file."""
    if target.exists() and target.stat().st_size > whole:
        target.unlink()
    digest, size = hashlib.sha256(), 0
    if target.exists():
        with target.open("rb") as file:
            while chunk := file.read(_HASHED_BYTES):
                digest.update(chunk)
                size += len(chunk)
    return digest, size
