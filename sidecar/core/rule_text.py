"""What all kinds of rule in a policy file have: names, peers, ports, words of closed tables.

What belongs here: reading such a field, and saying what is wrong with it.  What never does: which rule has which fields;
policy_text.py and dlp_text.py know that.
"""

import re
from collections.abc import Mapping

from sidecar.core.document import Node, show
from sidecar.core.fields import Reader, join
from sidecar.core.scopes import PeerClass

_PEERS = {peer.value: peer for peer in PeerClass}

# Rule names become metric labels and go into events: short, plain, and never taken from traffic.
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_PORTS = re.compile(r"([0-9]{1,5})-([0-9]{1,5})")


class RuleReader(Reader):
    """One reading of one policy file."""

    def __init__(self) -> None:
        super().__init__()
        self._names: set[str] = set()

    def name(self, entry: Mapping[str, Node], field: str) -> str:
        """The rule's own name, or its place in the file."""
        if "name" not in entry:
            return field
        node, field = entry["name"], join(field, "name")
        if not isinstance(node, str) or not _NAME.fullmatch(node):
            self.wrong(field, f"is {show(node)}", "use a-z, 0-9, '.', '_' and '-', at most 63 of them")
            return field
        if node in self._names:
            self.wrong(field, f"is {show(node)}, like another rule", "give each rule its own name")
        self._names.add(node)
        return node

    def peers(self, entry: Mapping[str, Node], field: str, key: str) -> list[PeerClass | None]:
        """The peer classes of one field."""
        return self.many(entry, field, key, _PEERS)

    def many[T](
        self, entry: Mapping[str, Node], field: str, key: str, table: Mapping[str, T]
    ) -> list[T | None]:
        """The words of one field; a field that is not there is one "any"."""
        if key not in entry:
            return [None]
        return [
            self.choice(node, place, table) for place, node in self.one_or_many(entry[key], f"{field}.{key}")
        ]

    def optional[T](
        self, entry: Mapping[str, Node], field: str, key: str, table: Mapping[str, T]
    ) -> T | None:
        """The word of one field, if it is there."""
        return self.choice(entry[key], f"{field}.{key}", table) if key in entry else None

    def ports(self, entry: Mapping[str, Node], field: str) -> frozenset[int]:
        """The ports of one field; none for "any"."""
        ports: set[int] = set()
        if "ports" in entry:
            for place, node in self.one_or_many(entry["ports"], f"{field}.ports"):
                ports.update(self._port_range(node, place))
        return frozenset(ports)

    def _port_range(self, node: Node, field: str) -> range:
        """The ports of `8080` or `"8000-8100"`."""
        span = _PORTS.fullmatch(node) if isinstance(node, str) else None
        if span is None and isinstance(node, str):
            self.wrong(field, f"is {show(node)}", 'write a port from 1 to 65535, or a range like "8000-8100"')
            return range(0)
        low = self.integer(int(span[1]) if span else node, field, 1, 65_535)
        high = self.integer(int(span[2]), field, low or 1, 65_535) if span else low
        return range(low, high + 1) if low is not None and high is not None else range(0)
