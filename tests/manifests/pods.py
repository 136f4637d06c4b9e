"""Pods as they reach admission: what somebody wrote, and what the injector made of it."""

import copy
from collections.abc import Callable
from typing import Any

from injector import mutate, options
from injector.recipe import DEFAULT_IMAGE, Recipe

type Json = dict[str, Any]
type Change = Callable[[Json], object]

SCOPE = "cdefence.io/pci-scope"
RESTRICTED: Json = {
    "runAsNonRoot": True,
    "runAsUser": 10001,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
}


def written(scope: str | None = "in-scope", **annotations: str) -> Json:
    """A pod of one container `app`, as its owner writes it; `mode="monitor"` becomes `cdefence.io/mode: monitor`."""
    said = {f"cdefence.io/{name.replace('_', '-')}": value for name, value in annotations.items()}
    said |= {} if scope is None else {SCOPE: scope}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "attempt", "labels": {"app": "attempt"}, "annotations": said},
        "spec": {
            "containers": [{"name": "app", "image": "app:1", "resources": {"requests": {"cpu": "10m"}}}]
        },
    }


def injected(scope: str = "in-scope", *changes: Change, name: str = "attempt", **annotations: str) -> Json:
    """Such a pod after the injector; `changes` are what its owner wrote besides."""
    pod = written(scope, **annotations)
    pod["metadata"]["name"] = name
    for change in changes:
        change(pod)
    return inject(pod)


def inject(pod: Json, image: str = DEFAULT_IMAGE) -> Json:
    """The pod after the injector."""
    return copy.deepcopy(
        mutate.inject(pod, options.parse(pod["metadata"]["annotations"]), Recipe(image=image)).pod
    )


def tampered(*changes: Change, scope: str = "in-scope", **annotations: str) -> Json:
    """An injected pod that somebody has changed afterwards: another webhook, or a hand that copied a pod."""
    pod = injected(scope, **annotations)
    for change in changes:
        change(pod)
    return pod


# ---- changes -----------------------------------------------------------------------------------------------


def at(path: str, value: object) -> Change:
    """Set the field at `a.0.b`; objects on the way are made."""

    def change(pod: Json) -> None:
        *parents, last = path.split(".")
        place: Any = pod
        for key in parents:
            place = place[int(key)] if key.isdigit() else place.setdefault(key, {})
        if isinstance(place, list):
            place[int(last)] = value
        else:
            place[last] = value

    return change


def without(path: str) -> Change:
    """Remove the field at `a.0.b`."""

    def change(pod: Json) -> None:
        *parents, last = path.split(".")
        place: Any = pod
        for key in parents:
            place = place[int(key)] if key.isdigit() else place[key]
        place.pop(int(last) if last.isdigit() else last)

    return change


def appended(path: str, value: object) -> Change:
    """Add to the list at `a.0.b`; it is made if it is not there."""

    def change(pod: Json) -> None:
        *parents, last = path.split(".")
        place: Any = pod
        for key in parents:
            place = place[int(key)] if key.isdigit() else place.setdefault(key, {})
        place.setdefault(last, []).append(value)

    return change


def app(field: str, value: object) -> Change:
    """Set a field of the application's container."""
    return at(f"spec.containers.0.{field}", value)


def context(**fields: object) -> Change:
    """The security context of the application's container."""
    return app("securityContext", fields)


def pod_context(**fields: object) -> Change:
    """The security context of the pod."""
    return at("spec.securityContext", fields)


def init(field: str, value: object) -> Change:
    """Set a field of cdefence-init."""
    return at(f"spec.initContainers.0.{field}", value)


def proxy(field: str, value: object) -> Change:
    """Set a field of cdefence-proxy."""
    return at(f"spec.initContainers.1.{field}", value)


def proxy_env(name: str, value: str) -> Change:
    """Set a variable of cdefence-proxy, new or not."""

    def change(pod: Json) -> None:
        environment = pod["spec"]["initContainers"][1]["env"]
        environment[:] = [each for each in environment if each["name"] != name]
        environment.append({"name": name, "value": value})

    return change
