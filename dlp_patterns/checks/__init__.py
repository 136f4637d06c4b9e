"""Confirms hits: one small module per validator, one registry, found by folder.

What belongs here: modules that each offer `check(window, start, end) -> Confirmed | None`, named after what
they confirm, or a table of such functions, `CHECKS`, where one shape of code serves many kinds.
What never does: I/O, state, exceptions.  A check is total: for any bytes and any 0 <= start <= end <=
len(window) it answers.  `window` is the text around the hit, `window[start:end]` what the expression
matched; a check may look at the neighbours and may narrow the span, never widen it.

Behind the hit the window has `core.inspector.AHEAD` bytes, or what is left of the text.  The verdict on a value is due when
these have arrived: a check that wanted to see more would answer by how the stream was cut.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from types import MappingProxyType, ModuleType
from typing import cast

from dlp_patterns.model import Confirmed, Evidence, Pattern

__all__ = ["AT_BEST", "REGISTRY", "SHORT_CUTS", "AtBest", "Check", "Confirmed", "ShortCut", "check_of"]

type Check = Callable[[bytes, int, int], Confirmed | None]
"""Confirms a hit, or not: (window, start, end) -> Confirmed | None.  Never raises."""


type ShortCut = Callable[[bytes, int], bool]
"""Whether nothing that ends at an offset of a window could be confirmed: (window, end) -> bool.  It only saves time."""


type AtBest = Callable[[bytes, int, int], Evidence]
"""The strongest evidence that the check could give for a hit: (window, start, end) -> Evidence.  It only saves time."""


def _discover() -> Mapping[str, ModuleType]:
    """Every module of this folder, by name."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    return {name: importlib.import_module(f"{__name__}.{name}") for name in names}


_MODULES = _discover()


def _checks() -> Iterator[tuple[str, Check]]:
    """The check of every module, and every row of one that is a table, as `module.row`."""
    for name, module in _MODULES.items():
        rows = cast("Mapping[str, Check] | None", getattr(module, "CHECKS", None))
        if rows is None:
            yield name, cast("Check", module.check)
        else:
            yield from ((f"{name}.{row}", check) for row, check in rows.items())


REGISTRY: Mapping[str, Check] = MappingProxyType(dict(_checks()))
"""Every check, by the name a pattern file uses in `check`.  A module without one is an AttributeError at import."""

SHORT_CUTS: Mapping[str, ShortCut] = MappingProxyType(
    {
        name: cast("ShortCut", module.rules_out)
        for name, module in _MODULES.items()
        if hasattr(module, "rules_out")
    }
)
"""Of the checks that have one: their patterns hit numbers that are none by the hundred."""


AT_BEST: Mapping[str, AtBest] = MappingProxyType(
    {name: cast("AtBest", module.at_best) for name, module in _MODULES.items() if hasattr(module, "at_best")}
)
"""Of the checks that have one: a field's name speaks against most of their hits, and needs no look at the neighbours."""


def check_of(pattern: Pattern) -> Check:
    """What confirms the hits of a pattern.  Raises KeyError for an exact one whose identifiers were not read."""
    return pattern.known.check if pattern.known is not None else REGISTRY[pattern.check]
