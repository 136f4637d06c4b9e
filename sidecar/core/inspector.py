"""What all inspections of one flow share, and how it makes values of the engine's hits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sidecar.core.confirm import Confirmer, Span
from sidecar.core.findings import Place
from sidecar.core.hits import Hit, Hold, Matcher
from sidecar.core.policy import FlowRules
from sidecar.core.samples import Samples
from sidecar.core.views.table import VIEWS
from sidecar.core.views.view import Spec

AHEAD: Final = 64
"""How many bytes behind a hit confirmation looks at: enough to see a UUID or a SHA-256 in hex to its end."""

Seen = tuple[Spec, int]
"""A view, and the offset just behind a sign of it."""

Values = dict[tuple[int, int], Span]
"""Values by pattern and start."""


@dataclass(frozen=True, slots=True)
class Inspector:
    """What all inspections of one flow share: engine, policy, mode."""

    matcher: Matcher
    confirmer: Confirmer
    rules: FlowRules
    enforce: bool
    must_not_leave: frozenset[int] = frozenset()
    """Indices of the patterns whose values may be blocked or masked on this flow."""
    hold: Hold | None = None
    """The tail rule for these; None when there are none, or nothing is enforced."""
    views: tuple[Spec, ...] = VIEWS
    """The views that texts are looked at through where their signs are seen."""
    formats: tuple[Spec, ...] = ()
    """Those of them that a declared port is read with from the first byte."""
    only_told: frozenset[int] = frozenset()
    """Indices of the patterns whose values can at most be reported on this flow, and may be told as a sample."""

    @property
    def keep(self) -> int:
        """How much of the end of a growing text is kept: a value, what stands around it, and what follows."""
        return self.matcher.reach + AHEAD

    def samples(self) -> Samples:
        """The memory for one direction of the flow, or one text of its own."""
        return Samples(self.only_told)

    def confirm(
        self, hits: Sequence[Hit], text: bytes, place: Place, samples: Samples | None = None
    ) -> list[Span]:
        """The values in a complete text, in the order in which a stream tells them."""
        values: Values = {}
        self.enter(values, hits, text, 0, place, samples or self.samples())
        return self.in_order(values) if values else []

    def any_value(self, hits: Sequence[Hit], text: bytes) -> bool:
        """Whether `confirm` would find anything."""
        reach, is_value = self.matcher.reach, self.confirmer.is_value
        return any(
            is_value(hit, text[begin : hit[1] + AHEAD], begin)
            for hit in hits
            for begin in (max(0, hit[1] - reach),)
        )

    def enter(
        self, values: Values, hits: Sequence[Hit], seen: bytes, base: int, place: Place, samples: Samples
    ) -> int:
        """Enter the values behind `hits`, the longest of those that begin together.  `seen` is text from `base` on.

        Returns how many of them took more than a look.
        """
        reach, short_cuts, examined = self.matcher.reach, self.confirmer.short_cuts, 0
        gaps = samples.gaps
        for hit in hits:
            index, end = hit[0], hit[1] - base
            if index in gaps and samples.passes_over(*hit):
                continue
            look = short_cuts[index]
            if look is not None and look(seen, end):
                continue
            examined += 1
            begin = max(0, end - reach)
            window = seen[begin : end + AHEAD]
            span = self.confirmer.confirm(hit, window, base + begin, place, self.rules)
            if span is None:
                samples.looked(*hit)
            else:
                known = values.setdefault((span.index, span.start), span)
                if known is span:
                    samples.told(span.index, span.start, self.confirmer.limit(span))
                elif known.end < span.end:
                    values[span.index, span.start] = span
        return examined

    def in_order(self, values: Values) -> list[Span]:
        """Values in the order in which they become final."""
        limit = self.confirmer.limit
        return sorted(values.values(), key=lambda span: (limit(span), span.index, span.start))

    def spoken(self, woken: Sequence[Seen]) -> Sequence[Seen]:
        """The signs that were seen in the first piece of a text, and what needs none there."""
        return [*((spec, 0) for spec in self.formats), *woken] if self.formats else woken

    def sees(self, text: bytes) -> bool:
        """Whether the engine sees anything in a short text, confirmed or not."""
        patterns = len(self.matcher.patterns)
        return any(index < patterns for index, _ in self.matcher.once(text))
