"""A crowd: nodes and pods that KWOK plays against the bed's real API server, for figures of scale.

Pods that tolerate and select `type: kwok` get an address of their node's range and become Ready at once; nothing runs in
them.  What never belongs here: what is measured.
"""

import json
from typing import Final

from tests.cluster.bed import addresses, build
from tests.cluster.bed.bed import Bed
from tests.cluster.bed.daemon import Daemon

LABEL: Final = "type"
VALUE: Final = "kwok"
PLACEMENT: Final = {
    "nodeSelector": {LABEL: VALUE},
    "tolerations": [{"key": LABEL, "value": VALUE, "effect": "NoSchedule"}],
}
"""Goes into the spec of pods that belong to the crowd."""
PODS_PER_NODE: Final = 250
_ROOM: Final = {"cpu": "64", "memory": "512Gi", "pods": str(PODS_PER_NODE)}


def join(bed: Bed, nodes: int) -> Daemon:
    """Start KWOK and let `nodes` nodes join, at most PODS_PER_NODE pods each.  Raises BedError."""
    kwok = bed.start(
        "kwok",
        [
            build.kwok(),
            f"--kubeconfig={bed.kubeconfig}",
            f"--manage-nodes-with-label-selector={LABEL}={VALUE}",
            f"--node-ip={addresses.NODE_V4}",
            "--node-lease-duration-seconds=40",
            "-v=WARN",
        ],
    )
    bed.apply("\n---\n".join(json.dumps(_node(f"crowd-{number}")) for number in range(nodes)))
    return kwok


def _node(name: str) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": {LABEL: VALUE}},
        "spec": {"taints": [{"key": LABEL, "value": VALUE, "effect": "NoSchedule"}]},
        "status": {"allocatable": _ROOM, "capacity": _ROOM},
    }
