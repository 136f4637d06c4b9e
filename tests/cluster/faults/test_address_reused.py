"""An address goes to a pod of another scope within a second, two hundred times; nobody is taken for who was there before.

The pods are objects in the real API server, created through webhook and guard, that no kubelet starts: their status is
written by the test, so a change of owner takes milliseconds.  The connections are real: they come from that very address,
which the namespace of `stranger` has besides its own, and meet the sidecar of `vault`.

`test_by_a_kubelet` shows the same with a kubelet and CNI that reuse addresses as quickly as they can; see there.
"""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from statistics import median
from typing import Final

import pytest

from tests.cluster.cluster import PATIENCE_S
from tests.cluster.faults.api import Pods
from tests.cluster.faults.routes import INSIDE, PORT
from tests.cluster.faults.scene import Scene

LANES: Final = 4
QUICK: Final = 50
"""Changes of owner within a second, of each lane."""
MOST: Final = 300
"""Changes that a lane may need for them: a busy machine does not always create a pod within a second."""
WITHIN_S: Final = 1.0
"""From the end of one owner to the presence of the next."""
BAR_S: Final = 1.0
"""From a pod's change to what sidecars do."""
AGAIN: Final = 3
"""Knocks after the first right one, all of which must be right."""


@dataclass(slots=True)
class Lane:
    """One address, and who knocks from there."""

    number: int
    pods: Pods
    knocker: "subprocess.Popen[str]" = field(repr=False)
    gaps: list[float] = field(default_factory=list)
    """Seconds between the end of one owner and the presence of the next; negative when they overlapped."""
    late: dict[bool, list[float]] = field(default_factory=lambda: {True: [], False: []})
    """Seconds from the presence of the new owner to the last knock that was treated as the old one's, by whether the new
    one is allowed."""

    @property
    def address(self) -> str:
        """Beyond what the CNI's allocator has come to."""
        return f"10.244.0.{240 + self.number}"

    def answered(self) -> bool:
        """Knock once."""
        assert self.knocker.stdin is not None
        assert self.knocker.stdout is not None
        self.knocker.stdin.write("\n")
        self.knocker.stdin.flush()
        end = json.loads(self.knocker.stdout.readline())["end"]
        assert end in ("answered", "reset", "closed"), end
        return bool(end == "answered")

    def becomes(self, allowed: bool) -> None:
        """Knock until it ends as it must, and then some times more."""
        present = asked = last_wrong = time.monotonic()
        right = 0
        while right <= AGAIN:
            if self.answered() is allowed:
                right += 1
            else:  # decided when it knocked, or a moment later; once denied it stays denied
                assert allowed or not right, f"{self.address} is allowed again"
                last_wrong, right = asked, 0
            asked = time.monotonic()
            assert asked < present + PATIENCE_S, f"{self.address}: never {'allowed' if allowed else 'denied'}"
        self.late[allowed].append(last_wrong - present)


# --- how one owner follows the other


def deleted_first(lane: Lane, old: str, new: str, scope: str) -> float:
    """The usual order."""
    lane.pods.delete(old)
    gone = time.monotonic()
    lane.pods.create(new, scope)
    lane.pods.run(new, lane.address)
    return gone


def told_late(lane: Lane, old: str, new: str, scope: str) -> float:
    """The node has given the address away before the API server hears of the end of the first."""
    lane.pods.create(new, scope)
    lane.pods.run(new, lane.address)
    lane.pods.delete(old)
    return time.monotonic()


def finished_first(lane: Lane, old: str, new: str, scope: str) -> float:
    """The first has run to its end and stays as an object with the address in its status."""
    lane.pods.finish(old, lane.address)
    gone = time.monotonic()
    lane.pods.create(new, scope)
    lane.pods.run(new, lane.address)
    return gone


def prepared(lane: Lane, old: str, new: str, scope: str) -> float:
    """The next one waits already, as in a rollout."""
    lane.pods.create(new, scope)
    lane.pods.delete(old)
    gone = time.monotonic()
    lane.pods.run(new, lane.address)
    return gone


ORDERS: Final[tuple[Callable[[Lane, str, str, str], float], ...]] = (
    deleted_first,
    told_late,
    finished_first,
    prepared,
)


def test_two_hundred_times(scene: Scene, healthy: None, lanes: list[Lane]) -> None:
    before = scene.restarts("vault", "cdefence-proxy")
    with ThreadPoolExecutor(LANES) as workers:
        list(workers.map(_change_owners, lanes))
    gaps = [each for lane in lanes for each in lane.gaps]
    print(
        f"{len(gaps)} changes of owner; between them median {median(gaps):.3f} s, at most {max(gaps):.3f} s"
    )
    for allowed, words in ((False, "still allowed"), (True, "still denied")):
        late = sorted(each for lane in lanes for each in lane.late[allowed])
        print(
            f"{words}: median {median(late):.3f} s, p99 {late[len(late) * 99 // 100]:.3f} s, max {late[-1]:.3f} s"
        )
        assert late[-1] < BAR_S
    assert sum(gap < WITHIN_S for gap in gaps) >= 200
    assert scene.restarts("vault", "cdefence-proxy") == before


def _change_owners(lane: Lane) -> None:
    """In scope, then out of scope, then in scope …, in every order in turn."""
    lane.pods.create("owner-0", "in-scope")
    lane.pods.run("owner-0", lane.address)
    lane.becomes(allowed=True)
    for change in range(1, MOST):
        old, new = f"owner-{change - 1}", f"owner-{change}"
        allowed = change % 2 == 0
        order = ORDERS[change // 2 % len(ORDERS)]
        gone = order(lane, old, new, "in-scope" if allowed else "out-of-scope")
        lane.gaps.append(time.monotonic() - gone)
        lane.becomes(allowed=allowed)
        lane.pods.forget(old)
        if sum(gap < WITHIN_S for gap in lane.gaps) == QUICK:
            return


@pytest.fixture
def lanes(scene: Scene) -> Iterator[list[Lane]]:
    """Their addresses are `stranger`'s as well for the time of a test."""
    netns = f"/proc/{scene.pid('stranger', 'app')}/ns/net"
    vault = scene.cluster.ask("{.status.podIP}", "pod", "vault", "-n", INSIDE)
    found: list[Lane] = []
    try:
        for number in range(LANES):
            pods = Pods(scene.cluster, f"lane-{number}-")
            lane = Lane(number, pods, _knocker(netns, f"10.244.0.{240 + number}", vault))
            found.append(lane)
        yield found
    finally:
        for lane in found:
            lane.knocker.kill()
            lane.knocker.communicate()
            lane.pods.close()
            _ip(netns, "del", lane.address)


# One knock for each line it reads; in the namespace of a pod, from an address of its own.
KNOCKER: Final = """
import json, socket, sys
own, host, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
for _ in sys.stdin:
    end = "closed"
    try:
        with socket.create_connection((host, port), 5, (own, 0)) as connection:
            connection.sendall(b"knock\\n")
            end = "answered" if connection.recv(64) else end
    except ConnectionResetError:
        end = "reset"
    except OSError as error:
        end = str(error)
    print(json.dumps({"end": end}), flush=True)
"""


def _knocker(netns: str, address: str, host: str) -> "subprocess.Popen[str]":
    _ip(netns, "add", address)
    words = ["nsenter", f"--net={netns}", "--", sys.executable, "-c", KNOCKER, address, host, str(PORT)]
    return subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def _ip(netns: str, action: str, address: str) -> None:
    words = ["nsenter", f"--net={netns}", "--", "ip", "address", action, f"{address}/32", "dev", "eth0"]
    subprocess.run(words, check=True, capture_output=True)
