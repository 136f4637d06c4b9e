"""A real `cdefence proxy` in a pod of its own, and both ends of every connection in the hands of the test.

Two network namespaces and a cable: the pod, with the real firewall rules and the real proxy as uid 15001 without any
capability; and the outside, which stands for everybody else.  Sockets opened in either stay there, so a test holds the
client and the server of one connection and sees with its own eyes what the proxy in the middle does to it.

What never belongs here: a stand-in for anything that can run here, and knowledge of how the relay works.
"""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from sidecar import contract
from sidecar.lab import netns, processes
from sidecar.lab.files import make_directory, write
from sidecar.lab.lab import CDEFENCE, PROXY, PYTHON
from sidecar.lab.pause import POD_DIRECTORY
from sidecar.lab.processes import Role
from sidecar.lab.samples import AWS_KEY, PANS
from sidecar.net import apply as net
from sidecar.net.redirect import Redirect
from tests.net.netns import ROOT, Namespace, namespace
from tests.ops.schema import problems

POD = {4: "10.79.0.2", 6: "fd79::2"}
OUTSIDE = {4: "10.79.0.1", 6: "fd79::1"}
CLUSTER = ["10.79.0.0/24", "fd79::/64"]
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}
PATIENCE = 120.0
"""Seconds before a test gives up; what it waits for takes milliseconds on a quiet machine."""
START_PATIENCE = 300.0
"""Seconds for a sidecar to start: the first one of a session compiles all patterns, which took 43 on a busy machine."""
STILL_S = 0.01
"""Seconds in which a process that has something to do would have been seen to run."""

_ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "HOME": "/"}
_RAW = re.compile("|".join(["[ -]?".join(pan) for pan in PANS] + [AWS_KEY]))
_SCHEMA = json.loads((ROOT / "sidecar/ops/events.schema.json").read_text())
_TROUBLE = re.compile(r"Traceback|CRITICAL|[Ee]xception|uncaught")


def eventually[T](look: Callable[[], T], patience: float = PATIENCE) -> T:
    """What `look` says as soon as it is true; a test fails with its last answer when it never is."""
    deadline = time.monotonic() + patience
    while not (seen := look()):
        assert time.monotonic() < deadline, f"did not come true: {seen!r}"
        time.sleep(0.005)
    return seen


# --- the scope map and policy files ------------------------------------------------------------------------------


def scope_map(epoch: int = 1, **scopes: str) -> str:
    """A scope map file: the pod in scope, and the outside in the scope `outside`; "" leaves it unknown."""
    peers = [{"ip": ip, "scope": "in-scope"} for ip in POD.values()]
    if outside := scopes.get("outside", "connected-to"):
        peers += [{"ip": ip, "scope": outside} for ip in OUTSIDE.values()]
    return json.dumps(
        {
            "apiVersion": contract.API_VERSION,
            "kind": "ScopeMap",
            "epoch": epoch,
            "cluster": CLUSTER,
            "peers": peers,
        }
    )


def policy(*lines: str) -> str:
    """A policy file with these further lines."""
    return "\n".join((f"apiVersion: {contract.API_VERSION}", "kind: Policy", *lines, ""))


# --- the room: where a user without rights finds the interpreter ------------------------------------------------------


@dataclass(frozen=True)
class Room:
    """A mount namespace as pods of the lab have it; files of each sidecar are folders in `files`."""

    pause: int
    files: Path

    def enter(self, where: Namespace, command: Sequence[str]) -> list[str]:
        """`command` in this room and the network namespace `where`."""
        into = (
            "nsenter",
            f"--target={self.pause}",
            "--mount",
            "--uts",
            f"--net={netns.path(where.name)}",
            "--",
        )
        return [*into, *command]


@contextmanager
def room(files: Path) -> Iterator[Room]:
    """A room with `files` at /run/cdefence."""
    make_directory(files)
    make_directory(files / "cache", contract.PROXY_UID)
    for name in ("hosts", "resolv.conf"):
        write(files / name, "")
    command = ["unshare", "--mount", "--uts", "--propagation=slave", "--", *PYTHON, "sidecar.lab.pause"]
    pid = processes.start(
        [*command, "--name=relay-test", f"--files={files}"], _ENVIRONMENT, Role.PAUSE, files / "pause.log"
    )
    try:
        eventually(lambda: processes.name_of(pid) == "sleep" or not processes.alive(pid))
        assert processes.alive(pid), (files / "pause.log").read_text()
        yield Room(pid, files)
    finally:
        processes.end([pid])


# --- the sidecar -------------------------------------------------------------------------------------------------


@dataclass
class Sidecar:
    """A pod, its sidecar, and the outside."""

    pod: Namespace
    outside: Namespace
    room: Room
    files: Path
    process: subprocess.Popen[bytes] = field(init=False)
    sent_away: bool = False
    """The test expects it to end."""

    # what it tells

    def log(self) -> str:
        """What the process has said so far."""
        return (self.files / "log").read_text()

    def events(self, start: int = 0) -> list[dict[str, Any]]:
        """The audit events, from the `start`th on."""
        path = self.files / "proxy/events.jsonl"
        lines = path.read_text().rpartition("\n")[0].splitlines() if path.exists() else []
        return [json.loads(line) for line in lines[start:]]

    def page(self, port: int = contract.METRICS_PORT, path: str = "/metrics") -> tuple[int, str]:
        """Status and text of a page of the proxy, asked for from outside."""
        connection = HTTPConnection(POD[4], port)
        connection.sock = netns.connect(self.outside.name, POD[4], port, timeout=PATIENCE)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def value(self, name: str, **labels: str) -> float:
        """The sum of all samples of a metric that have these labels."""
        _, page = self.page()
        samples = (s for family in text_string_to_metric_families(page) for s in family.samples)
        return sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())

    @property
    def ready(self) -> bool:
        """Whether it says that it is ready."""
        try:
            return self.page(contract.HEALTH_PORT, "/readyz")[0] == 200
        except OSError:
            return False

    def watch(self) -> "Watch":
        """Begin to count from now; what connections before have left to be told was told."""
        eventually(self._rests)
        return Watch(self)

    def _rests(self) -> bool:
        """Whether no thread of it runs or has run for a moment.

        Its last words about a connection come after that connection's end: events from a thread, counts with the next
        turn of the loop.  The next test would take them for its own.
        """
        try:
            before = self._threads()
            time.sleep(STILL_S)
            return before == self._threads() and not any(state in "RD" for state, _ in before)
        except (FileNotFoundError, ProcessLookupError):  # a thread has just ended
            return False

    def _threads(self) -> list[tuple[str, str]]:
        """State of each thread, and how often it gave up a processor or lost it (proc(5))."""
        found = []
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            lines = (task / "status").read_text().splitlines()
            fields = {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}
            switches = f"{fields['voluntary_ctxt_switches']}+{fields['nonvoluntary_ctxt_switches']}"
            found.append((fields["State"][0], f"{task.name} {switches}"))
        return sorted(found)

    def status(self, name: str) -> str:
        """A line of /proc/PID/status."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(line.partition(":")[2].strip() for line in lines if line.startswith(f"{name}:"))

    @property
    def rss(self) -> int:
        """Resident memory, bytes."""
        return int(self.status("VmRSS").split()[0]) * 1024

    def open_files(self) -> list[int]:
        """Its descriptors."""
        return sorted(int(entry.name) for entry in Path(f"/proc/{self.process.pid}/fd").iterdir())

    # what is done to it

    def give(self, name: str, text: str) -> None:
        """Replace one of its files (`policy.yaml`, `scope-map.json`) in one step."""
        write(self.files / name, text)

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to the proxy."""
        self.sent_away = True
        self.process.send_signal(number)

    def descriptors(self, limit: int) -> None:
        """Let it open no more files than this from now on; 3 is none at all."""
        limiting = (*PROXY.prefix(), "prlimit", f"--pid={self.process.pid}", f"--nofile={limit}:")
        subprocess.run(limiting, check=True)

    def exit_code(self) -> int:
        """Its exit code, once it has ended."""
        self.sent_away = True
        return self.process.wait(PATIENCE)

    # both ends of connections

    def inbound(self, version: int = 4) -> "Way":
        """The way from outside to an application in the pod."""
        return Way(self.outside, self.pod, POD[version], version)

    def outbound(self, version: int = 4) -> "Way":
        """The way from an application in the pod to somebody outside."""
        return Way(self.pod, self.outside, OUTSIDE[version], version)


class Watch:
    """What has changed since a moment."""

    def __init__(self, side: Sidecar) -> None:
        self._side = side
        self._events = len(side.events())
        self._before = side.page()[1]

    def moved(self, name: str, **labels: str) -> float:
        """How much a metric has grown."""
        samples = (s for family in text_string_to_metric_families(self._before) for s in family.samples)
        before = sum(s.value for s in samples if s.name == name and labels.items() <= s.labels.items())
        return self._side.value(name, **labels) - before

    def flows(self, verdict: str, reason: str, **labels: str) -> float:
        """How many more connections ended like this."""
        return self.moved("cdefence_flows_total", verdict=verdict, reason=reason, **labels)

    def events(self) -> list[dict[str, Any]]:
        """The events since then."""
        return self._side.events(self._events)

    def told(self) -> list[str]:
        """The events since then in a word each: `blocked:pan_in_cleartext`, or `pci/pan:block` for a finding."""
        return [_word(event) for event in self.events()]


def _word(event: dict[str, Any]) -> str:
    if "data_security" in event:
        return f"{event['data_security']['detection_pattern']}:{event['unmapped']['done']}"
    return f"{event['unmapped']['verdict']}:{event['status_code']}"


@dataclass(frozen=True)
class Way:
    """From where to where connections go through the proxy."""

    source: Namespace
    target: Namespace
    address: str
    version: int

    @contextmanager
    def listening(self, backlog: int = 128) -> Iterator[socket.socket]:
        """A listener at the far end, on a port of its own."""

        def make() -> socket.socket:
            sock = socket.socket(FAMILY[self.version])
            sock.settimeout(PATIENCE)
            sock.bind((self.address, 0))
            sock.listen(backlog)
            return sock

        with self.target.run(make) as sock:
            yield sock

    def dial(self, port: int) -> socket.socket:
        """A client's connection to that port."""
        return self.source.run(lambda: socket.create_connection((self.address, port), timeout=PATIENCE))

    def denied(self, port: int) -> bool:
        """Whether a client that dials this port is reset before it hears anything."""
        try:
            with self.dial(port) as client:
                client.recv(1)
        except ConnectionResetError:
            return True
        return False

    @contextmanager
    def open(self) -> Iterator[tuple[socket.socket, socket.socket]]:
        """The client's end and the server's end of one connection."""
        with self.listening() as listener, self.dial(listener.getsockname()[1]) as client:
            server, _ = listener.accept()
            server.settimeout(PATIENCE)
            with server:
                yield client, server


@contextmanager
def wired() -> Iterator[tuple[Namespace, Namespace]]:
    """The pod and the outside on one cable."""
    with namespace() as pod, namespace() as outside:
        pod.ip(f"link add eth0 type veth peer name eth0 netns {outside.name}")
        for side, own in ((pod, POD), (outside, OUTSIDE)):
            side.ip("link set eth0 up")
            side.ip(f"addr add {own[4]}/24 dev eth0")
            side.ip(f"addr add {own[6]}/64 dev eth0 nodad")
        for gateway in OUTSIDE.values():
            pod.ip(f"route add default via {gateway}")
        yield pod, outside


@contextmanager
def sidecar(
    where: Room,
    settings: dict[str, object] | None = None,
    *,
    files: dict[str, str] | None = None,
    rules: Redirect | None = None,
    limits: Sequence[str] = (),
    program: Sequence[str] = (*CDEFENCE, "proxy"),
    ready: bool = True,
) -> Iterator[Sidecar]:
    """A sidecar of its own, with these settings (None: not set) and files; gone afterwards, and nothing raw in what it
    wrote.
    """
    number = len(list(where.files.iterdir()))
    folder = where.files / f"sidecar-{number}"
    make_directory(folder)
    make_directory(folder / "proxy", contract.PROXY_UID)
    for name, text in ({"scope-map.json": scope_map(), "policy.yaml": policy()} | (files or {})).items():
        if text:
            write(folder / name, text)
    with wired() as (pod, outside):
        pod.run(lambda: net.apply((rules or Redirect()).table()))
        side = Sidecar(pod, outside, where, folder)
        command = where.enter(pod, (*limits, *PROXY.prefix(), *program))
        with (folder / "log").open("wb") as log:
            side.process = subprocess.Popen(
                command, env=_environment(folder, settings or {}), stdout=log, stderr=log, cwd="/"
            )
        try:
            if ready:
                eventually(lambda: side.ready or side.process.poll() is not None, START_PATIENCE)
                assert side.process.poll() is None, f"exit code {side.process.poll()}: {side.log()}"
            yield side
        finally:
            died = side.process.poll() is not None and not side.sent_away
            side.process.kill()
            code = side.process.wait()
        assert not died, f"it died, exit code {code}: {side.log()}"
        _look_through(side)


def _environment(folder: Path, settings: dict[str, object]) -> dict[str, str]:
    own = POD_DIRECTORY / folder.name
    every = {
        "SCOPE": "in-scope",
        "POD": "relay-test",
        "POLICY": own / "policy.yaml",
        "SCOPE_MAP": own / "scope-map.json",
        "TOKEN": own / "token",
        "CA": own / "ca.crt",
        "EVENTS": own / "proxy/events.jsonl",
        "CACHE_DIR": POD_DIRECTORY / "cache",
        "RELOAD_S": "0.1",
        **settings,
    }
    given = {name: value for name, value in every.items() if value is not None}
    return _ENVIRONMENT | {contract.ENV_PREFIX + name: str(value) for name, value in given.items()}


def _look_through(side: Sidecar) -> None:
    """After every test, promise 1: nothing raw was written.  And every event fits the schema, and no defect is logged."""
    written = side.log() + "".join(json.dumps(event) for event in side.events())
    assert not _RAW.search(written), "a raw value was written"
    assert [problems(event, _SCHEMA, _SCHEMA) for event in side.events()] == [[]] * len(side.events())
    assert not _TROUBLE.search(side.log()), side.log()


def python(code: str) -> tuple[str, ...]:
    """A program that does `code` first and is the proxy then."""
    start = "import sys; from sidecar.cli import main; sys.exit(main(['proxy']))"
    return (sys.executable, "-P", "-c", f"{code}\n{start}")
