"""The record on an injected pod: the annotation `cdefence.io/status`, by which an injection can be taken out again.

What belongs here: the record as a value and as text.  What never does: making one or following one (mutate.py).

The annotation comes back to us from whoever may write pods, so it is read like any other input: it can name only what
the injector adds, never a container or volume of the application.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from injector.tree import Node, Object, compact
from sidecar import contract

CREATED: Final = ("metadata", "metadata.annotations", "spec.initContainers", "spec.volumes")
"""Parents that a pod may lack and an injection then makes."""
_DOMAINS: Final = (f"{contract.DOMAIN}/", "kubectl.kubernetes.io/", "prometheus.io/")


type Predicate = Callable[[str], bool]


class RecordError(ValueError):
    """The annotation is not what the injector wrote."""


@dataclass(frozen=True, slots=True)
class Record:
    """What one injection did."""

    version: str = ""
    hash: str = ""
    """Of the containers and volumes that were added: two pods with one hash have the same sidecar."""
    init_containers: tuple[str, ...] = ()
    volumes: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    """Those that were added, besides this one."""
    created: tuple[str, ...] = ()
    handlers: Mapping[str, Object] = field(default_factory=dict)
    """Path at the proxy -> handler of a probe or hook as it was."""

    def text(self) -> str:
        """The annotation."""
        return compact(
            {
                "version": self.version,
                "hash": self.hash,
                "initContainers": list(self.init_containers),
                "volumes": list(self.volumes),
                "annotations": dict(self.annotations),
                "created": list(self.created),
                "handlers": dict(self.handlers),
            }
        )


def parse(text: str) -> Record:
    """The record that `text` is.  Raises RecordError for anything that the injector would not write."""
    try:
        given: Node = json.loads(text)
    except (ValueError, RecursionError):
        raise RecordError("is no JSON") from None
    if not isinstance(given, dict):
        raise RecordError("is no JSON object")
    return Record(
        version=_text(given, "version"),
        hash=_text(given, "hash"),
        init_containers=_names(given, "initContainers", _is_ours),
        volumes=_names(given, "volumes", _is_ours),
        annotations=_annotations(given),
        created=_names(given, "created", CREATED.__contains__),
        handlers=_handlers(given),
    )


def _is_ours(name: str) -> bool:
    return name == "cdefence" or name.startswith("cdefence-")


def _text(given: Object, key: str) -> str:
    value = given.get(key)
    if not isinstance(value, str):
        raise RecordError(f"has no {key}")
    return value


def _names(given: Object, key: str, allowed: Predicate) -> tuple[str, ...]:
    value = given.get(key)
    if not isinstance(value, list):
        raise RecordError(f"has no list of {key}")
    return tuple(_checked(key, value, allowed))


def _checked(key: str, names: Iterable[Node], allowed: Predicate) -> Iterable[str]:
    for name in names:
        if not isinstance(name, str) or not allowed(name):
            raise RecordError(f"has something in {key} that the injector does not add")
        yield name


def _annotations(given: Object) -> dict[str, str]:
    value = given.get("annotations")
    if not isinstance(value, dict):
        raise RecordError("has no annotations")
    names = _checked("annotations", value, lambda name: name.startswith(_DOMAINS))
    return {name: _text(value, name) for name in names}


def _handlers(given: Object) -> dict[str, Object]:
    value = given.get("handlers")
    if not isinstance(value, dict):
        raise RecordError("has no handlers")
    handlers = {path: handler for path, handler in value.items() if isinstance(handler, dict)}
    if len(handlers) != len(value):
        raise RecordError("has a handler that is none")
    return handlers
