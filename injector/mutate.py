"""A pod in, a new pod out: the injection itself, and its undoing.  Pure.

What belongs here: where in a pod our parts go, and the record of it.  What never does: what the parts look
like (render.py), whether a pod is injected (eligible.py), and JSON Patch (patch.py).

An earlier injection is taken out first, so twice equals once, and what another mutator has added since is covered
too. Our two containers stand in front of all init containers: the application's own ones, and those that other
mutators add, run behind the firewall already.  Our volumes stand in front, too, where what the API server adds
afterwards does not move them.  What somebody else changed in our containers is lost, on purpose: they are ours.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from injector import probes, record, render
from injector.options import Options
from injector.recipe import Recipe
from injector.record import Record
from injector.tree import Node, Object, compact, copied, ensure, ensure_list, items, mapping, text, texts
from sidecar import contract

_DEFAULT_CONTAINER: Final = (
    "kubectl.kubernetes.io/default-container",
    "kubectl.kubernetes.io/default-logs-container",
)
_SCRAPING: Final = {
    "prometheus.io/scrape": "true",
    "prometheus.io/port": str(contract.METRICS_PORT),
    "prometheus.io/path": "/metrics",
}
_HASH_DIGITS: Final = 16


@dataclass(frozen=True, slots=True)
class Injection:
    """The new pod, its record, and what its owner should know."""

    pod: Object
    record: Record
    warnings: tuple[str, ...] = ()


def inject(pod: Object, options: Options, recipe: Recipe) -> Injection:
    """`pod` with the sidecar; the argument is not changed.

    Raises RecordError if it has a status annotation that is not ours, and ShapeError if it is no pod.
    """
    before = earlier(pod)
    new = strip(pod)
    created = tuple(
        path for path in record.CREATED if _missing(new, path) or (before and path in before.created)
    )
    spec = ensure(new, "spec")
    rewritten = probes.rewrite(spec) if options.rewrite_probes else probes.Rewritten()
    resources = {} if mapping(spec, "resources") else render.resources(options)
    ours = [
        render.init_container(options, recipe, resources),
        render.proxy_container(options, recipe, resources, rewritten.targets),
    ]
    volumes = render.volumes(options)
    ensure_list(spec, "initContainers")[:0] = ours
    ensure_list(spec, "volumes")[:0] = volumes
    done = Record(
        version=recipe.version,
        hash=_hash(ours, volumes),
        init_containers=probes.OURS,
        volumes=tuple(text(each, "name") for each in volumes),
        annotations=_annotate(new),
        created=created,
        handlers=rewritten.originals,
    )
    ensure(ensure(new, "metadata"), "annotations")[contract.STATUS_ANNOTATION] = done.text()
    return Injection(new, done, tuple(rewritten.warnings))


def _hash(*parts: Iterable[Object]) -> str:
    objects: list[Node] = [each for part in parts for each in part]
    return hashlib.sha256(compact(objects).encode()).hexdigest()[:_HASH_DIGITS]


def _annotate(pod: Object) -> dict[str, str]:
    """Add what tools look for, unless the pod says something about it itself; what was added."""
    there = texts(mapping(pod, "metadata"), "annotations")
    added = {}
    if not any(name.startswith("prometheus.io/") for name in there):
        added.update(_SCRAPING)
    first = next((text(each, "name") for each in items(mapping(pod, "spec"), "containers")), "")
    if first:
        added.update({name: first for name in _DEFAULT_CONTAINER if name not in there})
    ensure(ensure(pod, "metadata"), "annotations").update(added)
    return added


# ---- the way back ------------------------------------------------------------------------------------------


def earlier(pod: Object) -> Record | None:
    """The record of an injection that the pod has had already.  Raises RecordError if it is not ours."""
    written = texts(mapping(pod, "metadata"), "annotations").get(contract.STATUS_ANNOTATION)
    return None if written is None else record.parse(written)


def strip(pod: Object) -> Object:
    """`pod` as it was before it was injected, in a copy; an equal copy if it never was.  Raises RecordError."""
    new = {key: copied(value) for key, value in pod.items()}
    done = earlier(new)
    if done is None:
        return new
    spec, annotations = mapping(new, "spec"), mapping(mapping(new, "metadata"), "annotations")
    _remove(spec, "initContainers", done.init_containers)
    _remove(spec, "volumes", done.volumes)
    probes.restore(spec, done.handlers)
    del annotations[contract.STATUS_ANNOTATION]
    for name, value in done.annotations.items():
        if annotations.get(name) == value:  # else it is somebody else's by now
            del annotations[name]
    for path in reversed(record.CREATED):
        if path in done.created:
            _remove_empty(new, path)
    return new


def _remove(spec: Object, key: str, names: tuple[str, ...]) -> None:
    if spec.get(key) is not None:
        spec[key] = [each for each in items(spec, key) if each.get("name") not in names]


def _missing(pod: Object, path: str) -> bool:
    parent, _, key = path.rpartition(".")
    return (mapping(pod, parent) if parent else pod).get(key) is None


def _remove_empty(pod: Object, path: str) -> None:
    parent, _, key = path.rpartition(".")
    holder = mapping(pod, parent) if parent else pod
    if key in holder and not holder[key]:
        del holder[key]
