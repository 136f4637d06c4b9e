"""What a peer is, and the steps that all peers with a proxy share."""

import signal
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final

from benchmarks import container, usage
from benchmarks.errors import BenchError
from benchmarks.topology import CLIENT, HTTP_PORT, Pod, last_line, plain_environment
from sidecar import contract
from sidecar.lab import netns, processes
from sidecar.lab.lab import CDEFENCE, FIREWALL, PROXY
from sidecar.lab.pause import POD_DIRECTORY
from sidecar.lab.processes import ROOT, Role

PORT: Final = contract.INBOUND_PORT
"""Where every proxy listens."""
OWN: Final = POD_DIRECTORY / "proxy"
"""The proxy's own folder, as it is called inside the pod; outside it is `pod.directory / "proxy"`."""


@dataclass(frozen=True, slots=True)
class Launch:
    """How a proxy is started in its pod."""

    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    image: Mapping[Path, Path] | None = None
    """The image is around it, with these folders of this machine shown in it; None: it is a program of this machine."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One thing to measure.  `name` is also the name of a network interface: at most 15 characters."""

    name: str
    title: str
    does: str
    """What it looks at, for the report."""
    prepare: Callable[[Pod], Launch] | None
    """Writes its files into the pod; raises CannotRunError with reason and remedy.  None: there is no proxy."""
    version: Callable[[], str] = str
    """Its own words; called only after `prepare`."""
    tls: bool = False
    """Passes TLS through."""


def furnish(peer: Peer, pod: Pod) -> Launch | None:
    """Files and firewall of `pod`; None for a peer without a proxy.  Raises CannotRunError, BenchError."""
    if peer.prepare is None:
        return None
    launch = peer.prepare(pod)
    _redirect(pod)
    return launch


def start(launch: Launch, pod: Pod) -> None:
    """Start the proxy; returns when a request has gone all the way.  Raises BenchError."""
    if launch.image is None:
        command = pod.command(launch.command, PROXY)
    else:
        command = container.command(pod, launch.command, launch.image)
    pod.start(command, Role.SIDECAR, lambda: answers(pod), launch.environment)


def stop(pod: Pod) -> None:
    """End the proxy as Kubernetes would: SIGTERM first."""
    processes.end(usage.pids(pod), signal.SIGTERM)


def answers(pod: Pod) -> bool:
    """Whether the application answers the client."""
    connection = HTTPConnection(pod.address, HTTP_PORT)
    try:
        connection.sock = netns.connect(CLIENT, pod.address, HTTP_PORT)
        connection.request("GET", "/small.json")
        answer = connection.getresponse()
        return answer.status == 200 and bool(answer.read())
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


def _redirect(pod: Pod) -> None:
    """The init step, as in the lab: root with NET_ADMIN alone."""
    command = pod.command([*processes.NET_ADMIN_ONLY, *CDEFENCE, *FIREWALL], ROOT)
    done = subprocess.run(command, capture_output=True, text=True, env=plain_environment(), check=False)
    if done.returncode:
        raise BenchError(f"{pod.name}: cdefence net apply: {last_line(done.stderr)}")
