"""A bed whose owner was killed is found and taken down whole; the host's own network is as it was."""

import os
import signal
import subprocess
import sys

import pytest

from tests.cluster.bed import daemon, needs, netns, teardown
from tests.cluster.bed.bed import Bed
from tests.cluster.bed.places import REPOSITORY
from tests.e2e.host import host_network

OWNER = """
import os, signal
from tests.cluster.bed.bed import Bed
Bed.named(f"killed-pid{os.getpid()}").up(worker=False)
print("up", flush=True)
signal.pause()
"""


def test_a_bed_outlives_neither_its_owner_nor_a_second_down() -> None:
    if lack := needs.missing(worker=False):
        pytest.skip(lack)
    before = host_network()
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], cwd=REPOSITORY, stdout=subprocess.PIPE, text=True
    ) as owner:
        bed = Bed.named(f"killed-pid{owner.pid}")
        try:
            assert owner.stdout is not None
            assert owner.stdout.readline() == "up\n"
            assert bed.run(["kubectl", "get", "namespaces"]).returncode == 0
            assert bed.facts is not None
            for program in ("etcd", "door"):
                os.kill(daemon.find(bed.places, program).pid, signal.SIGKILL)
        finally:
            owner.kill()
            owner.wait()
        try:
            assert bed.facts is None, "remains were taken for a bed that is up"
            assert bed.places in teardown.stale()
            assert teardown.leftovers(bed.places) != []
        finally:
            bed.down()
    assert teardown.leftovers(bed.places) == []
    assert not netns.exists(bed.places)
    bed.down()
    assert host_network() == before
