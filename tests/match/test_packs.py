"""Which patterns an engine is made of: from files, from what was kept, tried within limits."""

from pathlib import Path

import pytest

from dlp_patterns import kept, load
from dlp_patterns.model import PatternError
from sidecar.match import packs, trial

OWN = """id: mine/{name}
title: T
source: S
class: secret
regex: {regex}
width: {width}
boundary: none
check: opaque
show: token
severity: low
match: [{{text: x}}]
no_match: [{{text: a, why: a}}, {{text: b, why: b}}]
"""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o700)
    return folder


def own(tmp_path: Path, name: str, regex: str, width: int) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.yaml").write_text(OWN.format(name=name, regex=regex, width=width))
    return folder


def test_what_was_kept_is_what_was_loaded() -> None:
    patterns = tuple(pattern for pack in load.builtin(load.shipped()) for pattern in pack.patterns)
    again = kept.restore(kept.dump(patterns))
    assert again == patterns
    assert [repr(pattern) for pattern in again] == [repr(pattern) for pattern in patterns]


def test_kept_patterns_are_not_read_again(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = own(tmp_path, "a", "tok_abcdefx", 11)
    first = packs.patterns(("pci",), (folder,), cache)
    real = load.load_pack
    read: list[str] = []
    monkeypatch.setattr(load, "load_pack", lambda path: [read.append(path.name), real(path)][1])
    assert packs.patterns(("pci",), (folder,), cache) == first
    assert read == []
    own(tmp_path, "a", "tok_abcdefy", 11)  # of the same length
    assert packs.patterns(("pci",), (folder,), cache) != first
    assert read == ["pci", "mine"]


def test_without_names_those_that_are_on(cache: Path) -> None:
    found = {pattern.id.partition("/")[0] for pattern in packs.patterns(cache_folder=cache)}
    assert found == set(load.default())


def test_a_pack_that_is_not_there() -> None:
    with pytest.raises(PatternError, match="pack: cards is unknown; use some of"):
        packs.patterns(("cards",))


def test_a_folder_with_the_name_of_a_pack_that_ships(tmp_path: Path) -> None:
    folder = own(tmp_path, "a", "tok_abcdefx", 11).rename(tmp_path / "pci")
    text = (folder / "a.yaml").read_text().replace("mine/a", "pci/a")
    (folder / "a.yaml").write_text(text)
    with pytest.raises(PatternError, match="pack: pci is there twice; rename a folder"):
        packs.patterns(("pci",), (folder,))


def test_a_pattern_beyond_the_limits_is_named_and_the_others_are_tried(tmp_path: Path) -> None:
    folder = own(tmp_path, "a", "tok_abcdefx", 11)
    own(tmp_path, "b", "(?:[ab][^c]{0,15}){1,15}[ab][^d]{0,15}", 256)
    own(tmp_path, "c", "tok_abcdefz", 11)
    patterns = load.load_pack(folder).patterns
    wrong = trial.problems(patterns, seconds=10, size=200 << 20)
    assert set(wrong) <= {"mine/b"}
    starved = trial.problems(patterns[:1], seconds=10, size=1 << 20)
    assert starved == {"mine/a": "needs more than 1 MB to compile"}
