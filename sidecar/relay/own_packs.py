"""The pattern packs of one sidecar: those that ship and folders of the user's, which may change while it runs.

What belongs here: noticing that, and the engine for them as they are now.  What never does: taking it into
force (supply.py).
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from sidecar.match import packs
from sidecar.match.hs import HyperscanMatcher

Stamp = tuple[str, int, int, int]
"""Path, inode, size and time of change of a file."""


class OwnPacks:
    """The packs that settings name."""

    def __init__(self, names: Sequence[str], folders: Sequence[Path], cache: Path) -> None:
        self._names = names
        self._folders = folders
        self._cache = cache
        self._seen = tuple(self._stamps())

    def matcher(self) -> HyperscanMatcher:
        """The engine.  May take seconds; raises PatternError or EngineError."""
        return HyperscanMatcher(packs.patterns(self._names, self._folders, self._cache), self._cache)

    def changed(self) -> bool:
        """Whether the folders are not what they were when this was asked last."""
        before, self._seen = self._seen, tuple(self._stamps())
        return before != self._seen

    def forget(self) -> None:
        """They count as changed."""
        self._seen = ()

    def _stamps(self) -> Iterator[Stamp]:
        """What tells one state of the folders from the next; also through Kubernetes' symlinks."""
        for folder in self._folders:
            for path in (folder, *sorted(folder.glob("*"))):  # patterns, and the hashes they name
                try:
                    stat = path.stat()
                except OSError:
                    continue
                yield str(path), stat.st_ino, stat.st_size, stat.st_ctime_ns
