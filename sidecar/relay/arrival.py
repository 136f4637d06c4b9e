"""A connection that was accepted and not yet begun: who came, and where it wanted to go."""

import socket
from dataclasses import dataclass

from sidecar.core.scopes import Direction


@dataclass(slots=True)
class Arrival:
    """One accepted connection."""

    client: socket.socket
    peer: tuple[str, int]
    destination: tuple[str, int]
    direction: Direction

    @property
    def asked_about(self) -> tuple[str, int | None]:
        """The other side, as the scope map knows it: a destination with its port, a caller without."""
        if self.direction is Direction.OUTBOUND:
            return self.destination
        return self.peer[0], None
