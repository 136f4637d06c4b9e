"""The scope API over real TLS, asked by the sidecar's own client: who gets the map, who does not, what it never says."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from injector import live_tls, scope_api, scope_hub
from injector.certs import Lives, created
from injector.kube import KubeError, Resource
from injector.scope_api import ScopeApi
from injector.scope_hub import Hub
from injector.scope_model import Ground, ScopeModel
from injector.serving import Endpoint
from injector.slim import Namespace, Pod, Service, Slice
from injector.token_review import Reviewer
from injector.tree import Object
from sidecar.core.scope_feed import FeedError, Lines, NewMap, ScopeFeed, Why, read_lookup
from sidecar.core.scopes import PeerClass
from sidecar.ops.kinds import Origin
from sidecar.ops.scope_api import Access, Api, connect

IN, OUT, UNKNOWN = PeerClass.IN_SCOPE, PeerClass.OUT_OF_SCOPE, PeerClass.UNKNOWN
SECRETS = ("vault-0", "secret-namespace", "payments-db")
"""Names of the cluster that nobody may learn here."""


def pod(uid: str, ip: str, **more: object) -> Pod:
    facts = {"uid": uid, "namespace": "secret-namespace", "name": "vault-0", "ips": (ip,), "scope": IN}
    return Pod(**facts | {"injected": True} | more)  # type: ignore[arg-type]


class Reviews:
    """An API server that knows tokens `pod:<uid>:<namespace>:<name>`, and may be out of reach."""

    def __init__(self) -> None:
        self.down = False

    async def create(self, resource: Resource, body: Object, namespace: str | None = None) -> Object:
        if self.down:
            raise KubeError(0, "Unreachable", "reset")
        token = str(body["spec"]["token"])  # type: ignore[index,call-overload]
        kind, _, rest = token.partition(":")
        if kind != "pod":
            return {"status": {"authenticated": False}}
        uid, namespace, name = rest.split(":")
        extra = {
            f"authentication.kubernetes.io/pod-{key}": [value]
            for key, value in (("uid", uid), ("name", name))
        }
        user = {"username": f"system:serviceaccount:{namespace}:default", "extra": extra}
        return {"status": {"authenticated": True, "audiences": ["cdefence"], "user": user}}


TOKEN = "pod:a:secret-namespace:vault-0"


class Replica:
    """A scope API that listens, everything behind it real except the API server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.blind = 0.0
        self.reviews = Reviews()
        self.model = ScopeModel(Ground(("10.244.0.0/16",)))
        self.hub = Hub(self.model, "boot", lambda: self.blind)
        self.api = ScopeApi(self.hub, self.model, Reviewer(self.reviews))
        self.port = 0
        self.model.put_namespace(Namespace("n1", "secret-namespace", opted_in=True), 0)
        self.model.put_namespace(Namespace("n2", "web", opted_in=False), 0)
        self.model.put_pod(pod("a", "10.244.0.1"), 0)
        self.model.put_service(Service("s1", "secret-namespace", "payments-db", ("10.96.0.9",), (443,)), 0)
        self.model.put_slice(Slice("e1", "secret-namespace", "payments-db", (("10.244.0.1", "a"),)), 0)
        self.hub.publish()
        self.hub.open = True

    def add(self, facts: Pod) -> None:
        self.model.put_pod(facts, 0)
        self.hub.publish()

    @asynccontextmanager
    async def asked(self, path: str, token: str = TOKEN) -> AsyncIterator[tuple[int, Api]]:
        """The status of an answer, and the connection that it is on."""
        file = self.folder / "token"
        file.write_text(token)
        api = await connect(Access(Origin("localhost", self.port), file, self.folder / "ca.crt"))
        try:
            yield await api.get(path), api
        finally:
            api.close()

    async def answer(self, path: str, token: str = TOKEN) -> tuple[int, bytes]:
        async with self.asked(path, token) as (status, api):
            return status, b"".join([piece async for piece in api.body()])


async def until(true: Callable[[], bool]) -> None:
    async with asyncio.timeout(120):
        while not true():
            await asyncio.sleep(0.01)


@pytest.fixture
def run(tmp_path: Path) -> Callable[[Callable[[Replica], Awaitable[None]]], None]:
    """Runs a story against a replica that listens."""

    async def told(story: Callable[[Replica], Awaitable[None]]) -> None:
        replica = Replica(tmp_path)
        bundle = created(("localhost",), datetime.now(UTC), Lives())
        (tmp_path / "ca.crt").write_bytes(bundle.ca_bundle)
        context = live_tls.server_context()
        live_tls.load(context, bundle.leaf, bundle.leaf_key)
        endpoint = Endpoint(replica.api.app(), "127.0.0.1", 0, context)
        replica.port = endpoint.port
        serving = asyncio.create_task(endpoint.run())
        try:
            async with asyncio.timeout(300):
                await story(replica)
        finally:
            replica.hub.end_all()
            serving.cancel()
            await asyncio.wait([serving])

    return lambda story: asyncio.run(told(story))


async def stream(api: Api) -> AsyncIterator[bytes]:
    lines = Lines()
    async for piece in api.body():
        for line in lines.feed(piece):
            yield line


def test_the_stream(run):
    async def story(replica: Replica) -> None:
        async with replica.asked("/v1/scopes") as (status, api):
            assert status == 200
            feed, lines = ScopeFeed(), stream(api)
            first = feed.line(await anext(lines))
            assert isinstance(first, NewMap)
            assert (first.own, first.scopes.classify("10.96.0.9", 443)) == (IN, IN)
            replica.add(pod("b", "10.244.0.2", scope=OUT))
            second = feed.line(await anext(lines))
            assert isinstance(second, NewMap)
            assert second.scopes.classify("10.244.0.2") is OUT
            replica.hub.end_all()
            with pytest.raises(FeedError) as caught:
                feed.line(await anext(lines))
            assert caught.value.why is Why.RESYNC
            assert [line async for line in lines] == []
        assert replica.api.answers == {("stream", 200): 1}

    run(story)


def test_a_line_is_on_the_wire_when_its_batch_is_made_and_what_cannot_be_keeps_its_place(run):
    async def story(replica: Replica) -> None:
        async with replica.asked("/v1/scopes") as (_, api):
            feed, lines = ScopeFeed(), stream(api)
            feed.line(await anext(lines))
            (reader,) = replica.hub._readers
            await until(lambda: reader._idle)
            replica.add(pod("b", "10.244.0.2"))
            assert not reader._lines, "no turn of the event loop since"
            for number in range(200):  # longer than one piece: waits for its turn, and the next one behind it
                replica.model.put_pod(pod(f"p{number}", f"10.244.1.{number}"), 0)
            replica.hub.publish()
            replica.add(pod("c", "10.244.0.3", scope=OUT))
            assert len(reader._lines) == 2
            sizes = [len(feed.line(await anext(lines)).changed) for _ in range(3)]  # type: ignore[union-attr,arg-type]
            assert sizes == [1, 200, 1]

    run(story)


def test_a_large_map_comes_whole(run):
    async def story(replica: Replica) -> None:
        for number in range(20_000):
            replica.model.put_pod(pod(f"p{number}", f"10.244.{number >> 8}.{number & 255}"), 0)
        replica.hub.publish()
        async with replica.asked("/v1/scopes") as (_, api):
            change = ScopeFeed().line(await anext(stream(api)))
            assert isinstance(change, NewMap)
            assert change.scopes.counts()[IN] == 20_000 + 1

    run(story)


REFUSALS = [
    ("no token", "", 401),
    ("another kind of token", "user:jane", 401),
    ("a pod that nobody knows", "pod:x:secret-namespace:vault-0", 403),
    ("a pod that is not injected", "pod:plain:secret-namespace:vault-0", 403),
    ("a pod of a namespace that did not opt in", "pod:web:web:vault-0", 403),
    ("a pod that ran to its end", "pod:done:secret-namespace:vault-0", 403),
    ("the uid of one pod and the name of another", "pod:a:secret-namespace:shop-0", 403),
    ("the uid of one pod and the namespace of another", "pod:a:web:vault-0", 403),
]


@pytest.mark.parametrize("path", ["/v1/scopes", "/v1/scopes/10.244.0.1"])
def test_who_is_refused(run, monkeypatch, path):
    monkeypatch.setattr(scope_api, "_WAIT_S", 0.05)

    async def story(replica: Replica) -> None:
        replica.add(pod("plain", "10.244.0.3", injected=False))
        replica.add(pod("web", "10.244.0.4", namespace="web"))
        replica.add(pod("done", "10.244.0.5", finished=True))
        for what, token, expected in REFUSALS:
            status, body = await replica.answer(path, token or "x")
            assert (what, status) == (what, expected)
            assert set(json.loads(body)) == {"error"}
            assert not any(name in body.decode() for name in SECRETS)
        assert replica.hub.readers == 0

    run(story)


UNREADABLE = [
    ("a name", "/v1/scopes/host", 400),
    ("a zone", "/v1/scopes/fe80::1%25eth0", 400),
    ("a network", "/v1/scopes/10.0.0.0/8", 404),
    ("port 0", "/v1/scopes/10.244.0.1?port=0", 400),
    ("port 65536", "/v1/scopes/10.244.0.1?port=65536", 400),
    ("a port that is none", "/v1/scopes/10.244.0.1?port=http", 400),
    ("digits of another script", "/v1/scopes/10.244.0.1?port=%D9%A3", 400),
    ("another path", "/v1/pods", 404),
]


def test_questions_that_are_none(run):
    async def story(replica: Replica) -> None:
        for what, path, expected in UNREADABLE:
            status, _ = await replica.answer(path)
            assert (what, status) == (what, expected)

    run(story)


def test_a_look_up_knows_what_the_stream_does_not_say_yet(run):
    async def story(replica: Replica) -> None:
        replica.model.put_pod(pod("b", "10.244.0.2", scope=OUT), 0)
        asked = [
            ("10.244.0.1", None, IN),
            ("10.244.0.2", None, OUT),
            ("10.244.9.9", None, UNKNOWN),
            ("10.96.0.9", 443, IN),
            ("198.51.100.1", 443, PeerClass.EXTERNAL),
        ]
        for ip, port, expected in asked:
            query = f"?port={port}" if port else ""
            status, body = await replica.answer(f"/v1/scopes/{ip}{query}")
            assert (status, read_lookup(body, ip, port)) == (200, expected)
        status, body = await replica.answer("/v1/scopes/0:0::1")
        assert read_lookup(body, "::1", None) is PeerClass.EXTERNAL

    run(story)


def test_a_pod_that_is_news_to_this_replica_waits_a_moment(run):
    async def story(replica: Replica) -> None:
        asking = asyncio.create_task(
            replica.answer("/v1/scopes/10.244.0.7", "pod:new:secret-namespace:vault-0")
        )
        await until(lambda: replica.api._reviewer.counts.reviews == 1)
        assert not asking.done()
        replica.add(pod("new", "10.244.0.7"))
        status, _ = await asking
        assert status == 200

    run(story)


def test_not_now(run):
    async def story(replica: Replica) -> None:
        async def status() -> int:
            return (await replica.answer("/v1/scopes/10.244.0.1"))[0]

        replica.reviews.down = True
        assert await status() == 503
        replica.reviews.down = False
        assert await status() == 200
        replica.blind = 10.5
        assert await status() == 503
        replica.blind = 0
        replica.hub.open = False
        assert await status() == 503

    run(story)


def test_streams_of_one_pod_and_that_they_are_forgotten_when_it_hangs_up(run):
    async def story(replica: Replica) -> None:
        async with replica.asked("/v1/scopes"), replica.asked("/v1/scopes"):
            async with replica.asked("/v1/scopes"), replica.asked("/v1/scopes"):
                assert (await replica.answer("/v1/scopes"))[0] == 429
                await until(lambda: replica.hub.readers == 4)
            await until(lambda: replica.hub.readers == 2)
            async with replica.asked("/v1/scopes") as (status, _):
                assert status == 200
        await until(lambda: replica.hub.readers == 0)

    run(story)


def test_as_many_streams_as_a_replica_takes(run, monkeypatch):
    monkeypatch.setattr(scope_api, "MAX_STREAMS", 1)

    async def story(replica: Replica) -> None:
        async with replica.asked("/v1/scopes"):
            await until(lambda: replica.hub.readers == 1)
            assert (await replica.answer("/v1/scopes"))[0] == 503

    run(story)


@pytest.mark.parametrize("pods", [100, 2_000], ids=["written at once", "in pieces"])
def test_a_sidecar_that_does_not_read_costs_a_bounded_queue(run, monkeypatch, pods):
    monkeypatch.setattr(scope_hub, "QUEUE", 8)

    async def story(replica: Replica) -> None:
        async with replica.asked("/v1/scopes") as (_, slow), replica.asked("/v1/scopes") as (_, quick):
            feed, lines = ScopeFeed(), stream(quick)
            slow._reader._transport.pause_reading()  # type: ignore[attr-defined]
            feed.line(await anext(lines))
            for turn in range(1_000_000 // pods):  # until the kernel's buffers are full, then the queue
                for number in range(pods):
                    facts = pod(
                        f"p{number}", f"10.244.{number >> 8}.{number & 255}", scope=(IN, OUT)[turn % 2]
                    )
                    replica.model.put_pod(facts, 0)
                replica.hub.publish()
                feed.line(await anext(lines))
                if replica.hub.counts.overflows:
                    break
            assert replica.hub.counts.overflows == 1
            replica.hub.beat()
            feed.line(await anext(lines))

    run(story)


def test_no_name_ever_leaves(run):
    async def story(replica: Replica) -> None:
        async with replica.asked("/v1/scopes") as (_, api):
            told = await anext(stream(api))
        told += (await replica.answer("/v1/scopes/10.244.0.1"))[1]
        assert not any(name.encode() in told for name in (*SECRETS, "secret"))

    run(story)
