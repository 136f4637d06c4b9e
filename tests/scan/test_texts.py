"""`cdefence scan --jsonl`: one answer a line, offsets that point at the value, errors that name line and field."""

import base64
import gzip
import json
from pathlib import Path

import pytest

from tests.scan.conftest import Run, jsonl

PAN = "4111 1111 1111 1111"
KEYS = ["pattern", "class", "confidence", "start", "end", "masked", "where", "view"]


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def test_a_finding_is_the_documented_object(cdefence: Run) -> None:
    said = cdefence("scan", "--jsonl", "-", stdin=jsonl([{"id": "a", "text": f"card {PAN}."}]))
    (line,) = said.lines
    assert said.code == 1
    assert list(line) == ["id", "findings", "verdict"]
    assert list(line["findings"][0]) == KEYS
    assert line["findings"][0] | {"where": ""} == {
        "pattern": "pci/pan",
        "class": "test_pan",
        "confidence": "certain",
        "start": 5,
        "end": 24,
        "masked": "4111 11** **** 1111",
        "where": "",
        "view": "plain",
    }


@pytest.mark.parametrize(
    "text",
    [f"card {PAN}", f"ö {PAN} é {PAN.replace(' ', '')} 𝟙", f"💳💳 {PAN}\n\ud800 {PAN}", f"{PAN}é"],
)
def test_offsets_of_a_text_are_characters(cdefence: Run, text: str) -> None:
    said = cdefence("scan", "--jsonl", "-", stdin=jsonl([{"id": 1, "text": text}]))
    spans = [(each["start"], each["end"]) for each in said.lines[0]["findings"]]
    assert {text[start:end].replace(" ", "") for start, end in spans} == {PAN.replace(" ", "")}
    assert len(spans) == text.replace(" ", "").count("4111111111111111")


# What a line says -> where in the decoded data the value is.
BODIES = {
    "bytes": ({"data": b64(b"\xff\xfe\x00 card " + PAN.encode())}, 9),
    "gzip": ({"data": b64(gzip.compress(b"card=" + PAN.encode())), "content_encoding": "gzip"}, 5),
    "json": ({"data": b64(b'{"c":"' + PAN.encode() + b'"}'), "content_type": "application/json"}, 6),
    "utf-16": (
        {"data": b64(f"card {PAN}".encode("utf-16")), "content_type": "text/plain; charset=utf-16"},
        5,
    ),
}


@pytest.mark.parametrize("body", BODIES)
def test_offsets_of_data_are_bytes_of_what_it_decodes_to(cdefence: Run, body: str) -> None:
    line, start = BODIES[body]
    said = cdefence("scan", "--jsonl", "-", stdin=jsonl([{"id": 1, **line}]))
    (finding,) = said.lines[0]["findings"]
    assert (finding["start"], finding["end"]) == (start, start + len(PAN))


def test_the_path_in_a_document(cdefence: Run) -> None:
    text = json.dumps({"payment": {"cards": [PAN]}})
    said = cdefence("scan", "--jsonl", "-", stdin=jsonl([{"id": 1, "text": text}]))
    assert said.lines[0]["findings"][0]["where"] == "$.payment.cards[0]"


# What is wrong with a line -> the complaint about it.
WRONG = {
    b"nonsense": "is no JSON at character 1",
    b"\xff": "is no UTF-8",
    b"[]": "is no JSON object",
    b"{}": "field id is missing",
    b'{"text": "a"}': "field id is missing",
    b'{"id": 7}': "field text (or data) is missing",
    b'{"id": 7, "text": 5}': "field text is no string",
    b'{"id": 7, "text": "a", "data": ""}': "has both fields text and data",
    b'{"id": 7, "data": "?"}': "field data is no base64",
    b'{"id": 7, "data": 1}': "field data is no string of base64",
    b'{"id": 7, "data": "", "content_type": 5}': "field content_type is no string",
}


@pytest.mark.parametrize("line", WRONG)
def test_a_bad_line_is_named_and_the_others_are_answered(cdefence: Run, line: bytes) -> None:
    good = jsonl([{"id": "before", "text": ""}]), jsonl([{"id": "behind", "text": PAN}])
    said = cdefence("scan", "--jsonl", "-", stdin=good[0] + line + b"\n" + good[1])
    before, wrong, behind = said.lines
    assert said.code == 2
    assert wrong == {"id": 7 if b'"id"' in line else None, "error": f"line 2: {WRONG[line]}"}
    assert f"line 2: {WRONG[line]}" in said.err
    assert (before["verdict"], behind["verdict"]) == ("allow", "block")


def test_lines_from_a_file_and_blank_ones(cdefence: Run, tmp_path: Path) -> None:
    file = tmp_path / "lines"
    file.write_bytes(b"\n" + jsonl([{"id": None, "text": "nothing"}]) + b"  \n")
    said = cdefence("scan", "--jsonl", file)
    assert (said.code, said.lines) == (0, [{"id": None, "findings": [], "verdict": "allow"}])


POLICY = """apiVersion: cdefence.io/v1
kind: Policy
dlp: [{class: test_pan, action: mask}, {pattern: pii/iban, action: allow}]
"""
# text -> verdict by default, and by that policy
VERDICTS = {
    "nothing": ("allow", "allow"),
    f"card {PAN}": ("block", "mask"),
    "iban GB33BUKB20201555555555": ("alert", "allow"),
    f"iban GB33BUKB20201555555555, card {PAN}": ("block", "mask"),
}


def test_the_verdict_is_the_strictest_action_of_the_policy(cdefence: Run, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY)
    lines = jsonl([{"id": at, "text": text} for at, text in enumerate(VERDICTS)])
    default = cdefence("scan", "--jsonl", "-", stdin=lines).lines
    own = cdefence("scan", "--jsonl", "-", "--policy", policy, stdin=lines).lines
    told = [(one["verdict"], other["verdict"]) for one, other in zip(default, own, strict=True)]
    assert told == list(VERDICTS.values())


def test_what_cannot_be_used_is_said_before_anything_is_read(cdefence: Run, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text("kind: Policy")
    for arguments, complaint in (
        (("--pack", "cards"), "pack: cards is unknown"),
        (("--policy", policy), "policy.yaml: apiVersion: is missing"),
        ((), "name paths to look at, or --jsonl FILE"),
    ):
        given = ("scan", *arguments, *(("--jsonl", "-") if arguments else ()))
        said = cdefence(*given, stdin=b"nonsense\n")
        assert (said.code, said.out) == (2, "")
        assert complaint in said.err


def test_packs_are_chosen_by_name(cdefence: Run) -> None:
    lines = jsonl([{"id": 1, "text": f"card {PAN}, ssn 536-22-1234"}])
    said = cdefence("scan", "--pack", "pii", "--jsonl", "-", stdin=lines)
    assert [each["pattern"] for each in said.lines[0]["findings"]] == ["pii/us_ssn"]
