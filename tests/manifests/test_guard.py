"""The guard, tried on a real API server: every attempt of the table, and the words in which it is refused.

All users here may do everything that RBAC can give, so whatever is refused, the guard refuses.
"""

import re
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.kit import golden
from tests.manifests.api import Api, Outcome, Request
from tests.manifests.attempts import ATTEMPTS, Attempt
from tests.manifests.pods import Json, injected, written
from tests.manifests.requests import CDE, OLD, PLAIN, RUNNING, deployment

GUARD = Path(__file__).parents[2] / "manifests/kustomize/base/guard"
GOLDEN = "guard.txt"
PATIENCE_S = 120.0

SETUP = f"""
apiVersion: v1
kind: Namespace
metadata: {{name: cdefence-system}}
---
apiVersion: v1
kind: Namespace
metadata: {{name: {CDE}}}
---
apiVersion: v1
kind: Namespace
metadata: {{name: {PLAIN}}}
---
apiVersion: v1
kind: Namespace
metadata: {{name: cde-new, labels: {{cdefence.io/injection: enabled}}}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {{name: everybody}}
roleRef: {{apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}}
subjects: [{{apiGroup: rbac.authorization.k8s.io, kind: Group, name: "system:authenticated"}}]
"""


@pytest.fixture(scope="module")
def guarded(api: Api) -> Api:
    """A cluster with the guard, a namespace that opted in with two pods and two Deployments, and one that did not."""
    api.kubectl("apply", "-f", "-", stdin=SETUP)
    _until(lambda: api.kubectl("get", "serviceaccount", "default", "-n", CDE, "--ignore-not-found") != "")
    _ensure(api, written(None) | {"metadata": {"name": OLD}})
    api.kubectl("apply", "-k", GUARD)
    api.kubectl("label", "namespace", CDE, "cdefence.io/injection=enabled", "--overwrite")
    _ensure(api, injected(name=RUNNING))
    for each in (deployment("ordinary"), deployment("excluded", inject="false")):
        api.kubectl("apply", "-n", CDE, "-f", "-", stdin=yaml.safe_dump(each))
    authority = api.kubectl("create", "configmap", "cdefence-ca", "--dry-run=client", "-o", "yaml")
    api.kubectl("apply", "-n", CDE, "-f", "-", stdin=authority)
    for policy in {attempt.stopped_by for attempt in ATTEMPTS} - {None}:
        first = next(attempt for attempt in ATTEMPTS if attempt.stopped_by == policy)
        _until(partial(_refused, api, first))  # a policy takes a moment to be in force
    return api


def _ensure(api: Api, pod: Json) -> None:
    folder = f"/api/v1/namespaces/{CDE}/pods"
    if api.ask(Request("GET", f"{folder}/{pod['metadata']['name']}")).status == 404:
        made = api.ask(Request("POST", folder, pod))
        assert made.status == 201, made.message


def _until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < deadline, "did not come true"
        time.sleep(0.1)


def _outcome(api: Api, attempt: Attempt) -> Outcome:
    return api.ask(attempt.request, attempt.who)


def _refused(api: Api, attempt: Attempt) -> bool:
    return _outcome(api, attempt).denial is not None


def _told(attempt: Attempt, outcome: Outcome) -> str:
    """One entry of the golden file."""
    groups = f" ({', '.join(attempt.who.groups)})" if attempt.who.groups else ""
    policy, why = outcome.denial or ("", "")
    return f"{attempt.title}\n  {attempt.who.name}{groups}\n  {f'{policy}: {why}' if policy else 'allowed'}\n"


def _reached(attempt: Attempt, outcome: Outcome) -> bool:
    """Whether an allowed attempt came through: exec needs a node, which this cluster does not have."""
    return outcome.status < 300 or "does not have a host assigned" in outcome.message


@pytest.mark.cluster
@pytest.mark.parametrize("attempt", ATTEMPTS, ids=lambda attempt: attempt.title)
def test_an_attempt(guarded: Api, attempt: Attempt) -> None:
    if guarded.version() < attempt.since:
        pytest.skip(f"Kubernetes has this since {'.'.join(map(str, attempt.since))}")
    outcome = _outcome(guarded, attempt)
    policy = None if outcome.denial is None else outcome.denial[0].removeprefix("cdefence-")
    assert policy == attempt.stopped_by, outcome.message
    if policy is None:
        assert _reached(attempt, outcome), f"{outcome.status}: {outcome.message}"


@pytest.mark.cluster
def test_every_refusal_in_its_words(guarded: Api) -> None:
    if lacking := [attempt.title for attempt in ATTEMPTS if guarded.version() < attempt.since]:
        pytest.skip(f"the file holds also what this version cannot do: {lacking[0]}")
    told = [_told(attempt, _outcome(guarded, attempt)) for attempt in ATTEMPTS]
    golden.check_golden(GOLDEN, "\n".join(told))


def _policies() -> list[dict[str, Any]]:
    documents = [
        each for path in sorted(GUARD.glob("*.yaml")) for each in yaml.safe_load_all(path.read_text())
    ]
    return [each for each in documents if each["kind"] == "ValidatingAdmissionPolicy"]


@pytest.mark.parametrize("policy", _policies(), ids=lambda policy: policy["metadata"]["name"])
def test_every_rule_has_refused_something(policy: dict[str, Any]) -> None:
    """No rule without an attempt that it stops: the longest piece of its message stands in the golden file."""
    told = (golden.FOLDER / GOLDEN).read_text()
    for rule in policy["spec"]["validations"]:
        pieces = re.findall(r"'([^']*)'", rule.get("messageExpression", "")) or [rule["message"]]
        assert max(pieces, key=len) in told, rule["expression"]


def test_one_name_is_one_expression() -> None:
    """Policies cannot share variables; those with one name are equal at least, so that nobody is listed in one only."""
    shared = ("controllers", "groups", "listed", "trusted")
    found = {
        (each["name"], each["expression"]) for policy in _policies() for each in policy["spec"]["variables"]
    }
    assert sorted(name for name, _ in found if name in shared) == sorted(shared)


@pytest.mark.cluster
def test_the_api_server_has_nothing_to_say_about_the_expressions(guarded: Api) -> None:
    """The type checker of the API server has looked at every policy, and warns of nothing."""
    for policy in _policies():
        name = policy["metadata"]["name"]
        _until(lambda name=name: "typeChecking" in _status(guarded, name))
        assert _status(guarded, name)["typeChecking"] == {}


def _status(api: Api, name: str) -> dict[str, Any]:
    path = f"/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/{name}"
    found: dict[str, Any] = api.ask(Request("GET", path)).body.get("status", {})
    return found
