"""Replicas of the controller and their API server: certificates and leaders, on good days and on bad ones."""

import asyncio
import os
import signal
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from injector.cert_secret import CertificateSecret
from injector.certs import Lives, as_data, created
from injector.kube import at, connect
from injector.leader import Timing
from sidecar import contract
from tests.injector_server import farewell, kit
from tests.injector_server.cluster import SYSTEM, Cluster
from tests.kit.waiting import until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

FAILOVER_S = 20
"""The bar of the issue: so long may nobody lead after a leader died."""


@pytest.fixture
def cluster(clean_cluster):
    with clean_cluster() as each:
        yield each


# ---- certificates ------------------------------------------------------------------------------------------


def test_replicas_that_start_at_once_end_with_one_ca_and_one_leader(cluster):
    replicas = [cluster.start(number, wait=False) for number in range(3)]
    for replica in replicas:
        until(lambda each=replica: each.ready, "ready")
    until(lambda: sum(replica.leads for replica in replicas) == 1, "one leads")
    secret = cluster.secret()
    assert len(x509.load_pem_x509_certificates(secret["ca.crt"])) == 1
    assert [each.certificate() for each in replicas] == [
        x509.load_pem_x509_certificate(secret["tls.crt"])
    ] * 3


def test_of_eight_that_create_the_secret_at_the_same_moment_one_wins_and_all_serve_it(cluster):
    async def run():
        served = []
        async with await connect(cluster.bed.kubeconfig) as client:
            given = {"namespace": SYSTEM, "name": contract.TLS_SECRET, "names": kit.NAMES, "own": True}
            all_of_them = [
                CertificateSecret(client, **given, lives=Lives(), serve=served.append) for _ in range(8)
            ]
            await asyncio.gather(*(each.refresh() for each in all_of_them))
        return served

    served = farewell.run(run())
    assert len(served) == 8
    assert {each.ca_bundle for each in served} == {cluster.secret()["ca.crt"]}
    assert {each.leaf for each in served} == {cluster.secret()["tls.crt"]}


def test_a_renewed_certificate_is_served_by_every_replica(cluster):
    replicas = [cluster.start(number, wait=False, LEAF_LIFE_S="60") for number in range(2)]
    for replica in replicas:
        until(lambda each=replica: each.ready, "ready")
    before = {each.certificate() for each in replicas}
    worn = cluster.wear_out()
    until(lambda: cluster.secret()["tls.crt"] != worn, "renewed")

    def stored() -> x509.Certificate:  # renewed again after forty seconds
        return x509.load_pem_x509_certificate(cluster.secret()["tls.crt"])

    until(lambda: {each.certificate() for each in replicas} == {stored()}, "served by both")
    assert len(before) == 1
    assert before != {stored()}


def test_the_scope_api_shows_the_same_certificate_and_wants_a_token(cluster, tmp_path):
    replica = cluster.start()
    (tmp_path / "ca.crt").write_bytes(cluster.secret()["ca.crt"])
    host, port = kit.NAMES[1], replica.base + 84
    url = f"https://{host}:{port}/v1/scopes"
    words = [
        "curl",
        "-s",
        "-m",
        "60",
        "--cacert",
        str(tmp_path / "ca.crt"),
        "--resolve",
        f"{host}:{port}:127.0.0.1",
    ]
    done = cluster.bed.run([*words, "-w", "%{http_code}", "-o", "/dev/null", url])
    assert (done.returncode, done.stdout) == (0, "401")
    assert replica.metric('cdefence_scope_answers_total{path="stream",status="401"}') == 1


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param({"tls.key": b"rubbish"}, id="a broken key"),
        pytest.param({"tls.key": kit.bundle().leaf_key}, id="another key"),
        pytest.param({"ca.crt": b"", "ca.key": b""}, id="no CA"),
    ],
)
def test_the_leader_heals_a_damaged_secret_and_what_was_served_is_served_on(cluster, damage):
    replica = cluster.start(LEAF_LIFE_S="60")
    before, shown = cluster.secret(), replica.certificate()
    cluster.put_secret(damage)
    assert replica.certificate() == shown
    until(lambda: all(cluster.secret()[key] != value for key, value in damage.items()), "healed")
    assert cluster.secret()["ca.crt"] == before["ca.crt"]
    assert replica.ready


def test_a_deleted_secret_comes_back_with_the_same_ca(cluster):
    cluster.start(LEAF_LIFE_S="60")
    before = cluster.secret()
    cluster.kubectl("-n", SYSTEM, "delete", "secret", contract.TLS_SECRET)
    until(lambda: cluster.secret() != {}, "there again")
    assert cluster.secret()["ca.crt"] == before["ca.crt"]


def test_a_secret_of_the_operator_is_used_and_a_bad_one_is_refused(cluster):
    """Not ready without it; a good one is served; a mismatched, an expired and a foreign one are not."""
    replica = cluster.start(wait=False, CERTIFICATES="secret", TLS_SECRET="own")
    until(lambda: replica.fetch(80, "/readyz") == (503, "certificate\n"), "waits for the certificate")
    good = as_data(kit.bundle())
    cluster.put_secret(good, "own")
    until(lambda: replica.ready, "ready")
    shown = replica.certificate()
    now = datetime.now(UTC)
    for bad in (
        {"tls.key": kit.bundle().leaf_key},
        as_data(created(kit.NAMES, now - timedelta(days=31), Lives())),
        as_data(created(["other.example"], now, Lives())),
    ):
        refused = replica.metric("cdefence_webhook_cert_refused_total")
        cluster.put_secret(good | bad, "own")
        until(lambda was=refused: replica.metric("cdefence_webhook_cert_refused_total") > was, "refused")
        assert replica.certificate() == shown
        assert replica.ready
    better = kit.bundle()
    cluster.put_secret(as_data(better), "own")
    until(lambda: replica.certificate() == x509.load_pem_x509_certificate(better.leaf), "taken")
    assert cluster.secret() == {}, "nothing is made where an operator makes it"
    assert "PRIVATE" not in replica.log()


# ---- leaders -----------------------------------------------------------------------------------------------


def acquired(cluster: Cluster) -> datetime:
    """When the lease was taken, as its holder has written it; this test may see it late."""
    lease = cluster.get("-n", SYSTEM, "lease", contract.LEASE)
    return datetime.fromisoformat(str(at(lease, "spec", "acquireTime")))


def test_another_replica_leads_soon_after_a_leader_died(cluster):
    first = cluster.start(0)
    until(lambda: first.leads, "the first leads")
    second = cluster.start(1)
    assert not second.leads
    died = datetime.now(UTC)
    os.kill(first.process.pid, signal.SIGKILL)
    until(lambda: second.leads, "the second leads")
    took = (acquired(cluster) - died).total_seconds()
    print(f"failover after {took:.1f} s")
    assert took < FAILOVER_S


def test_a_leader_that_ends_gives_the_lease_back(cluster):
    first = cluster.start(0)
    until(lambda: first.leads, "the first leads")
    second = cluster.start(1)
    told = datetime.now(UTC)
    first.stop()
    until(lambda: second.leads, "the second leads")
    assert (acquired(cluster) - told).total_seconds() < Timing().lease_s - Timing().retry_s
    assert "gave the lease back" in first.log()
    assert "Traceback" not in first.log()


def test_without_the_api_server_the_leader_stops_leading_and_the_webhook_goes_on(cluster):
    replica = cluster.start()
    until(lambda: replica.leads, "leads")
    shown = replica.certificate()
    cluster.bed.stop_apiserver()
    try:
        until(lambda: not replica.leads, "leads no more", 15)
        assert replica.certificate() == shown
        assert replica.ready
    finally:
        cluster.bed.start_apiserver()
    until(lambda: replica.leads, "leads again")
