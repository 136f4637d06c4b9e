"""What the pods can tell after a test has failed: odd knocks, what their firewalls refused, what TCP counted, restarts.

A connection that was refused once in an hour cannot be had again; what was counted then can.  What never belongs here: an
opinion about it.
"""

import subprocess
import time
from pathlib import Path
from typing import Final

from sidecar import contract
from sidecar.lab.evidence import rejections
from tests.cluster.faults.routes import ROUTES
from tests.cluster.faults.scene import ANSWERED, Scene, Window

PODS: Final = ("checkout", "vault", "sink", "shop")
_KNOCKING: Final = frozenset({route.source for route in ROUTES})
RECENT_S: Final = 180.0
_RESET: Final = "reset"
_COUNTED: Final = frozenset(
    [
        "AttemptFails",
        "EstabResets",
        "OutRsts",
        "EmbryonicRsts",
        "ListenOverflows",
        "ListenDrops",
        "TCPTimeouts",
        "TWKilled",
    ]
)


def told(scene: Scene) -> str:
    """All of it, a line each; where a pod cannot be asked, why."""
    lines: list[str] = []
    for pod in PODS:
        for ask in (_knocks, _restarts, _refused, _counted):
            try:
                lines += [f"{pod}: {line}" for line in ask(scene, pod)]
            except Exception as error:  # noqa: BLE001 - whatever it is, the rest is still worth having
                lines.append(f"{pod}: {ask.__name__}: {error!r}")
    return "\n".join(lines)


def _knocks(scene: Scene, pod: str) -> list[str]:
    """Those that ended neither with an answer nor with a reset."""
    if pod not in _KNOCKING:
        return []
    recent = Window(begin=time.time() - RECENT_S, end=float("inf"))
    odd = [each for each in scene.knocks(pod, recent) if each.end not in (ANSWERED, _RESET)]
    return [f"to {each.to} {each.end} at {each.at:.3f}, after {each.until - each.at:.3f} s" for each in odd]


def _restarts(scene: Scene, pod: str) -> list[str]:
    return [f"proxy restarted {scene.restarts(pod, contract.PROXY_CONTAINER)} times"]


def _refused(scene: Scene, pod: str) -> list[str]:
    words = ["nft", "--json", "list", "table", "inet", contract.NFT_TABLE]
    page = subprocess.run(
        [*scene.inside(pod, contract.PROXY_CONTAINER), *words], capture_output=True, text=True, check=True
    )
    return [f"firewall: {count} x {rule}" for rule, count in rejections(page.stdout).items() if count]


def _counted(scene: Scene, pod: str) -> list[str]:
    folder = Path(f"/proc/{scene.pid(pod, contract.PROXY_CONTAINER)}/net")
    lines = [*(folder / "snmp").read_text().splitlines(), *(folder / "netstat").read_text().splitlines()]
    pairs = [
        pair
        for names, values in zip(lines[::2], lines[1::2], strict=True)
        for pair in zip(names.split()[1:], values.split()[1:], strict=True)
    ]
    return ["TCP: " + ", ".join(f"{name} {value}" for name, value in pairs if name in _COUNTED)]
