"""The pod's file system: which trees have to be shown through a veil, and where."""

import os
import sys
from pathlib import Path

import pytest

from sidecar.lab import pause


@pytest.fixture
def house(tmp_path: Path) -> Path:
    """A closed directory with an open one in it: house (0700) / street (0755)."""
    (tmp_path / "house/street").mkdir(parents=True)
    (tmp_path / "house/street").chmod(0o755)
    (tmp_path / "house").chmod(0o700)
    return tmp_path / "house"


def test_the_topmost_closed_ancestor_is_veiled(house: Path) -> None:
    above = [parent for parent in reversed(house.parents) if not parent.stat().st_mode & 0o001]
    assert pause.closed_ancestor(house / "street") == next(iter(above), house)


def test_an_open_tree_needs_no_veil() -> None:
    assert pause.closed_ancestor(Path("/usr/lib")) is None


def test_a_closed_tree_is_named(house: Path) -> None:
    assert pause.unreadable([house, house / "street"]) == [house]


def test_the_interpreter_the_environment_and_the_code_are_shown() -> None:
    trees = pause.code_trees()
    for needed in (sys.prefix, sys.base_prefix, sys.executable, pause.__file__, os.__file__):
        real = Path(needed).resolve()
        assert any(real.is_relative_to(tree.resolve()) for tree in trees), needed


@pytest.mark.parametrize("tree", sorted(pause.code_trees()))
def test_every_name_of_a_tree_is_there_with_its_real_one(tree: Path) -> None:
    assert tree.is_dir()
    assert tree.resolve() in pause.code_trees()
