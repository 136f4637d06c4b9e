"""What the overlays render to: one image, no secret, names that the code knows, pods that Pod Security calls restricted."""

import shutil
from pathlib import Path

import pytest
import yaml

from injector import eligible, options, render
from injector.options import Options
from injector.preflight import GUARD
from injector.recipe import Recipe
from injector.settings import load
from injector.tree import items
from sidecar import contract
from sidecar.core.policy import Policy
from sidecar.core.policy_text import parse_policy, version
from sidecar.core.scopes import PeerClass
from tests.manifests.kustomize import MANIFESTS, OVERLAYS, Json, named, of_kind, overlay, rendered, values

SYSTEM = contract.SYSTEM_NAMESPACE
GUARD_FOLDER = MANIFESTS / "kustomize/base/guard"


@pytest.mark.parametrize("name", OVERLAYS)
def test_nothing_secret_is_rendered(name: str) -> None:
    objects = rendered(overlay(name))
    assert of_kind(objects, "Secret") == []
    assert not [key for key, value in values(list(objects)) if key == "caBundle"]
    assert "PRIVATE KEY" not in str(objects)


@pytest.mark.parametrize("name", OVERLAYS)
def test_one_image(name: str, tmp_path: Path) -> None:
    """`images:` of an overlay of one's own reaches the Deployment, what is injected, and what the guard accepts."""
    copy = tmp_path / "kustomize"
    shutil.copytree(MANIFESTS / "kustomize", copy)
    folder = copy / "overlays" / name
    file = folder / "kustomization.yaml"
    own = "images:\n  - {name: cdefence, newName: registry.example/pci/cdefence, newTag: 9.9.9}\n"
    head, _, _ = file.read_text().partition("images:\n")
    lines = file.read_text().removeprefix(head).splitlines(keepends=True)
    rest = "".join(lines[2:]) if lines else ""
    file.write_text(f"{head}{own}{rest}")
    objects = rendered(folder)
    container = named(objects, "Deployment", "cdefence-controller")["spec"]["template"]["spec"]["containers"][
        0
    ]
    assert container["image"] == "registry.example/pci/cdefence:9.9.9"
    assert named(objects, "ConfigMap", "cdefence-guard")["data"]["image"] == container["image"]
    assert _literals(objects, "image") == {"cdefence-sidecar": container["image"]}
    source = next(each for each in container["env"] if each["name"] == "CDEFENCE_CONTROLLER_IMAGE")
    assert source["valueFrom"]["configMapKeyRef"] == {"name": "cdefence-guard", "key": "image"}


def _literals(objects: tuple[Json, ...], variable: str) -> dict[str, str]:
    """What the policies hold as a literal of that name."""
    return {
        policy["metadata"]["name"]: each["expression"].removeprefix("'").removesuffix("'")
        for policy in of_kind(objects, "ValidatingAdmissionPolicy")
        for each in policy["spec"]["variables"]
        if each["name"] == variable
    }


def test_parameters_reach_the_policies(tmp_path: Path) -> None:
    """Each in every policy that has it, and nothing else is touched."""
    wanted = {"groups": "a,b", "otherImages": "old:1, mirror/new:2", "otherEnvironment": "DD_AGENT_HOST"}
    copy = tmp_path / "kustomize"
    shutil.copytree(MANIFESTS / "kustomize", copy)
    file = copy / "overlays/ha/kustomization.yaml"
    patch = {"apiVersion": "v1", "kind": "ConfigMap", "data": wanted}
    patch["metadata"] = {"name": "cdefence-guard", "namespace": SYSTEM}
    text = yaml.safe_load(file.read_text())
    text["patches"].append({"patch": yaml.safe_dump(patch)})
    file.write_text(yaml.safe_dump(text))
    before, after = rendered(overlay("ha")), rendered(file.parent)
    for name, value in wanted.items():
        assert set(_literals(after, name).values()) == {value}
        assert _literals(after, name).keys() == _literals(before, name).keys()
    rest = [_expressions(each, wanted) for each in (before, after)]
    assert rest[0] == rest[1]


def _expressions(objects: tuple[Json, ...], without: dict[str, str]) -> list[str]:
    return [
        each["expression"]
        for policy in of_kind(objects, "ValidatingAdmissionPolicy")
        for each in policy["spec"]["variables"]
        if each["name"] not in without
    ]


def test_every_overlay_writes_the_same_parameters() -> None:
    texts = {(overlay(name) / "guard-parameters.yaml").read_text() for name in OVERLAYS}
    assert len(texts) == 1


def test_no_policy_depends_on_an_object_that_can_be_missing() -> None:
    """See base/guard/parameters.yaml for what becomes of a paramKind."""
    policies = of_kind(rendered(GUARD_FOLDER), "ValidatingAdmissionPolicy")
    assert not [each for each in policies if "paramKind" in each["spec"]]


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_controller_takes_its_settings(name: str) -> None:
    """Every variable is one that the controller knows, with a value that it allows."""
    objects = rendered(overlay(name))
    container = named(objects, "Deployment", "cdefence-controller")["spec"]["template"]["spec"]["containers"][
        0
    ]
    config = named(objects, "ConfigMap", container["envFrom"][0]["configMapRef"]["name"])["data"]
    load(config | {each["name"]: "set" for each in container["env"]})
    assert container["command"] + container["args"] == [render.COMMAND, "controller"]


@pytest.mark.parametrize("name", OVERLAYS)
def test_names_are_those_of_the_contract(name: str) -> None:
    objects = rendered(overlay(name))
    deployment = named(objects, "Deployment", "cdefence-controller")
    ports = {
        each["name"]: each["containerPort"]
        for each in deployment["spec"]["template"]["spec"]["containers"][0]["ports"]
    }
    assert ports == {
        "webhook": contract.WEBHOOK_PORT,
        "scopes": contract.SCOPES_PORT,
        "health": contract.CONTROLLER_HEALTH_PORT,
        "metrics": contract.CONTROLLER_METRICS_PORT,
    }
    (webhook,) = named(objects, "MutatingWebhookConfiguration", contract.WEBHOOK_CONFIG)["webhooks"]
    assert webhook["clientConfig"]["service"] == {
        "name": contract.WEBHOOK_SERVICE, "namespace": SYSTEM, "path": contract.WEBHOOK_PATH, "port": 443,
    }  # fmt: skip
    for service, port in ((contract.WEBHOOK_SERVICE, 443), (contract.SCOPES_SERVICE, contract.SCOPES_PORT)):
        assert named(objects, "Service", service)["spec"]["ports"][0]["port"] == port
    assert set(named(objects, "ConfigMap", contract.POLICY_CONFIG_MAP)["data"]) == {"policy.yaml"}
    selector = deployment["spec"]["selector"]["matchLabels"].items()
    for each in of_kind(objects, "Service"):
        assert each["spec"]["selector"].items() == selector


@pytest.mark.parametrize("name", OVERLAYS)
def test_the_webhook_is_what_was_promised(name: str) -> None:
    (webhook,) = named(rendered(overlay(name)), "MutatingWebhookConfiguration", contract.WEBHOOK_CONFIG)[
        "webhooks"
    ]
    promised = {
        "failurePolicy": "Fail",
        "timeoutSeconds": 5,
        "sideEffects": "None",
        "reinvocationPolicy": "IfNeeded",
        "matchPolicy": "Equivalent",
        "admissionReviewVersions": ["v1"],
    }
    assert {key: webhook[key] for key in promised} == promised


def test_system_namespaces_are_the_same_everywhere() -> None:
    """The injector's list, the webhook's selector, every binding of the guard."""
    objects = rendered(overlay("dev"))
    selectors = [
        value
        for key, value in values(list(objects))
        if key == "namespaceSelector" and isinstance(value, dict)
    ]
    lists = [
        frozenset(each["values"])
        for selector in selectors
        for each in selector.get("matchExpressions", ())
        if each["key"] == "kubernetes.io/metadata.name"
    ]
    assert len(lists) == len(GUARD)  # all but the one of namespaces, and the webhook
    assert set(lists) == {eligible.SYSTEM_NAMESPACES}


def test_the_default_policy_can_be_used() -> None:
    """And it adds nothing to the defaults."""
    text = (MANIFESTS / "kustomize/base/policy.yaml").read_text()
    assert parse_policy(text, "policy.yaml").policy == Policy(version=version(text))


# ---- overlays ----------------------------------------------------------------------------------------------


def test_high_availability() -> None:
    objects = rendered(overlay("ha"))
    deployment = named(objects, "Deployment", "cdefence-controller")
    pod = deployment["spec"]["template"]["spec"]
    assert deployment["spec"]["replicas"] == 2
    assert [each["whenUnsatisfiable"] for each in pod["topologySpreadConstraints"]] == [
        "DoNotSchedule",
        "ScheduleAnyway",
    ]
    (budget,) = of_kind(objects, "PodDisruptionBudget")
    assert budget["spec"]["maxUnavailable"] == 1
    assert budget["spec"]["selector"] == deployment["spec"]["selector"]


def test_with_cert_manager_the_controller_may_write_no_certificate() -> None:
    objects = rendered(overlay("cert-manager"))
    rules = [
        rule
        for kind in ("ClusterRole", "Role")
        for rule in named(objects, kind, "cdefence-controller")["rules"]
        if {"secrets", "mutatingwebhookconfigurations"} & set(rule["resources"])
    ]
    assert [(rule["resources"], rule["verbs"]) for rule in rules] == [(["secrets"], ["get"])]
    certificate = named(objects, "Certificate", "cdefence-tls")["spec"]
    assert certificate["secretName"] == contract.TLS_SECRET
    assert certificate["dnsNames"] == [
        f"{each}.{SYSTEM}.svc" for each in (contract.WEBHOOK_SERVICE, contract.SCOPES_SERVICE)
    ]
    webhook = named(objects, "MutatingWebhookConfiguration", contract.WEBHOOK_CONFIG)
    assert webhook["metadata"]["annotations"] == {"cert-manager.io/inject-ca-from": f"{SYSTEM}/cdefence-tls"}


def _with(component: str, tmp_path: Path) -> tuple[Json, ...]:
    """The dev overlay with one component."""
    copy = tmp_path / "kustomize"
    shutil.copytree(MANIFESTS / "kustomize", copy)
    file = copy / "overlays/dev/kustomization.yaml"
    file.write_text(f"{file.read_text()}components: [../../components/{component}]\n")
    return rendered(file.parent)


def test_component_monitor(tmp_path: Path) -> None:
    """No binding refuses any more, and each still says so."""
    bindings = of_kind(_with("monitor", tmp_path), "ValidatingAdmissionPolicyBinding")
    assert len(bindings) == len(GUARD)
    assert all(each["spec"]["validationActions"] == ["Warn", "Audit"] for each in bindings)


def test_component_monitoring(tmp_path: Path) -> None:
    objects = _with("monitoring", tmp_path)
    (pods,) = of_kind(objects, "PodMonitor")
    assert pods["spec"]["podMetricsEndpoints"][0]["port"] == render.METRICS_PORT_NAME
    (services,) = of_kind(objects, "ServiceMonitor")
    service = named(objects, "Service", "cdefence-metrics")
    wanted = services["spec"]["selector"]["matchLabels"]
    assert wanted.items() <= service["metadata"]["labels"].items()
    others = [each for each in of_kind(objects, "Service") if each is not service]
    assert not any(wanted.items() <= each["metadata"]["labels"].items() for each in others)


# ---- the guard and the code say the same -------------------------------------------------------------------


def _guard(name: str) -> str:
    return (GUARD_FOLDER / f"{name}.yaml").read_text()


def test_check_knows_every_policy() -> None:
    policies = of_kind(rendered(GUARD_FOLDER), "ValidatingAdmissionPolicy")
    assert sorted(each["metadata"]["name"] for each in policies) == sorted(GUARD)


def test_the_guard_knows_every_variable_of_the_proxy() -> None:
    said = Options(pci_scope=PeerClass.IN_SCOPE, packs=contract.PACKS, own_pack="a", hash_key="b")
    proxy = render.proxy_container(said, Recipe(), {}, {"/app/x/readyz": {}})
    names = {each["name"] for each in items(proxy, "env")}
    assert all(f"'{name}'" in _guard("sidecar") for name in names)


# Every annotation, and whether it gives up protection: those are for listed groups.
WEAKENS = {
    "pci-scope": False,  # it is what protection follows; other pods refuse a wrong one
    "mode": True,
    "inject": True,
    "exclude-inbound-ports": True,
    "exclude-outbound-ports": True,
    "exclude-cidrs": True,
    "resolvers": True,  # UDP to them passes uninspected
    "ipv6": False,  # off refuses more
    "packs": False,  # more than by default
    "own-pack": False,  # adds to them
    "hash-key": False,  # without the right one nothing fits
    "rewrite-probes": False,
    "drain-seconds": False,
    "log-level": False,
    "proxy-cpu": False,  # too little of these, and the pod's connections are refused
    "proxy-memory": False,
    "proxy-cpu-limit": False,
    "proxy-memory-limit": False,
}


def test_every_annotation_is_judged() -> None:
    """A new annotation has to be put into the table above, and into the guard if it weakens."""
    assert {each.annotation.removeprefix(options.PREFIX) for each in options.TABLE} == set(WEAKENS)


@pytest.mark.parametrize("policy", ["annotations", "templates"])
def test_the_guard_knows_what_weakens(policy: str) -> None:
    text = _guard(policy)
    expressions = text.partition("- name: weakened")[2].partition("validations:")[0] + text
    for name, weakens in WEAKENS.items():
        assert (f"'{options.PREFIX}{name}'" in expressions) == (
            weakens or (policy, name) == ("annotations", "pci-scope")
        )
