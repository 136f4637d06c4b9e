"""Where the pods are in what people `kubectl apply`: every kind of workload, and lists of them.

What belongs here: the table of kinds, and finding pod templates by it.  What never does: reading files (offline.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from injector.tree import Object, items, mapping, text

type Path = tuple[str | int, ...]

# API group and kind -> where the pod is in it: the thing with `metadata` and `spec`.
TEMPLATES: Final[Mapping[tuple[str, str], Path]] = {
    ("", "Pod"): (),
    ("", "PodTemplate"): ("template",),
    ("", "ReplicationController"): ("spec", "template"),
    ("apps", "DaemonSet"): ("spec", "template"),
    ("apps", "Deployment"): ("spec", "template"),
    ("apps", "ReplicaSet"): ("spec", "template"),
    ("apps", "StatefulSet"): ("spec", "template"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
    ("batch", "Job"): ("spec", "template"),
}


@dataclass(frozen=True, slots=True)
class Found:
    """A pod in a document."""

    path: Path
    """From the root of the document."""
    pod: Object
    label: str
    """Kind, namespace and name of the workload, for messages."""
    namespace: str


def find(document: Object, path: Path = ()) -> Iterator[Found]:
    """Every pod in a document; none if it is something else.  Raises ShapeError."""
    kind, group = text(document, "kind"), text(document, "apiVersion").rpartition("/")[0]
    if kind.endswith("List") and "items" in document:
        for place, item in enumerate(items(document, "items")):
            yield from find(_typed(item, document), (*path, "items", place))
    elif (group, kind) in TEMPLATES:
        way, pod = TEMPLATES[group, kind], document
        for key in way:
            pod = mapping(pod, str(key))
        meta = mapping(document, "metadata")
        names = [part for part in (text(meta, "namespace"), text(meta, "name")) if part]
        label = f"{kind} {'/'.join(names) or text(meta, 'generateName') or 'without a name'}"
        yield Found((*path, *way), pod, label, text(meta, "namespace"))


def _typed(item: Object, container: Object) -> Object:
    """An item of a DeploymentList need not say that it is a Deployment."""
    if "kind" in item:
        return item
    return item | {
        "kind": text(container, "kind").removesuffix("List"),
        "apiVersion": container.get("apiVersion"),
    }
