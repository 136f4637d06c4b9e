"""mitmproxy in transparent mode with an addon that scans bodies with `re` for one card pattern."""

import importlib.metadata
import sysconfig
from pathlib import Path
from typing import Final

from benchmarks import container
from benchmarks.errors import CannotRunError
from benchmarks.peers import mitmproxy_addon
from benchmarks.peers.model import OWN, PORT, Launch, Peer
from benchmarks.topology import Pod

# What `mitmdump` is, without its script: that one is wherever the environment was made.
_MAIN: Final = "from mitmproxy.tools.main import mitmdump; mitmdump()"
# It runs on the interpreter that we run on; the image does not have its packages.
_PACKAGES: Final = Path("/run/packages")
_ADDON: Final = Path("/run/addon")


def prepare(pod: Pod) -> Launch:  # noqa: ARG001 - a peer that needs no files
    """`mitmdump`, silent.  Raises CannotRunError."""
    version()
    options = [
        f"confdir={OWN / 'mitmproxy'}",
        "block_global=false",
        "flow_detail=0",
        "termlog_verbosity=error",
    ]
    addon = Path(mitmproxy_addon.__file__)
    command = [container.PYTHON, "-P", "-c", _MAIN, "--mode", f"transparent@{PORT}"]
    command += ["--scripts", str(_ADDON / addon.name)]
    for option in options:
        command += ["--set", option]
    shown = {Path(sysconfig.get_path("purelib")): _PACKAGES, addon.parent: _ADDON}
    return Launch(command, {"PYTHONPATH": str(_PACKAGES)}, image=shown)


def version() -> str:
    """From the package's metadata.  Raises CannotRunError."""
    try:
        found = importlib.metadata.version("mitmproxy")
    except importlib.metadata.PackageNotFoundError:
        raise CannotRunError("the package mitmproxy is not installed; remedy: .ci/setup bench") from None
    return f"mitmproxy {found}, {container.python_version()}"


PEER: Final = Peer("mitmproxy", "mitmproxy + re", "whole bodies, one card pattern", prepare, version)
