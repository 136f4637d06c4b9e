"""How much of everything.  Pure."""

from dataclasses import dataclass, replace
from typing import Final


@dataclass(frozen=True, slots=True)
class Plan:
    """One run; what is measured is measured once a round."""

    pods: int = 2_000
    namespaces: int = 50
    watchers: int = 50
    """Streams read by the sidecar's own client, in one process."""
    rounds: int = 5
    joins: int = 10
    """Streams opened one after the other in a round, each by a pod that had none."""
    changes: int = 100
    """Pods of a round that get another address."""
    rate: float = 10.0
    """Changes a second, at random moments."""
    quiet_s: float = 10.0
    """Nothing changes, only heartbeats."""
    admissions_s: float = 5.0
    connections: int = 8

    @property
    def joiners(self) -> int:
        """Pods whose streams are opened in the rounds."""
        return self.rounds * self.joins

    @property
    def holders(self) -> int:
        """Pods whose streams are held by a client that takes the snapshot and discards what follows."""
        return self.pods - self.watchers - self.joiners

    @property
    def streams(self) -> int:
        """Open throughout."""
        return self.watchers + self.holders


WHOLE: Final = Plan()
QUICK: Final = replace(
    WHOLE, pods=120, namespaces=6, watchers=5, rounds=1, joins=3, changes=20, quiet_s=2.0, admissions_s=1.0
)
"""Does it run at all?"""
