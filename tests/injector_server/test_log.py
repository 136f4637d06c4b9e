"""One record, one line, no card number."""

import logging

import pytest

from injector.log import LineFormatter


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("plain", "plain"),
        ("card 4111111111111111 seen", "card …1111 seen"),
        ("card 4111 1111-1111 1111 seen", "card …1111 seen"),
        ("version 123456789012", "version 123456789012"),
        ("two\nlines\x1b[31m", r"two | lines\x1b[31m"),
    ],
)
def test_a_line(message, line):
    record = logging.LogRecord("cdefence.x", logging.INFO, "f", 1, message, None, None)
    assert LineFormatter().format(record).endswith(f"Z INFO cdefence.x: {line}")


def test_a_traceback_is_one_line_and_masked():
    try:
        raise ValueError("4111111111111111")
    except ValueError as error:
        record = logging.LogRecord(
            "x", logging.ERROR, "f", 1, "failed", None, (type(error), error, error.__traceback__)
        )
    text = LineFormatter().format(record)
    assert "\n" not in text
    assert "4111111111111111" not in text
    assert "ValueError: …1111" in text
