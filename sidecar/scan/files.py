"""Which files a path means: folders walked as git would, everything that is no file named and not read.

What belongs here: walking, ignoring, opening without being caught by what is no file.  What never does: what is in a file.
"""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pathspec

from sidecar.scan.report import Report

_KINDS: Final = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
}
IGNORE_FILE: Final = ".gitignore"
GIT: Final = ".git"


class _SpecialError(Exception):
    """This is no file; the text says what it is."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file to look at."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class _Rules:
    """What one .gitignore says about everything below its folder."""

    folder: str
    """Absolute, with a slash at the end."""
    spec: pathspec.GitIgnoreSpec

    def says(self, path: str, *, folder: bool) -> bool | None:
        """Whether an absolute `path` is ignored; None if this file does not say."""
        return self.spec.check_file(path.removeprefix(self.folder) + ("/" if folder else "")).include


def walk(paths: Sequence[str], report: Report, *, ignore: bool = True) -> Iterator[Found]:
    """Every file that `paths` mean, in a steady order.  What is not one is told to `report`."""
    for name in paths:
        path = Path(name)
        try:
            status = path.stat()
        except OSError as error:
            report.failure(name, _why(error))
            continue
        if stat.S_ISDIR(status.st_mode):
            yield from _folder(path, _above(path, report) if ignore else [], report, ignore=ignore)
        elif stat.S_ISREG(status.st_mode):
            yield Found(name, status.st_size)
        else:
            report.note("special", name, f"{_kind(status.st_mode)}, not read")


def opened(path: str) -> int:
    """A descriptor of a regular file.  Raises OSError; never waits for a FIFO that has taken its place."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "is no file any more")
    return descriptor


def _folder(folder: Path, rules: Sequence[_Rules], report: Report, *, ignore: bool) -> Iterator[Found]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        report.failure(str(folder), _why(error))
        return
    if ignore and any(entry.name == IGNORE_FILE for entry in entries):
        rules = [*rules, *_rules_of(folder.absolute(), report)]
    whole = f"{folder.absolute()}/"
    for entry in entries:
        path = folder / entry.name
        try:
            mode = entry.stat(follow_symlinks=False)
        except OSError as error:
            report.failure(str(path), _why(error))
            continue
        is_folder = stat.S_ISDIR(mode.st_mode)
        if ignore and (
            (is_folder and entry.name == GIT) or _ignored(whole + entry.name, rules, folder=is_folder)
        ):
            report.counts["ignored by .gitignore (--no-ignore looks at them)"] += 1
        elif is_folder:
            yield from _folder(path, rules, report, ignore=ignore)
        elif stat.S_ISREG(mode.st_mode):
            yield Found(str(path), mode.st_size)
        else:
            report.note("special", str(path), _named(path, mode.st_mode))


def _named(path: Path, mode: int) -> str:
    """What stands in a folder and is neither file nor folder."""
    if not stat.S_ISLNK(mode):
        return f"{_kind(mode)}, not read"
    try:
        path.stat()
    except OSError as error:
        return f"a symlink that leads nowhere ({_why(error)}), not read"
    return "a symlink, not followed"


def _kind(mode: int) -> str:
    return _KINDS.get(stat.S_IFMT(mode), "no file")


def _ignored(path: str, rules: Sequence[_Rules], *, folder: bool) -> bool:
    """The nearest file that says something about a path decides (gitignore(5))."""
    said = (each.says(path, folder=folder) for each in reversed(rules))
    return next((answer for answer in said if answer is not None), False)


def _above(folder: Path, report: Report) -> list[_Rules]:
    """The rules of the folders above, from the root of the repository that this is in."""
    whole = folder.absolute()
    above = [*whole.parents]
    root = next((at for at, each in enumerate([whole, *above]) if (each / GIT).exists()), 0)
    return [rules for each in reversed(above[:root]) for rules in _rules_of(each, report)]


def _rules_of(folder: Path, report: Report) -> list[_Rules]:
    """What the .gitignore of an absolute `folder` says, if there is one."""
    file = folder / IGNORE_FILE
    try:
        if not file.is_file():
            return []
        lines = file.read_text("utf-8", "surrogateescape").splitlines()
    except OSError as error:
        report.failure(str(file), _why(error))
        return []
    return [_Rules(f"{folder}/", pathspec.GitIgnoreSpec.from_lines(lines))]


def _why(error: OSError) -> str:
    return error.strerror or type(error).__name__
