"""The part of JSON Schema 2020-12 that `events.schema.json` uses, checked by hand; an unknown keyword is an error."""

import re

from sidecar.ops.events import Json

_TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
_SILENT = {"$schema", "$id", "$defs", "title", "description"}


def problems(value: Json, schema: dict, root: dict, at: str = "$") -> list[str]:
    """Where `value` does not fit `schema`."""
    found: list[str] = []
    for keyword, wanted in schema.items():
        if keyword not in _SILENT:
            found += _KEYWORDS[keyword](value, wanted, schema, root, at)
    return found


def _ref(value, wanted, schema, root, at):
    return problems(value, root["$defs"][wanted.removeprefix("#/$defs/")], root, at)


def _one_of(value, wanted, schema, root, at):
    answers = [problems(value, option, root, at) for option in wanted]
    if sum(not answer for answer in answers) == 1:
        return []
    return min(answers, key=len) or [f"{at}: fits several"]


def _type(value, wanted, schema, root, at):
    right = isinstance(value, _TYPES[wanted]) and not (wanted == "integer" and isinstance(value, bool))
    return [] if right else [f"{at}: is no {wanted}"]


def _properties(value, wanted, schema, root, at):
    return [
        p
        for key, sub in wanted.items()
        if key in value
        for p in problems(value[key], sub, root, f"{at}.{key}")
    ]


def _unless(test, text):
    return lambda value, wanted, schema, root, at: [] if test(value, wanted) else [f"{at}: {text} {wanted}"]


def _additional(value, wanted, schema, root, at):
    assert wanted is False
    return [f"{at}.{key}: not in the schema" for key in value if key not in schema["properties"]]


_KEYWORDS = {
    "$ref": _ref,
    "oneOf": _one_of,
    "type": _type,
    "properties": _properties,
    "additionalProperties": _additional,
    "items": lambda v, w, s, r, at: [
        p for i, item in enumerate(v) for p in problems(item, w, r, f"{at}[{i}]")
    ],
    "required": lambda v, w, s, r, at: [f"{at}.{key}: missing" for key in w if key not in v],
    "const": _unless(lambda v, w: v == w and type(v) is type(w), "is not"),
    "enum": _unless(lambda v, w: v in w, "is none of"),
    "pattern": _unless(lambda v, w: re.search(w, v), "does not match"),
    "minLength": _unless(lambda v, w: len(v) >= w, "is shorter than"),
    "minimum": _unless(lambda v, w: v >= w, "is below"),
    "maximum": _unless(lambda v, w: v <= w, "is above"),
}
