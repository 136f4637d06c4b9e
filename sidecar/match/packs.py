"""The patterns that an engine is made of: shipped packs by name and folders of the user's own, read once and then kept.

What belongs here: which files they are, and what was made of them at the last start.  What never does: what a file may say
(`dlp_patterns.load`), and compiling.
"""

import hashlib
import platform
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import dlp_patterns
from dlp_patterns import kept, load
from dlp_patterns.exact_file import armed
from dlp_patterns.model import Pack, Pattern, PatternError, Problem
from sidecar.match import cache, trial

_CODE = Path(dlp_patterns.__file__).parent


def patterns(
    names: Iterable[str] | None = None, folders: Sequence[Path] = (), cache_folder: Path | None = None
) -> tuple[Pattern, ...]:
    """The patterns of these packs (None: those on by default) and of the user's `folders`.

    From `cache_folder` if nothing has changed since they were kept there.  Raises PatternError, and EngineError where it
    cannot be found out whether they compile.
    """
    chosen = [load.PACKS / name for name in (load.default() if names is None else names)]
    _no_strangers(chosen)
    every = [*chosen, *folders]
    if cache_folder is None:
        return armed(_tried(chosen, folders))
    key = b"patterns " + _fingerprint(every)
    return armed(kept.restore(cache.fetch(cache_folder, key, lambda: kept.dump(_tried(chosen, folders)))))


def _tried(shipped: Sequence[Path], own: Sequence[Path]) -> tuple[Pattern, ...]:
    """All of them; the user's own are compiled one by one first, so that an error can say which one it is."""
    patterns = _read([*shipped, *own])
    files = {f"{folder.name}/{path.stem}": path for folder in own for path in folder.glob("*.yaml")}
    wrong = trial.problems([pattern for pattern in patterns if pattern.id in files])
    if wrong:
        raise PatternError.together(
            PatternError([Problem("regex", what, "make it simpler, or bound it closer")], str(files[name]))
            for name, what in wrong.items()
        )
    return patterns


def _read(folders: Sequence[Path]) -> tuple[Pattern, ...]:
    packs: list[Pack] = []
    errors: list[PatternError] = []
    for folder in folders:
        try:
            packs.append(load.load_pack(folder))
        except PatternError as error:
            errors.append(error)
    if errors:
        raise PatternError.together(errors)
    names = [pack.name for pack in packs]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        raise PatternError([Problem("pack", f"{name} is there twice", "rename a folder") for name in twice])
    return tuple(pattern for pack in packs for pattern in pack.patterns)


def one_file(path: Path) -> Pattern:
    """The pattern in one file of a user's, tried.  Raises PatternError or EngineError."""
    pattern = load.load_pattern(path)
    for what in trial.problems([pattern]).values():
        raise PatternError([Problem("regex", what, "make it simpler, or bound it closer")], str(path))
    return pattern


def _no_strangers(folders: Iterable[Path]) -> None:
    """Every folder of a shipped pack is one."""
    known = load.shipped()
    unknown = [folder.name for folder in folders if folder.name not in known]
    if unknown:
        remedy = f"use some of {', '.join(known)}, or the path of a folder of your own"
        raise PatternError([Problem("pack", f"{name} is unknown", remedy) for name in unknown])


def _fingerprint(folders: Iterable[Path]) -> bytes:
    """Everything that decides what is made of `folders`: their files, and the code that reads them."""
    digest = hashlib.sha256(platform.python_version().encode())
    for path in _files(folders):
        digest.update(b"%d " % len(str(path)) + str(path).encode("utf-8", "surrogateescape"))
        content = _content(path)
        digest.update(b" %d " % len(content) + content)
    return digest.digest()


def _files(folders: Iterable[Path]) -> Iterator[Path]:
    yield from sorted(_CODE.rglob("*.py"))
    for folder in folders:
        yield folder
        yield from sorted(folder.glob("*.yaml"))


def _content(path: Path) -> bytes:
    """What the file says; nothing for a folder or what cannot be read, which the loader will name."""
    try:
        return path.read_bytes()
    except OSError:
        return b""
