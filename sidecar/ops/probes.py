"""The probes and lifecycle hooks that the kubelet asks us to relay: what they are, and how they are written.

What belongs here: CDEFENCE_PROBES, JSON of the injector, to frozen `Probe`s, or everything that is wrong with it.  What
never does: asking an application anything; app_probes.py does.

    {"/app/<container>/<livez|readyz|startupz|poststart|prestop>":
        {"kind":"http|tcp|grpc|hook","port":8080,"path":"/x","scheme":"HTTP|HTTPS","host":"",
         "headers":[["Name","value"]],"service":"","timeout":1}}
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from sidecar.core.document import Node, show
from sidecar.core.fields import ConfigError, Reader


class ProbeKind(StrEnum):
    """How the application is asked."""

    HTTP = "http"
    TCP = "tcp"
    GRPC = "grpc"
    HOOK = "hook"
    """A lifecycle hook: HTTP too, but it makes the application do something."""


class ProbesError(ConfigError):
    """Probes that cannot be relayed; `problems` holds every reason."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe or hook, found at `where` on our health port."""

    where: str
    kind: ProbeKind
    port: int
    timeout: float
    """Seconds for all of it."""
    path: str = "/"
    """Of the request, with its query."""
    tls: bool = False
    host: str = ""
    """The `Host` header, whole; empty: the address and port that are dialed."""
    headers: tuple[tuple[str, str], ...] = ()
    service: str = ""
    """gRPC: whose health is asked for; empty is the whole server."""

    @property
    def speaks_http(self) -> bool:
        """Whether an HTTP request is sent."""
        return self.kind in (ProbeKind.HTTP, ProbeKind.HOOK)


MAX_PROBES = 500
_LONGEST_TIMEOUT = 24 * 3600

_WHERE = re.compile(r"/app/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?/(livez|readyz|startupz|poststart|prestop)")
_KINDS = {kind.value: kind for kind in ProbeKind}
_SCHEMES = {"HTTP": False, "HTTPS": True}
_OPTIONAL = ("path", "scheme", "host", "headers", "service", "timeout")

# RFC 9110 5.6.2 and 5.5: nothing that could begin a second line or a second request.
_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,200}")
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]{0,4096}")
_PATH = re.compile(r"[^\x00-\x1f\x7f]{0,2048}")
_AS_IT_IS = "".join(map(chr, range(0x21, 0x7F)))
_HOST = re.compile(r"[0-9A-Za-z._:\[\]-]{0,253}")
_SERVICE = re.compile(r"[\x20-\x7e]{0,253}")


def parse_probes(text: str) -> tuple[Probe, ...]:
    """The probes that `text` says.

    Raises ProbesError with every problem.
    """
    reader = _ProbesReader()
    document = reader.document(text)
    probes = tuple(reader.probes(document)) if not reader.problems else ()
    if reader.problems:
        raise ProbesError(reader.problems)
    return probes


class _ProbesReader(Reader):
    """One reading of one text."""

    def probes(self, document: Node) -> Iterator[Probe]:
        """The probes; with problems the list is not complete."""
        if not isinstance(document, dict):
            self.wrong("probes", "are no mapping", "write JSON as the injector does")
            return
        if len(document) > MAX_PROBES:
            self.wrong("probes", f"are {len(document)}", f"at most {MAX_PROBES} can be relayed")
            return
        for where, node in document.items():
            if not _WHERE.fullmatch(where):
                self.wrong(show(where), "is no path", "write /app/<container>/<livez, readyz, …>")
            elif (probe := self._probe(where, node)) is not None:
                yield probe

    def _probe(self, where: str, node: Node) -> Probe | None:
        known = len(self.problems)
        entry = self.mapping(node, where, ("kind", "port"), _OPTIONAL)
        kind = self.choice(entry.get("kind"), f"{where}.kind", _KINDS)
        port = self.integer(entry.get("port"), f"{where}.port", 1, 65_535)
        timeout = self.integer(entry.get("timeout", 1), f"{where}.timeout", 1, _LONGEST_TIMEOUT)
        tls = self.choice(entry.get("scheme") or "HTTP", f"{where}.scheme", _SCHEMES)
        path = self._form(entry.get("path", ""), f"{where}.path", _PATH, "write a path such as /healthz")
        host = self._form(entry.get("host", ""), f"{where}.host", _HOST, "write the name of a host")
        service = self._form(entry.get("service", ""), f"{where}.service", _SERVICE, "write a service name")
        headers = tuple(self._headers(entry.get("headers"), f"{where}.headers"))
        if len(self.problems) > known or kind is None or port is None or timeout is None:
            return None
        return Probe(where, kind, port, timeout, _target(path), bool(tls), host, headers, service)

    def _headers(self, node: Node, field: str) -> Iterator[tuple[str, str]]:
        for place, item in self.items(node, field):
            pair = item if isinstance(item, list) and len(item) == 2 else ["", ""]
            name = self._form(pair[0], place, _FIELD_NAME, "write [name, value]")
            value = self._form(pair[1], place, _FIELD_VALUE, "write [name, value]")
            if name:
                yield name, value

    def _form(self, node: Node, field: str, form: re.Pattern[str], remedy: str) -> str:
        """A text of the given form."""
        if isinstance(node, str) and form.fullmatch(node):
            return node
        self.wrong(field, f"is {show(node)}", remedy)
        return ""


def _target(path: str) -> str:
    """The target of a request for `path` (RFC 9112 3.2.1), made as the kubelet makes it."""
    path = quote(path.partition("#")[0], safe=_AS_IT_IS)
    return path if path.startswith("/") else f"/{path}"
