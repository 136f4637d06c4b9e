"""Compiled databases on disk, so that a start does not compile: versioned, private, verified.

A compiled database is handed to native code as it is, so a file that somebody else could have written is never loaded:
the folder must be ours and nobody else may write in it, the file must be ours alone (0600); digest and engine version are
checked.  Anything wrong means "compile again", never "load anyway".
"""

import hashlib
import os
import stat
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

_MAGIC = b"cdefence-db-1\n"
_DIGEST = hashlib.sha256().digest_size


def fetch(folder: Path | None, key: bytes, build: Callable[[], bytes]) -> bytes:
    """The database for `key` from `folder`, or from `build` (and then kept for the next start).

    `key` must name everything the result depends on: expressions, flags, mode, engine version and platform.
    """
    if folder is None or not _private_folder(folder):
        return build()
    path = folder / (hashlib.sha256(key).hexdigest() + ".hsdb")
    kept = _read(path, key)
    if kept is not None:
        return kept
    made = build()
    with suppress(OSError):  # a full or read-only disk costs the next start some time, nothing else
        _write(path, _seal(key, made))
    return made


def _seal(key: bytes, payload: bytes) -> bytes:
    return _MAGIC + hashlib.sha256(key + payload).digest() + payload


def _read(path: Path, key: bytes) -> bytes | None:
    """The payload of a cache file that is ours, private and intact; None otherwise."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    status = os.fstat(descriptor)
    if not (stat.S_ISREG(status.st_mode) and _ours(status, 0o077)):
        os.close(descriptor)
        return None
    with os.fdopen(descriptor, "rb") as file:
        sealed = file.read()
    payload = sealed[len(_MAGIC) + _DIGEST :]
    return payload if sealed == _seal(key, payload) else None


def _write(path: Path, content: bytes) -> None:
    """Atomic: a reader sees the old file, no file, or the whole new one.  mkstemp creates with 0600."""
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=".new-")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise


def _private_folder(folder: Path) -> bool:
    """Whether `folder` exists (it is made if it can be), is ours, and nobody else can reach into it."""
    with suppress(OSError):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        return folder.is_dir() and _ours(folder.lstat(), 0o022)
    except OSError:
        return False


def _ours(status: os.stat_result, forbidden: int) -> bool:
    return (
        status.st_uid == os.geteuid() and not stat.S_ISLNK(status.st_mode) and not status.st_mode & forbidden
    )
