"""The image as a pod gets it: nobody's root, no shell or package manager, patterns compiled, every verb there."""

import json
from collections.abc import Iterator

import pytest

from sidecar import contract
from tests.cluster.cluster import Cluster

POD = "one"
PYTHON = "/opt/cdefence/bin/python"

ABSENT = [
    "sh",
    "bash",
    "dash",
    "busybox",
    "apt-get",
    "dpkg",
    "pip",
    "uv",
    "gcc",
    "cc",
    "ld",
    "perl",
    "curl",
    "nft",
]

# Fails when a database has to be compiled.
FROM_CACHE = """
import os, sys
from pathlib import Path
from dlp_patterns.load import builtin
from sidecar.match import hs
hs.compile_apart = lambda *_: sys.exit("compiled again")
hs.HyperscanMatcher([each for pack in builtin() for each in pack.patterns], Path(os.environ["CDEFENCE_CACHE_DIR"]))
"""
WRITABLE = """
import os
for top in ("/usr", "/opt", "/etc"):
    for folder, _, files in os.walk(top):
        for path in (folder, *(os.path.join(folder, name) for name in files)):
            if not path.startswith("/opt/cdefence/cache") and not path.startswith("/etc/host") and os.access(path, os.W_OK):
                print(path)
"""


@pytest.fixture(scope="module")
def space(cluster: Cluster) -> Iterator[str]:
    """A namespace with a pod that holds the image open; its file system is not read-only, so that modes must do."""
    container = {
        "name": "main",
        "image": cluster.image,
        "imagePullPolicy": cluster.pull_policy,
        "command": [PYTHON, "-c", "import signal; signal.pause()"],
        "securityContext": {"capabilities": {"drop": ["ALL"]}, "allowPrivilegeEscalation": False},
    }
    spec = {"containers": [container], "terminationGracePeriodSeconds": 1}
    with cluster.namespace("image") as name:
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": POD, "namespace": name}, "spec": spec}
        cluster.apply(json.dumps(pod))
        cluster.wait("condition=Ready", f"pod/{POD}", "-n", name)
        yield name


def python(cluster: Cluster, space: str, code: str) -> tuple[int, str]:
    done = cluster.execute(POD, [PYTHON, "-I", "-c", code], namespace=space)
    return done.returncode, done.stdout + done.stderr


def test_it_runs_as_our_user_unless_told_otherwise(cluster: Cluster, space: str) -> None:
    identity = f"{contract.PROXY_UID} {contract.PROXY_GID}\n"
    assert python(cluster, space, "import os; print(os.getuid(), os.getgid())") == (0, identity)


def test_there_is_nothing_to_work_with(cluster: Cluster, space: str) -> None:
    places = ("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/opt/cdefence/bin")
    code = f"import os; print([p for d in {places} for n in {ABSENT} if os.path.lexists(p := d + '/' + n)])"
    assert python(cluster, space, code) == (0, "[]\n")


def test_patterns_are_compiled_already(cluster: Cluster, space: str) -> None:
    assert python(cluster, space, FROM_CACHE) == (0, "")


def test_nothing_else_can_be_written_by_our_user(cluster: Cluster, space: str) -> None:
    assert python(cluster, space, WRITABLE) == (0, "")


def test_the_command_line_is_whole(cluster: Cluster, space: str) -> None:
    done = cluster.execute(POD, ["/opt/cdefence/bin/cdefence", "--help"], namespace=space)
    assert done.returncode == 0, done.stderr
    for verb in ("proxy", "net", "controller", "inject"):
        assert f"\n    {verb}" in done.stdout
