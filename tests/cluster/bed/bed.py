"""One bed: the composition of its parts.  `up` starts, `down` takes everything away, whatever state it is in.

What never belongs here: how a part works.
"""

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from tests.cluster.bed import (
    addresses,
    build,
    control,
    daemon,
    dns,
    door,
    images,
    needs,
    netns,
    pki,
    teardown,
    worker,
)
from tests.cluster.bed.errors import BedError
from tests.cluster.bed.places import REPOSITORY, Places

_PYTHON = REPOSITORY / ".venv" / "bin" / "python"


@dataclass(frozen=True, slots=True)
class Facts:
    """What a later process has to know of a bed that is up."""

    version: str
    port: int
    worker: bool


@dataclass(frozen=True, slots=True)
class Bed:
    """A cluster called `name`; the same name is the same cluster, in any process."""

    places: Places

    @classmethod
    def named(cls, name: str) -> "Bed":
        """The bed `name`, up or not.  Raises BedError when that cannot be a name."""
        return cls(Places(name))

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig; works on the host and in the bed."""
        return self.places.kubeconfig

    @property
    def facts(self) -> Facts | None:
        """None when the bed is not up: also when its owner and its programs were killed and their remains lie there."""
        file = self.places.folder / "facts.json"
        return Facts(**json.loads(file.read_text())) if file.exists() and self._reachable else None

    def up(self, *, worker: bool = True, version: str | None = None) -> None:
        """Start it, anew if remains are found.  Raises BedError, and then nothing is left."""
        wanted = version or build.version()
        if lack := needs.missing(worker=worker, wanted=wanted):
            raise BedError(lack)
        binaries = build.control_binaries(wanted)
        build.worker_binaries()  # etcd and kubectl are always of the default version
        self.down()
        try:
            self._start(Facts(wanted, door.free_port(), worker), binaries)
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """Take it away; nothing happens if there is none.  Raises BedError naming what could not be removed."""
        needs.extend_path()
        teardown.down(self.places)

    def command(self, command: Sequence[str | Path], *, outside: bool = False) -> list[str]:
        """The words that run `command` in the node's namespace, or in the one outside the cluster."""
        name = self.places.outside if outside else self.places.netns
        return [*netns.inside(name), *map(str, command)]

    def environment(self) -> dict[str, str]:
        """The environment with KUBECONFIG, and the bed's programs on the PATH."""
        path = f"{build.worker_binaries()}:{os.environ.get('PATH', '')}"
        return os.environ | {"KUBECONFIG": str(self.kubeconfig), "PATH": path}

    def run(
        self, command: Sequence[str | Path], *, stdin: str = "", outside: bool = False, timeout: float = 120
    ) -> "subprocess.CompletedProcess[str]":
        """Run `command` in the bed to its end; its exit code is the caller's to judge.  Raises BedError if it has none."""
        try:
            return subprocess.run(
                self.command(command, outside=outside),
                input=stdin,
                capture_output=True,
                text=True,
                check=False,
                timeout=timeout,
                env=self.environment(),
            )
        except subprocess.TimeoutExpired:
            raise BedError(f"{' '.join(map(str, command))}: no end after {timeout:g} s") from None

    def start(
        self, name: str, command: Sequence[str | Path], env: Mapping[str, str] | None = None
    ) -> daemon.Daemon:
        """Start a process of the test's own in the bed; it ends with the bed, or with `daemon.stop`."""
        return daemon.start(self.places, name, command, env=self.environment() | dict(env or {}))

    @contextmanager
    def outside(self, name: str, command: Sequence[str | Path]) -> Iterator[daemon.Daemon]:
        """A process in the namespace outside the cluster, for the time of a test."""
        started = daemon.start(self.places, name, command, env=self.environment(), within=self.places.outside)
        try:
            yield started
        finally:
            daemon.stop(self.places, started, patience=1)

    def apply(self, manifest: str) -> None:
        """`kubectl apply` of YAML text.  Raises BedError with kubectl's words."""
        done = self.run(["kubectl", "apply", "-f", "-"], stdin=manifest)
        if done.returncode:
            raise BedError(f"kubectl apply: {done.stderr.strip()}")

    def load(self, archive: Path) -> str:
        """Bring an image archive into the bed's containerd; returns the image's name."""
        return images.load(self.places, archive)

    def stop_apiserver(self) -> None:
        """From now on nobody answers; etcd keeps what is stored.

        Controller manager and scheduler end too, as those with an election do: they would look for the API server less and
        less often, and namespaces would have no service account for up to a minute after it is back.
        """
        for name in ("kube-scheduler", "kube-controller-manager", "kube-apiserver"):
            daemon.stop(self.places, daemon.find(self.places, name), patience=3)

    def start_apiserver(self, *, seconds: float = 180) -> None:
        """Start the API server and what ended with it, and wait until it is ready."""
        facts = self._facts()
        binaries = build.control_binaries(facts.version)
        server = control.start_apiserver(self.places, binaries, facts.port)
        self._until_ready(facts.port, server, seconds)
        control.start_manager(self.places, binaries)
        control.start_scheduler(self.places, binaries)

    def _start(self, facts: Facts, binaries: Path) -> None:
        places = self.places
        places.folder.mkdir(parents=True, mode=0o700)
        netns.create(places)
        pki.create(places, facts.port)
        control.start_etcd(places, build.worker_binaries())
        server = control.start_apiserver(places, binaries, facts.port)
        words: list[str | Path] = [_PYTHON, "-m", "tests.cluster.bed.door", places.netns, str(facts.port)]
        daemon.start(places, "door", words, within=None, env={"PYTHONPATH": str(REPOSITORY)})
        self._until_ready(facts.port, server, 180)
        manager = control.start_manager(places, binaries)
        scheduler = control.start_scheduler(places, binaries)
        ready = partial(control.accounts_ready, places, facts.port)
        self._until(ready, "default service account", 180, server, manager, scheduler)
        if facts.worker:
            self._start_worker(build.worker_binaries())
        (places.folder / "facts.json").write_text(json.dumps(asdict(facts)))

    def _start_worker(self, binaries: Path) -> None:
        places = self.places
        containerd = worker.start_containerd(places)
        self._until(lambda: worker.containerd_ready(places), "containerd", 120, containerd)
        images.load(places, images.pause())
        daemons = (worker.start_kubelet(places, binaries), worker.start_proxy(places, binaries))
        self.apply(dns.manifest(binaries))
        self._until(self._node_ready, "node Ready", 180, containerd, *daemons)
        self._until(self._dns_ready, "cluster DNS ready", 180, containerd, *daemons)

    def _node_ready(self) -> bool:
        return (
            self._says("nodes", addresses.NODE_NAME, '{.status.conditions[?(@.type=="Ready")].status}')
            == "True"
        )

    def _dns_ready(self) -> bool:
        return self._says("deployment", "coredns", "{.status.readyReplicas}", "-n", "kube-system") == "1"

    def _says(self, kind: str, name: str, path: str, *words: str) -> str:
        return self.run(["kubectl", "get", kind, name, "-o", f"jsonpath={path}", *words]).stdout.strip()

    def _until(self, ready: Callable[[], bool], what: str, seconds: float, *watching: daemon.Daemon) -> None:
        daemon.until(ready, what, seconds=seconds, watching=watching, logs=self.places.logs)

    def _until_ready(self, port: int, server: daemon.Daemon, seconds: float) -> None:
        self._until(partial(control.ready, self.places, port), "API server ready", seconds, server)

    @property
    def _reachable(self) -> bool:
        """Whether there is still a way in; the API server itself may be stopped for a while, by a test."""
        return any(each.name == "door" and each.alive for each in daemon.recorded(self.places))

    def _facts(self) -> Facts:
        facts = self.facts
        if facts is None:
            raise BedError(f"bed {self.places.name} is not up")
        return facts
