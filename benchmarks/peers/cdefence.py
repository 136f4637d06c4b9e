"""Ourselves, as delivered in the image: all packs, protect mode, default policy, events to a file."""

import json
from typing import Final

from benchmarks import container, topology
from benchmarks.peers.model import OWN, Launch, Peer
from benchmarks.topology import Pod
from sidecar import __version__, contract
from sidecar.core.scopes import Mode, PeerClass
from sidecar.lab.pause import POD_DIRECTORY


def prepare(pod: Pod) -> Launch:
    """A scope map in which the client may talk to the pod, and the settings."""
    (pod.directory / "scope-map.json").write_text(json.dumps(_scope_map(pod)))
    settings = {
        "SCOPE": PeerClass.IN_SCOPE.value,
        "MODE": Mode.PROTECT.value,
        "POD": pod.name,
        "SCOPE_MAP": str(POD_DIRECTORY / "scope-map.json"),
        "EVENTS": str(OWN / "events.jsonl"),
        "CACHE_DIR": str(OWN / "cache"),
    }
    environment = {contract.ENV_PREFIX + name: value for name, value in settings.items()}
    return Launch((container.CDEFENCE, "proxy"), environment, image={})


def _scope_map(pod: Pod) -> dict[str, object]:
    peers = [{"ip": address, "scope": PeerClass.IN_SCOPE.value} for address in (pod.client, pod.address)]
    return {
        "apiVersion": contract.API_VERSION,
        "kind": "ScopeMap",
        "epoch": 1,
        "cluster": [topology.NETWORK],
        "nodes": [],
        "peers": peers,
    }


def version() -> str:
    """Of this checkout, with the interpreter of its image."""
    return f"cdefence {__version__}, {container.python_version()}"


PEER: Final = Peer("cdefence", "cdefence", "everything, all packs, blocks", prepare, version, tls=True)
