"""The text of a configuration file, or an error that says why there is none.

What belongs here: opening and reading.  What never does: what the text means (`core.document`, `core.fields`).
"""

from pathlib import Path

from dlp_patterns.errors import Problem
from sidecar.core.document import DocumentError
from sidecar.core.fields import ConfigError

MAX_FILE = 64 * 1024 * 1024
"""Largest file read, bytes.  A scope map of 500,000 peers fits; a device or a log by mistake does not."""


def read_text(path: Path) -> str:
    """The text of the file at `path`.

    Raises OSError, and DocumentError for a file that is too large or no UTF-8.
    """
    with path.open("rb") as file:
        data = file.read(MAX_FILE + 1)
    if len(data) > MAX_FILE:
        raise DocumentError(
            Problem("file", f"is larger than {MAX_FILE} bytes", "check that it is the right file")
        )
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DocumentError(
            Problem("file", f"is not UTF-8 (byte {error.start})", "save it as UTF-8")
        ) from None


def text_of(path: Path, error: type[ConfigError] = ConfigError) -> str:
    """The text of a configuration file.

    Raises `error` if it cannot be read.
    """
    try:
        return read_text(path)
    except DocumentError as wrong:
        raise error([wrong.problem], str(path)) from None
    except OSError as failure:
        problem = Problem("file", f"cannot be read: {failure.strerror}", "check the path and the permissions")
        raise error([problem], str(path), unread=True) from None
