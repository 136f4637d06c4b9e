"""The files of a lab: owners, modes, and that a watcher sees whole files."""

import stat
from pathlib import Path

import pytest

from sidecar.lab import files
from sidecar.lab.errors import LabError
from sidecar.lab.files import LabFiles


def test_a_file_is_replaced_in_one_step(tmp_path: Path) -> None:
    target = tmp_path / "policy.yaml"
    files.write(target, "one")
    old = target.open()
    files.write(target, "two")
    with old:
        assert old.read() == "one"
    assert target.read_text() == "two"
    assert stat.S_IMODE(target.stat().st_mode) == 0o644
    assert [path.name for path in tmp_path.iterdir()] == ["policy.yaml"]


def test_a_link_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "lab").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(LabError, match="belongs to somebody else; remove it"):
        files.make_directory(tmp_path / "lab")


def test_a_lab_is_held_by_one_command_at_a_time(tmp_path: Path) -> None:
    lab = LabFiles(tmp_path / "labs/one")
    with lab.locked(), pytest.raises(LabError, match="another command is working on lab 'one'"), lab.locked():
        pass
    with lab.locked():
        pass


def test_removing_takes_the_last_labs_folder_too(tmp_path: Path) -> None:
    one, two = LabFiles(tmp_path / "labs/one"), LabFiles(tmp_path / "labs/two")
    for each in (one, two):
        with each.locked():
            (each.directory / "pods").mkdir()
    one.remove()
    assert two.directory.exists()
    two.remove()
    two.remove()
    assert list(tmp_path.iterdir()) == []
