"""Compiled databases on disk: a second start does not compile, and what somebody else could have written is not loaded."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from sidecar.match import cache, hs
from sidecar.match.hs import HyperscanMatcher
from tests.kit.engines import hyperscan, patterns

KEY = b"expressions, flags, mode, engine"


class Builder:
    """Builds a payload and counts how often it had to."""

    def __init__(self, payload: bytes = b"compiled") -> None:
        self.payload = payload
        self.count = 0

    def __call__(self) -> bytes:
        self.count += 1
        return self.payload


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "cache"
    path.mkdir(mode=0o700)
    return path


def kept(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path


def fetched(folder: Path | None, key: bytes = KEY) -> int:
    """How often it was built for one fetch."""
    build = Builder()
    assert cache.fetch(folder, key, build) == build.payload
    return build.count


def test_the_second_fetch_does_not_build(folder: Path) -> None:
    assert fetched(folder) == 1
    assert fetched(folder) == 0
    assert fetched(folder, b"another engine") == 1
    assert fetched(folder) == 0


def test_what_is_written_is_private(folder: Path) -> None:
    before = os.umask(0)
    try:
        fetched(folder)
    finally:
        os.umask(before)
    assert kept(folder).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


def test_a_folder_is_made_and_is_private(tmp_path: Path) -> None:
    assert fetched(tmp_path / "a" / "b") == 1
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700
    assert fetched(tmp_path / "a" / "b") == 0


def changed(at: int) -> Callable[[Path], object]:
    def change(path: Path) -> None:
        content = bytearray(path.read_bytes())
        content[at] ^= 1
        path.write_bytes(bytes(content))

    return change


def replaced(content: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(content)


def to_link(path: Path) -> None:
    target = path.with_suffix(".elsewhere")
    path.rename(target)
    path.symlink_to(target)


def to_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def to_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path, 0o600)


SPOILED: dict[str, Callable[[Path], object]] = {
    "readable by the group": lambda path: path.chmod(0o640),
    "readable by others": lambda path: path.chmod(0o604),
    "writable by others": lambda path: path.chmod(0o602),
    "first byte changed": changed(0),
    "digest changed": changed(20),
    "last byte changed": changed(-1),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-1]),
    "only the magic": lambda path: path.write_bytes(path.read_bytes()[:14]),
    "something behind it": lambda path: path.write_bytes(path.read_bytes() + b"x"),
    "empty": replaced(b""),
    "the payload alone": replaced(b"compiled"),
    "another version": lambda path: path.write_bytes(path.read_bytes().replace(b"db-1", b"db-0")),
    "a link": to_link,
    "a folder": to_folder,
    "a pipe": to_pipe,
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_what_is_not_ours_or_not_intact_is_built_again(folder: Path, spoil: Callable[[Path], object]) -> None:
    fetched(folder)
    spoil(kept(folder))
    assert fetched(folder) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_file_or_folder_of_somebody_else_is_not_used(folder: Path) -> None:
    fetched(folder)
    os.chown(kept(folder), 12345, 12345)
    assert fetched(folder) == 1
    os.chown(folder, 12345, 12345)
    assert fetched(folder) == 1
    assert fetched(folder) == 1, "and nothing is written there either"


def test_the_digest_covers_the_key(folder: Path) -> None:
    """A file renamed to what another key would be called is not taken for that key's."""
    fetched(folder)
    first = kept(folder)
    fetched(folder, b"other")
    (other,) = set(folder.iterdir()) - {first}
    other.write_bytes(first.read_bytes())
    assert fetched(folder, b"other") == 1


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_a_folder_in_which_others_can_write_is_not_used(folder: Path, mode: int) -> None:
    fetched(folder)
    folder.chmod(mode)
    assert fetched(folder) == 1


def test_a_link_to_a_folder_is_not_used(folder: Path, tmp_path: Path) -> None:
    fetched(folder)
    (tmp_path / "link").symlink_to(folder)
    assert fetched(tmp_path / "link") == 1


def test_without_a_folder_everything_is_built() -> None:
    assert fetched(None) == 1


@pytest.mark.parametrize("where", ["/proc/nowhere", "/dev/null/x"])
def test_a_folder_that_cannot_be_made_only_costs_time(where: str) -> None:
    assert fetched(Path(where)) == 1


# --- the engine with its cache -------------------------------------------------------------------------------------------


@pytest.fixture
def compiled(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The modes for which the compiler was called; it still compiles."""
    modes: list[int] = []
    real = hs.compile_apart

    def counting(expressions: object, mode: int, flags: int) -> bytes:
        modes.append(mode)
        return real(expressions, mode, flags)  # type: ignore[arg-type]

    monkeypatch.setattr(hs, "compile_apart", counting)
    return modes


FEW = tuple(pattern for pattern in patterns() if pattern.id in {"pci/pan", "pci/track2"})
TEXT = b"4111111111111111;"


def start(folder: Path) -> tuple[list[tuple[int, int]], int]:
    matcher = HyperscanMatcher(FEW, folder)
    return list(matcher.once(TEXT)), matcher.hold(frozenset({0, 1}))(b"card 41111111")


def test_a_second_start_does_not_compile(folder: Path, compiled: list[int]) -> None:
    first = start(folder)
    assert len(compiled) == 3  # two lanes, and tails
    assert start(folder) == first
    assert len(compiled) == 3
    HyperscanMatcher(patterns()[3:4], folder)
    assert len(compiled) > 3, "other patterns are another database"


def test_a_spoiled_cache_is_compiled_again_and_mended(folder: Path, compiled: list[int]) -> None:
    first = start(folder)
    for path in folder.iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    assert start(folder) == first
    assert len(compiled) == 6
    assert start(folder) == first
    assert len(compiled) == 6


def test_a_database_that_this_processor_cannot_load_is_compiled_again(
    folder: Path, compiled: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is ours and intact, but came from another machine: a cache on a shared volume."""
    first = start(folder)
    real = cache.fetch
    monkeypatch.setattr(cache, "fetch", lambda *args: b"foreign" + real(*args))
    assert start(folder) == first
    assert len(compiled) == 6


def test_the_shipped_patterns_are_the_same_from_the_cache(folder: Path) -> None:
    HyperscanMatcher(patterns(), folder)
    again = HyperscanMatcher(patterns(), folder)
    for pattern in patterns():
        for example in pattern.match:
            assert sorted(again.once(example.text)) == sorted(hyperscan().once(example.text))
