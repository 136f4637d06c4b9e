"""What every decision needs to know at the moment it is taken: policy, mode, scope map, engine, and who we are.

The parts are frozen; a reload replaces one of them in a single assignment.  A connection asks once, when it is
accepted, and keeps what it was told: a reload never cuts a flow in the middle of a message.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from sidecar.core.confirm import Confirmer
from sidecar.core.findings import Action, Channel, FindingClass
from sidecar.core.hits import Matcher
from sidecar.core.inspection import Inspector
from sidecar.core.policy import Connection, Denial, Permit, Policy, deny, segment
from sidecar.core.reasons import Reason
from sidecar.core.scopes import Direction, Mode, PeerClass, ScopeMap

_FOUND_AS = {
    "pci": (FindingClass.PCI, FindingClass.TEST_PAN),
    "pii": (FindingClass.PII,),
    "secrets": (FindingClass.SECRETS,),
}


@dataclass(frozen=True, slots=True)
class Freshness:
    """How old a scope map may be, seconds; 0 means that age does not matter."""

    stale_after: float = 0.0
    """Older: peers that are not in the map are denied."""
    expire_after: float = 0.0
    """Older: pods in or connected to the CDE deny everything."""


@dataclass(slots=True)
class World:
    """The current facts of one sidecar."""

    scope: PeerClass
    mode: Mode
    matcher: Matcher
    policy: Policy = field(default_factory=Policy)
    scopes: ScopeMap | None = None
    freshness: Freshness = field(default_factory=Freshness)
    _inspectors: dict[tuple[PeerClass, PeerClass, Channel], Inspector] = field(default_factory=dict)
    _confirmer: Confirmer = field(init=False)

    def __post_init__(self) -> None:
        self._confirmer = Confirmer(self.matcher.patterns)

    def adopt(self, policy: Policy, mode: Mode) -> None:
        """A new policy for the connections to come.  Raises EngineError, and then the old one stays."""
        before = self.policy, self.mode, self._inspectors
        self.policy, self.mode, self._inspectors = policy, mode, {}
        try:
            for source in PeerClass:  # compiled now, not under the first connection
                for channel in (Channel.HTTP1, Channel.OPAQUE):
                    self._inspector(source, self.scope, channel)
                    self._inspector(self.scope, source, channel)
        except Exception:
            self.policy, self.mode, self._inspectors = before
            raise

    def decide(self, direction: Direction, peer: str, port: int, map_age: float) -> Permit | Denial:
        """May this connection be?  `peer` is the other side's address, `port` the destination port.

        `map_age` is the age of the scope map in seconds.
        """
        outbound = direction is Direction.OUTBOUND
        scopes, freshness = self.scopes, self.freshness
        them = scopes.classify(peer, port if outbound else None) if scopes is not None else PeerClass.UNKNOWN
        source, destination = (self.scope, them) if outbound else (them, self.scope)
        connection = Connection(direction, source, destination, port)
        expired = scopes is None or (
            0 < freshness.expire_after < map_age and self.scope is not PeerClass.OUT_OF_SCOPE
        )
        if expired:
            return deny(connection, self.mode, Reason.NO_SCOPE_MAP)
        if 0 < freshness.stale_after < map_age and them is PeerClass.UNKNOWN:
            return deny(connection, self.mode, Reason.STALE_SCOPE_MAP)
        return segment(connection, self.mode, self.policy)

    def inspector(self, connection: Connection) -> Callable[[Channel], Inspector]:
        """The inspectors for one pair of peers, by channel."""
        return lambda channel: self._inspector(connection.source, connection.destination, channel)

    def _inspector(self, source: PeerClass, destination: PeerClass, channel: Channel) -> Inspector:
        key = source, destination, channel
        known = self._inspectors.get(key)
        if known is None:
            known = self._inspectors[key] = self._make_inspector(*key)
        return known

    def _make_inspector(self, source: PeerClass, destination: PeerClass, channel: Channel) -> Inspector:
        rules = self.policy.flow_rules(source, destination, channel)
        enforce = self.mode is Mode.PROTECT
        # Only what could be blocked or masked on this flow has to be held back.
        must_not_leave = frozenset(
            index
            for index, pattern in enumerate(self.matcher.patterns)
            if rules.strictest(pattern.id, _FOUND_AS[pattern.klass.value]) >= Action.MASK
        )
        hold = self.matcher.hold(must_not_leave) if enforce and must_not_leave else None
        return Inspector(self.matcher, self._confirmer, rules, enforce, must_not_leave, hold)
