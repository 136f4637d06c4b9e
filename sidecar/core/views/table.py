"""The views that every text is looked at through, in the order in which they are asked."""

from typing import Final

from sidecar.core.views.view import Spec

VIEWS: Final[tuple[Spec, ...]] = ()
