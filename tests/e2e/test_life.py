"""Coming and going: several labs at once, and nothing left behind, however a lab ends."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

from sidecar.lab import processes
from sidecar.lab.lab import Lab
from sidecar.lab.topology import NODE, PODS, pod
from tests.e2e.host import host_network, left_of
from tests.e2e.waiting import at_rest

pytestmark = pytest.mark.lab

CALL = ("curl", "-sS", "--max-time", "20", "http://vault:8080/")


def messages(lab: Lab) -> int:
    """How many requests `vault` has had."""
    return at_rest(lab, pod("vault"))["http"].messages


def everybody(lab: Lab) -> list[int]:
    return [process.pid for member in (*PODS, NODE) for process in processes.find(lab.namespace(member))]


def test_two_labs_at_once_and_nothing_left_of_one_that_was_killed(
    lab: Lab, host_before: dict[str, str]
) -> None:
    other = Lab(f"{lab.name}-b")
    try:
        other.up()
        for each in (lab, other):
            assert each.run(pod("checkout"), CALL).stdout == b"GET /\n\n"
        before = messages(lab)
        assert messages(other) == 1
        assert lab.run(pod("checkout"), CALL).returncode == 0
        assert messages(lab) == before + 1
        assert messages(other) == 1, "labs are worlds of their own"
        for pid in everybody(other):
            os.kill(pid, signal.SIGKILL)
        shutil.rmtree(other.files.directory)
    finally:
        other.down()
    assert left_of(other) == []
    assert host_network() == host_before
    assert lab.run(pod("checkout"), CALL).returncode == 0


def test_down_of_nothing_is_done(lab: Lab) -> None:
    nothing = Lab(f"{lab.name}-c")
    assert left_of(nothing) == []
    nothing.down()
    assert left_of(nothing) == []


def test_a_demo_that_is_told_to_end_takes_its_lab_down(lab: Lab) -> None:
    name = f"{lab.name}-d"
    command = (sys.executable, "-u", "-m", "sidecar.cli", "lab", "demo", "--name", name)
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if line.startswith("out-of-scope to in-scope"):
                demo.terminate()
    assert demo.returncode == 128 + signal.SIGTERM
    assert left_of(Lab(name)) == []
