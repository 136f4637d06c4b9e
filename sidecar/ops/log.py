"""The log of the process: one record a line on stderr, and no card number in it, whoever wrote the record.

What belongs here: setting up the logging module, including what would otherwise bypass it (uncaught
exceptions, warnings, records that cannot be formatted).  What never does: audit events (events.py).

Masking happens on the finished line, after arguments, tracebacks and stack info were put in, so no
third-party record can slip past it.
"""

import logging
import sys
import threading
import time
from types import TracebackType
from typing import TextIO

from sidecar.core.redact import mask_pans
from sidecar.ops.settings import LogLevel

_FORMAT = "%(asctime)s.%(msecs)03dZ %(levelname)s %(name)s: %(message)s"
_TIME = "%Y-%m-%dT%H:%M:%S"

# A line break in a message could forge the next record; other control characters could steer a terminal.
_CONTROL = {code: f"\\x{code:02x}" for code in (*range(32), 127, *range(128, 160))}
_CONTROL[ord("\n")] = " | "
_CONTROL[ord("\t")] = "  "

_log = logging.getLogger("sidecar")


class LineFormatter(logging.Formatter):
    """A record as one line, UTC, card numbers masked."""

    converter = staticmethod(time.gmtime)

    def __init__(self) -> None:
        super().__init__(_FORMAT, _TIME)

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its line break."""
        text = super().format(record)
        record.exc_text = None  # the base class keeps the traceback for other handlers, unmasked
        return mask_pans(text).translate(_CONTROL)


class LineHandler(logging.StreamHandler[TextIO]):
    """Writes lines; a record that cannot be formatted is named, but its arguments are not printed."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - overrides logging's name
        try:
            self.stream.write(f"ERROR {__name__}: a record of {record.name} could not be written\n")
        except (OSError, ValueError):
            return  # nobody reads stderr any more, and a log must not stop a proxy


def set_up(level: LogLevel, stream: TextIO | None = None) -> None:
    """Send every record at `level` and above to `stream` (default stderr); may be called again."""
    handler = LineHandler(stream or sys.stderr)
    handler.setFormatter(LineFormatter())
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    logging.captureWarnings(capture=True)
    sys.excepthook = _uncaught
    sys.unraisablehook = _unraisable
    threading.excepthook = _uncaught_in_thread


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        _log.info("interrupted")
    else:
        _log.critical("uncaught exception", exc_info=(kind, error, trace))


def _unraisable(found: "sys.UnraisableHookArgs") -> None:
    error = found.exc_value
    _log.error(
        "exception that nobody could catch", exc_info=error and (type(error), error, found.exc_traceback)
    )


def _uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is not None:
        _uncaught(args.exc_type, args.exc_value, args.exc_traceback)
