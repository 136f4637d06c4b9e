"""Confirms hits: one small module per validator, one registry, found by folder.

What belongs here: modules that each offer `check(window, start, end) -> Confirmed | None`, named after what
they confirm.
What never does: I/O, state, exceptions.  A check is total: for any bytes and any 0 <= start <= end <=
len(window) it answers.  `window` is the text around the hit, `window[start:end]` what the expression
matched; a check may look at the neighbours and may narrow the span, never widen it.

Behind the hit the window has `core.inspector.AHEAD` bytes, or what is left of the text.  The verdict on a value is due when
these have arrived: a check that wanted to see more would answer by how the stream was cut.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import cast

from dlp_patterns.model import Confirmed

__all__ = ["REGISTRY", "Check", "Confirmed"]

type Check = Callable[[bytes, int, int], Confirmed | None]
"""Confirms a hit, or not: (window, start, end) -> Confirmed | None.  Never raises."""


def _discover() -> Mapping[str, Check]:
    """Every module of this folder, by name.  A module without a `check` is an AttributeError at import."""
    names = sorted(module.name for module in pkgutil.iter_modules(__path__))
    modules = {name: importlib.import_module(f"{__name__}.{name}") for name in names}
    return MappingProxyType({name: cast("Check", module.check) for name, module in modules.items()})


REGISTRY: Mapping[str, Check] = _discover()
"""Every check, by the name a pattern file uses in `check`."""
