"""The transport against a real API server: what comes back, and how each kind of trouble is told."""

import base64
import json
from datetime import timedelta
from pathlib import Path

import pytest
from kubernetes.aio.config import incluster_config

from injector.kube import CONFIG_MAPS, NAMESPACES, SECRETS, KubeError, PatchKind, at, connect
from injector.tree import items
from tests.injector_server import farewell
from tests.injector_server.cluster import SYSTEM

pytestmark = pytest.mark.cluster

MAP = {"metadata": {"name": "m"}, "data": {"a": "1"}}


@pytest.fixture
def cluster(clean_cluster):
    with clean_cluster() as each:
        yield each


def within(cluster, use):
    """Run one coroutine with a client of the administrator."""

    async def run():
        async with await connect(cluster.bed.kubeconfig) as client:
            return await use(client)

    return farewell.run(run())


def test_verbs(cluster):
    async def use(client):
        made = await client.create(CONFIG_MAPS, MAP, SYSTEM)
        version = at(made, "metadata", "resourceVersion")
        merged = {"metadata": {"resourceVersion": version}, "data": {"b": "2"}}
        await client.patch(CONFIG_MAPS, "m", PatchKind.MERGE, merged, SYSTEM)
        step = {"op": "replace", "path": "/data/a", "value": "3"}
        await client.patch(CONFIG_MAPS, "m", PatchKind.JSON, [step], SYSTEM)
        applied = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "n"}, "data": {"c": "4"}}
        await client.patch(CONFIG_MAPS, "n", PatchKind.APPLY, applied, SYSTEM)
        dry = await client.create(CONFIG_MAPS, {"metadata": {"name": "dry"}}, SYSTEM, dry_run=True)
        page = await client.list(CONFIG_MAPS, SYSTEM, {"fieldSelector": "metadata.name!=kube-root-ca.crt"})
        return at(dry, "metadata", "name"), {
            each["metadata"]["name"]: each["data"] for each in items(page, "items")
        }

    assert within(cluster, use) == ("dry", {"m": {"a": "3", "b": "2"}, "n": {"c": "4"}})


@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("missing", 404, "NotFound"),
        ("taken", 409, "AlreadyExists"),
        ("stale", 409, "Conflict"),
        ("test", 422, "Invalid"),
    ],
)
def test_what_the_server_refuses(cluster, name, status, reason):
    async def use(client):
        await client.create(CONFIG_MAPS, MAP, SYSTEM)
        stale = {"metadata": {"resourceVersion": "1"}, "data": {}}
        step = {"op": "test", "path": "/data/a", "value": "other"}
        await {
            "missing": lambda: client.get(SECRETS, "nobody", SYSTEM),
            "taken": lambda: client.create(CONFIG_MAPS, MAP, SYSTEM),
            "stale": lambda: client.patch(CONFIG_MAPS, "m", PatchKind.MERGE, stale, SYSTEM),
            "test": lambda: client.patch(CONFIG_MAPS, "m", PatchKind.JSON, [step], SYSTEM),
        }[name]()

    with pytest.raises(KubeError) as refused:
        within(cluster, use)
    assert (refused.value.status, refused.value.reason) == (status, reason)


def test_a_watch_tells_changes_line_by_line_and_ends(cluster):
    async def use(client):
        page = await client.list(NAMESPACES)
        parameters = {
            "resourceVersion": at(page, "metadata", "resourceVersion"),
            "timeoutSeconds": "15",  # both changes are made meanwhile, on a busy machine too
            "fieldSelector": "metadata.name=m",
        }
        async with client.watch(CONFIG_MAPS, SYSTEM, parameters) as lines:
            await client.create(CONFIG_MAPS, MAP, SYSTEM)
            await client.patch(CONFIG_MAPS, "m", PatchKind.MERGE, {"data": {"big": "x" * 900_000}}, SYSTEM)
            return [at(json.loads(line), "type") async for line in lines]

    assert within(cluster, use) == ["ADDED", "MODIFIED"]


def test_a_silent_watch_is_a_time_out(cluster):
    async def use(client):
        page = await client.list(NAMESPACES)
        parameters = {
            "resourceVersion": at(page, "metadata", "resourceVersion"),
            "fieldSelector": "metadata.name=none",
        }
        async with client.watch(CONFIG_MAPS, SYSTEM, parameters, 0.3) as lines:
            return [line async for line in lines]

    with pytest.raises(KubeError) as silent:
        within(cluster, use)
    assert (silent.value.status, silent.value.reason) == (0, "Timeout")


# ---- credentials -------------------------------------------------------------------------------------------


@pytest.fixture
def in_a_pod(cluster, tmp_path, monkeypatch):
    """What the kubelet gives a container – two variables, two files –, and a client that reads its token every time."""
    config = json.loads(cluster.kubectl("config", "view", "--raw", "-o", "json").stdout)["clusters"][0][
        "cluster"
    ]
    host, _, port = config["server"].removeprefix("https://").partition(":")
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", host)
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", port)
    authority = config.get("certificate-authority-data")
    ca = base64.b64decode(authority) if authority else Path(config["certificate-authority"]).read_bytes()
    (tmp_path / "ca.crt").write_bytes(ca)
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    begin = incluster_config.InClusterConfigLoader.__init__

    def impatient(self, **given):
        begin(self, **given)
        self._token_refresh_period = timedelta()

    monkeypatch.setattr(incluster_config.InClusterConfigLoader, "__init__", impatient)
    return tmp_path / "token"


def test_a_token_is_read_again_when_the_kubelet_replaces_it(cluster, in_a_pod):
    """The first token is rubbish (401); with the second one the server knows who asks, and says what he may not (403)."""
    cluster.kubectl("-n", SYSTEM, "create", "serviceaccount", "someone", ok=False)
    token = cluster.kubectl("-n", SYSTEM, "create", "token", "someone").stdout.strip()
    told = []

    async def use():
        in_a_pod.write_text("rubbish")
        async with await connect() as client:
            for each in ("rubbish", token):
                in_a_pod.write_text(each)
                with pytest.raises(KubeError) as refused:
                    await client.get(SECRETS, "x", SYSTEM)
                told.append(refused.value)

    farewell.run(use())
    assert [(each.status, each.reason) for each in told] == [(401, "Unauthorized"), (403, "Forbidden")]
    assert not any(token in str(each) for each in told)
