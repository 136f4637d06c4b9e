"""The scenarios' view of a cluster: clients by `kubectl exec`, events from the proxies' logs, metrics from their pods.

One name may stand for several pods (the replicas of a Deployment): what they tell is added up.
"""

import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sidecar import contract
from sidecar.core.scopes import PeerClass
from sidecar.lab import evidence
from sidecar.lab.app import Tally
from sidecar.lab.evidence import Counters
from sidecar.lab.files import DEFAULT_POLICY
from sidecar.lab.topology import Pod
from tests.cluster.bed.bed import Bed
from tests.cluster.cluster import Cluster, ClusterError
from tests.cluster.demo.install import NAMESPACE

PODS: Final = (
    Pod("checkout", "", "", PeerClass.IN_SCOPE),
    Pod("vault", "", "", PeerClass.IN_SCOPE),
    Pod("ledger", "", "", PeerClass.IN_SCOPE),
    Pod("gateway", "", "", PeerClass.CONNECTED_TO),
    Pod("shop", "", "", PeerClass.OUT_OF_SCOPE),
    Pod("stranger", "", "", PeerClass.UNKNOWN, protected=False),
    Pod("internet", "", "", PeerClass.EXTERNAL, protected=False),
)
NAMESPACES: Final = {"stranger": "elsewhere"}
LEDGER: Final = "/run/echo/received.json"
_PYTHON: Final = "/opt/cdefence/bin/python"
_KUBECTL_ADDS: Final = re.compile(rb"command terminated with exit code [0-9]+\n\Z")


@dataclass(slots=True)
class KubeScene:
    """A `Scene` on a cluster whose applications are up."""

    cluster: Cluster
    _marks: dict[int, dict[str, int]] = field(default_factory=dict)
    """How many events each proxy had told, by the number that `events_size` gave."""
    _names: dict[str, list[str]] = field(default_factory=dict)
    _pids: dict[str, int] = field(default_factory=dict)
    _workers: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(8))

    @property
    def pods(self) -> tuple[Pod, ...]:
        """Everybody who can take part."""
        return PODS

    # --- clients ------------------------------------------------------------------------------------------------------

    def run(
        self, pod: Pod, command: Sequence[str], *, stdin: bytes = b"", timeout: float = 20.0
    ) -> subprocess.CompletedProcess[bytes]:
        """In the container with curl and openssl; the lab's own raw client runs with the application's Python."""
        container, words = "tools", list(command)
        if words[0] == sys.executable:
            container, words[0] = "app", _PYTHON
        target = ("-n", _namespace(pod), self.names(pod)[0], "-c", container)
        full = ["kubectl", "exec", "-i", "--quiet", *target, "--", *words]
        environment = dict(self.cluster.environment)
        done = subprocess.run(
            full, input=stdin, capture_output=True, timeout=timeout, check=False, env=environment
        )
        done.stderr = _KUBECTL_ADDS.sub(b"", done.stderr)
        return done

    # --- what the pods tell -------------------------------------------------------------------------------------------

    def received(self, pod: Pod) -> dict[str, Tally]:
        """The ledgers of all replicas, added up."""
        if pod.name == "internet":
            return _tallies([_outside(self.cluster)])
        return _tallies(self._workers.map(lambda name: self._ledger(pod, name), self.names(pod)))

    def _ledger(self, pod: Pod, name: str) -> str:
        """The bed's root reads the file itself: to start a program in a pod costs more than all else in a row."""
        if self.cluster.bed is not None:
            return Path(f"/proc/{self._pid(pod, name)}/root{LEDGER}").read_text()
        return self.cluster.kubectl("exec", "-n", _namespace(pod), name, "-c", "tools", "--", "cat", LEDGER)

    def metrics(self, pod: Pod) -> str:
        """The pages of all replicas, sample by sample added up, as the exposition format has them."""
        pages = self._pages(pod)
        if len(pages) == 1:
            return pages[0]
        counters = evidence.total(map(evidence.counters, pages))
        samples = [f"{series} {value}" for series, value in counters.items()]
        others = [line for line in pages[0].splitlines() if line.partition(" ")[0] not in counters]
        return "\n".join([*others, *samples])

    def _pages(self, pod: Pod) -> list[str]:
        """The metrics page of each replica, through the API server."""
        api, port = f"/api/v1/namespaces/{_namespace(pod)}/pods", contract.METRICS_PORT
        return list(
            self._workers.map(
                self.cluster.read, (f"{api}/{name}:{port}/proxy/metrics" for name in self.names(pod))
            )
        )

    def events(self, pod: Pod, start: int = 0) -> list[str]:
        """What the proxies of `pod` have told since `start`."""
        marks = self._marks.get(start, {})
        return [line for name in self.names(pod) for line in self._told(pod, name)[marks.get(name, 0) :]]

    def events_size(self, pod: Pod) -> int:
        """A number for `events`."""
        number = len(self._marks) + 1
        self._marks[number] = {name: len(self._told(pod, name)) for name in self.names(pod)}
        return number

    def _told(self, pod: Pod, name: str) -> list[str]:
        path = f"/api/v1/namespaces/{_namespace(pod)}/pods/{name}/log?container={contract.PROXY_CONTAINER}"
        lines = self.cluster.read(path).splitlines()
        return [line for line in lines if line.startswith("{") and '"class_uid"' in line]

    def rejections(self, pod: Pod) -> Counters:
        """From the pods' own namespaces, which only the bed's root can look into; nothing elsewhere."""
        if self.cluster.bed is None:
            return {}
        found: Counter[str] = Counter()
        for name in self.names(pod):
            words = ["nsenter", f"--net=/proc/{self._pid(pod, name)}/ns/net", "--", *_NFT]
            listing = subprocess.run(words, capture_output=True, check=True, text=True).stdout
            found.update({rule: int(count) for rule, count in evidence.rejections(listing).items()})
        return found

    def _pid(self, pod: Pod, name: str) -> int:
        """Of the first container of a pod of the bed, on this machine; like names, it stays."""
        assert self.cluster.bed is not None
        if name not in self._pids:
            path = "{.status.containerStatuses[0].containerID}"
            container = self.cluster.ask(path, "pod", name, "-n", _namespace(pod)).rpartition("/")[2]
            self._pids[name] = pid_of(self.cluster.bed, container)
        return self._pids[name]

    # --- changes ------------------------------------------------------------------------------------------------------

    def apply_policy(self, pod: Pod, text: str = DEFAULT_POLICY) -> None:
        """Replace the cluster's policy and wait until every proxy has it.  Raises ClusterError."""
        where = ("configmap", contract.POLICY_CONFIG_MAP, "-n", contract.SYSTEM_NAMESPACE)
        if self.cluster.kubectl("get", *where, "-o", r"jsonpath={.data.policy\.yaml}") == text:
            return
        old = {each.name: self._policy_version(each) for each in PODS if each.protected}
        patch = json.dumps({"data": {"policy.yaml": text}})
        self.cluster.kubectl("patch", *where, "--type=merge", "-p", patch)
        self.cluster.until(
            lambda: all(
                self._policy_version(each) not in ("", old[each.name]) for each in PODS if each.protected
            ),
            "the new policy in every proxy",
        )

    def _policy_version(self, pod: Pod) -> str:
        """Of all replicas; empty while they differ."""
        versions = {evidence.label(page, "cdefence_policy_info", "version") for page in self._pages(pod)}
        return versions.pop() if len(versions) == 1 else ""

    def stop_sidecar(self, pod: Pod) -> None:
        """The kubelet would start it again before anybody could look."""
        raise ClusterError(f"{pod.name}: a cluster restarts sidecars; see the tests of faults")

    start_sidecar = stop_sidecar

    # --- names ----------------------------------------------------------------------------------------------------------

    def names(self, pod: Pod) -> list[str]:
        """The running pods that `pod` stands for; they stay the same while scenarios are played."""
        if pod.name not in self._names:
            words = ("-n", _namespace(pod), "-l", f"app={pod.name}", "--field-selector=status.phase=Running")
            items = json.loads(self.cluster.kubectl("get", "pods", *words, "-o", "json"))["items"]
            living = (item["metadata"] for item in items if "deletionTimestamp" not in item["metadata"])
            self._names[pod.name] = sorted(metadata["name"] for metadata in living)
        return self._names[pod.name]


_NFT: Final = ("nft", "--json", "list", "table", "inet", contract.NFT_TABLE)


def _namespace(pod: Pod) -> str:
    return NAMESPACES.get(pod.name, NAMESPACE)


def _outside(cluster: Cluster) -> str:
    assert cluster.bed is not None
    return (cluster.bed.places.folder / "internet" / "received.json").read_text()


def _tallies(ledgers: "Sequence[str] | map[str]") -> dict[str, Tally]:
    total: dict[str, Tally] = {}
    for ledger in ledgers:
        for listener, numbers in json.loads(ledger).items():
            sums = total.setdefault(listener, Tally())
            for name, value in numbers.items():
                setattr(sums, name, getattr(sums, name) + value)
    return total


def pid_of(bed: Bed, container: str) -> int:
    """The first process of a running container of the bed.  Raises ClusterError if it does not run (any more)."""
    address = f"--address={bed.places.containerd_socket}"
    tasks = bed.run(["ctr", address, "--namespace=k8s.io", "tasks", "list"]).stdout
    for line in tasks.splitlines():
        if container and line.startswith(container):
            return int(line.split()[1])
    raise ClusterError(f"container {container or '(none)'} does not run: its pod was restarted meanwhile")
