"""The policy of the cluster: one ConfigMap, checked with the sidecar's own code before any sidecar sees it.

What belongs here: which text is in force, and telling when the one in the ConfigMap is not.  What never does: what a
policy may say (`core.policy_text`) and sending it (`scope_hub`).

- A good one replaces what was in force.  A bad one replaces nothing: it is told as an Event on the ConfigMap and as a
  metric, and what was good before stays.
- No ConfigMap, at the start or after it was deleted: the default policy, which allows least.  A replica that starts with
  a bad one knows no good one and sends none: sidecars that have one keep it, others have the default.
"""

import logging
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from injector.events import About, Kind, Telling
from injector.kube import at
from injector.slim import uid_of
from injector.tree import Object
from sidecar import contract
from sidecar.core.document import show
from sidecar.core.policy import Policy
from sidecar.core.policy_text import KIND, PolicyError, parse_policy, version

log = logging.getLogger("cdefence.policy")

KEY = "policy.yaml"
DEFAULT = f"apiVersion: {contract.API_VERSION}\nkind: {KIND}\n"


@dataclass(frozen=True, slots=True)
class PolicyMap:
    """What we need of the ConfigMap."""

    uid: str
    namespace: str
    name: str
    version: str
    text: str | None
    """None: it has no such key."""
    keys: tuple[str, ...]


def policy_map(found: Object) -> PolicyMap:
    """The facts of a ConfigMap."""
    data = at(found, "data")
    text = at(data, KEY)
    return PolicyMap(
        uid=uid_of(found),
        namespace=str(at(found, "metadata", "namespace") or ""),
        name=str(at(found, "metadata", "name") or ""),
        version=str(at(found, "metadata", "resourceVersion") or ""),
        text=text if isinstance(text, str) else None,
        keys=tuple(data) if isinstance(data, dict) else (),
    )


def judged(found: PolicyMap, patterns: Collection[str] | None) -> tuple[Policy | None, list[str]]:
    """The policy that a ConfigMap says; or none, and everything that is wrong with it."""
    if found.text is None:
        has = ", ".join(map(show, found.keys)) or "no key at all"
        return None, [f"has no key {KEY}, but {has}; write the policy under {KEY}"]
    try:
        return parse_policy(found.text, KEY, patterns).policy, []
    except PolicyError as error:
        return None, [f"{KEY}: {problem}" for problem in error.problems]


@dataclass(slots=True)
class PolicyState:
    """For metrics and `status`."""

    version: str = ""
    """Of the policy in force; empty: none is known."""
    valid: bool = True
    """Whether that is what the ConfigMap says."""
    refused: int = 0
    """How often a bad one was refused."""


class PolicySource:
    """Follows the ConfigMap and says which policy is in force."""

    def __init__(
        self,
        patterns: Collection[str] | None,
        serve: Callable[[str], None],
        tell: Callable[[Telling], None],
        today: Callable[[], str] = lambda: time.strftime("%Y-%m-%d", time.gmtime()),
    ) -> None:
        """`patterns` are the known pattern ids, None accepts any; `serve` gets the text of each policy in force."""
        self._patterns = patterns
        self._today = today
        self._serve = serve
        self._tell = tell
        self._seen = False
        self.state = PolicyState()

    def put(self, found: PolicyMap) -> None:
        """The ConfigMap is new or has changed."""
        self._seen = True
        policy, problems = judged(found, self._patterns)
        if policy is None or found.text is None:
            self._refuse(found, problems)
            return
        self._take(found.text, "the ConfigMap")
        self._tell_of_ended(found, policy)

    def drop(self, _found: PolicyMap) -> None:
        """The ConfigMap is gone."""
        self._take(DEFAULT, "there is no ConfigMap, so the default")

    def synced(self) -> None:
        """Everything there was has been put."""
        if not self._seen:
            self.drop(PolicyMap("", "", "", "", None, ()))

    def _take(self, text: str, origin: str) -> None:
        self.state.valid = True
        if version(text) != self.state.version:
            self.state.version = version(text)
            log.info("policy %s is in force: %s", self.state.version, origin)
            self._serve(text)

    def _refuse(self, found: PolicyMap, problems: list[str]) -> None:
        self.state.valid = False
        self.state.refused += 1
        stays = f"policy {self.state.version} stays in force" if self.state.version else "no policy is known"
        note = f"refused, {stays}: {'; '.join(problems)}"  # one line: `kubectl get events` shows no second
        log.error("policy %s", note)
        self._warn(found, "PolicyRefused", note)

    def _tell_of_ended(self, found: PolicyMap, policy: Policy) -> None:
        """An exception that has ended does no harm, but whoever wrote it may think that it still holds."""
        ended = dict.fromkeys(rule.name for rule in policy.over(self._today()))
        if ended:
            log.warning("exceptions of the policy have ended: %s", ", ".join(ended))
            note = f"exceptions have ended and are without effect: {', '.join(ended)}; renew or remove them"
            self._warn(found, "PolicyExceptionsEnded", note)

    def _warn(self, found: PolicyMap, reason: str, note: str) -> None:
        about = About("ConfigMap", found.namespace, found.name, found.uid, version=found.version)
        self._tell(Telling(about, Kind.WARNING, reason, note, "Validate"))
