"""The probes that the injector hands over: read into frozen values, and every problem told at once."""

import json

import pytest

from sidecar.ops.probes import MAX_PROBES, Probe, ProbeKind, ProbesError, parse_probes

LIVEZ = "/app/shop/livez"

# What the injector writes, and what it means.
READ = [
    ({"kind": "tcp", "port": 5432}, Probe(LIVEZ, ProbeKind.TCP, 5432, 1)),
    (
        {"kind": "grpc", "port": 9000, "service": "shop.v1"},
        Probe(LIVEZ, ProbeKind.GRPC, 9000, 1, service="shop.v1"),
    ),
    (
        {
            "kind": "http",
            "port": 8443,
            "path": "/healthz?full=1",
            "scheme": "HTTPS",
            "host": "shop.example",
            "headers": [["X-Probe", "a b"], ["Host", "other"]],
            "service": "",
            "timeout": 7,
        },
        Probe(
            LIVEZ,
            ProbeKind.HTTP,
            8443,
            7,
            "/healthz?full=1",
            True,
            "shop.example",
            (("X-Probe", "a b"), ("Host", "other")),
        ),
    ),
    ({"kind": "hook", "port": 80, "path": "", "scheme": ""}, Probe(LIVEZ, ProbeKind.HOOK, 80, 1)),
    # As the kubelet makes a request of it.
    ({"kind": "http", "port": 80, "path": "healthz"}, Probe(LIVEZ, ProbeKind.HTTP, 80, 1, "/healthz")),
    ({"kind": "http", "port": 80, "path": "/a b#c"}, Probe(LIVEZ, ProbeKind.HTTP, 80, 1, "/a%20b")),
    ({"kind": "http", "port": 80, "path": "/ü%20"}, Probe(LIVEZ, ProbeKind.HTTP, 80, 1, "/%C3%BC%20")),
]

GOOD = {"kind": "http", "port": 80}

# The text, and every complaint.
REFUSED = [
    ("", ["probes: are no mapping; write JSON as the injector does"]),
    ("{", ["file: is no YAML: did not find expected node content in line 2; correct the syntax"]),
    (
        {"/livez": GOOD, "/app/Shop/livez": GOOD, "/app/shop/../livez": GOOD, "/app/shop/debug": GOOD},
        [
            f"{where!r}: is no path; write /app/<container>/<livez, readyz, …>"
            for where in ("/livez", "/app/Shop/livez", "/app/shop/../livez", "/app/shop/debug")
        ],
    ),
    (
        {LIVEZ: {"kind": "exec", "port": "http", "timeout": 0, "scheme": "http", "command": []}},
        [
            f"{LIVEZ}.command: is no known key; use kind, port, path, scheme, host, headers, service or timeout",
            f"{LIVEZ}.kind: is 'exec'; use http, tcp, grpc or hook",
            f"{LIVEZ}.port: is 'http'; write a whole number from 1 to 65535",
            f"{LIVEZ}.timeout: is 0; write a whole number from 1 to 86400",
            f"{LIVEZ}.scheme: is 'http'; use HTTP or HTTPS",
        ],
    ),
    (
        {LIVEZ: GOOD | {"headers": [["A: b", "c"], ["X", "a\r\nY: b"], "Z"]}},
        [
            f"{LIVEZ}.headers[0]: is 'A: b'; write [name, value]",
            f"{LIVEZ}.headers[1]: is 'a\\r\\nY: b'; write [name, value]",
            f"{LIVEZ}.headers[2]: is ''; write [name, value]",
        ],
    ),
    (
        {LIVEZ: GOOD | {"path": "/x\r\nHost: y"}},
        [f"{LIVEZ}.path: is '/x\\r\\nHost: y'; write a path such as /healthz"],
    ),
    ({LIVEZ: GOOD | {"host": "a b"}}, [f"{LIVEZ}.host: is 'a b'; write the name of a host"]),
    (
        {f"/app/c{n}/livez": GOOD for n in range(MAX_PROBES + 1)},
        [f"probes: are {MAX_PROBES + 1}; at most {MAX_PROBES} can be relayed"],
    ),
]


@pytest.mark.parametrize(("written", "read"), READ)
def test_a_probe_is_read(written: dict[str, object], read: Probe) -> None:
    assert parse_probes(json.dumps({LIVEZ: written})) == (read,)


@pytest.mark.parametrize(("written", "complaints"), REFUSED)
def test_what_is_wrong_is_told_at_once(written: object, complaints: list[str]) -> None:
    with pytest.raises(ProbesError) as caught:
        parse_probes(written if isinstance(written, str) else json.dumps(written))
    assert str(caught.value).splitlines() == complaints
