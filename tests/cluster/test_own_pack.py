"""What a workload asks for besides the usual: patterns and identifiers of its own, and packs that are off by default."""

import base64
import json
from collections.abc import Iterator

import pytest

from dlp_patterns.exact import Normal, normal
from dlp_patterns.exact import written as hashed
from dlp_patterns.exact_file import head
from sidecar import contract
from tests.cluster.cluster import Cluster
from tests.cluster.test_pods import OPTED_IN, manifest

KEY = "a key that is long enough"
OURS = b"K-0815-4711"
CUSTOMER = f"""
id: own/customer
title: Customer numbers
source: our CRM
class: secret
severity: high
regex: K-[0-9]{{4}}-[0-9]{{4}}
width: 11
boundary: word
exact: {{hashes: customers.hex, key_file: {contract.HASH_KEY_FILE}}}
show: last4
match: [{{text: "customer K-0000-0001 called", finds: K-0000-0001}}]
no_match: [{{text: K-0000-001, why: too short}}, {{text: AK-0000-0001, why: part of a longer word}}]
"""
BADGE = """
id: own/badge
title: Badge of our staff
source: ourselves
class: secret
severity: high
regex: BADGE-[A-Z][0-9]{4}
width: 11
boundary: word
check: shape
show: last4
match: [{text: BADGE-X1234}]
no_match: [{text: BADGE-X123, why: short}, {text: BADGE-x1234, why: lower case}]
"""
ASKED = """annotations: {cdefence.io/own-pack: patterns, cdefence.io/hash-key: pepper,
    cdefence.io/packs: "pci,pii,secrets,secrets_generic", """


def written() -> list[dict[str, object]]:
    """The ConfigMap and the Secret, as an operator makes them."""
    key = KEY.encode()
    hashes = head(key, Normal.ALNUM) + hashed(key, normal(OURS)) + "\n"
    files = {"customer.yaml": CUSTOMER, "badge.yaml": BADGE, "customers.hex": hashes}
    return [
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "patterns"}, "data": files},
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "pepper"},
            "data": {contract.HASH_KEY: base64.b64encode(key).decode()},
        },
    ]


def answer(installed: Cluster, space: str, peer: str, text: str) -> str:
    """The status of what `client` posts to a peer."""
    curl = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-m", "60", "-d", text, f"http://{peer}/"]
    return installed.execute("client", curl, namespace=space).stdout


@pytest.fixture(scope="module")
def space(installed: Cluster) -> Iterator[str]:
    """`asks` is another pod with what it asks for, `plain` one without; `client` speaks to both."""
    with installed.namespace("asking", OPTED_IN) as name:
        pods = (
            manifest(installed, "asks", "out-of-scope").replace("annotations: {", ASKED),
            manifest(installed, "plain", "out-of-scope"),
            manifest(installed, "client", "out-of-scope"),
        )
        for text in (*map(json.dumps, written()), *pods):
            installed.kubectl("apply", "-n", name, "-f", "-", stdin=text)
        installed.wait("condition=Ready", "pod/asks", "pod/plain", "pod/client", "-n", name, seconds=180)
        for peer in ("asks", "plain"):  # a Service is known to the nodes a moment after its pods are ready
            installed.until(
                lambda peer=peer: answer(installed, name, peer, "hello") == "200", f"{peer} answers"
            )
        yield name


@pytest.mark.parametrize(
    ("text", "asks", "plain"),
    [
        ("badge=BADGE-X1234", "403", "200"),
        (f"customer={OURS.decode()}", "403", "200"),
        ("customer=K-0815-4712", "200", "200"),
        ("db_password = hG7xkQ29vLpRz4", "403", "200"),
        ("card=4111111111111111", "403", "403"),
        ("nothing of that kind", "200", "200"),
    ],
    ids=["a badge", "a customer", "nobody's number", "an extra pack", "a card", "nothing"],
)
def test_what_the_one_pod_asks_for_and_the_other_does_not(
    installed: Cluster, space: str, text: str, asks: str, plain: str
) -> None:
    answers = [answer(installed, space, peer, text) for peer in ("asks", "plain")]
    assert answers == [asks, plain]
