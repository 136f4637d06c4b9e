"""Processes: started apart from us, found through the kernel, ended for sure."""

import signal
from pathlib import Path

import pytest

from sidecar.lab import processes
from sidecar.lab.errors import LabError
from sidecar.lab.processes import ROOT, Identity, Role

PATH = {"PATH": "/usr/bin:/bin"}


def test_a_process_logs_and_ends(tmp_path: Path) -> None:
    log = tmp_path / "log"
    pid = processes.start(["sh", "-c", "echo out; echo err >&2; exec sleep 60"], PATH, Role.APP, log)
    assert processes.alive(pid)
    while processes.name_of(pid) != "sleep":
        pass
    processes.end([pid], signal.SIGTERM)
    assert not processes.alive(pid)
    assert processes.name_of(pid) == ""
    assert log.read_text() == "out\nerr\n"


def test_one_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    log = tmp_path / "log"
    stubborn = "trap '' TERM; echo ready; while :; do sleep 60; done"
    pid = processes.start(["sh", "-c", stubborn], PATH, Role.APP, log)
    while not log.exists() or log.read_text() != "ready\n":
        pass
    processes.end([pid], signal.SIGTERM, patience=0.05)
    assert not processes.alive(pid)


def test_a_command_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="no-such-command: command not found"):
        processes.start(["no-such-command"], PATH, Role.APP, tmp_path / "log")


def test_a_namespace_that_does_not_exist_is_empty() -> None:
    assert processes.find("cdefence-no-such-namespace") == []


def test_root_stays_root_and_others_lose_everything() -> None:
    assert ROOT.prefix() == []
    assert Identity(7, 8).prefix() == [
        "setpriv",
        "--reuid=7",
        "--regid=8",
        "--clear-groups",
        "--inh-caps=-all",
        "--ambient-caps=-all",
        "--bounding-set=-all",
        "--no-new-privs",
        "--",
    ]
