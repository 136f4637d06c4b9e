"""Users without rights reach an interpreter in a closed home, by whatever name, and the home stays as it was."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sidecar import contract
from sidecar.lab import pause, processes
from sidecar.lab.processes import Identity, Role

pytestmark = pytest.mark.lab

CODE = Path(pause.__file__).parents[2]
PROXY = Identity(contract.PROXY_UID, contract.PROXY_GID)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home that is closed to others, with an environment in it and a second name for that environment."""
    if os.geteuid() != 0:
        pytest.skip("mount namespaces need root")
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    (home / "secret").write_text("not for others")
    subprocess.run((sys.executable, "-m", "venv", "--without-pip", "--symlinks", home / "venv"), check=True)
    (home / "current").symlink_to("venv")
    return home


@pytest.fixture
def room(home: Path, tmp_path: Path) -> Iterator[int]:
    """The pause process of a pod whose code is run by the environment in `home`."""
    files = tmp_path / "files"
    files.mkdir()
    for name in ("hosts", "resolv.conf"):
        (files / name).write_text(f"# {name} of the pod\n")
    command = ["unshare", "--mount", "--uts", "--propagation=slave", "--", str(home / "current/bin/python")]
    command += ["-m", "sidecar.lab.pause", "--name=room", f"--files={files}"]
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(CODE)}
    pid = processes.start(command, environment, Role.PAUSE, tmp_path / "log")
    deadline = time.monotonic() + 60
    while processes.name_of(pid) != "sleep":
        assert time.monotonic() < deadline, (tmp_path / "log").read_text()
        assert processes.alive(pid), (tmp_path / "log").read_text()
    yield pid
    processes.end([pid])


def inside(pid: int, *command: str) -> str:
    """What `command` says in the room, as the proxy's user."""
    enter = ("nsenter", f"--target={pid}", "--mount", "--uts", "--", *PROXY.prefix())
    return subprocess.run((*enter, *command), capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("name", ["current", "venv"])
def test_it_runs_for_the_proxys_user(home: Path, room: int, name: str) -> None:
    script = f"import sys; sys.path.append({str(CODE)!r}); import sidecar.contract; print(sys.prefix)"
    assert inside(room, str(home / name / "bin/python"), "-c", script) == f"{home / name}\n"


def test_nothing_else_of_the_home_is_shown(home: Path, room: int) -> None:
    assert sorted(inside(room, "ls", str(home)).split()) == ["current", "venv"]


def test_the_pod_has_its_own_files_and_name(room: int) -> None:
    assert (
        inside(room, "cat", "/etc/hosts", "/etc/resolv.conf")
        == "# hosts of the pod\n# resolv.conf of the pod\n"
    )
    assert inside(room, "hostname") == "room\n"


def test_the_host_sees_none_of_it(home: Path, room: int) -> None:
    assert home.stat().st_mode & 0o777 == 0o700
    assert (home / "secret").read_text() == "not for others"
    assert (home / "current").is_symlink()
    assert "of the pod" not in Path("/etc/hosts").read_text()
    assert str(home) not in Path("/proc/self/mountinfo").read_text()
