"""The loader: each mistake is an error that names file and field, and all of them are said at once."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from dlp_patterns.load import OFF_BY_DEFAULT, builtin, load_pack, load_pattern, shipped, told
from dlp_patterns.model import Boundary, DataClass, PatternError, Severity, Sides

GOOD: dict[str, object] = {
    "id": "demo/token",
    "title": "Demo",
    "source": "nowhere",
    "class": "secret",
    "regex": "tok_  # prefix\n\\d{4}",
    "width": 8,
    "boundary": {"left": "none", "right": "word"},
    "check": "opaque",
    "show": "token",
    "severity": "low",
    "context": {"words": ["token"], "distance": 20, "required": False},
    "match": [{"text": ["x=tok_", "1234"], "finds": ["tok_", "1234"]}, {"text_base64": "dG9rXzEyMzQ="}],
    "no_match": [{"text": "tok_123", "why": "short"}, {"text": "tok_12345", "why": "long"}],
}
NO_WHY = [{"text": "tok_123"}, {"text": "tok_12345", "why": "long"}]

# What is changed in a good file -> the field the error names, and words it says.
MISTAKES: list[tuple[dict[str, object], str, str]] = [
    ({"colour": "red"}, "colour", "unknown"),
    ({"title": None}, "title", "no text"),
    ({"id": "demo/other"}, "id", "does not fit the file"),
    ({"class": "phi"}, "class", "pan, sad, pii, secret"),
    ({"severity": "block"}, "severity", "low, medium, high, critical"),
    ({"boundary": "line"}, "boundary", "none, digit, word, token"),
    ({"boundary": {"left": "word"}}, "boundary.right", "missing"),
    ({"check": "crystal_ball"}, "check", "crystal_ball is unknown"),
    ({"show": "everything"}, "show", "everything is unknown"),
    ({"width": 9}, "width", "write 8"),
    ({"width": "8"}, "width", "whole number"),
    ({"regex": "tok_\\d+"}, "regex", "unbounded"),
    ({"regex": "(?<=x)tok_\\d{4}"}, "regex", "lookaround"),
    ({"regex": "(tok)_\\d{4}"}, "regex", "capturing"),
    ({"regex": "^tok_\\d{4}"}, "regex", "anchor"),
    ({"regex": "tök_\\d{4}"}, "regex", "ASCII"),
    ({"regex": "\\d{257}", "width": 257}, "regex", "bound it to 256"),
    ({"regex": "\\d{0,4}", "width": 4}, "regex", "empty text"),
    ({"match": []}, "match", "no example"),
    ({"match": "tok_1234"}, "match", "no list"),
    ({"match": [{"text": "a", "finds": "b"}]}, "match[0].finds", "does not occur"),
    ({"match": [{"text": 5}]}, "match[0].text", "no text"),
    ({"match": [{"text_base64": "?"}]}, "match[0].text_base64", "base64"),
    ({"match": [{"txt": "a"}]}, "match[0].txt", "unknown"),
    ({"no_match": [{"text": "a", "why": "b"}]}, "no_match", "fewer than 2"),
    ({"no_match": NO_WHY}, "no_match[0].why", "missing"),
    ({"context": {"words": ["Card"], "distance": 20, "required": False}}, "context.words", "a-z"),
    ({"context": {"words": ["card"], "distance": 97, "required": False}}, "context.distance", "96"),
    ({"context": {"words": ["card"], "distance": 20, "required": "yes"}}, "context.required", "true"),
    ({"context": {"fields": ["cardNumber"]}}, "context.fields", "card_number"),
    ({"context": {"words": ["card"], "deny": ["a b"]}}, "context.deny", "card_number"),
    ({"context": {"distance": 20}}, "context", "speaks for"),
    ({"context": {"deny": ["sha"], "required": True}}, "context", "speaks for"),
    ({"tells": "pan"}, "tells", "<pack>/<name>"),
]


def _write(folder: Path, document: object, name: str = "token") -> Path:
    path = folder / "demo" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(document if isinstance(document, str) else yaml.safe_dump(document), "utf-8")
    return path


def test_a_good_file(tmp_path: Path) -> None:
    pattern = load_pattern(_write(tmp_path, GOOD))
    assert (pattern.id, pattern.klass, pattern.severity) == ("demo/token", DataClass.SECRET, Severity.LOW)
    assert (pattern.regex, pattern.width) == (rb"tok_\d{4}", 8)
    assert pattern.boundary == Sides(Boundary.NONE, Boundary.WORD)
    assert [example.value for example in pattern.match] == [b"tok_1234", b"tok_1234"]
    assert pattern.match[0].text == b"x=tok_1234"


@pytest.mark.parametrize(("change", "field", "says"), MISTAKES)
def test_a_mistake_names_file_field_and_remedy(
    tmp_path: Path, change: dict[str, object], field: str, says: str
) -> None:
    path = _write(tmp_path, GOOD | change)
    with pytest.raises(PatternError) as caught:
        load_pattern(path)
    lines = [line for line in str(caught.value).splitlines() if line.startswith(f"{path}: {field}: ")]
    assert len(lines) == 1
    assert says in lines[0]
    assert "; " in lines[0], "a remedy"


@pytest.mark.parametrize("key", [key for key in GOOD if key != "context"])
def test_a_missing_key(tmp_path: Path, key: str) -> None:
    path = _write(tmp_path, {name: value for name, value in GOOD.items() if name != key})
    with pytest.raises(PatternError) as caught:
        load_pattern(path)
    assert str(caught.value) == f"{path}: {key}: is missing; add it"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("id: [", "is no YAML"),
        ("- a\n- b\n", "is no mapping"),
        ("", "is no mapping"),
        ("id: a\nid: b\n", "given twice"),
        ("id: !!python/object/apply:os.getcwd []\n", "is no YAML"),
    ],
)
def test_a_file_that_is_no_pattern(tmp_path: Path, text: str, says: str) -> None:
    path = _write(tmp_path, text)
    with pytest.raises(PatternError, match=says) as caught:
        load_pattern(path)
    assert str(caught.value).startswith(f"{path}: file: ")


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(PatternError, match=r"none\.yaml: file: cannot be read"):
        load_pattern(tmp_path / "none.yaml")


def test_all_problems_of_all_files_at_once(tmp_path: Path) -> None:
    first = _write(
        tmp_path, GOOD | {"id": "demo/one", "check": "crystal_ball", "colour": 1, "width": 9}, "one"
    )
    second = _write(tmp_path, GOOD | {"id": "demo/two", "severity": "red"}, "two")
    with pytest.raises(PatternError) as caught:
        load_pack(tmp_path / "demo")
    said = [line.split("; ")[0] for line in str(caught.value).splitlines()]
    assert said == [
        f"{first}: colour: is unknown",
        f"{first}: check: crystal_ball is unknown",
        f"{first}: width: is 9",
        f"{second}: severity: is unknown",
    ]


def test_no_error_repeats_an_example(tmp_path: Path) -> None:
    secret = "tok_9876"
    changes: dict[str, object] = {"match": [{"text": secret, "finds": "other"}], "width": 1}
    with pytest.raises(PatternError) as caught:
        load_pattern(_write(tmp_path, GOOD | changes))
    assert secret not in str(caught.value)


def test_an_empty_folder_is_no_pack(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(PatternError, match="at least one pattern file"):
        load_pack(tmp_path / "empty")


def test_the_packs_that_ship() -> None:
    on = {pack.name for pack in builtin()}
    assert on == set(shipped()) - OFF_BY_DEFAULT
    assert {"pci", "pii", "secrets"} <= on
    sizes = {pack.name: len(pack.patterns) for pack in builtin()}
    assert sizes["pii"] >= 100
    assert sizes["secrets"] >= 400
    assert set(shipped()) == {*sizes, *OFF_BY_DEFAULT}


def test_ids_that_are_told_are_known_without_reading_patterns() -> None:
    assert told() == {pattern.told for pack in builtin() for pattern in pack.patterns}
