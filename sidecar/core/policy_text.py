"""The text of a policy file: YAML an auditor can read, to the pure `Policy`, or a list of everything that is wrong.

What belongs here: the shape of the file and the demands that PCI DSS makes on it (every allowed path has a reason,
1.2.5); sidecar and controller read it with the same code.  What never does: opening a file, and deciding about a flow;
the rules are evaluated by `policy`.  What is said about findings is read by `dlp_text`.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from hashlib import sha256
from itertools import product

from sidecar.core.dlp_text import DlpReader
from sidecar.core.document import Node
from sidecar.core.fields import ConfigError
from sidecar.core.policy import Format, Policy, SegmentRule
from sidecar.core.scopes import Mode
from sidecar.core.views.table import SPOKEN

KIND = "Policy"

_MODES = {mode.value: mode for mode in Mode}
_SEGMENT_ACTIONS = {"allow": True, "deny": False}
_LISTS = ("segmentation", "dlp", "exclusions", "exceptions", "formats")
_FORMATS = {spec.name: spec.name for spec in SPOKEN}


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


class _PolicyReader(DlpReader):
    """One reading of one policy file."""

    def policy_file(self, document: Node, version: str) -> PolicyFile:
        fields = self.mapping(document, "", ("apiVersion", "kind"), ("mode", *_LISTS))
        self.header(fields, KIND)
        mode = self.choice(fields["mode"], "mode", _MODES) if "mode" in fields else None
        segmentation = [
            rule
            for field, node in self.items(fields.get("segmentation"), "segmentation")
            for rule in self._segment_rules(node, field)
        ]
        dlp = self.dlp(fields.get("dlp"))
        exclusions = self.exclusions(fields.get("exclusions"))
        exceptions = self.exceptions(fields.get("exceptions"))
        formats = tuple(
            self._format(node, field) for field, node in self.items(fields.get("formats"), "formats")
        )
        return PolicyFile(Policy(tuple(segmentation), dlp, version, exclusions, exceptions, formats), mode)

    def _format(self, node: Node, field: str) -> Format:
        """Binary payment formats are read on the ports that are named: elsewhere chance could look like them."""
        entry = self.mapping(node, field, ("ports", "read"), ())
        names = self.many(entry, field, "read", _FORMATS)
        return Format(self.ports(entry, field), tuple(name for name in names if name is not None))

    # --- segmentation
    # ------------------------------------------------------------------------------------------

    def _segment_rules(self, node: Node, field: str) -> Iterator[SegmentRule]:
        """One rule for each pair of classes that the entry names."""
        entry = self.mapping(node, field, ("action",), ("name", "from", "to", "ports", "why"))
        name = self.name(entry, field)
        pairs = list(product(self.peers(entry, field, "from"), self.peers(entry, field, "to")))
        ports = self.ports(entry, field)
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
