"""mitmproxy in transparent mode with an addon that scans bodies with `re` for one card pattern."""

import importlib.metadata
import sys
from pathlib import Path
from typing import Final

from benchmarks.errors import CannotRunError
from benchmarks.peers import mitmproxy_addon
from benchmarks.peers.model import OWN, PORT, Launch, Peer
from benchmarks.topology import Pod

# What `mitmdump` is, without its script: that one is wherever the environment was made.
_MAIN: Final = "from mitmproxy.tools.main import mitmdump; mitmdump()"


def prepare(pod: Pod) -> Launch:  # noqa: ARG001 - a peer that needs no files
    """`mitmdump`, silent.  Raises CannotRunError."""
    version()
    options = [
        f"confdir={OWN / 'mitmproxy'}",
        "block_global=false",
        "flow_detail=0",
        "termlog_verbosity=error",
    ]
    command = [sys.executable, "-P", "-c", _MAIN, "--mode", f"transparent@{PORT}"]
    command += ["--scripts", str(Path(mitmproxy_addon.__file__))]
    for option in options:
        command += ["--set", option]
    return Launch(command)


def version() -> str:
    """From the package's metadata.  Raises CannotRunError."""
    try:
        return "mitmproxy " + importlib.metadata.version("mitmproxy")
    except importlib.metadata.PackageNotFoundError:
        raise CannotRunError("the package mitmproxy is not installed; remedy: .ci/setup bench") from None


PEER: Final = Peer("mitmproxy", "mitmproxy + re", "whole bodies, one card pattern", prepare, version)
