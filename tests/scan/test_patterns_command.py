"""`cdefence patterns`: ours and the user's own, listed, shown, tested and checked."""

import json
from pathlib import Path

import pytest

from dlp_patterns import load
from tests.scan.conftest import Run, jsonl

OWN = """id: mine/badge
title: Badge of our staff
source: ourselves
class: pii
regex: BADGE-[A-Z] \\d{4}
width: 11
boundary: word
check: shape
show: last4
severity: low
match: [{text: "his BADGE-X1234", finds: BADGE-X1234}]
no_match: [{text: BADGE-X123, why: short}, {text: BADGE-x1234, why: lower case}]
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "badge.yaml").write_text(OWN)
    return folder


def test_list(cdefence: Run, mine: Path) -> None:
    rows = cdefence("patterns", "list", "--format", "json").lines
    assert {row["pack"]: row["on"] for row in rows} == {
        name: name in load.default() for name in load.shipped()
    }
    assert rows[0].keys() == {"id", "class", "severity", "title", "pack", "on"}
    (row,) = cdefence("patterns", "list", "--format", "json", "--pack", mine).lines
    assert row == {
        "id": "mine/badge",
        "class": "pii",
        "severity": "low",
        "title": "Badge of our staff",
        "pack": "mine",
        "on": True,
    }
    assert cdefence("patterns", "list", "--pack", mine).out.split()[:4] == ["mine/badge", "pii", "low", "on"]


def test_show(cdefence: Run) -> None:
    out = cdefence("patterns", "show", "pci/pan", "--pack", "pci").out
    assert out.startswith("id: pci/pan\ntitle: Primary account number\n")
    assert "  - finds: 4111 11** **** 1111\n" in out
    said = cdefence("patterns", "show", "pci/nothing", "--pack", "pci")
    assert (said.code, said.err) == (
        2,
        "cdefence: there is no pattern pci/nothing; see cdefence patterns list\n",
    )


def test_test(cdefence: Run, mine: Path) -> None:
    said = cdefence("patterns", "test", "--pack", "pci", "--pack", mine)
    assert said.code == 0, said.out
    assert said.out.endswith(" 0 wrong\n")
    (mine / "badge.yaml").write_text(OWN.replace("short}", "short}, {text: BADGE-A1234, why: a mistake}"))
    said = cdefence("patterns", "test", "--pack", mine)
    assert said.code == 1
    assert (
        said.out == "mine/badge: no_match[1]: finds 1 values (a mistake)\n1 patterns, 4 examples, 1 wrong\n"
    )


def test_lint_of_a_good_file_and_folder(cdefence: Run, mine: Path) -> None:
    for path in (mine, mine / "badge.yaml"):
        said = cdefence("patterns", "lint", path)
        assert said.out.startswith("mine/badge: ")
        assert said.code in (0, 1)  # whether it is fast, a busy machine may see differently
        assert "MB/s of text" in said.out


# What is changed in a good file -> what is complained about, and with which exit code.
MISTAKES = {
    ("colour: red\n", ""): ("colour: is unknown", 2),
    ("regex: BADGE-[A-Z] \\d{4}", "regex: BADGE-.*"): ("regex: has a dot for any byte", 2),
    ('match: [{text: "his BADGE-X1234", finds: BADGE-X1234}]', "match: [{text: BADGE-X123}]"): (
        "mine/badge: match[0]: finds 0 values, not the one that is meant",
        1,
    ),
}


@pytest.mark.parametrize("change", MISTAKES)
def test_lint_names_file_and_field(cdefence: Run, mine: Path, change: tuple[str, str]) -> None:
    complaint, code = MISTAKES[change]
    text = OWN + change[0] if not change[1] else OWN.replace(*change)
    (mine / "badge.yaml").write_text(text)
    said = cdefence("patterns", "lint", mine / "badge.yaml")
    assert said.code == code
    assert complaint in (said.err if code == 2 else said.out)
    assert code == 1 or f"{mine}/badge.yaml: " in said.err


OPEN = OWN.replace("BADGE-[A-Z] \\d{4}", "'[A-Za-z0-9]{32}'").replace("width: 11", "width: 32")
OPEN = (
    OPEN[: OPEN.index("match:")]
    + f"match: [{{text: {'x1y2' * 8}}}]\nno_match: [{{text: x1y2, why: short}}, {{text: -, why: none}}]\n"
)


def test_lint_warns_of_a_pattern_that_makes_every_text_wait(cdefence: Run, mine: Path) -> None:
    """Any word could be the beginning of its value: what stands at the end of a piece waits for the next."""
    warned = f"  warning: {mine}/badge.yaml: regex: holds back "
    assert warned not in cdefence("patterns", "lint", mine).out
    (mine / "badge.yaml").write_text(OPEN)
    for path in (mine, mine / "badge.yaml"):
        said = cdefence("patterns", "lint", path)
        assert said.code == 1
        assert warned in said.out
        assert "open it with a literal" in said.out


def test_own_packs_find_what_they_say(cdefence: Run, mine: Path) -> None:
    lines = jsonl([{"id": 1, "text": "BADGE-X1234 and card 4111 1111 1111 1111"}])
    for packs, found in (
        (("--pack", mine), ["mine/badge"]),
        (("--pack", mine, "--pack", "pci"), ["mine/badge", "pci/pan"]),
    ):
        (line,) = cdefence("scan", *packs, "--jsonl", "-", stdin=lines).lines
        assert sorted(each["pattern"] for each in line["findings"]) == found


def test_a_bad_pack_is_an_error_before_anything_is_read(cdefence: Run, mine: Path) -> None:
    (mine / "badge.yaml").write_text(OWN.replace("boundary: word", "boundary: line"))
    said = cdefence("scan", "--pack", mine, "--jsonl", "-", stdin=b"nonsense")
    assert (said.code, said.out) == (2, "")
    assert f"cdefence: {mine}/badge.yaml: boundary: is unknown" in said.err.replace("\ncdefence", "cdefence")


def test_no_example_is_shown_in_the_clear(cdefence: Run) -> None:
    pattern = next(each for each in load.builtin(["pii"])[0].patterns if each.id == "pii/us_ssn")
    out = cdefence("patterns", "show", "pii/us_ssn", "--pack", "pii").out
    assert not [each for each in pattern.match if each.value.decode() in out]
    assert json.dumps(pattern.title)[1:-1] in out
