"""`scan --jsonl`: what is found in a text, or in a body with its content type and content coding."""

from collections.abc import Callable

from sidecar.core.inspector import Inspector
from sidecar.core.reading import read
from sidecar.scan.jsonl import Line, LineError, decoded
from sidecar.scan.rows import in_characters, row, strictest


def judged(inspector: Inspector) -> Callable[[Line], Line]:
    """Answers a line `{"id", "text"}` or `{"id", "data", "content_type"?, "content_encoding"?}`."""

    def one(line: Line) -> Line:
        text, data = text_of(line)
        findings = read(
            inspector,
            data,
            content_type=b"" if text is not None else _header(line, "content_type"),
            content_encoding=b"" if text is not None else _header(line, "content_encoding"),
        )
        rows = [row(finding) for finding in findings]
        return {
            "findings": rows if text is None else in_characters(rows, text, data),
            "verdict": str(strictest(findings)),
        }

    return one


def text_of(line: Line) -> tuple[str | None, bytes]:
    """The text of a line, None for bytes, and its bytes.  Raises LineError."""
    if ("text" in line) == ("data" in line):
        raise LineError(
            "has both fields text and data" if "text" in line else "field text (or data) is missing"
        )
    if "data" in line:
        return None, decoded(line["data"], "data")
    text = line["text"]
    if not isinstance(text, str):
        raise LineError("field text is no string")
    return text, text.encode("utf-8", "surrogatepass")


def _header(line: Line, field: str) -> bytes:
    value = line.get(field) or ""
    if not isinstance(value, str):
        raise LineError(f"field {field} is no string")
    return value.encode("latin-1", "replace")
