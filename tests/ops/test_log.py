"""The log: one line a record, UTC, and no card number, whichever way it got there."""

import asyncio
import io
import logging
import re
import subprocess
import sys
import threading
import warnings

import pytest

from sidecar.ops import log
from sidecar.ops.settings import LogLevel

PAN = "4111111111111111"
MASKED = "411111******1111"

LINE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z [A-Z]+ [\w.]+: .*")


@pytest.fixture
def written(monkeypatch):
    """The lines logged so far; the process's own log is put back afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    for name in ("excepthook", "unraisablehook"):
        monkeypatch.setattr(sys, name, getattr(sys, name))
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    stream = io.StringIO()
    root.handlers = []
    log.set_up(LogLevel.INFO, stream)
    yield lambda: stream.getvalue().splitlines()
    logging.captureWarnings(capture=False)
    root.handlers, root.level = handlers, level


def test_a_record_is_one_line(written):
    logging.getLogger("sidecar.relay").warning("upstream %s: refused", "10.77.0.11")
    logging.getLogger("sidecar.relay").debug("not at this level")
    (line,) = written()
    assert LINE.fullmatch(line)
    assert line.endswith("WARNING sidecar.relay: upstream 10.77.0.11: refused")


def ours() -> log.LineHandler:
    (handler,) = (each for each in logging.getLogger().handlers if isinstance(each, log.LineHandler))
    return handler


def third_party_message():
    logging.getLogger("asyncio").error("body was %r", {"card": PAN})


def bytes_repr():
    logging.getLogger("x").error("data %r", b"\x00" + PAN.encode())


def traceback():
    try:
        raise ValueError(f"cannot parse {PAN}")
    except ValueError:
        logging.getLogger("x").exception("failed")


def stack():
    logging.getLogger("x").error(PAN, stack_info=True)


def warning():
    warnings.warn(f"odd value {PAN}", stacklevel=1)


def thread():
    def run() -> None:
        raise ValueError(PAN)

    worker = threading.Thread(target=run)
    worker.start()
    worker.join()


def uncaught():
    error = ValueError(PAN)
    sys.excepthook(ValueError, error, None)


class Unruly:
    def __del__(self) -> None:
        raise ValueError(PAN)


def unraisable():
    Unruly()


def event_loop():
    async def main() -> None:
        asyncio.get_running_loop().call_exception_handler(
            {"message": f"broken {PAN}", "exception": ValueError(PAN)}
        )

    asyncio.run(main())


WAYS = [third_party_message, bytes_repr, traceback, stack, warning, thread, uncaught, unraisable, event_loop]


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
def test_no_way_leads_a_card_number_into_the_log(written, way):
    way()
    (line,) = written()
    assert LINE.fullmatch(line)
    assert MASKED in line or "411111******" in line
    assert PAN not in line


def test_a_record_that_cannot_be_formatted_is_named_without_its_arguments(written):
    # Straight to our handler: pytest's own handlers raise.
    ours().handle(logging.LogRecord("x", logging.ERROR, __file__, 1, "%d", (PAN,), None))
    assert written() == ["ERROR sidecar.ops.log: a record of x could not be written"]


def test_a_message_cannot_forge_a_record_or_steer_a_terminal(written):
    logging.getLogger("x").error("GET /\r\n2024-01-01T00:00:00.000Z INFO x: all is well\x1b[2J\x85\t.")
    (line,) = written()
    assert line.endswith(r"x: GET /\x0d | 2024-01-01T00:00:00.000Z INFO x: all is well\x1b[2J\x85  .")


def test_ctrl_c_is_no_crash(written):
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    (line,) = written()
    assert line.endswith("INFO sidecar: interrupted")


def test_a_process_that_crashes_tells_it_masked():
    code = """
from sidecar.ops.log import set_up
from sidecar.ops.settings import LogLevel
set_up(LogLevel.INFO)
int("4111" + "1111" * 3 + "x")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    (line,) = done.stderr.splitlines()
    assert done.returncode == 1
    assert line.endswith(f"invalid literal for int() with base 10: '{MASKED}x'")


def test_nobody_reads_stderr(written, capsys):
    handler = ours()
    handler.stream.close()
    logging.getLogger("x").error("into the void")
    handler.stream = io.StringIO()
    assert capsys.readouterr() == ("", "")
