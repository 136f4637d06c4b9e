"""Looks at the host: that a lab has changed nothing of its network, and has left nothing behind."""

import re
import subprocess
from pathlib import Path

from sidecar.lab import netns
from sidecar.lab.lab import Lab
from sidecar.lab.topology import NODE, PODS

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
    namespaces = [lab.namespace(member) for member in (*PODS, NODE)]
    mounts = Path("/proc/self/mountinfo").read_text().split()
    left = [str(lab.files.directory)] if lab.files.directory.exists() else []
    left += [name for name in namespaces if netns.path(name).exists()]
    left += [path.name for path in Path("/proc").iterdir() if path.name.isdigit() and _belongs(path, lab)]
    return left + [name for name in namespaces if str(netns.path(name)) in mounts]


def _belongs(process: Path, lab: Lab) -> bool:
    """Whether a process sees files of the lab, as every process in one of its pods does."""
    try:
        return f"{lab.files.directory}/" in (process / "mountinfo").read_text()
    except OSError:
        return False
