"""`cdefence controller` when it cannot run: an exit code, and every reason in words."""

import os
import signal
import subprocess
import sys
from pathlib import Path

CDEFENCE = Path(sys.executable).with_name("cdefence")


def start(**settings: str) -> "subprocess.Popen[str]":
    given = {f"CDEFENCE_CONTROLLER_{name}": value for name, value in settings.items()}
    return subprocess.Popen(
        [CDEFENCE, "controller"], stderr=subprocess.PIPE, text=True, env={"PATH": os.environ["PATH"], **given}
    )


def ended(process: "subprocess.Popen[str]") -> tuple[int, str]:
    _, errors = process.communicate(timeout=120)
    return process.returncode, errors


def test_settings_that_cannot_be_used():
    code, errors = ended(start(LOG_LEVEL="loud", PORT="1"))
    assert code == 2
    for name in ("IMAGE: missing", "LOG_LEVEL: its value is not allowed", "PORT: no such setting"):
        assert f"CDEFENCE_CONTROLLER_{name}" in errors
    assert "Traceback" not in errors


def test_no_way_to_the_api_server(tmp_path):
    code, errors = ended(start(IMAGE="cdefence:test", KUBECONFIG=str(tmp_path / "none")))
    assert code == 1
    assert "no credentials from" in errors
    assert "Traceback" not in errors


NOBODY = """
import pwd, sys
def unknown(_): raise KeyError
pwd.getpwuid = unknown
from sidecar.cli import main
sys.exit(main(["controller"]))
"""


def test_a_user_without_a_home_directory_and_without_a_name(tmp_path):
    """As in a container: the image has no line for the uid, and nobody set HOME."""
    given = {
        "CDEFENCE_CONTROLLER_IMAGE": "cdefence:test",
        "CDEFENCE_CONTROLLER_KUBECONFIG": str(tmp_path / "none"),
    }
    process = subprocess.Popen([sys.executable, "-c", NOBODY], stderr=subprocess.PIPE, text=True, env=given)
    code, errors = ended(process)
    assert (code, "no credentials from" in errors, "Traceback" in errors) == (1, True, False)


def caught(status: str, number: signal.Signals) -> bool:
    """Whether a process handles a signal (SigCgt in proc(5): bit 0 is signal 1)."""
    mask = next(line for line in status.splitlines() if line.startswith("SigCgt")).split()[1]
    return bool(int(mask, 16) >> (number - 1) & 1)


def test_sigterm_while_it_starts_ends_it(tmp_path):
    """The kubelet sends it to process 1 of a container, for which there is no default."""
    os.mkfifo(tmp_path / "endless")  # whoever reads it waits for ever
    process = start(IMAGE="cdefence:test", KUBECONFIG=str(tmp_path / "endless"))
    status = Path(f"/proc/{process.pid}/status")
    while not caught(status.read_text(), signal.SIGTERM):
        assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    code, errors = ended(process)
    assert (code, errors) == (0, "")
