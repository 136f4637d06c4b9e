"""The lab itself, up and running: what a pod is, who runs in it as whom, and that the host does not notice."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sidecar import contract
from sidecar.lab import netns, processes
from sidecar.lab.app import Tally
from sidecar.lab.lab import Lab
from sidecar.lab.processes import ROOT, Role
from sidecar.lab.topology import PODS, PROTECTED, Pod, pod
from tests.e2e.host import host_network
from tests.e2e.waiting import at_rest

pytestmark = pytest.mark.lab

CDEFENCE = (sys.executable, "-m", "sidecar.cli")
each_protected = pytest.mark.parametrize("where", PROTECTED, ids=lambda each: each.name)
each_pod = pytest.mark.parametrize("where", PODS, ids=lambda each: each.name)


def test_the_hosts_network_is_as_it_was(lab: Lab, host_before: dict[str, str]) -> None:
    assert host_network() == host_before


@each_protected
def test_the_sidecar_is_nobody_and_may_nothing(lab: Lab, where: Pod) -> None:
    sidecar = processes.with_role(lab.namespace(where), Role.SIDECAR)
    assert sidecar is not None
    lines = Path(f"/proc/{sidecar.pid}/status").read_text().splitlines()
    status = {name: value.split() for name, _, value in (line.partition(":") for line in lines)}
    assert status["Uid"] == [str(contract.PROXY_UID)] * 4
    assert status["Gid"] == [str(contract.PROXY_GID)] * 4
    assert status["Groups"] == []
    assert status["NoNewPrivs"] == ["1"]
    for kind in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
        assert int(status[kind][0], 16) == 0, kind


@each_pod
def test_a_pod_knows_all_names_and_itself(lab: Lab, where: Pod) -> None:
    for other in PODS:
        found = lab.run(where, ("getent", "ahosts", other.name)).stdout.decode()
        assert {line.split()[0] for line in found.splitlines()} == set(other.addresses)
    assert lab.run(where, ("hostname",)).stdout.decode().strip() == where.name


def test_an_unknown_name_fails(lab: Lab) -> None:
    assert lab.run(pod("shop"), ("getent", "ahosts", "nowhere.example")).returncode == 2


@each_pod
def test_a_pod_sees_its_own_files_only(lab: Lab, where: Pod) -> None:
    listing = lab.run(where, ("ls", "/run", "/run/netns"), identity=ROOT)
    assert listing.stdout.decode().split() == ["/run:", "cdefence"]


def test_up_again_changes_nothing(lab: Lab) -> None:
    before = lab.status()
    lab.up()
    assert lab.status() == before


def test_up_repairs_what_is_missing(lab: Lab) -> None:
    vault, shop = pod("vault"), pod("shop")
    found = {process.role: process.pid for process in processes.find(lab.namespace(vault))}
    processes.end([found[Role.APP], found[Role.SIDECAR]])
    netns.configure(lab.namespace(shop), ["link delete eth0"])
    processes.end(
        [process.pid for process in processes.find(lab.namespace(shop)) if process.role is Role.PAUSE]
    )
    assert not any(each.healthy for each in lab.status() if each.pod in (vault, shop))
    lab.up()
    assert all(each.healthy for each in lab.status())
    assert lab.run(pod("checkout"), ("curl", "-sSf", "http://vault:8080/")).returncode == 0


def test_exec_passes_input_output_and_exit_code(lab: Lab) -> None:
    command = (*CDEFENCE, "lab", "exec", "--name", lab.name, "--uid", "10001", "shop", "--")
    script = "cat; id -u; id -G; echo oops >&2; exit 7"
    done = subprocess.run(
        (*command, "sh", "-c", script), input=b"from outside\n", capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (7, b"from outside\n10001\n10001\n", b"oops\n")


def test_status_shows_the_lab(lab: Lab) -> None:
    done = subprocess.run(
        (*CDEFENCE, "lab", "status", "--name", lab.name), capture_output=True, text=True, check=True
    )
    rows = [line.split() for line in done.stdout.splitlines()[2:]]
    assert [(row[0], row[1], row[4], row[5]) for row in rows] == [
        (each.name, each.scope.value, "up", "ready" if each.protected else "none") for each in PODS
    ]


def test_the_authority_is_the_labs_own(lab: Lab) -> None:
    trusted = ("curl", "-sS", "--cacert", "/run/cdefence/ca.crt", "https://vault:8443/")
    assert lab.run(pod("checkout"), trusted).returncode == 0
    assert lab.run(pod("checkout"), ("curl", "-sS", "https://vault:8443/")).returncode == 60


def test_the_application_keeps_count(lab: Lab) -> None:
    before = at_rest(lab, pod("internet")).get("http", Tally())
    assert lab.run(pod("shop"), ("curl", "-sS", "-d", "12345", "http://internet:8080/")).returncode == 0
    after = at_rest(lab, pod("internet"))["http"]
    assert after.messages - before.messages == 1
    assert set(json.loads(lab.files.pod(pod("internet")).ledger.read_text())["http"]) == {
        "connections",
        "open",
        "messages",
        "received_bytes",
        "pans",
    }
