"""Probes and hooks that go through the proxy: which are rewritten, to what, and how the application is found again.

What belongs here: the kubelet's handlers (HTTP, TCP, gRPC) of probes and lifecycle hooks, in a pod's spec.  What never
does: dialling them; the proxy does, from the table in CDEFENCE_PROBES.

Why: behind a redirection every TCP port looks open, and the kubelet is a peer of class `node`, which an in-scope pod does
not talk to.  So the kubelet asks the proxy's health port, at a path of its own for each probe, and the proxy asks the
application.

Left as they are: `exec` and `sleep`, which need no network; a handler with a `host`, because then the kubelet asks
somebody else than this pod; a port name that the container does not declare, or a text that no request can carry,
which fail without us too; a hook by `tcpSocket`, which Kubernetes has never run; whatever asks the proxy's own health port
already.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from injector.tree import Node, Object, compact, items, mapping, text
from sidecar import contract

OURS: Final = (contract.INIT_CONTAINER, contract.PROXY_CONTAINER)
APP_PATH: Final = "/app/"
_PROBES: Final = {"livenessProbe": "livez", "readinessProbe": "readyz", "startupProbe": "startupz"}
_HOOKS: Final = {"postStart": "poststart", "preStop": "prestop"}
_DEFAULT_TIMEOUT_S: Final = 1
_DEFAULT_GRACE_S: Final = 30
_POST_START_S: Final = 3600
"""The kubelet sets no limit to a postStart hook; an hour is one."""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a pod where a handler can be.  `holder` is the probe or hook itself, to be changed in place."""

    container: Object
    holder: Object
    path: str
    """The address that this probe or hook has at the proxy, for as long as the container's name stays."""
    label: str
    hook: bool

    def kind(self) -> str | None:
        """The field of its handler, if the handler is one that asks over the network."""
        kinds = ("httpGet",) if self.hook else _KINDS
        return next((kind for kind in kinds if kind in self.holder), None)

    def asks_proxy(self) -> bool:
        """Is the handler one that we made?"""
        return self.holder.get("httpGet") == _at_proxy(self.path)


@dataclass(slots=True)
class Rewritten:
    """What a rewriting came to."""

    targets: Object = field(default_factory=dict)
    """Path at the proxy -> what it asks the application; the content of CDEFENCE_PROBES."""
    originals: dict[str, Object] = field(default_factory=dict)
    """Path at the proxy -> the handler as it was."""
    warnings: list[str] = field(default_factory=list)


def slots(spec: Object) -> Iterator[Slot]:
    """Every probe and hook of the application: of its containers and of its native sidecars, not of ours."""
    for container in _probed(spec):
        name = text(container, "name")
        for key, word in _PROBES.items():
            if probe := mapping(container, key):
                yield Slot(container, probe, f"{APP_PATH}{name}/{word}", f"container {name}: {key}", False)
        lifecycle = mapping(container, "lifecycle")
        for key, word in _HOOKS.items():
            if hook := mapping(lifecycle, key):
                yield Slot(container, hook, f"{APP_PATH}{name}/{word}", f"container {name}: {key}", True)


def _probed(spec: Object) -> Iterator[Object]:
    yield from items(spec, "containers")
    for container in items(spec, "initContainers"):
        if container.get("restartPolicy") == "Always" and container.get("name") not in OURS:
            yield container


def _at_proxy(path: str) -> Object:
    return {"path": path, "port": contract.HEALTH_PORT, "scheme": "HTTP"}


def rewrite(spec: Object) -> Rewritten:
    """Point every handler that can be relayed at the proxy, in place."""
    done = Rewritten()
    grace = spec.get("terminationGracePeriodSeconds")
    limits = {
        "prestop": max(grace, 1) if isinstance(grace, int) else _DEFAULT_GRACE_S,
        "poststart": _POST_START_S,
    }
    for slot in slots(spec):
        if kind := slot.kind():
            _rewrite_one(slot, kind, limits, done)
    return done


def _rewrite_one(slot: Slot, kind: str, limits: Mapping[str, int], done: Rewritten) -> None:
    handler = mapping(slot.holder, kind)
    port = _port(handler.get("port"), slot.container)
    if handler.get("host"):
        done.warnings.append(f"{slot.label} names a host of its own and is left as it is")
    elif port is None:
        done.warnings.append(f"{slot.label} names a port that the container does not declare")
    elif not _sayable(target := _KINDS[kind](handler)):
        done.warnings.append(f"{slot.label} has a path, header or service that no request can carry")
    elif port != contract.HEALTH_PORT:
        timeout = slot.holder.get("timeoutSeconds") or _DEFAULT_TIMEOUT_S
        target |= {"port": port, "timeout": timeout}
        if slot.hook:
            target |= {"kind": "hook", "timeout": limits[slot.path.rpartition("/")[2]]}
        done.targets[slot.path] = target
        done.originals[slot.path] = {kind: slot.holder.pop(kind)}
        slot.holder["httpGet"] = _at_proxy(slot.path)


def _port(port: Node, container: Object) -> int | None:
    """The number of a port that is given as number or name, as the kubelet finds it; None if there is no such port."""
    if isinstance(port, str):
        for declared in items(container, "ports"):
            if declared.get("name") == port and isinstance(number := declared.get("containerPort"), int):
                return number
        return int(port) if port.isascii() and port.isdecimal() else None
    return port if isinstance(port, int) else None


# ---- what the proxy is told about each kind of handler -----------------------------------------------------

type Describe = Callable[[Object], Object]

_NOTHING: Final[Object] = {"scheme": "HTTP", "path": "", "host": "", "headers": [], "service": ""}


def _http(handler: Object) -> Object:
    headers = [(text(header, "name"), text(header, "value")) for header in items(handler, "httpHeaders")]
    hosts = [value for name, value in headers if name.lower() == "host"]
    others: list[Node] = [[name, value] for name, value in headers if name.lower() != "host"]
    return _NOTHING | {
        "kind": "http",
        "path": text(handler, "path") or "/",
        "scheme": text(handler, "scheme") or "HTTP",
        "host": hosts[0] if hosts else "",
        "headers": others,
    }


def _tcp(_: Object) -> Object:
    return _NOTHING | {"kind": "tcp"}


def _grpc(handler: Object) -> Object:
    return _NOTHING | {"kind": "grpc", "service": text(handler, "service")}


# What the proxy's own reading takes (RFC 9110 5.5 and 5.6.2); a test compares.
_FORMS: Final = {
    "path": re.compile(r"[^\x00-\x1f\x7f]{0,2048}"),
    "host": re.compile(r"[0-9A-Za-z._:\[\]-]{0,253}"),
    "service": re.compile(r"[\x20-\x7e]{0,253}"),
}
_HEADER: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}\n[\t\x20-\x7e\x80-\xff]{0,4096}")


def _sayable(target: Object) -> bool:
    headers = target["headers"]
    lines = (
        ["\n".join(map(str, pair)) for pair in headers if isinstance(pair, list)]
        if isinstance(headers, list)
        else []
    )
    return all(_HEADER.fullmatch(line) for line in lines) and all(
        form.fullmatch(str(target[key])) for key, form in _FORMS.items()
    )


_KINDS: Final[Mapping[str, Describe]] = {"httpGet": _http, "tcpSocket": _tcp, "grpc": _grpc}


def variable(targets: Object) -> str:
    """The value of CDEFENCE_PROBES.

    Kubernetes expands `$(NAME)` in the value of a variable, so a dollar that somebody wrote in a path is spelled as JSON
    allows: it means the same to the proxy and nothing to the kubelet.
    """
    return compact(targets).replace("$", "\\u0024")


# ---- the way back ------------------------------------------------------------------------------------------


def restore(spec: Object, originals: Mapping[str, Object]) -> None:
    """Undo `rewrite`, in place.  A handler that somebody changed since stays as that somebody wants it."""
    for slot in slots(spec):
        if slot.path in originals and slot.asks_proxy():
            del slot.holder["httpGet"]
            slot.holder.update(originals[slot.path])


def strays(spec: Object) -> list[str]:
    """What asks the proxy at a path of ours although nobody knows what it should ask: a copy of an injected pod."""
    return [slot.label for slot in slots(spec) if _is_stray(mapping(slot.holder, "httpGet"))]


def _is_stray(handler: Object) -> bool:
    path = handler.get("path")
    ours = isinstance(path, str) and path.startswith(APP_PATH)
    return ours and handler.get("port") == contract.HEALTH_PORT
