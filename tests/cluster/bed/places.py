"""Where things are: caches shared by all beds, and the folder of one bed.

What never belongs here: creating, reading or removing them.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.cluster.bed.errors import BedError

REPOSITORY: Final = Path(__file__).resolve().parents[3]
NODE_SOURCE: Final = REPOSITORY / "tests" / "cluster" / "node"

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")


def cache_root() -> Path:
    """`CDEFENCE_BED_CACHE`, or `cdefence` in the user's cache folder; never inside the checkout."""
    default = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "cdefence"
    return Path(os.environ.get("CDEFENCE_BED_CACHE", default))


@dataclass(frozen=True, slots=True)
class Places:
    """The names of everything that one bed owns; they follow from the bed's name alone, so that `down` needs no record."""

    name: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise BedError(f"bed name {self.name!r}: use at most 40 lower case letters, digits and dashes")

    @property
    def folder(self) -> Path:
        """Everything on disk."""
        return cache_root() / "beds" / self.name

    @property
    def pids(self) -> Path:
        """One file for each daemon."""
        return self.folder / "pids"

    @property
    def logs(self) -> Path:
        """One file for each daemon, and the API server's audit log."""
        return self.folder / "log"

    @property
    def pki(self) -> Path:
        """Certificates, keys and kubeconfigs."""
        return self.folder / "pki"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's; works on the host and in the bed."""
        return self.folder / "kubeconfig"

    @property
    def netns(self) -> str:
        """The node's network namespace."""
        return f"cdefence-bed-{self.name}"

    @property
    def outside(self) -> str:
        """The namespace that plays the world outside the cluster."""
        return f"{self.netns}-out"

    @property
    def cgroup(self) -> str:
        """The cgroup that holds every pod of this bed, below the root of each hierarchy."""
        return f"cdefence-bed-{self.name}"

    @property
    def containerd_socket(self) -> Path:
        """Where the kubelet and `ctr` speak to containerd."""
        return self.folder / "containerd.sock"


def all_beds() -> list[Places]:
    """Every bed that has a folder, running or not."""
    beds = cache_root() / "beds"
    return [Places(path.name) for path in sorted(beds.iterdir())] if beds.is_dir() else []
