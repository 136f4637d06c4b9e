"""A cluster as the tests see it: kubectl, manifests, commands in pods; the bed's own or one that the user names.

What never belongs here: knowledge of cdefence, beyond the name of its image.
"""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Final

from kubernetes.client import ApiClient, ApiException
from kubernetes.config import new_client_from_config
from urllib3.exceptions import HTTPError

from image import build as layout
from tests.cluster.bed import build, images
from tests.cluster.bed.bed import Bed
from tests.cluster.bed.errors import BedError

type Json = Mapping[str, "Json"] | Sequence["Json"] | str | int | float | bool | None

POLL_S: Final = 0.3
PATIENCE_S: Final = 180.0
"""Kubernetes' own controllers and a kubelet take their time, on two cores that they share with other tests."""


class ClusterError(AssertionError):
    """kubectl failed, or something did not happen in time; the text holds what the cluster said."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """`image` is cdefence's, `app_image` the one that plays applications; `bed` is None for a user's own cluster."""

    image: str
    app_image: str
    bed: Bed | None = None
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    pull_policy: str = "Never"

    def run(
        self, words: Sequence[str], *, stdin: str = "", timeout: float = 120
    ) -> "subprocess.CompletedProcess[str]":
        """`kubectl` with `words`, whatever its exit code.  Raises ClusterError if it does not come to an end."""
        try:
            return subprocess.run(
                ["kubectl", *words],
                input=stdin,
                capture_output=True,
                text=True,
                check=False,
                timeout=timeout,
                env=dict(self.environment),
            )
        except subprocess.TimeoutExpired:
            raise ClusterError(f"kubectl {' '.join(words)}: no end after {timeout:g} s") from None

    def kubectl(self, *words: str, stdin: str = "", timeout: float = 120) -> str:
        """Standard output of `kubectl`.  Raises ClusterError with its standard error."""
        done = self.run(words, stdin=stdin, timeout=timeout)
        if done.returncode:
            raise ClusterError(f"kubectl {' '.join(words)}: {done.stderr.strip()}")
        return done.stdout

    def read(self, path: str) -> str:
        """What the API server answers to a GET, asked by this process: `kubectl` takes a tenth of a second of processor for
        each word, too much for what is asked again and again.  Raises ClusterError.
        """
        client = _client(self.environment["KUBECONFIG"])
        try:
            answer = client.call_api(
                path, "GET", auth_settings=["BearerToken"], _preload_content=False, _request_timeout=120
            )
            text: bytes = answer.data
        except ApiException as error:
            raise ClusterError(f"GET {path.partition('?')[0]}: {error.status} {error.reason}") from None
        except HTTPError as error:
            raise ClusterError(f"GET {path.partition('?')[0]}: {error}") from None
        return text.decode()

    def apply(self, manifest: str) -> str:
        """Apply YAML text; what kubectl says."""
        return self.kubectl("apply", "-f", "-", stdin=manifest)

    def get(self, *words: str) -> Json:
        """An object or a list, as JSON."""
        answer: Json = json.loads(self.kubectl("get", *words, "-o", "json"))
        return answer

    def ask(self, path: str, *words: str) -> str:
        """One JSONPath expression of `kubectl get`, such as `{.status.phase}`."""
        return self.kubectl("get", *words, "-o", f"jsonpath={path}").strip()

    def execute(
        self,
        pod: str,
        command: Sequence[str],
        *,
        namespace: str = "default",
        container: str | None = None,
        stdin: str | None = None,
        timeout: float = 120,
    ) -> "subprocess.CompletedProcess[str]":
        """`command` in a container of `pod` (a name, or `deployment/NAME`); the exit code is the caller's to judge."""
        words = ["exec", pod, "-n", namespace, "--quiet"]
        words += ["-c", container] if container else []
        words += ["-i"] if stdin is not None else []
        return self.run([*words, "--", *command], stdin=stdin or "", timeout=timeout)

    def wait(self, condition: str, *words: str, seconds: float = PATIENCE_S) -> None:
        """`kubectl wait --for=CONDITION`.  On failure the error also holds the newest events."""
        done = self.run(
            ["wait", f"--for={condition}", *words, f"--timeout={seconds:g}s"], timeout=seconds + 15
        )
        if done.returncode:
            raise ClusterError(f"{condition} of {' '.join(words)}: {done.stderr.strip()}\n{self.news()}")

    def rollout(self, *words: str, seconds: float = PATIENCE_S) -> None:
        """Wait until a Deployment, StatefulSet or DaemonSet has rolled out."""
        done = self.run(["rollout", "status", *words, f"--timeout={seconds:g}s"], timeout=seconds + 15)
        if done.returncode:
            raise ClusterError(f"rollout of {' '.join(words)}: {done.stderr.strip()}\n{self.news()}")

    def until(self, ready: Callable[[], bool], what: str, *, seconds: float = PATIENCE_S) -> None:
        """Poll `ready`; what cannot be asked now is asked again.  Raises ClusterError naming `what` when time is up."""
        end = time.monotonic() + seconds
        while True:
            last: ClusterError | None = None
            try:
                if ready():
                    return
            except ClusterError as error:
                last = error
            if time.monotonic() > end:
                raise ClusterError(f"not within {seconds:g} s: {what}\n{self.news()}") from last
            time.sleep(POLL_S)

    def news(self, last: int = 12) -> str:
        """The newest events of all namespaces."""
        done = self.run(["get", "events", "-A", "--sort-by=.lastTimestamp"])
        return "\n".join(done.stdout.splitlines()[-last:])

    @contextmanager
    def namespace(self, name: str, labels: Mapping[str, str] | None = None) -> Iterator[str]:
        """A namespace for the time of a test; it and everything in it is deleted at the end."""
        metadata = {"name": name, "labels": dict(labels or {})}
        self.apply(json.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata}))
        try:
            self.until(
                lambda: self.run(["get", "serviceaccount", "default", "-n", name]).returncode == 0,
                f"default service account of {name}",
            )
            yield name
        finally:
            self.run(["delete", "pods", "--all", "-n", name, "--force", "--grace-period=0"], timeout=300)
            self.run(["delete", "namespace", name, "--wait=false"])


@cache
def _client(kubeconfig: str) -> ApiClient:
    return new_client_from_config(kubeconfig)


def foreign() -> Cluster | None:
    """The user's own cluster, when `KUBECONFIG` and `CDEFENCE_IMAGE` are set.

    Raises BedError without kubectl, and without an image for applications: cdefence's own has no shell and no curl.
    """
    image = os.environ.get("CDEFENCE_IMAGE")
    if not (image and os.environ.get("KUBECONFIG")):
        return None
    if shutil.which("kubectl") is None:
        raise BedError("KUBECONFIG and CDEFENCE_IMAGE are set, but kubectl is not on the PATH")
    app = os.environ.get("CDEFENCE_APP_IMAGE")
    if not app:
        raise BedError(
            "CDEFENCE_APP_IMAGE is not set: the image that plays applications in your cluster; remedy:"
            " `python -m tests.cluster.bed app-image` prints an archive of it to load or to push"
        )
    return Cluster(image, app, pull_policy="IfNotPresent")


def own(bed: Bed) -> Cluster:
    """A bed, started whole, with both images loaded.  Raises BedError."""
    with ThreadPoolExecutor(1) as aside:
        made = aside.submit(_archives)
        bed.up(version=build.version())
        made.result()
    return loaded(bed)


def loaded(bed: Bed) -> Cluster:
    """A bed that is up, with both images loaded as they are now.  Raises BedError."""
    image, app = (bed.load(archive) for archive in _archives())
    return Cluster(image, app, bed, bed.environment())


def _archives() -> tuple[Path, Path]:
    try:
        return layout.build(), images.app()
    except layout.ImageError as error:
        raise BedError(f"no image: {error}") from error
