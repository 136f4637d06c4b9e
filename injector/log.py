"""The log of the controller: one record a line on stderr, and nothing in it that must not be there.

What belongs here: setting up the logging module.  What never does: metrics, audit annotations.

The controller sees whole pods.  Our own records name objects and reasons only; what libraries write is made harmless on the
finished line: long numbers keep their last four digits (PCI DSS 3.4.1), control characters cannot forge a second record.
"""

import logging
import re
import sys
import time

_FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s"
_LONG_NUMBER = re.compile(r"[0-9](?:[ -]?[0-9]){12,18}(?![0-9])")
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160))}
_CONTROL |= {ord("\n"): " | ", ord("\t"): "  "}

# What these would say about a connection is said by whoever opened it, and with bodies in it.
_QUIET = ("kubernetes", "aiohttp", "asyncio", "uvicorn")


class LineFormatter(logging.Formatter):
    """A record as one line, UTC, long numbers masked."""

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__(_FORMAT, "%Y-%m-%dT%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its line break."""
        text = super().format(record)
        record.exc_text = None  # the base class keeps the traceback for other handlers, unmasked
        return _LONG_NUMBER.sub(lambda number: f"…{number[0][-4:]}", text).translate(_CONTROL)


def set_up(level: str) -> None:
    """Send every record at `level` (a word of the logging module) and above to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
