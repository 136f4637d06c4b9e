"""Pods that KWOK plays are pods of the real API server: Ready, each with an address of its own.  Long: KWOK is built."""

import json
import os
import time

import pytest

from tests.cluster.bed import crowd, needs
from tests.cluster.bed.bed import Bed

PODS = 60


@pytest.mark.deep
def test_a_crowd_of_pods_becomes_ready() -> None:
    if lack := needs.missing(worker=False):
        pytest.skip(lack)
    bed = Bed.named(f"crowd-pid{os.getpid()}")
    try:
        bed.up(worker=False)
        crowd.join(bed, 2)
        bed.apply(json.dumps(deployment()))
        assert sorted(set(running(bed))) == sorted(running(bed))
    finally:
        bed.down()


def deployment() -> dict[str, object]:
    spec = {"containers": [{"name": "main", "image": "none"}], **crowd.PLACEMENT}
    template = {"metadata": {"labels": {"app": "crowd"}}, "spec": spec}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "crowd"},
        "spec": {"replicas": PODS, "selector": {"matchLabels": {"app": "crowd"}}, "template": template},
    }


def running(bed: Bed) -> list[str]:
    """The addresses of all PODS, once they have one."""
    end = time.monotonic() + 60
    addresses: list[str] = []
    while len(addresses) < PODS and time.monotonic() < end:
        addresses = bed.run(
            ["kubectl", "get", "pods", "-o", "jsonpath={.items[*].status.podIP}"]
        ).stdout.split()
        time.sleep(0.2)
    assert len(addresses) == PODS
    return addresses
