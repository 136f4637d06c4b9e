"""Rendered manifests: what `kubectl kustomize` makes of a folder, as objects.

What never belongs here: a cluster.
"""

import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.bed import build

MANIFESTS = Path(__file__).parents[2] / "manifests"
OVERLAYS = ("dev", "ha", "cert-manager")

type Json = dict[str, Any]


def overlay(name: str) -> Path:
    """The folder of one of OVERLAYS."""
    return MANIFESTS / "kustomize/overlays" / name


@cache
def kubectl() -> str:
    """kubectl of the test bed, else the machine's own; skips where there is none."""
    if build.is_built(build.DEFAULT_VERSION):
        return str(build.worker_binaries() / "kubectl")
    return shutil.which("kubectl") or pytest.skip("no kubectl here; remedy: .ci/setup cluster")


@cache
def rendered(folder: Path) -> tuple[Json, ...]:
    """Every object of a kustomization."""
    done = subprocess.run(
        [kubectl(), "kustomize", str(folder)], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return tuple(each for each in yaml.safe_load_all(done.stdout) if each)


def of_kind(objects: tuple[Json, ...], kind: str) -> list[Json]:
    """Those of one kind."""
    return [each for each in objects if each["kind"] == kind]


def named(objects: tuple[Json, ...], kind: str, name: str) -> Json:
    """The one of that kind and name."""
    (found,) = [each for each in of_kind(objects, kind) if each["metadata"]["name"] == name]
    return found


def values(node: object) -> Iterator[tuple[str, object]]:
    """Every key and value at any depth."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield key, value
            yield from values(value)
    elif isinstance(node, list):
        for each in node:
            yield from values(each)
