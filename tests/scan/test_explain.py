"""`cdefence explain --jsonl`: where each thing that looks like a value ends, and why."""

import pytest

from tests.scan.conftest import Run, jsonl

# Text -> pattern, stage, field and word of the one hit in it.
TEXTS: list[tuple[str, tuple[str, str, str | None, str | None]]] = [
    ("card 4111 1111 1111 1111", ("pci/pan", "finding", None, "card")),
    ('{"card_number": "4111111111111111"}', ("pci/pan", "finding", "card_number", "card")),
    ("card 4111 1111 1111 1112", ("pci/pan", "check", None, "card")),
    ("x41111111111111110000000012", ("pci/pan", "boundary", None, None)),
    ("ssn: 536-22-1234", ("pii/us_ssn", "finding", "ssn", "ssn")),
    ("ssn: 000-22-1234", ("pii/us_ssn", "check", "ssn", "ssn")),
]


@pytest.mark.parametrize(("text", "told"), TEXTS)
def test_the_stage_at_which_it_ends(cdefence: Run, text: str, told: tuple[str, ...]) -> None:
    said = cdefence(
        "explain", "--pack", "pci", "--pack", "pii", "--jsonl", "-", stdin=jsonl([{"id": 1, "text": text}])
    )
    hits = [hit for hit in said.lines[0]["hits"] if hit["pattern"] == told[0]]
    assert said.code == 0
    assert [(hit["pattern"], hit["stage"], hit["field"], hit["word"]) for hit in hits] == [told]
    assert all(hit["why"] for hit in hits)
    assert (hits[0]["confidence"] is not None) is (told[1] == "finding")


def test_what_is_no_finding_is_masked_too(cdefence: Run) -> None:
    text = "€ card 4111 1111 1111 1112"
    said = cdefence("explain", "--jsonl", "-", stdin=jsonl([{"id": 1, "text": text}]))
    assert "1111 1112" not in said.out
    (hit,) = [hit for hit in said.lines[0]["hits"] if hit["pattern"] == "pci/pan"]
    assert (hit["masked"], text[hit["start"] : hit["end"]]) == ("4111 11** **** 1112", "4111 1111 1111 1112")


def test_a_field_that_could_itself_be_a_value_is_not_shown(cdefence: Run) -> None:
    text = "a4111111111111111=4111111111111111"
    said = cdefence("explain", "--jsonl", "-", stdin=jsonl([{"id": 1, "text": text}]))
    assert {hit["field"] for hit in said.lines[0]["hits"] if hit["stage"] == "finding"} <= {"*", None}


def test_nothing_and_a_bad_line(cdefence: Run) -> None:
    said = cdefence("explain", "--jsonl", "-", stdin=b'{"id": 1, "text": "hello"}\n{"id": 2}\n')
    assert said.code == 2
    assert said.lines == [
        {"id": 1, "hits": []},
        {"id": 2, "error": "line 2: field text (or data) is missing"},
    ]
