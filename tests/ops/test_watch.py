"""A watched file: changes are seen however they are made, and a bad file never replaces a good value."""

import os
from pathlib import Path

import pytest

from dlp_patterns.errors import Problem
from sidecar.core.fields import ConfigError
from sidecar.ops.files import text_of
from sidecar.ops.watch import Changed, Failed, Watched


def number(path: Path) -> int:
    """What the tests keep in files: a number."""
    text = text_of(path)
    if not text.isdigit():
        raise ConfigError([Problem("number", "is none", "write one")], str(path))
    return int(text)


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def replace(path: Path, text: str) -> None:
    """As editors and controllers do it: a new file under the old name."""
    new = path.with_name("new")
    new.write_text(text)
    new.rename(path)


def told(watched: Watched[int]) -> int | str | None:
    """What a poll told: the new value, the first complaint, or None."""
    match watched.poll():
        case Changed(value):
            return value
        case Failed(error):
            return error.problems[0].what
    return None


def test_the_life_of_a_file(tmp_path):
    path = tmp_path / "file"
    watched = Watched(path, number)
    absent = "cannot be read: No such file or directory"
    steps = [
        # what happens to the file, what two polls tell, the value that holds
        (lambda: None, [absent, None], None),
        (lambda: path.write_text("1"), [1, None], 1),
        (lambda: replace(path, "2"), [2, None], 2),
        (lambda: replace(path, "bad"), ["is none", None], 2),
        (lambda: replace(path, "worse"), ["is none", None], 2),  # another file, so another message
        (path.unlink, [absent, None], 2),
        (lambda: path.write_text("3"), [3, None], 3),
        (lambda: path.write_text("44"), [44, None], 44),  # edited in place
    ]
    for act, expected, holds in steps:
        act()
        assert [told(watched), told(watched)] == expected
        assert watched.value == holds


def test_the_same_bad_file_after_a_good_one_is_told_again(tmp_path):
    path = tmp_path / "file"
    watched = Watched(path, number)
    for text, expected in [("bad", "is none"), ("1", 1), ("bad", "is none")]:
        replace(path, text)
        assert told(watched) == expected


def test_a_projected_volume_is_swapped_by_symlink(tmp_path):
    """Kubernetes: file -> ..data/file, ..data -> ..2024_1; an update renames a new ..data over the old one."""
    for version, text in [("..2024_1", "1"), ("..2024_2", "2")]:
        (tmp_path / version).mkdir()
        (tmp_path / version / "file").write_text(text)
        os.utime(tmp_path / version / "file", ns=(1, 1))
    (tmp_path / "..data").symlink_to("..2024_1")
    (tmp_path / "file").symlink_to("..data/file")
    watched = Watched(tmp_path / "file", number)
    assert told(watched) == 1
    (tmp_path / "..data_tmp").symlink_to("..2024_2")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    assert [told(watched), told(watched)] == [2, None]


def test_a_file_that_could_not_be_opened_is_tried_again(tmp_path):
    path = tmp_path / "file"
    path.write_text("1")
    allowed = [False, False, True]

    def load(file: Path) -> int:
        if not allowed.pop(0):
            raise ConfigError([Problem("file", "cannot be read: Too many open files", "wait")], unread=True)
        return number(file)

    watched = Watched(path, load)
    assert [told(watched) for _ in range(4)] == ["cannot be read: Too many open files", None, 1, None]


def test_the_age_is_that_of_the_last_good_value(tmp_path):
    path, clock = tmp_path / "file", Clock()
    watched = Watched(path, number, clock)
    assert watched.age() is None
    path.write_text("1")
    watched.poll()
    clock.now += 5
    assert (watched.loaded_at, watched.age()) == (100.0, 5.0)
    replace(path, "bad")
    watched.poll()
    clock.now += 5
    assert watched.age() == 10.0
    replace(path, "2")
    watched.poll()
    assert watched.age() == 0.0


def test_a_defect_in_load_is_not_swallowed(tmp_path):
    (tmp_path / "file").write_text("1")

    def broken(_: Path) -> int:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Watched(tmp_path / "file", broken).poll()
