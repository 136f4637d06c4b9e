"""The DLP half of a policy file: `dlp`, `exclusions` and `exceptions`, to rules, or what is wrong with them.

What belongs here: which of them has which fields, and the demands on what lets data pass: every exclusion has a reason,
every exception an owner, a ground and an end (PCI DSS 1.2.5, 12.3.1).  What never does: raw values (they are named by
keyed hashes), a clock: an end in the past is no error here, the exception is then without effect.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import product
from typing import Final

from dlp_patterns import exact
from dlp_patterns.model import Confidence
from sidecar.core.allowances import Basis, Condition, Ground, Terms, is_day
from sidecar.core.document import Node, show
from sidecar.core.fields import listed
from sidecar.core.findings import Action, Channel, FindingClass
from sidecar.core.policy import DlpRule
from sidecar.core.rule_text import RuleReader
from sidecar.core.rulings import MOST

_ACTIONS = {str(action): action for action in Action}
_MILDER = {str(action): action for action in (Action.ALLOW, Action.ALERT, Action.MASK)}
_CLASSES = {klass.value: klass for klass in FindingClass}
_CHANNELS = {channel.value: channel for channel in (Channel.HTTP1, Channel.OPAQUE)}
_CONFIDENCES = {level.name.lower(): level for level in Confidence}
_GROUNDS = {ground.value: ground for ground in Ground}
_PER = {"connection": False, "message": True}

OWN: Final = "own/"
"""The pack of the user's own patterns."""

_WHAT: Final = ("class", "pattern", "confidence")
_PEERS: Final = ("from", "to", "ports", "channel")
_PLACES: Final = ("path", "where")
_PATTERN = re.compile(r"[a-z][a-z0-9_]*/[a-z][a-z0-9_]*")
_PLACE = re.compile(r"[$/][!-~ ]{0,200}|header:[!-~]{1,80}|url|header|trailer|body|stream|\*")
_PATH = re.compile(r"[/*][A-Za-z0-9_~!$&'()*+,=:@./-]{0,200}")


class DlpReader(RuleReader):
    """Reads what a policy file says about findings."""

    def __init__(self, patterns: Collection[str] | None) -> None:
        """`patterns` are the known pattern ids; None accepts any."""
        super().__init__()
        self._patterns = patterns

    def dlp(self, node: Node) -> tuple[DlpRule, ...]:
        """The rules of `dlp:`."""
        return self._rules(node, "dlp", self._rule)

    def exclusions(self, node: Node) -> tuple[DlpRule, ...]:
        """The rules of `exclusions:`."""
        return self._rules(node, "exclusions", self._exclusion)

    def exceptions(self, node: Node) -> tuple[DlpRule, ...]:
        """The rules of `exceptions:`."""
        return self._rules(node, "exceptions", self._exception)

    def _rules(
        self, node: Node, field: str, read: Callable[[Node, str], Iterable[DlpRule]]
    ) -> tuple[DlpRule, ...]:
        return tuple(rule for place, each in self.items(node, field) for rule in read(each, place))

    # --- the three kinds ----------------------------------------------------------------------------------------------

    def _rule(self, node: Node, field: str) -> Iterable[DlpRule]:
        selectors = (*_WHAT, *_PEERS, *_PLACES)
        counting = ("atLeast", "per")
        entry = self.mapping(node, field, ("action",), ("name", *selectors, *counting, "why"))
        name = self.name(entry, field)
        self._why(entry, field)
        drafts = list(self._drafts(entry, field, name))
        action = self._action(entry, field, _ACTIONS, drafts)
        if action is Action.ALLOW and not entry.keys() & set(selectors):
            self.wrong(
                field, "allows every finding on every flow", f"name at least one of {', '.join(selectors)}"
            )
        at_least, per_message = self._threshold(entry, field, drafts)
        return [replace(rule, action=action, at_least=at_least, per_message=per_message) for rule in drafts]

    def _exclusion(self, node: Node, field: str) -> Iterable[DlpRule]:
        narrowing = ("values", *_PLACES, *_PEERS, "pattern")
        entry = self.mapping(node, field, ("name", "why"), (*_WHAT, *_PEERS, *_PLACES, "values"))
        name = self.name(entry, field)
        self._why(entry, field)
        if not entry.keys() & set(narrowing):
            self.wrong(
                field, "excludes every finding of its class", f"name at least one of {', '.join(narrowing)}"
            )
        return [
            replace(rule, action=Action.ALLOW, basis=Basis.EXCLUSION)
            for rule in self._drafts(entry, field, name)
        ]

    def _exception(self, node: Node, field: str) -> Iterable[DlpRule]:
        narrowing = (*_PEERS, *_PLACES, "values")
        required = ("name", "owner", "expires", "reason", "why")
        entry = self.mapping(node, field, required, ("action", *_WHAT, *_PEERS, *_PLACES, "values"))
        name = self.name(entry, field)
        drafts = list(self._drafts(entry, field, name))
        action = self._action(entry, field, _MILDER, drafts) if "action" in entry else Action.ALERT
        if not entry.keys() & {"class", "pattern"}:
            self.wrong(field, "is for every kind of finding", "name class or pattern")
        if not entry.keys() & set(narrowing):
            self.wrong(field, "holds on every flow", f"name at least one of {', '.join(narrowing)}")
        terms = self._terms(entry, field)
        return [replace(rule, action=action, basis=Basis.EXCEPTION, terms=terms) for rule in drafts]

    # --- their fields -------------------------------------------------------------------------------------------------

    def _drafts(self, entry: Mapping[str, Node], field: str, name: str) -> Iterator[DlpRule]:
        """One rule for each combination of data class and peers that the entry names."""
        klasses = self.many(entry, field, "class", _CLASSES)
        pattern = self._pattern(entry, field)
        peers = list(product(self.peers(entry, field, "from"), self.peers(entry, field, "to")))
        draft = DlpRule(
            name,
            Action.BLOCK,
            pattern=pattern,
            channel=self.optional(entry, field, "channel", _CHANNELS),
            confidence=self.optional(entry, field, "confidence", _CONFIDENCES) or Confidence.LIKELY,
            ports=self.ports(entry, field),
            condition=self._condition(entry, field),
        )
        for klass, (source, destination) in product(klasses, peers):
            yield replace(draft, klass=klass, source=source, destination=destination)

    def _condition(self, entry: Mapping[str, Node], field: str) -> Condition | None:
        values = frozenset(self._hashes(entry, field))
        paths = self._globs(entry, f"{field}.path", "path", _PATH, "write a path such as /health or /debug/*")
        places = self._globs(
            entry,
            f"{field}.where",
            "where",
            _PLACE,
            "write url, header, header:X-Id, body or a path such as $.debug.* or /order/note",
        )
        return Condition(values, paths, places) if values or paths or places else None

    def _hashes(self, entry: Mapping[str, Node], field: str) -> Iterator[int]:
        if "values" not in entry:
            return
        for place, node in self.one_or_many(entry["values"], f"{field}.values"):
            hashed = exact.read(node) if isinstance(node, str) else None
            if hashed is None:
                # What stands here instead may be the value itself: it is not shown.
                self.wrong(
                    place,
                    "is no keyed hash",
                    "write what `cdefence exact hash` makes of the value, in quotes",
                )
            else:
                yield hashed

    def _globs(
        self, entry: Mapping[str, Node], field: str, key: str, form: re.Pattern[str], remedy: str
    ) -> tuple[str, ...]:
        found: list[str] = []
        for place, node in self.one_or_many(entry[key], field) if key in entry else ():
            if isinstance(node, str) and form.fullmatch(node):
                found.append(node)
            else:
                self.wrong(place, f"is {show(node)}", remedy)
        return tuple(found)

    def _pattern(self, entry: Mapping[str, Node], field: str) -> str | None:
        if "pattern" not in entry:
            return None
        node, field = entry["pattern"], f"{field}.pattern"
        if not isinstance(node, str) or not _PATTERN.fullmatch(node):
            self.wrong(field, f"is {show(node)}", "write a pattern id such as pci/pan")
            return None
        own = node.startswith(OWN)  # only the sidecars that have it know what is in it
        if self._patterns is not None and node not in self._patterns and not own:
            self.wrong(field, f"is {show(node)}, which no pack has", f"use {listed(sorted(self._patterns))}")
        return node

    def _action(
        self, entry: Mapping[str, Node], field: str, table: dict[str, Action], drafts: list[DlpRule]
    ) -> Action:
        field = f"{field}.action"
        action = self.choice(entry["action"], field, table) if "action" in entry else None
        if action is Action.MASK and any(rule.klass is FindingClass.UNSCANNABLE for rule in drafts):
            self.wrong(field, "is 'mask' for content that cannot be read", "use alert, block or allow")
        return Action.BLOCK if action is None else action

    def _threshold(self, entry: Mapping[str, Node], field: str, drafts: list[DlpRule]) -> tuple[int, bool]:
        at_least = self.integer(entry["atLeast"], f"{field}.atLeast", 2, MOST) if "atLeast" in entry else None
        if at_least is not None and any(rule.klass is FindingClass.UNSCANNABLE for rule in drafts):
            self.wrong(
                f"{field}.atLeast",
                "counts content that cannot be read",
                "leave it out: there are no values in it",
            )
        if "per" in entry and "atLeast" not in entry:
            self.wrong(f"{field}.per", "is there without atLeast", "say how many, or leave it out")
        return at_least or 1, bool(self.optional(entry, field, "per", _PER))

    def _terms(self, entry: Mapping[str, Node], field: str) -> Terms | None:
        owner = self.text(entry["owner"], f"{field}.owner") if "owner" in entry else ""
        expires = self._day(entry["expires"], f"{field}.expires") if "expires" in entry else ""
        ground = self.optional(entry, field, "reason", _GROUNDS)
        why = self._why(entry, field)
        return Terms(owner, expires, ground, why) if ground is not None else None

    def _day(self, node: Node, field: str) -> str:
        if isinstance(node, str) and is_day(node):
            return node
        self.wrong(field, f"is {show(node)}", "write the last day on which it holds, such as 2027-03-31")
        return ""

    def _why(self, entry: Mapping[str, Node], field: str) -> str:
        return self.text(entry["why"], f"{field}.why") if "why" in entry else ""
