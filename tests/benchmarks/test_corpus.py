"""What is sent is the same in every run, of the promised size, and clean: for naive scanners and for ours."""

import json

import pytest

from benchmarks import application, corpus, micro
from sidecar.core.decode.pieces import OpaqueReader
from sidecar.core.findings import Channel
from sidecar.core.inspection import Inspection

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


def test_documents_have_digits_to_look_at_and_nothing_to_stop(compiled):
    core = micro.subject(compiled)
    text = corpus.document(300_000)
    inspection = Inspection(core.inspector(Channel.OPAQUE), OpaqueReader())
    released = b""
    for at in range(0, len(text), 65_536):
        step = inspection.feed(text[at : at + 65_536])
        assert step.verdict is None
        released += step.release
    assert released + inspection.close().release == text
    assert not corpus.suspicious(text.decode())
    assert len(core.matcher.once(text)) > 50
