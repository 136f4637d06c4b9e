"""Is the sidecar alive, and is it ready to protect?  Facts in, a list of what is still missing out.

What belongs here: the table of facts and the answers to `/livez` and `/readyz`.  What never does: finding
the facts out (whoever loads, listens or probes notes them here), and sockets (endpoint.py).
"""

from dataclasses import dataclass, field, fields, replace

from sidecar.ops.endpoint import Answer, Asked


@dataclass(frozen=True, slots=True)
class Facts:
    """What must be true before traffic may be sent here; each `False` is a reason not to be ready."""

    listening: bool = field(default=False, metadata={"missing": "not listening yet"})
    rules_working: bool = field(default=False, metadata={"missing": "redirection has not been seen working"})
    patterns_loaded: bool = field(default=False, metadata={"missing": "patterns are not loaded"})
    policy_loaded: bool = field(default=False, metadata={"missing": "no policy is loaded"})
    scope_map_loaded: bool = field(
        default=False, metadata={"missing": "no scope map is loaded, or it has expired"}
    )
    not_draining: bool = field(default=True, metadata={"missing": "shutting down"})

    def missing(self) -> tuple[str, ...]:
        """Why the sidecar is not ready, in order; empty when it is."""
        return tuple(fact.metadata["missing"] for fact in fields(self) if not getattr(self, fact.name))


class Health:
    """The current facts, and the two answers about them."""

    def __init__(self, facts: Facts | None = None) -> None:
        self.facts = facts or Facts()

    def note(self, **changes: bool) -> None:
        """Change facts by name, e.g. `note(patterns_loaded=True)`."""
        self.facts = replace(self.facts, **changes)

    @property
    def ready(self) -> bool:
        """Whether nothing is missing."""
        return not self.facts.missing()

    def livez(self, _: Asked | None = None) -> Answer:
        """Alive: the event loop answers."""
        return Answer(200, "text/plain; charset=utf-8", b"alive\n")

    def readyz(self, _: Asked | None = None) -> Answer:
        """200 when ready, else 503 with one reason a line."""
        missing = self.facts.missing()
        text = "".join(f"{reason}\n" for reason in missing) or "ready\n"
        return Answer(503 if missing else 200, "text/plain; charset=utf-8", text.encode())
