"""A new certificate under load: nobody notices, and nothing that is broken gets in."""

import ssl
import threading
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from injector import live_tls
from injector.certs import Bundle, Lives, rescued
from injector.certs import as_data as data_of
from tests.injector_server.kit import NAMES, Client, asked, bundle, pod, served, trusting

FIRST = bundle()


def next_leaf(of: Bundle) -> Bundle:
    fresh = rescued(data_of(of), NAMES, datetime.now(UTC), Lives())
    assert fresh is not None
    return fresh


def der(of: Bundle) -> bytes:
    return x509.load_pem_x509_certificate(of.leaf).public_bytes(Encoding.DER)


def test_rotation_under_load_without_a_failed_request():
    """Four clients: two keep their connection, two open a new one each time; thirty rotations meanwhile."""
    done, failures, answered = threading.Event(), [], []

    def load(keeps: bool) -> None:
        client = Client(server.endpoint.port, trusting(FIRST.ca_bundle))
        while not done.is_set():
            try:
                answered.append(client.post(asked("u", pod())).response["allowed"])
            except Exception as error:  # noqa: BLE001 - whatever it is, it is a failure
                failures.append(repr(error))
            if not keeps:
                client.close()
        client.close()

    with served(FIRST) as server:
        threads = [threading.Thread(target=load, args=(keeps,)) for keeps in (True, True, False, False)]
        for thread in threads:
            thread.start()
        shown = Client(server.endpoint.port, trusting(FIRST.ca_bundle))
        current = FIRST
        for _ in range(30):
            enough = len(answered) + 8
            current = next_leaf(current)
            server.serve(current)
            assert shown.certificate() == der(current)
            while len(answered) < enough and not failures:
                done.wait(0.005)
        done.set()
        for thread in threads:
            thread.join(120)
    assert failures == []
    assert all(answered)
    assert len(answered) >= 240


@pytest.mark.parametrize(
    "broken",
    [
        (FIRST.leaf, bundle().leaf_key),
        (b"rubbish", FIRST.leaf_key),
        (bundle().leaf, b"rubbish"),
        (FIRST.leaf, b""),
    ],
    ids=["another key", "no certificate", "no key", "empty key"],
)
def test_a_pair_that_cannot_be_served_changes_nothing(broken):
    with served(FIRST) as server:
        with pytest.raises(ssl.SSLError):
            live_tls.load(server.context, *broken)
        client = Client(server.endpoint.port, trusting(FIRST.ca_bundle))
        assert client.certificate() == der(FIRST)
        assert client.post(asked("u", pod())).response["allowed"] is True
        client.close()
