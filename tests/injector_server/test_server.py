"""The webhook's HTTP, over real TLS: what is answered to whom, and what is counted."""

import base64
import json
import socket
import ssl
import threading

import pytest

from injector.review import Outcome
from injector.server import Limits
from tests.injector_server.kit import DECIDE, Client, asked, bundle, large, pod, served, trusting

FIRST = bundle()


@pytest.fixture(scope="module")
def server():
    with served(FIRST) as running:
        yield running


@pytest.fixture
def client(server):
    each = Client(server.endpoint.port, trusting(FIRST.ca_bundle))
    yield each
    each.close()


# ---- answers -----------------------------------------------------------------------------------------------


def test_a_pod_comes_back_with_the_sidecar(client, server):
    before = server.count("injected")
    reply = client.post(asked("u-1", pod()))
    assert (reply.status, reply.response["uid"], reply.response["allowed"]) == (200, "u-1", True)
    operations = json.loads(base64.b64decode(reply.response["patch"]))
    assert any(step["path"].startswith("/spec/initContainers") for step in operations)
    assert reply.response["auditAnnotations"]["scope"] == "in-scope"
    assert server.count("injected") == before + 1


def test_a_pod_without_a_scope_is_denied_with_a_message_and_status_200(client, server):
    before = server.count("rejected", "annotations")
    reply = client.post(asked("u-2", pod(scope="wherever")))
    assert (reply.status, reply.response["allowed"]) == (200, False)
    assert "cdefence.io/pci-scope" in reply.response["status"]["message"]
    assert server.count("rejected", "annotations") == before + 1


def test_one_connection_takes_many_requests(client):
    for number in range(20):
        assert client.post(asked(f"u-{number}", pod())).response["uid"] == f"u-{number}"


@pytest.mark.parametrize(
    ("body", "kind", "status", "reason"),
    [
        (b"{}", "text/plain", 415, "content_type"),
        (b" " * (3 * 1024 * 1024 + 1), "application/json", 413, "too_large"),
        (b"", "application/json", 400, ""),
        (b"not json", "application/json", 400, ""),
        (b"[]", "application/json", 400, ""),
        (b'{"kind": "Pod"}', "application/json; charset=utf-8", 400, ""),
    ],
)
def test_what_is_no_review(client, server, body, kind, status, reason):
    before = server.count("malformed", reason)
    assert client.post(body, kind=kind).status == status
    assert server.count("malformed", reason) == before + 1


def test_three_mebibytes_are_taken(client):
    padded = asked("u-3", pod()) + b" " * (3 * 1024 * 1024)
    assert client.post(padded[: 3 * 1024 * 1024]).response["allowed"] is True


@pytest.mark.parametrize(("path", "status"), [("/", 404), ("/inject/x", 404), ("/metrics", 404)])
def test_nothing_else_is_served_there(client, path, status):
    assert client.post(b"{}", path=path).status == status


# ---- what goes wrong inside --------------------------------------------------------------------------------


def test_an_error_inside_is_a_denial_and_its_text_stays_inside(caplog):
    number = "4111111111111111"
    poisoned = pod()
    poisoned["metadata"] = {
        "name": "x",
        "annotations": {"cdefence.io/pci-scope": "in-scope"},
        "labels": [number],
    }
    with served(FIRST) as server:
        client = Client(server.endpoint.port, trusting(FIRST.ca_bundle))
        reply = client.post(asked("u-4", poisoned))
        client.close()
    assert (reply.status, reply.response["uid"], reply.response["allowed"]) == (200, "u-4", False)
    assert number not in caplog.text
    assert number.encode() not in reply.body


def test_a_decision_that_takes_too_long_is_a_denial():
    release = threading.Event()

    def slow(body: bytes) -> Outcome:
        release.wait(120)
        return DECIDE(body)

    with served(FIRST, slow, Limits(64, deadline_s=3)) as server:
        client = Client(server.endpoint.port, trusting(FIRST.ca_bundle))
        reply = client.post(large(asked("u-5", pod())))
        release.set()
        client.close()
        assert server.count("failed") == 1
    assert (reply.status, reply.response["uid"], reply.response["allowed"]) == (200, "u-5", False)
    assert reply.response["status"]["code"] == 504
    assert "try again" in reply.response["status"]["message"]


def test_who_waits_for_a_place_too_long_is_denied_too_and_the_place_is_free_again():
    release = threading.Event()

    def first_slow(body: bytes) -> Outcome:
        if b"u-slow" in body:
            release.wait(120)
        return DECIDE(body)

    with served(FIRST, first_slow, Limits(1, deadline_s=3)) as server:
        clients = [Client(server.endpoint.port, trusting(FIRST.ca_bundle)) for _ in range(2)]
        replies = []
        threads = [
            threading.Thread(target=lambda c=c, uid=uid: replies.append(c.post(large(asked(uid, pod())))))
            for c, uid in zip(clients, ("u-slow", "u-waits"), strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(120)
        release.set()
        assert any(reply.response["allowed"] is False for reply in replies)
        assert clients[1].post(asked("u-after", pod())).response["allowed"] is True
        for each in clients:
            each.close()


def test_a_body_that_does_not_come_is_given_up():
    with served(FIRST, limits=Limits(64, deadline_s=0.2)) as server:
        plain = socket.create_connection(("127.0.0.1", server.endpoint.port))
        tls = trusting(FIRST.ca_bundle).wrap_socket(
            plain, server_hostname="cdefence-webhook.cdefence-system.svc"
        )
        with tls:
            tls.sendall(
                b"POST /inject HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{"
            )
            assert tls.recv(100).startswith(b"HTTP/1.1 408 ")
        assert server.count("malformed", "slow_request") == 1


# ---- TLS, and the end --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "accepted"),
    [(ssl.TLSVersion.TLSv1_1, False), (ssl.TLSVersion.TLSv1_2, True), (ssl.TLSVersion.TLSv1_3, True)],
)
@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1:DeprecationWarning")
def test_versions_of_tls(server, version, accepted):
    context = trusting(FIRST.ca_bundle)
    context.set_ciphers("ALL:@SECLEVEL=0")  # this client would speak the old version
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = version
    client = Client(server.endpoint.port, context)
    if accepted:
        assert client.certificate()
    else:
        with pytest.raises(ssl.SSLError):
            client.certificate()


def test_while_it_drains_every_answer_closes_its_connection():
    with served(FIRST, drain=True) as server:
        client = Client(server.endpoint.port, trusting(FIRST.ca_bundle))
        reply = client.post(asked("u-6", pod()))
        assert (reply.response["allowed"], reply.connection) == (True, "close")


def test_what_is_under_way_at_the_end_is_answered():
    begun, release = threading.Event(), threading.Event()

    def held(body: bytes) -> Outcome:
        begun.set()
        release.wait(120)
        return DECIDE(body)

    replies = []
    with served(FIRST, held) as server:
        client = Client(server.endpoint.port, trusting(FIRST.ca_bundle))
        asking = threading.Thread(target=lambda: replies.append(client.post(large(asked("u-7", pod())))))
        asking.start()
        assert begun.wait(120)
        threading.Timer(0.3, release.set).start()
    asking.join(120)
    assert replies[0].response["allowed"] is True
