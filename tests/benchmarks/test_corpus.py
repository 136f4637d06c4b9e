"""What is sent is the same in every run, of the promised size, and clean: for naive scanners and for ours."""

import json

import pytest

from benchmarks import application, corpus
from dlp_patterns.load import builtin
from sidecar.core.decode.pieces import OpaqueReader
from sidecar.core.findings import Channel
from sidecar.core.inspection import Inspection
from sidecar.core.scopes import Mode, PeerClass
from sidecar.match.hs import HyperscanMatcher
from sidecar.relay.world import World

SIZES = (application.SMALL, application.MEDIUM, 300_000)


@pytest.mark.parametrize("size", SIZES)
def test_a_document_is_json_of_exactly_that_size_and_always_the_same(size):
    text = corpus.document(size)
    assert len(text) == size
    assert text == corpus.document(size)
    json.loads(text)


@pytest.mark.parametrize(
    ("text", "suspicious"),
    [
        ("paid with 4111 1111 1111 1111 today", True),
        ("4111111111111111", True),
        ("4111111111111112", False),
        ("41111111111111110", False),
        ("SO-2024-36483080", False),
    ],
)
def test_what_a_naive_scanner_would_call_a_card(text, suspicious):
    assert corpus.suspicious(text) is suspicious


def test_documents_have_digits_to_look_at_and_nothing_to_stop():
    patterns = [pattern for pack in builtin() for pattern in pack.patterns]
    world = World(PeerClass.IN_SCOPE, Mode.PROTECT, HyperscanMatcher(patterns))
    world.adopt(world.policy, world.mode)
    text = corpus.document(300_000)
    inspection = Inspection(
        world._make_inspector(PeerClass.IN_SCOPE, PeerClass.IN_SCOPE, Channel.HTTP1), OpaqueReader()
    )
    released = b""
    for at in range(0, len(text), 65_536):
        step = inspection.feed(text[at : at + 65_536])
        assert step.verdict is None
        released += step.release
    assert released + inspection.close().release == text
    assert not corpus.suspicious(text.decode())
    assert len(world.matcher.once(text)) > 50
