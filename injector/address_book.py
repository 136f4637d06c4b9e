"""Whose an address is: the claims on each one, which of them counts, and what stays behind when the last one ends.

What belongs here: ranks, conflicts, grace and quarantine.  What never does: why a pod or node has its class
(`scope_model`), Services (`service_book`), and the clock: the time comes in as an argument, in seconds.

Of all claims on an address only the best rank counts: live pods and nodes; then pods being deleted; then the address a
node probably has as the gateway of its pods.  Claims of one rank that disagree give the stricter class; for live ones
that is a conflict.  When the last claim by a pod ends, the address is `unknown` for a while: a connection that was
meant for the former owner must not meet the next one as if nothing had happened.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from functools import reduce
from heapq import heappop, heappush

from sidecar.core.scopes import PeerClass, stricter


class Rank(IntEnum):
    """Whose claim counts; the lowest."""

    LIVE = 0
    ENDING = 1
    GATEWAY = 2


@dataclass(frozen=True, slots=True)
class Claim:
    """What one owner makes of an address."""

    rank: Rank
    scope: PeerClass
    until: float | None = None
    """From then on the address may be anybody's."""

    def at(self, now: float) -> PeerClass:
        """The class at a time."""
        return self.scope if self.until is None or now < self.until else PeerClass.UNKNOWN


@dataclass(frozen=True, slots=True)
class Former:
    """The last owner of a free address."""

    uid: str
    scope: PeerClass
    until: float
    """End of the quarantine."""


class AddressBook:
    """Every address that somebody claims or has just left."""

    def __init__(self) -> None:
        self._claims: dict[str, dict[str, Claim]] = {}
        self._former: dict[str, Former] = {}
        self._due: list[tuple[float, str]] = []
        self._conflicting: set[str] = set()
        self.touched: set[str] = set()
        """Addresses whose class may have changed; whoever has looked at them clears it."""
        self.conflicts_total = 0
        """How often live owners of one address began to disagree."""

    @property
    def conflicts(self) -> int:
        """Addresses that live owners disagree about now."""
        return len(self._conflicting)

    @property
    def next_due(self) -> float | None:
        """When the passing of time alone changes something next."""
        return self._due[0][0] if self._due else None

    def claim(self, ip: str, owner: str, claim: Claim) -> None:
        """`owner` claims the address, in place of its former claim on it."""
        claims = self._claims.setdefault(ip, {})
        if claims.get(owner) == claim:
            return
        claims[owner] = claim
        if claim.until is not None:
            heappush(self._due, (claim.until, ip))
        self._look_at(ip)

    def release(self, ip: str, owner: str, former: Former | None = None) -> None:
        """`owner` claims the address no longer; `former` begins a quarantine if nobody else is there."""
        claims = self._claims.get(ip, {})
        if claims.pop(owner, None) is None:
            return
        if former is not None and all(claim.rank is Rank.GATEWAY for claim in claims.values()):
            self._former[ip] = former
            heappush(self._due, (former.until, ip))
        if not claims:
            del self._claims[ip]
        self._look_at(ip)

    def pass_time(self, now: float) -> None:
        """Touch what time alone has changed."""
        while self._due and self._due[0][0] <= now:
            _, ip = heappop(self._due)
            former = self._former.get(ip)
            if former is not None and former.until <= now:
                del self._former[ip]
            self.touched.add(ip)

    def scope_at(self, ip: str, now: float) -> PeerClass | None:
        """The class of the address, None when nobody has it and nobody just had it."""
        best = self._best(ip)
        if best and best[0].rank is not Rank.GATEWAY:
            return _strictest(claim.at(now) for claim in best)
        former = self._former.get(ip)
        if former is not None and now < former.until:
            return PeerClass.UNKNOWN
        return PeerClass.NODE if best else None

    def as_endpoint(self, ip: str, uid: str, now: float) -> PeerClass | None:
        """The class of the address as an endpoint that stands for the pod `uid`.

        A slice follows its pods a moment later, and lists a pod that cannot end for as long as it tries.  As long as
        nobody new is there, such an endpoint is what the pod was.
        """
        best = self._best(ip)
        if best and best[0].rank is not Rank.GATEWAY:
            return _strictest(claim.scope for claim in best)
        former = self._former.get(ip)
        if former is not None and former.uid == uid and now < former.until:
            return former.scope
        return self.scope_at(ip, now)

    def _best(self, ip: str) -> list[Claim]:
        """The claims that count."""
        claims = self._claims.get(ip)
        if not claims:
            return []
        rank = min(claim.rank for claim in claims.values())
        return [claim for claim in claims.values() if claim.rank is rank]

    def _look_at(self, ip: str) -> None:
        self.touched.add(ip)
        best = self._best(ip)
        disagree = len({claim.scope for claim in best if claim.rank is Rank.LIVE}) > 1
        if not disagree:
            self._conflicting.discard(ip)
        elif ip not in self._conflicting:
            self._conflicting.add(ip)
            self.conflicts_total += 1


def _strictest(scopes: Iterable[PeerClass]) -> PeerClass:
    return reduce(stricter, scopes)
