"""The user's own identifiers, from a pattern file and a file of hashes to findings on the wire."""

import shutil
from pathlib import Path

import pytest

from dlp_patterns.errors import PatternError
from dlp_patterns.exact import Normal, keyed, normal, trial, written
from dlp_patterns.exact_file import head
from dlp_patterns.model import Pattern
from sidecar.core.confirm import Confirmer
from sidecar.core.findings import Action, Channel, FindingClass
from sidecar.core.flow import Flow
from sidecar.core.policy import DlpRule, Policy
from sidecar.core.reading import read
from sidecar.core.scopes import Mode, PeerClass
from sidecar.match import packs
from sidecar.match.hs import HyperscanMatcher
from sidecar.relay.world import Regime
from tests.kit.cuts import bytewise, outcome

KEY = "a key that is long enough"
FILE = """
id: own/customer
title: Customer numbers
source: our CRM
class: pii
severity: high
regex: |
  K -? [0-9]{4} -? [0-9]{4}
width: 11
boundary: word
exact: {hashes: customers.hex, key_file: key}
show: last4
match:
  - text: "customer K-0000-0001 called"
    finds: K-0000-0001
no_match:
  - text: K-0000-001
    why: too short
  - text: AK-0000-0001
    why: part of a longer word
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    own = tmp_path / "own"
    own.mkdir()
    (own / "customer.yaml").write_text(FILE)
    (own / "key").write_text(KEY + "\n")
    ours = (normal(value) for value in (b"K-0815-4711", b"K-0815-4712"))
    hashes = "".join(written(KEY.encode(), value) + "\n" for value in ours)
    (own / "customers.hex").write_text(head(KEY.encode(), Normal.ALNUM) + hashes)
    return own


def told(patterns: tuple[Pattern, ...], wire: bytes, cut: list[bytes]) -> list[tuple[str, str, str]]:
    policy = Policy(dlp=(DlpRule("ours", Action.BLOCK, pattern="own/customer"),))
    regime = Regime(HyperscanMatcher(patterns), Confirmer(patterns), policy, Mode.MONITOR)
    flow = Flow(lambda channel: regime.inspector(PeerClass.NODE, PeerClass.NODE, channel))
    seen = outcome(lambda data: flow.client.feed(data), cut, flow.client_close)
    return [(finding.pattern, finding.kind, finding.shown) for finding in seen.findings]


def test_only_our_own_are_found_in_any_writing_and_at_any_chunking(folder: Path) -> None:
    patterns = packs.patterns((), (folder,))
    wire = b"\x00 K-0815-4711, K-0815-4713; K08154712. K-0000-0001" + b" " * 100
    for cut in ([wire], bytewise(wire)):
        assert told(patterns, wire, cut) == [
            ("own/customer", "exact", "K-****-4711"),
            ("own/customer", "exact", "K****4712"),
        ]


def test_neither_key_nor_hashes_are_in_the_cache(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    first = packs.patterns((), (folder,), cache)
    again = packs.patterns((), (folder,), cache)
    assert [pattern.known is not None for pattern in (*first, *again)] == [True, True]
    hashed = keyed(KEY.encode(), b"k08154711")
    kept = b"".join(path.read_bytes() for path in cache.rglob("*") if path.is_file())
    assert kept
    assert KEY.encode() not in kept
    assert b"%d" % hashed not in kept


def test_a_changed_set_is_read_at_the_next_start(folder: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    cache.mkdir()
    packs.patterns((), (folder,), cache)
    (folder / "customers.hex").write_text(written(KEY.encode(), b"k08154713"))
    (pattern,) = packs.patterns((), (folder,), cache)
    assert pattern.known is not None
    assert b"K-0815-4713" in pattern.known
    assert b"K-0815-4711" not in pattern.known


def test_examples_need_not_be_in_the_set(folder: Path) -> None:
    (pattern,) = packs.patterns((), (folder,))
    assert pattern.known is not None
    assert b"K-0000-0001" not in pattern.known
    shown = trial(pattern)
    assert shown.known is not None
    assert b"K-0000-0001" in shown.known


EXACT = "exact: {hashes: customers.hex, key_file: key}"
WRONG = [
    (
        "exact: {hashes: customers.hex}",
        "exact: has no key; name its file (key_file) or the variable that holds it (key_env)",
    ),
    (
        "exact: {hashes: customers.hex, key_file: key, key_env: A}",
        "exact.key_env: is unknown; use one of hashes, key_file, normalise",
    ),
    ("exact: {key_file: key}", "exact.hashes: is missing; add it"),
    (
        EXACT.replace("}", ", normalise: lower}"),
        "exact.normalise: is unknown; use one of alnum, digits, exact",
    ),
    (EXACT + "\ncheck: opaque", "check: is unknown; use one of"),
]


@pytest.mark.parametrize(("exact", "complaint"), WRONG)
def test_what_a_pattern_file_may_not_say(folder: Path, exact: str, complaint: str) -> None:
    (folder / "customer.yaml").write_text(FILE.replace(EXACT, exact))
    with pytest.raises(PatternError) as caught:
        packs.patterns((), (folder,))
    assert complaint in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_key_may_come_from_the_environment(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "customer.yaml").write_text(FILE.replace("key_file: key", "key_env: OUR_KEY"))
    with pytest.raises(PatternError, match=r"own/customer: exact\.key_env: OUR_KEY is not set"):
        packs.patterns((), (folder,))
    monkeypatch.setenv("OUR_KEY", KEY)
    assert packs.patterns((), (folder,))[0].known is not None


def test_without_the_files_nothing_begins(folder: Path) -> None:
    shutil.move(folder / "customers.hex", folder / "elsewhere")
    with pytest.raises(PatternError, match=r"customers\.hex: file: cannot be read"):
        packs.patterns((), (folder,))


def test_the_class_is_the_one_given(folder: Path) -> None:
    patterns = packs.patterns((), (folder,))
    regime = Regime(HyperscanMatcher(patterns), Confirmer(patterns), Policy(), Mode.PROTECT)
    inspector = regime.inspector(PeerClass.NODE, PeerClass.NODE, Channel.OPAQUE)
    (finding,) = read(inspector, b'{"customer": "K-0815-4711"}')
    assert (finding.klass, finding.where) == (FindingClass.PII, "$.customer")
