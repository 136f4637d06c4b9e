"""The transport without a cluster: paths, and an API server that is not there, or not one."""

import asyncio
import contextlib
import socket
import threading

import pytest

from injector.kube import (
    CONFIG_MAPS,
    LEASES,
    MUTATING_WEBHOOKS,
    NAMESPACES,
    PODS,
    TOKEN_REVIEWS,
    KubeError,
    at,
    connect,
)


@pytest.mark.parametrize(
    ("resource", "given", "path"),
    [
        (PODS, (), "/api/v1/pods"),
        (PODS, ("pay",), "/api/v1/namespaces/pay/pods"),
        (PODS, ("pay", "shop", "status"), "/api/v1/namespaces/pay/pods/shop/status"),
        (NAMESPACES, (None, "pay"), "/api/v1/namespaces/pay"),
        (LEASES, ("a", "b"), "/apis/coordination.k8s.io/v1/namespaces/a/leases/b"),
        (TOKEN_REVIEWS, (), "/apis/authentication.k8s.io/v1/tokenreviews"),
        (
            MUTATING_WEBHOOKS,
            (None, "x"),
            "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/x",
        ),
        (CONFIG_MAPS, ("../x", "a b"), "/api/v1/namespaces/..%2Fx/configmaps/a%20b"),
    ],
)
def test_paths(resource, given, path):
    assert resource.path(*given) == path


def test_a_missing_field_is_none_wherever_it_is_missing():
    found = {"a": {"b": 1, "c": None, "d": [1]}}
    assert [
        at(found, *keys) for keys in (("a", "b"), ("a", "x"), ("x", "y"), ("a", "b", "c"), ("a", "d", "0"))
    ] == [
        1,
        None,
        None,
        None,
        None,
    ]


def kubeconfig(tmp_path, port):
    path = tmp_path / "kubeconfig"
    path.write_text(
        f"""
apiVersion: v1
kind: Config
current-context: c
contexts: [{{name: c, context: {{cluster: c, user: u}}}}]
clusters: [{{name: c, cluster: {{server: "http://127.0.0.1:{port}"}}}}]
users: [{{name: u, user: {{token: hidden-token}}}}]
"""
    )
    return path


def told(path, timeout=60.0):
    """The error of one request."""

    async def run():
        async with await connect(path) as client:
            await client.list(PODS, timeout_s=timeout)

    with pytest.raises(KubeError) as error:
        asyncio.run(run())
    assert "hidden-token" not in str(error.value)
    return error.value.status, error.value.reason


def test_nobody_listens(tmp_path):
    with socket.socket() as taken:  # and nobody else gets that port meanwhile
        taken.bind(("127.0.0.1", 0))
        assert told(kubeconfig(tmp_path, taken.getsockname()[1])) == (0, "Unreachable")


SILENCE = (0, "Timeout")


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"", SILENCE),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", (0, "BadAnswer")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", (0, "BadAnswer")),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{", SILENCE),
        (b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 5\r\n\r\nproxy", (502, "Bad Gateway")),
        (b'HTTP/1.1 403 F\r\nContent-Length: 22\r\n\r\n{"reason":"Forbidden"}', (403, "Forbidden")),
    ],
    ids=["silence", "no JSON", "no object", "half an answer", "a proxy", "a status"],
)
def test_what_answers_is_no_api_server(tmp_path, answer, error):
    over = threading.Event()

    def serve(listener):
        with contextlib.suppress(OSError):
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(answer)
                over.wait(120)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        try:
            patience = 0.5 if error == SILENCE else 60.0
            assert told(kubeconfig(tmp_path, listener.getsockname()[1]), patience) == error
        finally:
            over.set()
            thread.join(120)


@pytest.mark.parametrize("content", [None, "", "a text", "not: [yaml", "apiVersion: v1\nkind: Config\n"])
def test_no_credentials(tmp_path, capfd, content):
    path = tmp_path / "kubeconfig"
    if content is not None:
        path.write_text(content)

    async def run():
        await connect(path)

    with pytest.raises(KubeError, match="Configuration") as error:
        asyncio.run(run())
    assert str(path) in str(error.value)
    assert content is not None or "set KUBECONFIG" in str(error.value)
    assert capfd.readouterr() == ("", "")
