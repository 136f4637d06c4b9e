"""The scope map file: who is who, as JSON or YAML, to an immutable `ScopeMap`, or a list of everything that
is wrong.

What belongs here: the shape of the file.  What never does: looking up a peer (`core.scopes`), and guessing:
an address that is written unclearly is an error, because a wrong class opens or closes the cardholder data
environment.
"""

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from pathlib import Path

from sidecar.core.document import Node, show
from sidecar.core.fields import ConfigError, Reader
from sidecar.core.scopes import Entry, PeerClass, ScopeMap
from sidecar.ops.files import text_of

KIND = "ScopeMap"

_SCOPES = {scope.value: scope for scope in PeerClass}
_MAX_EPOCH = 2**63 - 1


class ScopeMapError(ConfigError):
    """A scope map file that cannot be used; `problems` holds every reason."""


def load_scope_map(path: Path) -> ScopeMap:
    """The scope map in the file at `path`.

    Raises ScopeMapError with every problem.
    """
    return parse_scope_map(text_of(path, ScopeMapError), str(path))


def parse_scope_map(text: str, name: str) -> ScopeMap:
    """The scope map that `text` says; `name` is what errors call it.

    Raises ScopeMapError with every problem.
    """
    reader = _ScopeReader()
    document = reader.document(text)
    scope_map = reader.scope_map(document) if not reader.problems else None
    if scope_map is None:
        raise ScopeMapError(reader.problems, name)
    return scope_map


class _ScopeReader(Reader):
    """One reading of one scope map file."""

    def scope_map(self, document: Node) -> ScopeMap | None:
        """The map, or None when there are problems."""
        # Without `cluster` an unlisted pod would pass for somebody outside, so the file must say it, if
        # only as [].
        fields = self.mapping(document, "", ("apiVersion", "kind", "cluster"), ("epoch", "nodes", "peers"))
        self.header(fields, KIND)
        epoch = self.integer(fields.get("epoch", 0), "epoch", 0, _MAX_EPOCH)
        cluster = list(self._networks(fields.get("cluster")))
        entries = [*self._nodes(fields.get("nodes")), *self._peers(fields.get("peers"))]
        if self.problems or epoch is None:
            return None
        return ScopeMap.build(entries, cluster, epoch)

    def _networks(self, node: Node) -> Iterator[str]:
        for field, item in self.items(node, "cluster"):
            try:
                yield str(ip_network(item if isinstance(item, str) else ""))
            except ValueError:
                self.wrong(field, f"is {show(item)}", "write a network such as 10.77.0.0/24, host bits zero")

    def _nodes(self, node: Node) -> Iterator[Entry]:
        for field, item in self.items(node, "nodes"):
            if ip := self._address(item, field):
                yield Entry(ip, PeerClass.NODE)

    def _peers(self, node: Node) -> Iterator[Entry]:
        for field, item in self.items(node, "peers"):
            peer = self.mapping(item, field, ("ip", "scope"), ("port",))
            ip = self._address(peer["ip"], f"{field}.ip") if "ip" in peer else ""
            scope = self.choice(peer["scope"], f"{field}.scope", _SCOPES) if "scope" in peer else None
            port = self.integer(peer["port"], f"{field}.port", 1, 65_535) if "port" in peer else None
            if ip and scope is not None:
                yield Entry(ip, scope, port)

    def _address(self, node: Node, field: str) -> str:
        """A plain address: peers are looked up by its text, which a mapped or zoned one would never match."""
        try:
            address = ip_address(node if isinstance(node, str) else "")
        except ValueError:
            self.wrong(field, f"is {show(node)}", "write an IPv4 or IPv6 address")
            return ""
        if address.version == 6 and (address.ipv4_mapped or address.scope_id):
            self.wrong(field, f"is {show(node)}", "write the plain address, without ::ffff: or %zone")
            return ""
        return address.compressed
