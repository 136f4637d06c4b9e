"""A file that may change under the running proxy, and the last good value that was read from it.

What belongs here: noticing a change (atomic replacement, Kubernetes' `..data` symlink swap, an edit in
place) and keeping the old value when the new file is bad.  What never does: a timer; the owner of the event
loop calls `poll`.

Polling, not inotify: projected volumes are swapped by symlink, on which watches go stale, and one `stat` a
second costs nothing.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from sidecar.core.fields import ConfigError


@dataclass(frozen=True, slots=True)
class Changed[T]:
    """A new value was read."""

    value: T


@dataclass(frozen=True, slots=True)
class Failed:
    """The file changed, but not into something that can be used; the last good value holds."""

    error: ConfigError


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What tells one state of a file from the next."""

    device: int
    inode: int
    size: int
    ctime_ns: int
    """Not mtime: nobody can set it back."""


class Watched[T]:
    """One watched file.  `load` turns it into a value, or raises ConfigError."""

    def __init__(
        self, path: Path, load: Callable[[Path], T], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.path = path
        self.value: T | None = None
        """The last good value."""
        self.loaded_at: float | None = None
        """When it was read, on `clock`."""
        self._load = load
        self._clock = clock
        self._seen: _Stamp | None = None
        self._complaint = ""

    def poll(self) -> Changed[T] | Failed | None:
        """Look at the file once: a new value, a new failure, or None if there is nothing new.

        Blocks for as long as `stat`, and after a change reading and parsing, takes.  A failure is told
        once.
        """
        stamp = _stamp(self.path)
        if stamp is not None and stamp == self._seen:
            return None
        try:
            value = self._load(self.path)
        except ConfigError as error:
            return self._failed(error, stamp)
        # The stamp was taken before the file was read: a change in between is seen by the next call.
        self._seen, self._complaint = stamp, ""
        self.value, self.loaded_at = value, self._clock()
        return Changed(value)

    def age(self) -> float | None:
        """Seconds since the last good value was read; None if there is none yet."""
        return None if self.loaded_at is None else self._clock() - self.loaded_at

    def _failed(self, error: ConfigError, stamp: _Stamp | None) -> Failed | None:
        news = str(error) != self._complaint or (self._seen is not None and stamp != self._seen)
        self._complaint = str(error)
        # What was read stays as bad as it is until the file changes.  What could not be read (no file, no permission, no
        # descriptor left) may become readable without a change.
        self._seen = None if error.unread else stamp
        return Failed(error) if news else None


def _stamp(path: Path) -> _Stamp | None:
    """The state of the file that `path` leads to, through symlinks; None if there is none."""
    try:
        stat = path.stat()
    except OSError:
        return None
    return _Stamp(stat.st_dev, stat.st_ino, stat.st_size, stat.st_ctime_ns)
