"""Natural text: what stands on this machine anyway, as far as it is text and nobody's test data of card numbers.

What is left out, by path: our own repository, and the packages whose subject are such numbers (`SUBJECTS`), since their
documentation and tests are full of real test numbers.  A published test number elsewhere is told as `test_pan` and no false hit.
"""

import gzip
import hashlib
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

import brotli

LARGEST: Final = 4_000_000
"""Bytes of one file; the rest of a larger one is not read."""
SUBJECTS: Final = (
    "stdnum",
    "faker",
    "presidio",
    "phonenumbers",
    "creditcard",
    "credit-card",
    "luhn",
    "govalidator",
    "cdefence",
    "dlp_patterns",
    "detect_secrets",
    "gitleaks",
    "hypothesis",
)
SEED: Final = 3


class Source(NamedTuple):
    """One kind of text: where, which suffixes, how many bytes at most."""

    kind: str
    roots: tuple[str, ...]
    suffixes: tuple[str, ...]
    most: int


SOURCES: Final[tuple[Source, ...]] = (
    Source(
        "documentation",
        ("/usr/share/doc", "/usr/share/perl", "/usr/share/perl5"),
        ("", ".txt", ".gz", ".md", ".rst", ".Debian", ".pod", ".pm", ".pl"),
        25_000_000,
    ),
    Source("manual pages", ("/usr/share/man",), (".gz",), 20_000_000),
    Source(
        "python",
        ("/usr/lib/python3", "/usr/lib/python3.11", "/usr/lib/python3.12", "/usr/lib/python3.13", "SITE"),
        (".py", ".pyi"),
        30_000_000,
    ),
    Source("go", ("/usr/local/go/src", "/root/go/pkg/mod"), (".go",), 30_000_000),
    Source(
        "javascript, css",
        ("/usr/lib/node_modules", "/usr/share", "SITE"),
        (".js", ".mjs", ".cjs", ".css", ".ts"),
        15_000_000,
    ),
    Source(
        "html, svg, xml",
        ("/usr/share", "/usr/local/go", "/usr/lib/node_modules", "SITE"),
        (".html", ".htm", ".svg", ".xml"),
        20_000_000,
    ),
    Source(
        "json", ("/usr/lib/node_modules", "/usr/share", "/root/go/pkg/mod", "SITE"), (".json",), 15_000_000
    ),
    Source(
        "yaml, lock files, tables",
        ("/root/go/pkg/mod", "/usr/share", "SITE", "LOCK"),
        (".yaml", ".yml", ".sum", ".lock", ".csv", ".mod", ".toml", ".tsv"),
        20_000_000,
    ),
    Source("logs", ("/var/log",), (".log", ""), 10_000_000),
)


class Text(NamedTuple):
    """One file."""

    kind: str
    path: str
    data: bytes


def texts(share: float = 1.0) -> Iterator[Text]:
    """Every text once, up to `share` of the most of each kind, in an order that does not depend on the file system."""
    seen: set[bytes] = set()
    for source in SOURCES:
        room = source.most * share
        for path in _paths(source):
            if room <= 0:
                break
            data = _read(path)
            digest = hashlib.sha256(data).digest()
            if not data or digest in seen:
                continue
            seen.add(digest)
            room -= len(data)
            yield Text(source.kind, str(path), data)


def _paths(source: Source) -> list[Path]:
    """The files of a source, shuffled: a cut must not take only what begins with a."""
    found: list[Path] = []
    for root in source.roots:
        folder = _root(root)
        if folder.is_file():
            found.append(folder)
        elif folder.is_dir():
            found += [path for path in folder.rglob("*") if path.suffix in source.suffixes and _fit(path)]
    found.sort()
    random.Random(SEED).shuffle(found)
    return found


def _root(name: str) -> Path:
    """`SITE`: the packages of this environment; `LOCK`: our own lock file."""
    if name == "SITE":
        return Path(brotli.__file__).parent
    return Path(__file__).parents[2] / "uv.lock" if name == "LOCK" else Path(name)


def _fit(path: Path) -> bool:
    name = str(path).lower()
    return not any(subject in name for subject in SUBJECTS) and path.is_file() and not path.is_symlink()


def _read(path: Path) -> bytes:
    """The file's text; empty if it is none."""
    try:
        if path.suffix == ".gz":
            with gzip.open(path) as file:
                data = file.read(LARGEST)
        else:
            with path.open("rb") as plain:
                data = plain.read(LARGEST)
    except (OSError, EOFError, gzip.BadGzipFile):
        return b""
    return b"" if b"\0" in data[:8192] else data
