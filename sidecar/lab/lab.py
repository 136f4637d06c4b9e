"""The lab as an object: up, down, status, run a command in a pod, start and stop a sidecar, look at what it
tells.

What belongs here: the order of things.  How each thing is done is in netns, wiring, processes, pause, files.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException

from sidecar import contract
from sidecar.core.scopes import Mode
from sidecar.lab import evidence, netns, processes, wiring
from sidecar.lab.app import Tally
from sidecar.lab.errors import LabError
from sidecar.lab.files import DEFAULT_POLICY, LabFiles, PodFiles, give, state_root, write
from sidecar.lab.pause import POD_DIRECTORY
from sidecar.lab.processes import ROOT, Identity, Role
from sidecar.lab.topology import APP_UID, HTTP_PORT, NODE, PODS, PROTECTED, Pod, check_name, namespace

PROXY = Identity(contract.PROXY_UID, contract.PROXY_GID)
APP = Identity(APP_UID, APP_UID)

START_PATIENCE = 180.0
"""Seconds for a process to become ready; it takes one or two on a machine with nothing else to do."""
RELOAD_PATIENCE = 60.0
"""Seconds for a sidecar to take a new policy."""

TOOLS = {
    "ip": "iproute2",
    "nft": "nftables",
    "nsenter": "util-linux",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "openssl": "openssl",
    "curl": "curl",
}
"""Commands that the lab and its scenarios run, and the packages they come in."""

# -P: the pod's working directory must not be able to provide modules.
PYTHON = (sys.executable, "-P", "-m")
CDEFENCE = (*PYTHON, "sidecar.cli")
# No resolver: names come from /etc/hosts, so not even DNS has to leave a pod.
FIREWALL = ("net", "apply", "--resolver", "none")


@dataclass(frozen=True, slots=True)
class PodStatus:
    """One line of `lab status`; a pid is None where nothing runs."""

    pod: Pod
    network: bool
    pause: int | None
    sidecar: int | None
    ready: bool
    app: int | None

    @property
    def healthy(self) -> bool:
        """Whether everything that belongs to this pod is there."""
        own = self.network and self.pause is not None and self.app is not None
        return own and (self.ready or not self.pod.protected)


class Lab:
    """One lab by name.  Holds no state of its own: everything is asked of the kernel and the lab's folder."""

    def __init__(self, name: str) -> None:
        """Raises ValueError for an impossible name."""
        self.name = check_name(name)
        self.files = LabFiles(state_root() / name)

    # --- life ---------------------------------------------------------------------------------------------

    def up(self) -> None:
        """Make the lab, or what is missing of it; returns when everything is ready.  Raises LabError."""
        _require_root()
        _require_tools()
        with self.files.locked():
            self.files.prepare()
            wiring.wire(self.name)
            _for_each(PODS, self._ensure_pause)
            self._ensure_patterns()
            _for_each(PROTECTED, self._ensure_protection)
            _for_each(PODS, self._ensure_app)

    def down(self) -> None:
        """Remove everything of the lab that exists, in whatever state it is.  Raises LabError."""
        _require_root()
        with self.files.locked():
            for member in (*PODS, NODE):
                processes.end_all(self.namespace(member))
            wiring.unwire(self.name)
            self.files.remove()

    def status(self) -> list[PodStatus]:
        """What runs, pod by pod.  Raises LabError."""
        _require_root()
        return [self._status_of(pod) for pod in PODS]

    # --- commands in pods ---------------------------------------------------------------------------------

    def command(self, pod: Pod, command: Sequence[str], identity: Identity = ROOT) -> list[str]:
        """`command` as the host must call it for it to run in `pod`; its working directory will be /."""
        _require_root()
        pause = processes.with_role(self.namespace(pod), Role.PAUSE)
        if pause is None:
            raise LabError(
                f"pod {pod.name!r} of lab {self.name!r} is not up; remedy: cdefence lab up --name {self.name}"
            )
        return [*_enter(pause.pid), *identity.prefix(), *command]

    @property
    def pods(self) -> tuple[Pod, ...]:
        """Every pod of a lab."""
        return PODS

    def run(
        self,
        pod: Pod,
        command: Sequence[str],
        *,
        identity: Identity = APP,
        stdin: bytes = b"",
        timeout: float = 60.0,
    ) -> subprocess.CompletedProcess[bytes]:
        """Run `command` in `pod` to its end, with a plain environment; nothing is checked.

        Raises subprocess.TimeoutExpired after `timeout` seconds.
        """
        full = self.command(pod, command, identity)
        return subprocess.run(
            full, input=stdin, capture_output=True, env=_environment(), timeout=timeout, check=False
        )

    # --- sidecars -----------------------------------------------------------------------------------------

    def start_sidecar(self, pod: Pod, mode: Mode = Mode.PROTECT) -> None:
        """Start the sidecar of `pod` and wait until it is ready."""
        files = self.files.pod(pod)
        command = self.command(pod, (*CDEFENCE, "proxy"), PROXY)
        pid = processes.start(command, _sidecar_environment(pod, mode), Role.SIDECAR, files.log("sidecar"))
        self._await(pod, pid, "sidecar", lambda: self.ready(pod))

    def stop_sidecar(self, pod: Pod) -> None:
        """Kill the sidecar of `pod`, as a crash would, and wait until it is gone."""
        sidecar = processes.with_role(self.namespace(pod), Role.SIDECAR)
        if sidecar:
            processes.end([sidecar.pid])

    def ready(self, pod: Pod) -> bool:
        """Whether the sidecar of `pod` says that it is ready."""
        try:
            return self._get(pod, "127.0.0.1", contract.HEALTH_PORT, "/readyz")[0] == 200
        except (OSError, HTTPException):
            return False

    def apply_policy(self, pod: Pod, text: str = DEFAULT_POLICY) -> None:
        """Replace the policy file of `pod` and wait until its sidecar, which watches it, has taken it.

        Raises LabError when it does not within a few seconds.
        """
        policy = self.files.pod(pod).policy
        if policy.read_text() == text:
            return
        old = self._policy_version(pod)
        write(policy, text)
        deadline = time.monotonic() + RELOAD_PATIENCE
        while self._policy_version(pod) in ("", old):
            if time.monotonic() > deadline:
                raise LabError(
                    f"{pod.name}: the sidecar has not taken the new policy (see its log and {policy})"
                )
            time.sleep(0.01)

    def _policy_version(self, pod: Pod) -> str:
        return evidence.label(self.metrics(pod), "cdefence_policy_info", "version")

    # --- what the pods tell -------------------------------------------------------------------------------

    def metrics(self, pod: Pod) -> str:
        """The sidecar's metrics page, scraped from the node as Prometheus would; empty if it is down."""
        try:
            status, page = self._get(NODE, pod.v4, contract.METRICS_PORT, "/metrics")
        except (OSError, HTTPException):
            return ""
        return page if status == 200 else ""

    def rejections(self, pod: Pod) -> evidence.Counters:
        """Packets that the firewall of `pod` has rejected, by the comment of the rule."""
        command = ("nft", "--json", "list", "table", "inet", contract.NFT_TABLE)
        return evidence.rejections(self.run(pod, command, identity=ROOT).stdout.decode())

    def events(self, pod: Pod, start: int = 0) -> list[str]:
        """The whole lines that the sidecar's event file has from byte `start` on."""
        try:
            with self.files.pod(pod).events.open("rb") as file:
                file.seek(start)
                return file.read().rpartition(b"\n")[0].decode().splitlines()
        except FileNotFoundError:
            return []

    def events_size(self, pod: Pod) -> int:
        """Bytes in the event file: a `start` for later."""
        try:
            return self.files.pod(pod).events.stat().st_size
        except FileNotFoundError:
            return 0

    def received(self, pod: Pod) -> dict[str, Tally]:
        """What has reached the application of `pod`, by listener (http, https, tcp, udp)."""
        document: dict[str, dict[str, int]] = json.loads(self.files.pod(pod).ledger.read_text())
        return {listener: Tally(**tally) for listener, tally in document.items()}

    # --- steps --------------------------------------------------------------------------------------------

    def namespace(self, member: Pod) -> str:
        """The network namespace of `member`."""
        return namespace(self.name, member)

    def _ensure_pause(self, pod: Pod) -> None:
        """The process that holds the pod's mounts.  Without it nothing can enter: the rest starts anew too."""
        where = self.namespace(pod)
        if processes.with_role(where, Role.PAUSE):
            return
        processes.end_all(where)
        files = self.files.pod(pod)
        command = [
            "nsenter",
            f"--net={netns.path(where)}",
            "unshare",
            "--mount",
            "--uts",
            "--propagation=slave",
            "--",
        ]
        command += [*PYTHON, "sidecar.lab.pause", f"--name={pod.name}", f"--files={files.directory}"]
        pid = processes.start(command, _environment(), Role.PAUSE, files.log("pause"))
        self._await(pod, pid, "pause", lambda: processes.name_of(pid) == "sleep")

    def _ensure_patterns(self) -> None:
        """Compiled once, and then given to every proxy as its own: a proxy believes no other."""
        source = self.files.compiled
        if not source.exists():
            command = [*CDEFENCE, "proxy", "--prepare"]
            settings = {**_environment(), f"{contract.ENV_PREFIX}CACHE_DIR": str(source)}
            settings[f"{contract.ENV_PREFIX}SCOPE"] = PROTECTED[0].scope
            done = subprocess.run(command, capture_output=True, env=settings, check=False)
            if done.returncode:
                raise LabError(f"patterns: {_last_line(done.stderr.decode())}")
        for pod in PROTECTED:
            give(source, self.files.pod(pod).directory / "proxy/cache", contract.PROXY_UID)

    def _ensure_protection(self, pod: Pod) -> None:
        """First the rules, then the proxy that they redirect to: the pod is closed in between, never open."""
        self._init(pod)
        if processes.with_role(self.namespace(pod), Role.SIDECAR) is None:
            self.start_sidecar(pod)

    def _init(self, pod: Pod) -> None:
        """The init step: root with NET_ADMIN alone, like the init container.  May be repeated."""
        command = (*processes.NET_ADMIN_ONLY, *CDEFENCE, *FIREWALL)
        done = self.run(pod, command, identity=ROOT, timeout=START_PATIENCE)
        self.files.pod(pod).log("init").write_bytes(done.stdout + done.stderr)
        if done.returncode:
            raise LabError(f"{pod.name}: cdefence net apply: {_last_line(done.stderr.decode())}")

    def _ensure_app(self, pod: Pod) -> None:
        if processes.with_role(self.namespace(pod), Role.APP):
            return
        files = self.files.pod(pod)
        files.ledger.unlink(missing_ok=True)
        ledger = POD_DIRECTORY / files.ledger.relative_to(files.directory)
        command = [*PYTHON, "sidecar.lab.app", f"--files={POD_DIRECTORY}", f"--ledger={ledger}"]
        pid = processes.start(self.command(pod, command, APP), _environment(), Role.APP, files.log("app"))
        self._await(pod, pid, "app", lambda: self._listens(pod, HTTP_PORT) and files.ledger.exists())

    def _await(self, pod: Pod, pid: int, what: str, condition: Callable[[], bool]) -> None:
        """Wait for `condition`; an early death, or too long a wait, is an error with the end of the log."""
        deadline = time.monotonic() + START_PATIENCE
        while not condition():
            dead = not processes.alive(pid)
            if dead or time.monotonic() > deadline:
                log = self.files.pod(pod).log(what)
                fault = "ended at its start" if dead else f"was not ready in {START_PATIENCE:.0f} s"
                raise LabError(f"{pod.name}: {what} {fault}: {_last_line(log.read_text())} (see {log})")
            time.sleep(0.01)

    def _status_of(self, pod: Pod) -> PodStatus:
        where = self.namespace(pod)
        pids = {process.role: process.pid for process in processes.find(where) if process.role}
        network = netns.exists(where) and wiring.UPLINK in netns.links(where)
        ready = Role.SIDECAR in pids and self.ready(pod)
        return PodStatus(
            pod, network, pids.get(Role.PAUSE), pids.get(Role.SIDECAR), ready, pids.get(Role.APP)
        )

    def _listens(self, pod: Pod, port: int) -> bool:
        try:
            netns.connect(self.namespace(pod), "127.0.0.1", port).close()
        except OSError:
            return False
        return True

    def _get(self, origin: Pod, address: str, port: int, path: str) -> tuple[int, str]:
        """Status and body of an HTTP GET sent from `origin`'s namespace."""
        connection = HTTPConnection(address, port)
        connection.sock = netns.connect(self.namespace(origin), address, port)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()


def _require_root() -> None:
    if os.geteuid() != 0:
        raise LabError("the lab needs root, to make network namespaces; remedy: run it with sudo")


def _require_tools() -> None:
    missing = {package for tool, package in TOOLS.items() if shutil.which(tool) is None}
    if missing:
        raise LabError(
            f"the lab needs Debian packages: {' '.join(sorted(missing))}; remedy: apt-get install them"
        )


def _for_each(pods: Iterable[Pod], step: Callable[[Pod], None]) -> None:
    """Take a step for all pods at once; the first failure is raised when all have finished."""
    with ThreadPoolExecutor() as pool:
        for _ in pool.map(step, pods):
            pass


def _enter(pid: int) -> list[str]:
    return ["nsenter", f"--target={pid}", "--net", "--mount", "--uts", "--"]


def _environment() -> dict[str, str]:
    """What every process in a pod gets; nothing of the caller's environment but the search path."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LANG": "C.UTF-8", "HOME": "/"}


def _sidecar_environment(pod: Pod, mode: Mode) -> dict[str, str]:
    files = PodFiles(POD_DIRECTORY)
    settings = {
        "SCOPE": pod.scope,
        "MODE": mode,
        "POD": pod.name,
        "POLICY": str(files.policy),
        "SCOPE_MAP": str(files.scope_map),
        "EVENTS": str(files.events),
        "CACHE_DIR": str(files.directory / "proxy/cache"),
        "RELOAD_S": "0.1",
    }
    return {**_environment(), **{contract.ENV_PREFIX + name: str(value) for name, value in settings.items()}}


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "no message"
