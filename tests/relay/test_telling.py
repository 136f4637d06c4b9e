"""What is told while it happens: metrics under load, and events that fit their schema and never hold a raw value."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from prometheus_client.parser import text_string_to_metric_families

from sidecar.lab.samples import AMEX, AWS_KEY, MASTERCARD, TRACK2, VISA, VISA_PRINTED
from tests.net.netns import lab
from tests.relay.sidecar import Room, Sidecar, Way, eventually, policy, sidecar
from tests.relay.sockets import ending, exactly
from tests.relay.test_content import OK, answered, get, post

pytestmark = lab

ROUNDS, CLIENTS = 50, 4


def work(way: Way) -> None:
    """A client that asks again and again, each time on a new connection."""
    for _ in range(ROUNDS):
        with way.open() as (client, server):
            client.sendall(get())
            assert exactly(server, len(get())) == get()
            server.sendall(OK)
            assert exactly(client, len(OK)) == OK


def counters(page: str) -> dict[tuple[str, str], float]:
    """Every counter of a page, by name and labels."""
    families = (each for each in text_string_to_metric_families(page) if each.type == "counter")
    return {(s.name, str(s.labels)): s.value for family in families for s in family.samples}


def test_metrics_can_be_read_under_load_and_never_fall(side: Sidecar) -> None:
    watch = side.watch()
    with ThreadPoolExecutor() as pool:
        working = [
            pool.submit(work, way) for way in (side.inbound(), side.outbound()) for _ in range(CLIENTS // 2)
        ]
        pages = [counters(side.page()[1])]
        while not all(each.done() for each in working):
            pages.append(counters(side.page()[1]))
            fallen = [name for name, value in pages[-2].items() if pages[-1][name] < value]
            assert fallen == []
        for each in working:
            each.result()
    eventually(lambda: watch.flows("allowed", "grid", protocol="http1") == ROUNDS * CLIENTS)
    expected = ROUNDS * CLIENTS * (len(get()) + len(OK))
    assert watch.moved("cdefence_inspected_bytes_total", protocol="http1") == expected
    assert watch.moved("cdefence_uninspected_bytes_total") == 0
    assert watch.told() == []


SENSITIVE = {
    "url": b"GET /?card=" + VISA.encode() + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "header": b"GET / HTTP/1.1\r\nHost: x\r\nX-Card: " + VISA_PRINTED.encode() + b"\r\n\r\n",
    "body": post(b'{"pan":"' + AMEX.encode() + b'"}'),
    "chunked": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"9\r\npan=55555\r\nB\r\n55555554444\r\n0\r\n\r\n",
    "track": post(TRACK2.encode()),
    "secret": post(b"key=" + AWS_KEY.encode()),
    "stream": b"pay with " + VISA.encode() + b" please\n",
    "malformed": b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n"
    + VISA.encode(),
}


@pytest.mark.parametrize("where", SENSITIVE)
@pytest.mark.parametrize("mode", ["protect", "monitor"])
def test_every_finding_is_told_masked(told_in: dict[str, Sidecar], mode: str, where: str) -> None:
    """Schema, and that nothing raw is in events, log and metrics, is looked at when the sidecar goes (`sidecar`)."""
    side = told_in[mode]
    watch = side.watch()
    with side.inbound().open() as (client, server):
        client.sendall(SENSITIVE[where])
        if mode == "monitor":
            assert exactly(server, len(SENSITIVE[where])) == SENSITIVE[where]
        heard = ending(client)[0].decode() if mode == "protect" else ""
    for raw in (VISA, VISA_PRINTED, AMEX, MASTERCARD, AWS_KEY):
        assert raw not in heard
    word = "blocked" if mode == "protect" else ("would_deny" if where == "malformed" else "alert")
    eventually(lambda: any(word in each for each in watch.told()))
    told = watch.events()
    if heard:
        assert {event["metadata"]["correlation_uid"] for event in told} == {
            answered(heard.encode())[1]["incident"]
        }
    assert {event["unmapped"]["pod"] for event in told} == {"relay-test"}


@pytest.fixture(scope="module")
def told_in(here: Room):
    """A sidecar in each mode."""
    with sidecar(here) as protect, sidecar(here, files={"policy.yaml": policy("mode: monitor")}) as monitor:
        yield {"protect": protect, "monitor": monitor}


def test_what_can_only_be_reported_is_told_as_a_sample_and_the_rest_is_counted(side: Sidecar) -> None:
    watch = side.watch()
    body = b"".join(b"to=person%d@mail.seznam.cz; %b" % (number, b" " * 40) for number in range(200))
    with side.inbound().open() as (client, server):
        for _ in range(3):
            client.sendall(post(body))
            assert exactly(server, len(post(body))) == post(body)
    eventually(lambda: watch.moved("cdefence_dlp_passed_over_bytes_total") >= 2 * len(post(body)))
    told = watch.moved("cdefence_dlp_findings_total", detector="pii/email", action="alert")
    assert 4 <= told <= 6
    eventually(lambda: len([each for each in watch.told() if each == "pii/email:alert"]) == told)
