"""The golden pods before a real API server: it takes each, adds nothing to ours, and asked again we change nothing.

A server-side dry run: admission plugins, defaults and validation, nothing is stored.
"""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from injector import patch
from injector.mutate import inject
from injector.offline import inject as inject_text
from injector.options import parse
from injector.tree import Object, items, mapping, texts
from sidecar import contract
from tests.cluster.bed.bed import Bed
from tests.injector.pods import NAMES, found, source
from tests.injector.test_golden import RECIPE, REFUSED, UNTOUCHED
from tests.injector_server.cluster import Cluster

pytestmark = pytest.mark.cluster

NOT_TO_BE_CREATED = {"ephemeral": "spec.ephemeralContainers: Forbidden: cannot be set on create"}
PODS = [
    name
    for name in NAMES
    if name not in REFUSED | UNTOUCHED | NOT_TO_BE_CREATED.keys()
    and all(each.label.startswith("Pod ") for each in found(source(name)))
]


@pytest.fixture(scope="module")
def kubectl(clean_cluster: Callable[[], AbstractContextManager[Cluster]]) -> Iterator["Kubectl"]:
    with clean_cluster() as cluster:
        cluster.namespace("shop")
        yield Kubectl(cluster.bed)


class Kubectl:
    """kubectl, in a bed."""

    def __init__(self, bed: Bed) -> None:
        self._bed = bed

    def create(self, text: str) -> subprocess.CompletedProcess[str]:
        """What the API server would make of it."""
        return self._bed.run(["kubectl", "create", "--dry-run=server", "-o", "json", "-f", "-"], stdin=text)


def created(kubectl: Kubectl, name: str) -> list[Object]:
    """The pods of a golden file as the API server gives them back; all other things are left out."""
    done = kubectl.create(inject_text(source(name), RECIPE).text)
    assert done.returncode == 0, done.stderr
    return [each for each in answers(done.stdout) if each["kind"] == "Pod"]


def answers(text: str) -> Iterator[Object]:
    """kubectl writes one JSON document behind the other."""
    while text := text.lstrip():
        document, end = json.JSONDecoder().raw_decode(text)
        yield from document.get("items", [document])
        text = text[end:]


@pytest.mark.parametrize("name", PODS)
def test_a_pod_is_taken_and_ours_stays_as_it_is(kubectl, name):
    wanted = [each.pod for each in found(inject_text(source(name), RECIPE).text)]
    for got, sent in zip(created(kubectl, name), wanted, strict=True):
        annotations = texts(mapping(got, "metadata"), "annotations")
        if contract.STATUS_ANNOTATION not in annotations:
            continue  # opted out
        assert ours(got) == ours(sent)
        assert patch.difference(got, inject(got, parse(annotations), RECIPE).pod) == []


def ours(pod: Object) -> list[list[Object]]:
    """Our containers and volumes: the first two of each."""
    return [items(mapping(pod, "spec"), key)[:2] for key in ("initContainers", "volumes")]


@pytest.mark.parametrize("name", sorted(set(NAMES) - REFUSED - set(PODS) - NOT_TO_BE_CREATED.keys()))
def test_a_workload_is_taken(kubectl, name):
    done = kubectl.create(inject_text(source(name), RECIPE).text)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", NOT_TO_BE_CREATED)
def test_what_nobody_can_create_is_refused_for_that_reason(kubectl, name):
    assert NOT_TO_BE_CREATED[name] in kubectl.create(inject_text(source(name), RECIPE).text).stderr
