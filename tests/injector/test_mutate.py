"""A pod in, a new pod out: properties that hold for pods nobody thought of, and company by other mutators."""

import copy
import json

import pytest
from hypothesis import given, settings

from injector import patch, probes, render
from injector.eligible import Inject, Place, judge
from injector.mutate import inject, strip
from injector.options import Options, parse
from injector.recipe import PullPolicy, Recipe
from injector.tree import Object, ShapeError, items, mapping, texts
from sidecar import contract
from sidecar.ops import settings as sidecar
from sidecar.ops.probes import parse_probes
from tests.injector.pods import annotated, pod, pods

RECIPE = Recipe(image="registry.example/cdefence:1", version="1")


def options_of(given: Object) -> Options:
    return parse(texts(mapping(given, "metadata"), "annotations"))


def injected(given: Object, recipe: Recipe = RECIPE) -> Object:
    return inject(given, options_of(given), recipe).pod


# ---- any pod -----------------------------------------------------------------------------------------------


@given(pods())
def test_twice_is_once_and_the_argument_stays(given):
    before = copy.deepcopy(given)
    once = injected(given)
    assert given == before
    assert injected(once) == once
    assert injected(injected(given, Recipe(version="0"))) == once


@given(pods())
def test_taken_out_again_it_is_the_pod_it_was(given):
    assert strip(injected(given)) == given
    assert strip(given) == given


@given(pods())
def test_the_patch_makes_the_new_pod_with_nothing_but_add_remove_and_replace(given):
    new = injected(given)
    operations = patch.difference(given, new)
    assert patch.apply(given, operations) == new
    assert {operation["op"] for operation in operations} <= {"add", "remove", "replace"}
    assert not [each for each in operations if each["path"] in ("/spec", "/spec/containers", "/metadata")]
    assert patch.difference(new, injected(new)) == []


@given(pods())
def test_the_proxy_understands_what_it_is_told(given):
    settings = sidecar.load(environment(injected(given)))
    asked = {probe.where for probe in parse_probes(env(injected(given)).get("CDEFENCE_PROBES", "{}"))}
    spec = mapping(injected(given), "spec")
    assert asked == {slot.path for slot in probes.slots(spec) if slot.asks_proxy()}
    assert settings.scope == "in-scope"


@given(pods())
@settings(max_examples=50)
def test_an_injected_pod_can_be_injected(given):
    assert isinstance(judge(injected(given), Place("shop")), Inject)


def env(given: Object) -> dict[str, str]:
    (proxy,) = (
        each for each in items(mapping(given, "spec"), "initContainers") if each["name"] == "cdefence-proxy"
    )
    return {str(each["name"]): str(each["value"]) for each in items(proxy, "env") if "value" in each}


def environment(given: Object) -> dict[str, str]:
    """What the proxy is started with; the kubelet fills in the rest."""
    return env(given) | {
        "CDEFENCE_POD": "app-1",
        "CDEFENCE_NAMESPACE": "shop",
        "CDEFENCE_POD_IPS": "10.0.0.1,fd00::1",
    }


# ---- where things go ---------------------------------------------------------------------------------------


def names(given: Object, key: str) -> list[object]:
    return [each["name"] for each in items(mapping(given, "spec"), key)]


def test_ours_come_first():
    new = injected(pod(initContainers=[{"name": "own"}], volumes=[{"name": "data"}]))
    assert names(new, "initContainers") == ["cdefence-init", "cdefence-proxy", "own"]
    assert names(new, "volumes") == ["cdefence", "cdefence-empty", "data"]
    assert names(new, "containers") == ["app"]


def test_the_record_says_version_hash_and_names():
    record = json.loads(injected(pod())["metadata"]["annotations"]["cdefence.io/status"])
    assert record["version"] == "1"
    assert record["initContainers"] == [contract.INIT_CONTAINER, contract.PROXY_CONTAINER]
    assert record["volumes"] == ["cdefence", "cdefence-empty"]
    assert len(record["hash"]) == 16


def test_one_hash_is_one_sidecar():
    def hashed(given: Object, recipe: Recipe = RECIPE) -> str:
        return inject(given, options_of(given), recipe).record.hash

    assert hashed(pod()) == hashed(pod(volumes=[{"name": "other"}], nodeName="n"))
    assert len({hashed(pod()), hashed(annotated(mode="monitor")), hashed(pod(), Recipe(image="other"))}) == 3


def test_the_operator_says_which_image_and_how_it_is_pulled():
    new = injected(pod(), Recipe(image="here/cdefence@sha256:ab", pull_policy=PullPolicy.NEVER))
    ours = items(mapping(new, "spec"), "initContainers")
    assert [(each["image"], each["imagePullPolicy"]) for each in ours] == [
        ("here/cdefence@sha256:ab", "Never")
    ] * 2


def test_only_our_proxy_sees_the_token_and_neither_sees_the_applications():
    spec = mapping(injected(pod()), "spec")
    mounts = {
        each["name"]: [mount["name"] for mount in items(each, "volumeMounts")]
        for each in items(spec, "initContainers")
    }
    assert mounts == {"cdefence-init": ["cdefence-empty"], "cdefence-proxy": ["cdefence", "cdefence-empty"]}
    assert all(
        mount["mountPath"] == render.API_TOKEN
        for each in items(spec, "initContainers")
        for mount in items(each, "volumeMounts")
        if mount["name"] == "cdefence-empty"
    )


def test_privileges():
    init, proxy = items(
        mapping(injected(pod(securityContext={"runAsUser": 7, "runAsNonRoot": True})), "spec"),
        "initContainers",
    )
    locked = {"privileged": False, "allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True}
    assert init["securityContext"] == {
        **locked,
        "runAsUser": 0,
        "runAsGroup": 0,
        "runAsNonRoot": False,
        "capabilities": {"drop": ["ALL"], "add": ["NET_ADMIN"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert proxy["securityContext"] == {
        **locked,
        "runAsUser": 15001,
        "runAsGroup": 15001,
        "runAsNonRoot": True,
        "capabilities": {"drop": ["ALL"]},
        "seccompProfile": {"type": "RuntimeDefault"},
    }


# ---- company -----------------------------------------------------------------------------------------------


def add_env_everywhere(given: Object) -> None:
    for each in (*items(given["spec"], "containers"), *items(given["spec"], "initContainers")):
        each.setdefault("env", []).append({"name": "ADDED", "value": "1"})


def add_container_in_front(given: Object) -> None:
    given["spec"]["containers"].insert(0, {"name": "first", "livenessProbe": {"tcpSocket": {"port": 1}}})


def add_init_container_in_front(given: Object) -> None:
    given["spec"]["initContainers"].insert(0, {"name": "first"})


def add_probe(given: Object) -> None:
    given["spec"]["containers"][0]["startupProbe"] = {"httpGet": {"port": 81, "path": "/"}}


def replace_probe(given: Object) -> None:
    given["spec"]["containers"][0]["livenessProbe"] = {"exec": {"command": ["true"]}}


def mount_api_token(given: Object) -> None:
    """As the ServiceAccount plugin does, wherever nothing is mounted there."""
    given["spec"]["volumes"].append({"name": "kube-api-access-x", "projected": {}})
    for each in (*given["spec"]["containers"], *given["spec"]["initContainers"]):
        mounts = each.setdefault("volumeMounts", [])
        if not any(mount["mountPath"] == render.API_TOKEN for mount in mounts):
            mounts.append({"name": "kube-api-access-x", "mountPath": render.API_TOKEN})


def take_over_scraping(given: Object) -> None:
    given["metadata"]["annotations"]["prometheus.io/port"] = "15020"


def change_scope(given: Object) -> None:
    given["metadata"]["annotations"]["cdefence.io/pci-scope"] = "connected-to"


MUTATORS = [
    *(add_env_everywhere, add_container_in_front, add_init_container_in_front, add_probe, replace_probe),
    *(mount_api_token, take_over_scraping, change_scope),
]
PROBED = pod(
    containers=[{"name": "app", "livenessProbe": {"httpGet": {"path": "/", "port": 80}}}],
    initContainers=[{"name": "own"}],
    volumes=[{"name": "data", "emptyDir": {}}],
)


@pytest.mark.parametrize("mutator", MUTATORS)
def test_asked_again_after_another_mutator_ours_is_as_if_it_had_come_last(mutator):
    between = injected(PROBED)
    mutator(between)
    again = injected(between)
    last = mutated(PROBED, mutator)
    assert ours(again) == ours(injected(last))
    assert injected(again) == again
    assert patch.apply(between, patch.difference(between, again)) == again


def mutated(given: Object, mutator: object) -> Object:
    """The pod if the other mutator had come before us: what it does to the application, and nothing to us."""
    between = injected(given)
    mutator(between)  # type: ignore[operator]
    return strip(between)


def ours(given: Object) -> object:
    spec = mapping(given, "spec")
    return spec["initContainers"][:2], [
        each for each in items(spec, "volumes") if each["name"] in render.VOLUMES
    ]


def test_what_others_added_to_the_application_stays_and_what_they_added_to_us_goes():
    between = injected(PROBED)
    add_env_everywhere(between)
    add_container_in_front(between)
    again = injected(between)
    assert names(again, "containers") == ["first", "app"]
    assert again["spec"]["containers"][1]["env"] == [{"name": "ADDED", "value": "1"}]
    assert again["spec"]["containers"][0]["livenessProbe"]["httpGet"]["path"] == "/app/first/livez"
    assert "ADDED" not in env(again)


def test_an_annotation_that_somebody_took_over_is_theirs():
    between = injected(PROBED)
    take_over_scraping(between)
    assert injected(between)["metadata"]["annotations"]["prometheus.io/port"] == "15020"
    assert strip(between)["metadata"]["annotations"]["prometheus.io/port"] == "15020"


def test_a_probe_that_somebody_changed_is_theirs():
    between = injected(PROBED)
    replace_probe(between)
    assert strip(between)["spec"]["containers"][0]["livenessProbe"] == {"exec": {"command": ["true"]}}


# ---- what is no pod ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        ({"containers": "x"}, "containers: is no list; see the Kubernetes API reference"),
        (
            {"containers": ["x"]},
            "containers: holds something that is no mapping; see the Kubernetes API reference",
        ),
        ({"containers": [{"name": 1}]}, "name: is no text; put it in quotes"),
        ({"containers": [], "volumes": {}}, "volumes: is no list; see the Kubernetes API reference"),
        (
            {"containers": [{"name": "a", "livenessProbe": 1}]},
            "livenessProbe: is no mapping; see the Kubernetes API reference",
        ),
    ],
)
def test_what_is_no_pod(spec, what):
    with pytest.raises(ShapeError, match=f"^{what}$"):
        injected(pod(**spec))
