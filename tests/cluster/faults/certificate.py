"""The Secret of the certificate, and what the webhook's Service shows of it.

What never belongs here: how a good one is made (`injector.certs`).
"""

import base64
import json
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature

from injector.certs import CA_CERT, LEAF_CERT
from sidecar import contract
from tests.cluster.faults.scene import SYSTEM, Scene

type Data = Mapping[str, bytes]


def secret(scene: Scene) -> Data:
    done = scene.cluster.run(["get", "secret", contract.TLS_SECRET, "-n", SYSTEM, "-o", "json"])
    data: dict[str, str] = json.loads(done.stdout).get("data", {}) if done.returncode == 0 else {}
    return {key: base64.b64decode(value) for key, value in data.items()}


def write(scene: Scene, data: Data) -> None:
    text = json.dumps({"data": {key: base64.b64encode(value).decode() for key, value in data.items()}})
    scene.cluster.kubectl("patch", "secret", contract.TLS_SECRET, "-n", SYSTEM, "--type=merge", "-p", text)


def is_good(data: Data) -> bool:
    """As a client sees it: in time, and of a CA that he trusts."""
    now = datetime.now(UTC)
    try:
        leaf, ca = (x509.load_pem_x509_certificate(data[name]) for name in (LEAF_CERT, CA_CERT))
        leaf.verify_directly_issued_by(ca)
    except (KeyError, ValueError, InvalidSignature):
        return False
    return leaf.not_valid_before_utc <= now < leaf.not_valid_after_utc


def serial(data: Data) -> int:
    return x509.load_pem_x509_certificate(data[LEAF_CERT]).serial_number


def served(scene: Scene) -> int:
    """The serial number of what the webhook's Service shows."""
    address = scene.cluster.ask("{.spec.clusterIP}", "service", contract.WEBHOOK_SERVICE, "-n", SYSTEM)
    done = scene.bed.run(["openssl", "s_client", "-connect", f"{address}:443", "-showcerts"])
    begin = done.stdout.find("-----BEGIN")
    pem = done.stdout[begin : done.stdout.find("-----END", begin)] + "-----END CERTIFICATE-----\n"
    return x509.load_der_x509_certificate(ssl.PEM_cert_to_DER_cert(pem)).serial_number
