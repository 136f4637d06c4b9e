"""The counters of the data path: plain integers in dictionaries, cheap enough to count every flow and every
scan.

What belongs here: counting.  What never does: formatting; `exposition.py` turns the counters into
Prometheus families when somebody asks.  No label holds an address, a host or a pod name: those are
unbounded and go into events.

Everything is touched from one thread (the event loop), so there are no locks.
"""

import time
from collections import defaultdict
from collections.abc import Callable, Mapping
from enum import StrEnum

from sidecar import __version__
from sidecar.core.allowances import Basis
from sidecar.core.findings import Channel
from sidecar.core.reasons import Reason
from sidecar.core.scopes import Direction, PeerClass
from sidecar.ops.verdict import Verdict

UNINSPECTED = (Reason.ENCRYPTED, Reason.UNSUPPORTED_ENCODING, Reason.TOO_LARGE)
"""Why bytes pass unseen; exposed from the start, so that an alert can tell zero from absent."""

INSPECTED = (Channel.HTTP1, Channel.OPAQUE)
"""What is looked into; exposed from the start."""

SCAN_BITS = 64
"""Scan times are counted by the number of bits of their nanoseconds."""


class Lookup(StrEnum):
    """How a question about a peer that the map lacks was answered."""

    FOUND = "found"
    UNKNOWN = "unknown"
    FAILED = "failed"
    """Not in time, or not at all."""


class Metrics:
    """All counters of one proxy process.  The fields are read by `exposition.py`; callers use the methods."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, version: str = __version__) -> None:
        self.clock = clock
        self.version = version
        self.started_at = time.time()
        self.flows: defaultdict[tuple[Direction, Verdict, Reason, PeerClass, PeerClass, Channel], int]
        self.flows = defaultdict(int)
        self.blocked_flows: defaultdict[tuple[Direction, Reason, str], int] = defaultdict(int)
        self.findings: defaultdict[tuple[str, str, Direction], int] = defaultdict(int)
        self.passed_over = 0
        """Bytes in which some patterns were not looked for, because enough of their kind were told."""
        self.excused_findings: defaultdict[tuple[Basis, str, Direction], int] = defaultdict(int)
        self.inspected_bytes: defaultdict[tuple[Direction, Channel], int] = defaultdict(int)
        self.inspected_bytes.update({(way, channel): 0 for way in Direction for channel in INSPECTED})
        self.uninspected_bytes: defaultdict[Reason, int] = defaultdict(int, dict.fromkeys(UNINSPECTED, 0))
        self.scans = [0] * (SCAN_BITS + 1)
        self.scan_ns = 0
        self.active: dict[Direction, int] = dict.fromkeys(Direction, 0)
        """Open connections; the relay adds and subtracts here."""
        self.policy_version = ""
        self.policy_exceptions: Mapping[str, float] = {}
        """When each exception of the policy ends, seconds since 1970."""
        self.policy_reload_errors = 0
        self.scope_map_reload_errors = 0
        self.scope_map_entries: Callable[[], Mapping[PeerClass, int]] = lambda: dict.fromkeys(PeerClass, 0)
        """Asked at scrape time: the map changes far more often than somebody looks."""
        self.scope_map_loaded_at: float | None = None
        self.scope_stream_connected = False
        """Whether the controller tells us what changes; the stream notes it here."""
        self.scope_stream_reconnects = 0
        self.scope_lookups: dict[Lookup, int] = dict.fromkeys(Lookup, 0)
        self.scope_conflicts = 0
        self._last_conflicts = 0
        self.events_dropped: Callable[[], int] = lambda: 0
        """Asked at scrape time; the composition root points it at the event log."""

    def flow(
        self,
        direction: Direction,
        verdict: Verdict,
        reason: Reason,
        src: PeerClass,
        dst: PeerClass,
        channel: Channel,
    ) -> None:
        """One flow, once what became of it is known."""
        self.flows[direction, verdict, reason, src, dst, channel] += 1

    def blocked(self, direction: Direction, reason: Reason, rule: str) -> None:
        """One flow that was denied or cut off, by the policy rule named `rule`."""
        self.blocked_flows[direction, reason, rule] += 1

    def finding(self, pattern: str, action: str, direction: Direction) -> None:
        """One finding of `pattern`, and what was done about it."""
        self.findings[pattern, action, direction] += 1

    def excused(self, basis: Basis, rule: str, direction: Direction) -> None:
        """One finding that an exclusion or exception of this name spoke about."""
        self.excused_findings[basis, rule, direction] += 1

    def inspected(self, direction: Direction, channel: Channel, n_bytes: int) -> None:
        """Bytes that were looked into."""
        self.inspected_bytes[direction, channel] += n_bytes

    def uninspected(self, reason: Reason, n_bytes: int) -> None:
        """Bytes that passed without a look, and why (promise 4)."""
        self.uninspected_bytes[reason] += n_bytes

    def scan(self, ns: int) -> None:
        """One call of the matcher took `ns` nanoseconds."""
        # ns <= 2**b exactly when (ns - 1) has at most b bits: the bucket of the upper bound 2**b ns.
        self.scans[(ns - 1).bit_length()] += 1
        self.scan_ns += ns

    def set_policy(self, version: str, exceptions: Mapping[str, float] | None = None) -> None:
        """A policy is in force; `exceptions` end at these times, seconds since 1970."""
        self.policy_version = version
        self.policy_exceptions = exceptions or {}

    def policy_reload_failed(self) -> None:
        """A changed policy file could not be used."""
        self.policy_reload_errors += 1

    def set_scope_map(
        self, entries: Callable[[], Mapping[PeerClass, int]], conflicts: int, loaded_at_monotonic: float
    ) -> None:
        """A scope map is in force: what counts its entries by class, conflicts, and when it was read (`clock`)."""
        self.scope_map_entries = entries
        # A counter never falls: reading the same map again adds nothing, a map with more conflicts adds the
        # new ones.
        self.scope_conflicts += max(0, conflicts - self._last_conflicts)
        self._last_conflicts = conflicts
        self.scope_map_loaded_at = loaded_at_monotonic

    def scope_map_heard(self, age: float) -> None:
        """The controller says that our map is as old as that, seconds."""
        self.scope_map_loaded_at = self.clock() - age

    def looked_up(self, result: Lookup) -> None:
        """The controller was asked about one peer."""
        self.scope_lookups[result] += 1

    def scope_map_reload_failed(self) -> None:
        """A changed scope map file could not be used."""
        self.scope_map_reload_errors += 1

    def scope_map_age(self) -> float:
        """Seconds since the scope map was read; infinite if there is none, so that an alert on age fires."""
        return float("inf") if self.scope_map_loaded_at is None else self.clock() - self.scope_map_loaded_at
