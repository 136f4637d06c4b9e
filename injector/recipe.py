"""What the operator of the cluster decides for every injected pod: which image, and where its proxies find the
controller.

What belongs here: facts that come from the controller's own settings or the command line.  What never does: what the
owner of a pod decides (options.py).
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from sidecar import __version__, contract

DEFAULT_IMAGE: Final = f"cdefence:{__version__}"
SCOPE_API: Final = f"https://{contract.SCOPES_SERVICE}.{contract.SYSTEM_NAMESPACE}.svc:{contract.SCOPES_PORT}"


class PullPolicy(StrEnum):
    """`imagePullPolicy`, in the words of Kubernetes."""

    ALWAYS = "Always"
    IF_NOT_PRESENT = "IfNotPresent"
    NEVER = "Never"


@dataclass(frozen=True, slots=True)
class Recipe:
    """The same for all pods until the operator changes it."""

    image: str = DEFAULT_IMAGE
    pull_policy: PullPolicy = PullPolicy.IF_NOT_PRESENT
    scope_api: str = SCOPE_API
    version: str = __version__
    """Of cdefence, for the record on the pod."""
