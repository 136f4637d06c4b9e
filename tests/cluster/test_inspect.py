"""`cdefence check` and `cdefence status` on a whole cluster: nothing to complain of, and real sidecars are asked."""

import json
import os
import subprocess
from collections.abc import Mapping
from typing import cast

from injector.report import FINE
from tests.cluster.bed.places import REPOSITORY
from tests.cluster.cluster import Cluster
from tests.cluster.demo.install import NAMESPACE

CDEFENCE = REPOSITORY / ".venv/bin/cdefence"

type Rows = list[Mapping[str, object]]


def _ask(shop: Cluster, *words: str) -> tuple[int, Mapping[str, object]]:
    environment = dict(os.environ) | dict(shop.environment)
    command = [CDEFENCE, *words, "-o", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, env=environment)
    assert done.stdout, done.stderr
    document: Mapping[str, object] = json.loads(done.stdout)
    return done.returncode, document


def test_check_tries_kernel_webhook_and_guard(shop: Cluster) -> None:
    code, document = _ask(shop, "check")
    findings = {str(each["check"]): each["level"] for each in cast(Rows, document["findings"])}
    assert code == FINE, document
    tried = ["guard, tried", "webhook, tried", *(check for check in findings if check.startswith("kernel "))]
    assert len(tried) >= 3
    assert {findings[check] for check in tried} == {"ok"}, document


def test_status_has_asked_every_sidecar(shop: Cluster) -> None:
    """Map age and policy come from the sidecars, through the API server; every one has the policy of the ConfigMap."""
    _, document = _ask(shop, "status", "-n", NAMESPACE)
    pods = {str(each["name"]).split("-")[0]: each for each in cast(Rows, document["pods"])}
    for name in ("checkout", "vault", "gateway", "shop", "ledger"):
        assert pods[name]["state"] == "covered", pods[name]
        sidecar = cast(Mapping[str, object], pods[name]["sidecar"])
        assert sidecar["policy"] == document["policy"]
        assert cast(float, sidecar["map_age_s"]) < 30
