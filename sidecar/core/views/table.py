"""The views that every text is looked at through, in the order in which they are asked."""

from typing import Final

from sidecar.core.views.view import Sign, Spec

VIEWS: Final[tuple[Spec, ...]] = ()

_BY_SIGN: Final = tuple((sign, spec) for spec in VIEWS for sign in spec.signs)
SIGNS: Final[tuple[Sign, ...]] = tuple(sign for sign, _ in _BY_SIGN)
"""What engines look for besides patterns.  The hit of sign N has the index N behind the last pattern's."""
WAKES: Final[tuple[Spec, ...]] = tuple(spec for _, spec in _BY_SIGN)
"""The view that each sign wakes."""
