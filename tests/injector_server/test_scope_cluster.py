"""The scope map of a real API server: it follows, it survives what API servers do, and it never says what is not so."""

import asyncio
import json
import statistics
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sidecar import contract
from sidecar.core.policy_text import version
from sidecar.core.scopes import PeerClass
from sidecar.ops import scope_api as client
from sidecar.ops.kinds import Origin
from tests.cluster.bed.bed import Bed
from tests.injector_server.scope_world import GROUND, World, together, told, until

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]

IN, CONNECTED, OUT = PeerClass.IN_SCOPE, PeerClass.CONNECTED_TO, PeerClass.OUT_OF_SCOPE
UNKNOWN, NODE = PeerClass.UNKNOWN, PeerClass.NODE

type Story = Callable[[World], Awaitable[None]]


@pytest.fixture
def tell(bed: Bed, tmp_path: Path) -> Callable[[Story], None]:
    return lambda story: told(bed, tmp_path, story)


def test_a_sidecar_follows_the_cluster(tell):
    async def story(world: World) -> None:
        pay, web = await world.namespace("pay"), await world.namespace("web", opted_in=False)
        vault = await world.pod(pay, "vault-0", "10.244.1.1", IN, app="vault")
        await world.pod(web, "shop-0", "10.244.1.2", IN)
        vip = await world.service(pay, "vault", 443, app="vault")
        token = await world.token(pay, "vault-0", vault)
        async with world.replica() as replica, replica.sidecar(token) as sidecar:
            assert sidecar.own is IN
            asked = ("10.244.1.1", "10.244.1.2", "10.244.1.3", "192.168.7.7", "198.51.100.1")
            found = [sidecar.classify(ip) for ip in asked]
            assert found == [IN, OUT, UNKNOWN, NODE, PeerClass.EXTERNAL]
            await until(lambda: sidecar.classify(vip, 443) is IN, "the Service is what is behind it")
            assert sidecar.classify(vip, 80) is UNKNOWN

            await world.pod(pay, "vault-1", "10.244.1.4", CONNECTED, app="vault")
            await until(lambda: sidecar.classify("10.244.1.4") is CONNECTED, "a new pod is known")
            await until(lambda: sidecar.classify(vip, 443) is CONNECTED, "the strictest behind the Service")
            await world.status(pay, "vault-1", "10.244.1.4", "Succeeded")
            await until(lambda: sidecar.classify("10.244.1.4") is UNKNOWN, "it ran to its end")
            await until(lambda: sidecar.classify(vip, 443) is IN, "and is no longer behind the Service")
            await world.delete(web, "shop-0")
            await until(lambda: sidecar.classify("10.244.1.2") is UNKNOWN, "it was deleted")
            await until(lambda: sidecar.beats >= 1, "a heartbeat agrees with what the sidecar has")

    tell(story)


def test_whose_tokens_count(tell, monkeypatch):
    """The answers of a real TokenReview."""
    monkeypatch.setattr("injector.scope_api._WAIT_S", 0.5)
    monkeypatch.setattr("injector.token_review.KNOWN_S", 3600.0)  # longer than this test on a busy machine

    async def story(world: World) -> None:
        pay, web = await world.namespace("pay"), await world.namespace("web", opted_in=False)
        vault, shop = (
            await world.pod(pay, "vault-0", "10.244.1.1"),
            await world.pod(web, "shop-0", "10.244.1.2"),
        )
        plain = world.folder / "plain.token"
        plain.write_text(world.kubectl("-n", pay, "create", "token", "default", "--audience=cdefence").stdout)
        forged = world.folder / "forged.token"
        tokens = [
            ("ours", await world.token(pay, "vault-0", vault), 200),
            ("of the pod, for the API server", await world.token(pay, "vault-0", vault, ""), 401),
            ("of the pod, for somebody else", await world.token(pay, "vault-0", vault, "vault"), 401),
            ("for us, bound to no pod", plain, 401),
            ("for us, of a pod elsewhere", await world.token(web, "shop-0", shop), 403),
            ("with another signature", forged, 401),
        ]
        good = tokens[0][1].read_text().strip()
        forged.write_text(good[:-8] + ("A" * 8 if good[-8:] != "A" * 8 else "B" * 8))
        async with world.replica() as replica:
            for what, token, expected in tokens:
                origin = Origin("localhost", replica.port)
                api = await client.connect(client.Access(origin, token, replica.ca))
                assert (what, await api.get(f"{client.STREAM}/10.244.1.1")) == (what, expected)
                api.close()
            await world.delete(pay, "vault-0")
            await until(lambda: replica.service.model.protected(vault) is None, "the pod is gone")
            api = await client.connect(
                client.Access(Origin("localhost", replica.port), tokens[0][1], replica.ca)
            )
            assert await api.get(client.STREAM) == 403, "its token is remembered, its pod is not"
            api.close()

    tell(story)


def test_many_pods_come_and_go_in_any_order(tell):
    async def story(world: World) -> None:
        spaces = [await world.namespace(f"many-{number}") for number in range(4)]
        async with world.replica() as replica:
            model = replica.service.model
            scopes = (IN, CONNECTED, OUT)
            pods = [
                (spaces[number % 4], f"p{number}", f"10.244.2.{number}", scopes[number % 3])
                for number in range(120)
            ]
            await together(world.pod(*pod) for pod in pods)
            await until(lambda: len(known(model)) == 120, "all are known")
            gone = [pod for number, pod in enumerate(pods) if number % 3]
            for space in spaces:
                await world.delete(space, *(name for namespace, name, *_ in gone if namespace == space))
            await together(world.pod(space, f"again-{name}", ip, OUT) for space, name, ip, _ in gone)
            expected = {ip: scope for number, (_, _, ip, scope) in enumerate(pods) if not number % 3}
            expected |= {ip: OUT for _, _, ip, _ in gone}
            await until(lambda: known(model) == expected, "addresses belong to who has them now")
            await agrees_with_a_new_replica(world, model)

    tell(story)


def known(model):
    """Single addresses of 10.244.2.0/24, by class."""
    return {
        ip: scope
        for (ip, port), scope in model.entries.items()
        if port is None and ip.startswith("10.244.2.")
    }


async def agrees_with_a_new_replica(world, model):
    """A replica that lists now ends up with the same map."""
    await asyncio.sleep(GROUND.quarantine_s + 0.2)
    model.flush(time.monotonic())
    async with world.replica() as other:
        assert dict(other.service.model.entries) == dict(model.entries)


def test_the_api_server_restarts_and_has_forgotten_the_version(tell, caplog):
    async def story(world: World) -> None:
        pay = await world.namespace("pay")
        uid = await world.pod(pay, "vault-0", "10.244.2.1", IN)
        await world.pod(pay, "vault-1", "10.244.2.2", IN)
        token = await world.token(pay, "vault-0", uid)
        async with world.replica() as replica, replica.sidecar(token) as sidecar:
            pods = next(each for each in replica.service.reflectors if each.name == "pods")
            lists = pods.counts.lists
            await asyncio.to_thread(world.bed.stop_apiserver)
            await until(lambda: pods.blind_s > 0, "the watch has ended")
            pods._version = "1"  # what a replica that was cut off for an hour would come back with
            assert [sidecar.classify(f"10.244.2.{n}") for n in (1, 2)] == [IN, IN], "the last map stays"
            await asyncio.to_thread(world.bed.start_apiserver)
            await world.delete(pay, "vault-1")
            await until(lambda: sidecar.classify("10.244.2.2") is UNKNOWN, "the news of the meantime")
            assert sidecar.classify("10.244.2.1") is IN
            await until(lambda: all(each.blind_s == 0 for each in replica.service.reflectors), "all watch")
            assert pods.counts.lists == lists + 1, "410 means: list again, once"
            beats = sidecar.beats
            await until(lambda: sidecar.beats > beats, "the stream has lived through it")
        assert "410 Expired" in caplog.text

    tell(story)


def test_an_address_goes_from_pod_to_pod(tell):
    """Every owner is told, and never as the one before; how soon, `python -m benchmarks scale` measures."""

    async def story(world: World) -> None:
        pay = await world.namespace("pay")
        uid = await world.pod(pay, "watcher", "10.244.2.200", IN)
        token = await world.token(pay, "watcher", uid)
        delays = []
        async with world.replica() as replica, replica.sidecar(token) as sidecar:
            before = ""
            for number in range(60):
                scope = (IN, OUT, CONNECTED)[number % 3]
                name = f"owner-{number}"
                await world.pod(pay, name, "", scope)
                if before:
                    await world.delete(pay, before)
                written = time.monotonic()
                await world.status(pay, name, "10.244.2.9")
                await until(lambda want=scope: sidecar.classify("10.244.2.9") is want, "the new owner")
                delays.append(time.monotonic() - written)
                before = name
            told_as = [
                change.scopes.classify("10.244.2.9")
                for _, change in sidecar.seen
                if change.changed and ("10.244.2.9", None) in change.changed
            ]
        rounds = [scope for scope in told_as if scope is not UNKNOWN]
        assert rounds == [(IN, OUT, CONNECTED)[number % 3] for number in range(60)], "nobody out of turn"
        print(f"address to sidecar: median {statistics.median(delays):.3f} s, worst {max(delays):.3f} s")

    tell(story)


def test_the_policy_is_followed_and_a_bad_one_is_told(tell):
    good = "apiVersion: cdefence.io/v1\nkind: Policy\nmode: monitor\n"
    bad = "apiVersion: cdefence.io/v1\nkind: Policy\nmode: lax\n"

    def config(text: str) -> str:
        metadata = {"name": contract.POLICY_CONFIG_MAP, "namespace": contract.SYSTEM_NAMESPACE}
        return json.dumps(
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"policy.yaml": text}}
        )

    async def story(world: World) -> None:
        pay = await world.namespace("pay")
        uid = await world.pod(pay, "vault-0", "10.244.2.1", IN)
        token = await world.token(pay, "vault-0", uid)
        async with world.replica() as replica, replica.sidecar(token) as sidecar:
            state = replica.service.policy.state
            await asyncio.to_thread(world.kubectl, "apply", "-f", "-", stdin=config(good))
            await until(lambda: sidecar.policy == version(good), "the policy arrives")
            await asyncio.to_thread(world.kubectl, "apply", "-f", "-", stdin=config(bad))
            await until(lambda: not state.valid, "it is refused")
            where = ("-n", contract.SYSTEM_NAMESPACE, "get", "events.events.k8s.io")

            def events() -> str:
                return world.kubectl(*where, "--field-selector=reason=PolicyRefused", "-o", "json").stdout

            await until(lambda: bool(json.loads(events())["items"]), "whoever wrote it is told")
            (event,) = json.loads(events())["items"]
            assert event["note"] == (
                f"refused, policy {version(good)} stays in force: "
                "policy.yaml: mode: is 'lax'; use discover, monitor or protect"
            )
            assert (event["regarding"]["kind"], event["type"]) == ("ConfigMap", "Warning")
            beats = sidecar.beats
            await until(lambda: sidecar.beats > beats, "a heartbeat")
            assert sidecar.policy == version(good)
            world.kubectl("-n", contract.SYSTEM_NAMESPACE, "delete", "events.events.k8s.io", "--all")

    tell(story)
