"""Who is covered, who is not and why; which sidecar, how old its map, which policy.  Pure.

What belongs here: what one pod's object and its metrics say.  What never does: asking for them (scrape.py, facts.py).

Covered means: the pod has our sidecar and the kubelet calls it ready.  What a sidecar's own metrics add can turn that into
trouble (no map, an old map, another policy), never the other way round.
"""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Final

from injector import eligible
from injector.record import RecordError, parse
from injector.tree import Node, Object, items, mapping, text, texts
from sidecar import contract

STALE_S: Final = 30.0
"""A map that was not known to be right for longer than this: unknown peers are denied, and nobody new is known."""
ENDED: Final = ("Succeeded", "Failed")


class State(StrEnum):
    """What is the matter with a pod, the closed table; worst first."""

    UNPROTECTED = "unprotected"
    NOT_OPTED_IN = "not-opted-in"
    NOT_READY = "not-ready"
    NO_MAP = "no-map"
    OTHER_POLICY = "other-policy"
    OUTDATED = "outdated"
    UNSEEN = "unseen"
    EXCLUDED = "excluded"
    COVERED = "covered"

    @property
    def sentence(self) -> str:
        """The state in words, and what to do."""
        return _SENTENCES[self]

    @property
    def trouble(self) -> bool:
        """Whether `cdefence status` ends with 1."""
        return self not in (State.COVERED, State.EXCLUDED, State.OUTDATED, State.UNSEEN)


_SENTENCES: Final[Mapping[State, str]] = {
    State.UNPROTECTED: "has no sidecar: older than the namespace's label, or the guard only warns; replace the pod",
    State.NOT_OPTED_IN: f"has a scope, and its namespace has no {contract.INJECTION_LABEL}=enabled; label it",
    State.NOT_READY: "the sidecar is not ready, so the pod's connections are refused; look at its log",
    State.NO_MAP: f"the scope map is missing or older than {STALE_S:.0f} s, so new peers are denied; run `cdefence check`",
    State.OTHER_POLICY: "the sidecar has another policy than the ConfigMap: refused, or on its way; run `cdefence check`",
    State.OUTDATED: "the sidecar's image is not the one that new pods get; replace the pod when it suits",
    State.UNSEEN: "its metrics could not be had, so map and policy are not known",
    State.EXCLUDED: f'left out by {contract.INJECT_ANNOTATION}: "false"',
    State.COVERED: "",
}


@dataclass(frozen=True, slots=True)
class Sample:
    """What one sidecar's metrics say."""

    version: str = ""
    map_age_s: float = math.inf
    policy: str = ""
    blocked: int = 0
    findings: int = 0


@dataclass(frozen=True, slots=True)
class Expected:
    """What every sidecar should have; an empty text: not known, so not compared."""

    image: str = ""
    policy: str = ""


@dataclass(frozen=True, slots=True)
class PodStatus:
    """One pod."""

    namespace: str
    name: str
    scope: str
    mode: str
    state: State
    version: str = ""
    image: str = ""
    sample: Sample | None = None

    @property
    def key(self) -> tuple[str, str]:
        """Namespace and name."""
        return self.namespace, self.name


def opted_in(namespaces: Iterable[Object]) -> frozenset[str]:
    """The namespaces whose pods are to be covered."""
    return frozenset(
        name
        for each in namespaces
        if texts(mapping(each, "metadata"), "labels").get(contract.INJECTION_LABEL) == "enabled"
        and (name := text(mapping(each, "metadata"), "name")) not in eligible.SYSTEM_NAMESPACES
    )


def concerned(pods: Iterable[Object], namespaces: frozenset[str]) -> Iterator[PodStatus]:
    """Every pod that is to be covered or says a scope, without those that have ended and without metrics."""
    for pod in pods:
        metadata = mapping(pod, "metadata")
        if mapping(pod, "status").get("phase") in ENDED:
            continue
        within = text(metadata, "namespace") in namespaces
        if within or contract.SCOPE_ANNOTATION in texts(metadata, "annotations"):
            yield _status(pod, within)


def _status(pod: Object, within: bool) -> PodStatus:
    metadata = mapping(pod, "metadata")
    annotations, labels = texts(metadata, "annotations"), texts(metadata, "labels")
    proxy = next(
        (
            each
            for each in items(mapping(pod, "spec"), "initContainers")
            if each.get("name") == contract.PROXY_CONTAINER
        ),
        None,
    )
    excluded = "false" in (
        annotations.get(contract.INJECT_ANNOTATION),
        labels.get(contract.INJECT_ANNOTATION),
    )
    return PodStatus(
        namespace=text(metadata, "namespace"),
        name=text(metadata, "name"),
        scope=annotations.get(contract.SCOPE_ANNOTATION, ""),
        mode=annotations.get(contract.MODE_ANNOTATION, "protect") if proxy else "",
        state=_state(pod, within=within, injected=proxy is not None, excluded=excluded),
        version=_version(annotations.get(contract.STATUS_ANNOTATION)),
        image=text(proxy, "image") if proxy else "",
    )


def _state(pod: Object, *, within: bool, injected: bool, excluded: bool) -> State:
    if injected:
        statuses = items(mapping(pod, "status"), "initContainerStatuses")
        ready = any(
            each.get("name") == contract.PROXY_CONTAINER and each.get("ready") is True for each in statuses
        )
        return State.COVERED if ready else State.NOT_READY
    if not within:
        return State.NOT_OPTED_IN
    return State.EXCLUDED if excluded else State.UNPROTECTED


def _version(record: str | None) -> str:
    try:
        return parse(record).version if record else ""
    except RecordError:
        return ""


def judged(pod: PodStatus, sample: Sample | None, expected: Expected) -> PodStatus:
    """The pod with what its metrics say; `sample` None: they could not be had."""
    return replace(pod, state=_judged(pod, sample, expected), sample=sample)


def _judged(pod: PodStatus, sample: Sample | None, expected: Expected) -> State:
    if pod.state is not State.COVERED:
        return pod.state
    outdated = expected.image not in ("", pod.image)
    if sample is None:
        return State.OUTDATED if outdated else State.UNSEEN
    if sample.map_age_s > STALE_S:
        return State.NO_MAP
    if expected.policy not in ("", sample.policy):
        return State.OTHER_POLICY
    return State.OUTDATED if outdated else State.COVERED


def covered(pods: Iterable[PodStatus]) -> frozenset[tuple[str, str]]:
    """The pods whose metrics are worth asking for."""
    return frozenset(pod.key for pod in pods if pod.state is State.COVERED)


# ---- telling -----------------------------------------------------------------------------------------------

SUMMARY_HEADER: Final = ("NAMESPACE", "PODS", "COVERED", "EXCLUDED", "TROUBLE")
POD_HEADER: Final = ("NAMESPACE", "POD", "SCOPE", "MODE", "VERSION", "MAP AGE", "POLICY", "BLOCKED", "STATE")


def summary(pods: Iterable[PodStatus]) -> list[tuple[str, ...]]:
    """One row a namespace: how many pods, covered (also with an old image or unseen), excluded, in trouble."""
    counted: dict[str, Counter[str]] = {}
    for pod in pods:
        kind = "excluded" if pod.state is State.EXCLUDED else "trouble" if pod.state.trouble else "covered"
        counted.setdefault(pod.namespace, Counter()).update(["pods", kind])
    return [
        (name, *(str(counts[kind]) for kind in ("pods", "covered", "excluded", "trouble")))
        for name, counts in sorted(counted.items())
    ]


def row(pod: PodStatus) -> tuple[str, ...]:
    """One line of the table of pods."""
    sample = pod.sample
    seen = (_seconds(sample.map_age_s), sample.policy, str(sample.blocked)) if sample else ("", "", "")
    return (
        pod.namespace,
        pod.name,
        pod.scope or "-",
        pod.mode or "-",
        pod.version or "-",
        *seen,
        pod.state.value,
    )


def _seconds(age: float) -> str:
    return f"{age:.0f} s" if math.isfinite(age) else "none"


def document(pod: PodStatus) -> Object:
    """One pod for a JSON document; an age that is not known is null, because JSON has no infinity."""
    sample: Node = None
    if pod.sample:
        age = pod.sample.map_age_s
        sample = asdict(pod.sample) | {"map_age_s": age if math.isfinite(age) else None}
    return {
        "namespace": pod.namespace,
        "name": pod.name,
        "scope": pod.scope,
        "mode": pod.mode,
        "state": pod.state.value,
        "why": pod.state.sentence,
        "version": pod.version,
        "image": pod.image,
        "sidecar": sample,
    }
