"""The files of a lab: where they are, who may read them, and writing them so that a watcher never sees half
of one.

What never belongs here: process ids (the kernel knows them), and anything that must survive `lab down`.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sidecar import contract
from sidecar.lab import certs
from sidecar.lab.errors import LabError
from sidecar.lab.topology import APP_UID, PODS, Pod, hosts, resolv_conf, scope_map

DEFAULT_POLICY = f"apiVersion: {contract.API_VERSION}\nkind: Policy\n"
"""The empty policy: the default rules and the default grid hold."""


def state_root() -> Path:
    """The folder of all labs: under /run, or the temporary directory where that is read-only."""
    base = Path("/run") if os.access("/run", os.W_OK) else Path(tempfile.gettempdir())
    return base / "cdefence-lab"


@dataclass(frozen=True, slots=True)
class PodFiles:
    """The folder of one pod; inside the pod it is /run/cdefence."""

    directory: Path

    @property
    def policy(self) -> Path:
        """What the sidecar watches."""
        return self.directory / "policy.yaml"

    @property
    def scope_map(self) -> Path:
        """What the sidecar watches, too."""
        return self.directory / "scope-map.json"

    @property
    def events(self) -> Path:
        """Written by the sidecar."""
        return self.directory / "proxy/events.jsonl"

    @property
    def ledger(self) -> Path:
        """What reached the application; written by it."""
        return self.directory / "app/received.json"

    def log(self, name: str) -> Path:
        """Standard output and error of a process."""
        return self.directory / f"log/{name}.log"


@dataclass(frozen=True, slots=True)
class LabFiles:
    """The folder of one lab."""

    directory: Path

    @property
    def compiled(self) -> Path:
        """The patterns as every proxy of the lab needs them."""
        return self.directory / "compiled"

    def pod(self, pod: Pod) -> PodFiles:
        """The folder of `pod`."""
        return PodFiles(self.directory / "pods" / pod.name)

    def prepare(self) -> None:
        """Make every folder and file that is missing."""
        for directory in (
            self.directory.parent,
            self.directory,
            self.directory / "ca",
            self.directory / "pods",
        ):
            make_directory(directory)
        authority = certs.make_authority(self.directory / "ca")
        for pod in PODS:
            self._prepare_pod(pod, authority)

    def _prepare_pod(self, pod: Pod, authority: Path) -> None:
        files = self.pod(pod)
        make_directory(files.directory)
        make_directory(files.directory / "log")
        make_directory(files.directory / "app", APP_UID)
        make_directory(files.directory / "proxy", contract.PROXY_UID)
        texts = {"hosts": hosts(pod), "resolv.conf": resolv_conf(), "ca.crt": authority.read_text()}
        if pod.protected:
            texts |= {files.scope_map.name: scope_map(), files.policy.name: DEFAULT_POLICY}
        for name, text in texts.items():
            if not (files.directory / name).exists():
                write(files.directory / name, text)
        certs.make_server(files.directory, pod, authority, APP_UID)

    def remove(self) -> None:
        """Remove the lab's folder, and the folder of all labs if this was the last."""
        shutil.rmtree(self.directory, ignore_errors=True)
        if self.directory.exists():
            raise LabError(f"{self.directory} cannot be removed; is a file system mounted in it?")
        if self.directory.parent.is_dir() and not any(self.directory.parent.iterdir()):
            self.directory.parent.rmdir()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the lab: one `up` or `down` at a time.  Raises LabError when another holds it."""
        make_directory(self.directory.parent)
        make_directory(self.directory)
        handle = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield
        except BlockingIOError as busy:
            raise LabError(
                f"another command is working on lab {self.directory.name!r}; wait for its end"
            ) from busy
        finally:
            os.close(handle)


def make_directory(path: Path, owner: int = 0) -> None:
    """Make `path` readable for all and writable for `owner`; refuse one that somebody else has put there."""
    path.mkdir(exist_ok=True)
    if path.is_symlink() or path.stat().st_uid not in (0, owner):
        raise LabError(f"{path} belongs to somebody else; remove it")
    path.chmod(0o755)
    os.chown(path, owner, owner)


def give(source: Path, target: Path, owner: int) -> None:
    """Copy the files of a folder for `owner` alone, unless they are there."""
    if target.exists():
        return
    shutil.copytree(source, target)
    for path in (target, *target.iterdir()):
        path.chmod(0o700 if path.is_dir() else 0o600)
        os.chown(path, owner, owner)


def write(path: Path, text: str) -> None:
    """Write `path` in one step (a new file takes the old one's place), readable for all."""
    part = path.with_name(f".{path.name}.part")
    part.write_text(text)
    part.chmod(0o644)
    part.replace(path)
