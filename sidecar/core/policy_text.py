"""The text of a policy file: YAML an auditor can read, to the pure `Policy`, or a list of everything that is wrong.

What belongs here: the shape of the file and the demands that PCI DSS makes on it (every allowed path has a reason,
1.2.5); sidecar and controller read it with the same code.  What never does: opening a file, and deciding about a flow;
the rules are evaluated by `policy`.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import product

from dlp_patterns.model import Confidence
from sidecar.core.document import Node, show
from sidecar.core.fields import ConfigError, Reader, join, listed
from sidecar.core.findings import Action, Channel, FindingClass
from sidecar.core.policy import DlpRule, Policy, SegmentRule
from sidecar.core.scopes import Mode, PeerClass

KIND = "Policy"

_PEERS = {peer.value: peer for peer in PeerClass}
_MODES = {mode.value: mode for mode in Mode}
_SEGMENT_ACTIONS = {"allow": True, "deny": False}
_DLP_ACTIONS = {str(action): action for action in Action}
_CLASSES = {klass.value: klass for klass in FindingClass}
_CHANNELS = {channel.value: channel for channel in (Channel.HTTP1, Channel.OPAQUE)}
_CONFIDENCES = {level.name.lower(): level for level in Confidence}

# Rule names become metric labels and go into events: short, plain, and never taken from traffic.
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_PATTERN = re.compile(r"[a-z][a-z0-9_]*/[a-z][a-z0-9_]*")
_PORTS = re.compile(r"([0-9]{1,5})-([0-9]{1,5})")


class PolicyError(ConfigError):
    """A policy file that cannot be used; `problems` holds every reason."""


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """What a policy file says: the policy, and the mode if it sets one (it then wins over the settings)."""

    policy: Policy
    mode: Mode | None = None


def parse_policy(text: str, name: str, patterns: Collection[str] | None = None) -> PolicyFile:
    """The policy that `text` says; `name` is what errors call it.

    Raises PolicyError with every problem.
    """
    reader = _PolicyReader(patterns)
    document = reader.document(text)
    file = reader.policy_file(document, version(text)) if not reader.problems else None
    if file is None or reader.problems:
        raise PolicyError(reader.problems, name)
    return file


def version(text: str) -> str:
    """The version of a policy: what its text is, in twelve hex digits of SHA-256."""
    return sha256(text.encode()).hexdigest()[:12]


class _PolicyReader(Reader):
    """One reading of one policy file."""

    def __init__(self, patterns: Collection[str] | None) -> None:
        super().__init__()
        self._patterns = patterns
        self._names: set[str] = set()

    def policy_file(self, document: Node, version: str) -> PolicyFile:
        fields = self.mapping(document, "", ("apiVersion", "kind"), ("mode", "segmentation", "dlp"))
        self.header(fields, KIND)
        mode = self.choice(fields["mode"], "mode", _MODES) if "mode" in fields else None
        segmentation = [
            rule
            for field, node in self.items(fields.get("segmentation"), "segmentation")
            for rule in self._segment_rules(node, field)
        ]
        dlp = [
            rule
            for field, node in self.items(fields.get("dlp"), "dlp")
            for rule in self._dlp_rules(node, field)
        ]
        return PolicyFile(Policy(tuple(segmentation), tuple(dlp), version), mode)

    # --- segmentation
    # ------------------------------------------------------------------------------------------

    def _segment_rules(self, node: Node, field: str) -> Iterator[SegmentRule]:
        """One rule for each pair of classes that the entry names."""
        entry = self.mapping(node, field, ("action",), ("name", "from", "to", "ports", "why"))
        name = self._name(entry, field)
        pairs = list(product(self._peers(entry, field, "from"), self._peers(entry, field, "to")))
        ports = self._ports(entry, field)
        why = self.text(entry["why"], f"{field}.why") if "why" in entry else ""
        allow = (
            self.choice(entry["action"], f"{field}.action", _SEGMENT_ACTIONS) if "action" in entry else None
        )
        if allow:
            self._demand_reasons(entry, field)
        for source, destination in pairs:
            yield SegmentRule(name, source, destination, ports, bool(allow), why)

    def _demand_reasons(self, entry: dict[str, Node], field: str) -> None:
        """PCI DSS 1.2.5: every allowed service, protocol and port is identified and has a business need."""
        if "why" not in entry:
            self.wrong(f"{field}.why", "is missing", "say what this path is needed for (PCI DSS 1.2.5)")
        if "from" not in entry and "to" not in entry:
            self.wrong(field, "allows every pair of peers", "name `from`, `to` or both")

    def _ports(self, entry: dict[str, Node], field: str) -> frozenset[int]:
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

    # --- DLP
    # -----------------------------------------------------------------------------------------------------

    def _dlp_rules(self, node: Node, field: str) -> Iterator[DlpRule]:
        """One rule for each combination of data class and peers that the entry names."""
        selectors = ("class", "pattern", "from", "to", "channel", "confidence")
        entry = self.mapping(node, field, ("action",), ("name", *selectors, "why"))
        name = self._name(entry, field)
        if "why" in entry:
            self.text(entry["why"], f"{field}.why")
        klasses = self._many(entry, field, "class", _CLASSES)
        pattern = self._pattern(entry, field)
        peers = product(self._peers(entry, field, "from"), self._peers(entry, field, "to"))
        channel = self._optional(entry, field, "channel", _CHANNELS)
        confidence = self._optional(entry, field, "confidence", _CONFIDENCES) or Confidence.LIKELY
        action = self._dlp_action(entry, field, klasses)
        if action is Action.ALLOW and not entry.keys() & set(selectors):
            self.wrong(
                field, "allows every finding on every flow", f"name at least one of {', '.join(selectors)}"
            )
        for klass, (source, destination) in product(klasses, list(peers)):
            yield DlpRule(name, action, klass, pattern, source, destination, channel, confidence)

    def _dlp_action(self, entry: dict[str, Node], field: str, klasses: list[FindingClass | None]) -> Action:
        field = f"{field}.action"
        action = self.choice(entry["action"], field, _DLP_ACTIONS) if "action" in entry else None
        if action is Action.MASK and FindingClass.UNSCANNABLE in klasses:
            self.wrong(field, "is 'mask' for content that cannot be read", "use alert, block or allow")
        return Action.BLOCK if action is None else action

    def _pattern(self, entry: dict[str, Node], field: str) -> str | None:
        if "pattern" not in entry:
            return None
        node, field = entry["pattern"], f"{field}.pattern"
        if not isinstance(node, str) or not _PATTERN.fullmatch(node):
            self.wrong(field, f"is {show(node)}", "write a pattern id such as pci/pan")
            return None
        if self._patterns is not None and node not in self._patterns:
            self.wrong(field, f"is {show(node)}, which no pack has", f"use {listed(sorted(self._patterns))}")
        return node

    # --- what both kinds of rule have
    # ------------------------------------------------------------------------------

    def _name(self, entry: dict[str, Node], field: str) -> str:
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

    def _peers(self, entry: dict[str, Node], field: str, key: str) -> list[PeerClass | None]:
        return self._many(entry, field, key, _PEERS)

    def _many[T](self, entry: dict[str, Node], field: str, key: str, table: dict[str, T]) -> list[T | None]:
        """The words of one field; a field that is not there is one "any"."""
        if key not in entry:
            return [None]
        return [
            self.choice(node, place, table) for place, node in self.one_or_many(entry[key], f"{field}.{key}")
        ]

    def _optional[T](self, entry: dict[str, Node], field: str, key: str, table: dict[str, T]) -> T | None:
        return self.choice(entry[key], f"{field}.{key}", table) if key in entry else None
