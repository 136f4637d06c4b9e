"""Admission through the real API server: what a person with kubectl sees, and what the leader keeps right for it."""

import asyncio
import base64
import json
import threading

import pytest

from injector.kube import PODS, KubeError, connect
from sidecar import contract
from tests.injector_server import farewell, kit
from tests.injector_server.cluster import SERVICE, WEBHOOK, Cluster
from tests.kit.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def cluster(clean_cluster):
    """A replica that the API server asks (its leader looks at the certificate every five seconds), and a namespace."""
    with clean_cluster() as each:
        each.apply(SERVICE, WEBHOOK)
        each.start(serves=True, LEAF_LIFE_S="60")
        each.opted_in("pay")
        until(lambda: each.ca_bundle() != b"", "the caBundle is there")
        yield each


# ---- pods --------------------------------------------------------------------------------------------------


def test_a_pod_of_an_opted_in_namespace_comes_back_with_the_sidecar_and_others_untouched(cluster):
    made = json.loads(cluster.create(kit.pod(), "pay").stdout)
    assert [each["name"] for each in made["spec"]["initContainers"]] == ["cdefence-init", "cdefence-proxy"]
    assert contract.STATUS_ANNOTATION in made["metadata"]["annotations"]
    plain = json.loads(cluster.create(kit.pod(), "default").stdout)
    assert "initContainers" not in plain["spec"]


def test_a_bad_annotation_is_a_denial_that_says_what_is_allowed(cluster):
    refused = cluster.create(kit.pod(scope="sometimes"), "pay")
    assert refused.returncode == 1
    assert "cdefence.io/pci-scope" in refused.stderr
    assert "in-scope" in refused.stderr


def test_the_audit_log_knows_scope_and_decision(cluster):
    cluster.create(kit.pod("audited"), "pay")
    log = cluster.bed.places.logs / "audit.log"

    def found() -> list[str]:
        whole = log.read_text().rpartition("\n")[0]
        return [line for line in whole.splitlines() if '"audited"' in line]

    until(lambda: found() != [], "it is written: behind the answer")
    event = json.loads(found()[-1])
    notes = {key.rpartition("/")[2]: value for key, value in event["annotations"].items()}
    assert (notes["scope"], notes["decision"]) == ("in-scope", "injected")


# ---- what the leader keeps right ---------------------------------------------------------------------------


def test_the_ca_bundle_is_put_right_again(cluster):
    wanted = cluster.secret()["ca.crt"]
    assert cluster.ca_bundle() == wanted
    wrong = '[{"op":"replace","path":"/webhooks/0/clientConfig/caBundle","value":"%s"}]'
    other = base64.b64encode(kit.bundle().ca_bundle).decode()
    configuration = ("mutatingwebhookconfiguration", contract.WEBHOOK_CONFIG)
    cluster.kubectl("patch", *configuration, "--type=json", "-p", wrong % other)
    until(lambda: cluster.ca_bundle() == wanted, "the caBundle is right again")
    cluster.kubectl("delete", *configuration)
    cluster.apply(WEBHOOK)
    until(lambda: cluster.ca_bundle() == wanted, "so it is in an object made anew")


def test_every_opted_in_namespace_has_the_ca_and_no_other(cluster):
    wanted = cluster.secret()["ca.crt"]
    config_map = ("configmap", contract.CA_CONFIG_MAP)
    until(lambda: cluster.published("pay") == wanted, "published")
    cluster.kubectl("-n", "pay", "delete", *config_map)
    until(lambda: cluster.published("pay") == wanted, "deleted, there again")
    cluster.kubectl("-n", "pay", "patch", *config_map, "-p", '{"data":{"ca.crt":"mine"}}')
    until(lambda: cluster.published("pay") == wanted, "changed, right again")
    late = cluster.opted_in("late")
    until(lambda: cluster.published(late) == wanted, "a new namespace has it too")
    assert cluster.published("default") == b""
    assert "PRIVATE" not in cluster.kubectl("get", "configmap", "-A", "-o", "yaml").stdout


# ---- a new certificate, and no webhook at all ---------------------------------------------------------------


def test_rotation_under_load_without_a_failed_admission(cluster):
    """Three times a worn leaf gets into the Secret, is served, and is renewed, while four clients create pods."""
    (replica,) = cluster.replicas
    results: list[object] = []
    done = threading.Event()
    load = threading.Thread(target=lambda: farewell.run(_admissions(cluster, results, done)))
    load.start()
    seen = {replica.certificate()}
    try:
        for _ in range(3):
            worn = cluster.wear_out()
            until(lambda old=worn: cluster.secret()["tls.crt"] != old, "renewed")
            until(lambda: replica.certificate() not in seen, "served")
            seen.add(replica.certificate())
            enough = len(results) + 50
            until(
                lambda much=enough: len(results) > much or not all(r is True for r in results), "load goes on"
            )
    finally:
        done.set()
        load.join(120)
    assert [each for each in results if each is not True] == []
    assert len(seen) == 4


async def _admissions(cluster: Cluster, results: list[object], done: threading.Event) -> None:
    """Create pods, as far as admission, four at a time; True for each one that came back injected."""
    async with await connect(cluster.bed.kubeconfig) as client:

        async def one() -> None:
            while not done.is_set():
                try:
                    made = await client.create(PODS, kit.pod(), "pay", dry_run=True)
                    results.append(len(made["spec"]["initContainers"]) == 2)
                except KubeError as error:
                    results.append(str(error))

        await asyncio.gather(*(one() for _ in range(4)))


def test_without_a_webhook_opted_in_pods_are_refused_and_others_start(cluster):
    (replica,) = cluster.replicas
    replica.stop()
    refused = cluster.create(kit.pod(), "pay")
    assert refused.returncode == 1
    assert "failed calling webhook" in refused.stderr
    assert cluster.create(kit.pod(), "default").returncode == 0
