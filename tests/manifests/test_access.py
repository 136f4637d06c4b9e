"""The controller's rights are what its code calls: derived from the source, compared in both directions.

A call is `….get(RESOURCE, …)` and so on with a constant of injector/kube.py; a `Kind(RESOURCE, …)` or a
`_reflected(…, RESOURCE, …)` is listed and watched.  An applied patch also creates.
"""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from injector import kube

ROOT = Path(__file__).parents[2]
ACCESS = ROOT / "manifests/kustomize/base/access.yaml"
VERBS = {"get", "list", "watch", "create", "patch", "delete"}
REFLECTED = {"Kind", "_reflected"}
RESOURCES = {name: each for name, each in vars(kube).items() if isinstance(each, kube.Resource)}

# Run by a person with a kubeconfig of their own, not by the controller.
NOT_THE_CONTROLLER = {"facts.py", "trial.py", "scrape.py", "inspect_command.py", "kube.py"}

type Right = tuple[str, str, str]
"""API group, resource, verb."""


def called() -> set[Right]:
    """What the modules of the controller call."""
    modules = [path for path in (ROOT / "injector").glob("*.py") if path.name not in NOT_THE_CONTROLLER]
    return {
        right for path in modules for node in ast.walk(ast.parse(path.read_text())) for right in _rights(node)
    }


def _rights(node: ast.AST) -> Iterator[Right]:
    if not isinstance(node, ast.Call):
        return
    name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
    words = [each.id for each in node.args if isinstance(each, ast.Name)]
    words += [each.attr for each in node.args if isinstance(each, ast.Attribute)]
    for resource in (RESOURCES[word] for word in words if word in RESOURCES):
        verbs = {"list", "watch"} if name in REFLECTED else {name} & VERBS
        verbs |= {"create"} if name == "patch" and "APPLY" in words else set()
        yield from ((resource.group, resource.plural, verb) for verb in verbs)


def granted() -> list[tuple[Right, tuple[str, ...]]]:
    """What the manifest grants, and to which names it is limited."""
    documents: list[dict[str, Any]] = list(yaml.safe_load_all(ACCESS.read_text()))
    return [
        ((group, resource, verb), tuple(rule.get("resourceNames", ())))
        for each in documents
        if each["kind"] in ("Role", "ClusterRole")
        for rule in each["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    ]


def test_the_code_is_read() -> None:
    """The derivation sees each kind of call, so that an empty difference means something."""
    assert {("", "secrets", "get"), ("", "pods", "watch"), ("", "configmaps", "create")} <= called()


def test_what_is_called_is_granted() -> None:
    assert called() - {right for right, _ in granted()} == set()


def test_what_is_granted_is_called() -> None:
    assert {right for right, _ in granted()} - called() == set()


def test_no_wildcards() -> None:
    assert not any("*" in (*right, *names) for right, names in granted())


def test_whatever_has_a_known_name_is_granted_by_name() -> None:
    """Not by name: what the whole cluster is listed for, reviews and Events, and the creation of what has none yet."""
    unnamed = {right for right, names in granted() if not names}
    read = {
        ("", each, verb) for each in ("namespaces", "nodes", "pods", "services") for verb in ("list", "watch")
    }
    read |= {("discovery.k8s.io", "endpointslices", verb) for verb in ("list", "watch")}
    made = {("authentication.k8s.io", "tokenreviews"), ("events.k8s.io", "events"), ("", "secrets")}
    made |= {("coordination.k8s.io", "leases")}
    assert unnamed == read | {(*each, "create") for each in made}
