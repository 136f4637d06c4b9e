"""Looks at the host: that a lab has changed nothing of its network, and has left nothing behind."""

import re
import subprocess
from pathlib import Path

from sidecar.lab import netns
from sidecar.lab.lab import Lab

HOST_NETWORK = (
    ("ip", "addr"),
    ("ip", "route", "show", "table", "all"),
    ("ip", "-6", "route", "show", "table", "all"),
    ("ip", "rule"),
    ("ip", "-6", "rule"),
    ("nft", "list", "ruleset"),
)


def host_network() -> dict[str, str]:
    """Everything about the host's network that a lab could change, without what changes by itself (lifetimes)."""
    looks = {}
    for command in HOST_NETWORK:
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        looks[" ".join(command)] = re.sub(r"\b(expires|valid_lft|preferred_lft) \S+", "", said)
    return looks


def left_of(lab: Lab) -> list[str]:
    """Whatever still exists of a lab: folder, namespaces, processes, mounts."""
    left = [str(lab.files.directory)] if lab.files.directory.exists() else []
    left += [path.name for path in netns.DIRECTORY.glob(f"{lab.name}-*")]
    left += [path.name for path in Path("/proc").iterdir() if path.name.isdigit() and _belongs(path, lab)]
    left += [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if f"/{lab.name}" in line]
    return left


def _belongs(process: Path, lab: Lab) -> bool:
    try:
        return str(lab.files.directory) in (process / "mountinfo").read_text()
    except OSError:
        return False
