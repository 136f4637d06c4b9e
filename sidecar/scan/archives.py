"""Archives, member by member: zip, tar (images are tars; images.py says what is in which).

What belongs here: cutting members out and naming what cannot be.  What never does: what is in a member (look.py).
"""

from __future__ import annotations

import io
import tarfile
import zipfile
from typing import TYPE_CHECKING, Final

from sidecar.core.decode.content import UnscannableError
from sidecar.scan import images
from sidecar.scan.opened import BROKEN, Peeked

if TYPE_CHECKING:
    from sidecar.scan.look import Looker, Stream

BLOCK: Final = 512
IN_MEMORY: Final = 64 * 1024 * 1024
"""A zip has its contents at its end; one that is no file itself is kept in memory up to this size, never on disk."""
_ENCRYPTED: Final = 0x1
_SPECIAL: Final = {
    tarfile.FIFOTYPE: "a FIFO",
    tarfile.CHRTYPE: "a device",
    tarfile.BLKTYPE: "a device",
}


def is_zip(head: bytes) -> bool:
    """Whether something that begins like that is a zip (or docx, jar, apk ...)."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def is_tar(head: bytes) -> bool:
    """Whether something that begins like that is a tar: its first header's checksum holds."""
    if len(head) < BLOCK or not head[0]:
        return False
    try:
        tarfile.TarInfo.frombuf(head[:BLOCK], "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def look_at_zip(looker: Looker, stream: Stream) -> None:
    """Every member of a zip."""
    try:
        with zipfile.ZipFile(stream.file or _kept(stream)) as archive:
            for info in archive.infolist():
                if not info.is_dir():
                    _member(looker, stream, archive, info)
    except (zipfile.BadZipFile, *BROKEN):
        raise UnscannableError("is no complete zip") from None


def _member(looker: Looker, stream: Stream, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> None:
    member = stream.member(info.filename)
    if info.flag_bits & _ENCRYPTED:
        looker.tell_unscannable(member, "is encrypted")
        return
    try:
        with archive.open(info) as file:
            looker.look(stream.member(info.filename, Peeked(file, stream.budget)))
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, *BROKEN):
        looker.tell_unscannable(member, "is broken, or packed in a way that is not opened")


def _kept(stream: Stream) -> io.BytesIO:
    """The whole stream in memory.  Raises UnscannableError if it is too large for that."""
    data = stream.data.full(IN_MEMORY + 1)
    if len(data) > IN_MEMORY:
        raise UnscannableError(f"a zip of more than {IN_MEMORY} bytes in something else", too_large=True)
    return io.BytesIO(data)


def look_at_tar(looker: Looker, stream: Stream) -> None:
    """Every member of a tar, in the order in which they come."""
    image = images.Watch()
    try:
        with tarfile.open(fileobj=stream.data, mode="r|", bufsize=BLOCK * 128) as archive:
            for info in archive:
                if info.isfile():
                    file = archive.extractfile(info)
                    assert file is not None
                    member = stream.member(info.name, Peeked(file, stream.budget))
                    image.see(info.name, member.data)
                    looker.look(member)
                elif info.type in _SPECIAL:
                    looker.report.note(
                        "special", f"{stream.path}!{info.name}", f"{_SPECIAL[info.type]}, not read"
                    )
                else:
                    image.see(info.name)
    except (tarfile.TarError, *BROKEN):
        raise UnscannableError("is no complete tar") from None
    image.conclude(looker, stream)
