"""Inject, skip or reject: the truth table, row by row, and what stands in the way."""

from itertools import product

import pytest

from injector.eligible import MESHES, Inject, Place, Reason, Reject, Skip, judge
from injector.mutate import inject
from injector.recipe import Recipe
from injector.tree import Object
from tests.injector.pods import annotated, pod

SHOP = Place("shop")


def made(out: bool, mirror: bool, broken: bool) -> Object:
    annotations = {"cdefence.io/pci-scope": "in-scope"}
    if out:
        annotations["cdefence.io/inject"] = "false"
    if mirror:
        annotations["kubernetes.io/config.mirror"] = "x"
    return {"metadata": {"annotations": annotations}, "spec": {"hostNetwork": broken}}


def expected(opted_in: bool, system: bool, out: bool, mirror: bool, broken: bool) -> str:
    """The table of the module's charter."""
    table = (
        (not opted_in, "Skip not_opted_in"),
        (system, "Skip system_namespace"),
        (out, "Skip opted_out"),
        (mirror, "Skip mirror_pod"),
        (broken, "Reject host_network"),
        (True, "Inject"),
    )
    return next(answer for applies, answer in table if applies)


@pytest.mark.parametrize("row", list(product((False, True), repeat=5)))
def test_the_truth_table(row):
    opted_in, system, out, mirror, broken = row
    place = Place("kube-system" if system else "shop", opted_in)
    assert said(judge(made(out, mirror, broken), place)) == expected(*row)


def said(decision: object) -> str:
    match decision:
        case Skip(reason):
            return f"Skip {reason}"
        case Reject() as no:
            return f"Reject {no.reason}"
    return type(decision).__name__


@pytest.mark.parametrize("namespace", ["kube-system", "kube-node-lease", "kube-public", "cdefence-system"])
def test_system_namespaces(namespace):
    assert said(judge(pod(), Place(namespace))) == "Skip system_namespace"
    there = pod() | {"metadata": {"namespace": namespace}}
    assert said(judge(there, Place())) == "Skip system_namespace"


def test_opting_out_works_as_annotation_and_as_label_and_the_word_is_false():
    assert said(judge(annotated(inject="false"), SHOP)) == "Skip opted_out"
    labelled = pod()
    labelled["metadata"]["labels"] = {"cdefence.io/inject": "false"}
    assert said(judge(labelled, SHOP)) == "Skip opted_out"
    assert said(judge(annotated(inject="true"), SHOP)) == "Inject"
    assert said(judge(annotated(inject="False"), SHOP)) == "Reject annotations"


@pytest.mark.parametrize(("mesh", "init"), [(mesh, name) for mesh in MESHES for name in sorted(mesh.inits)])
def test_a_mesh_that_redirects_is_refused_with_the_way_out(mesh, init):
    decision = judge(pod(initContainers=[{"name": init}]), SHOP)
    assert isinstance(decision, Reject)
    assert decision.reason is Reason.MESH
    assert decision.text() == (
        f"init container {init}: redirects the pod's traffic for {mesh.name}, as our sidecar does; {mesh.remedy}"
    )


def test_a_mesh_that_comes_after_us_is_met_when_we_are_asked_again():
    first = judge(pod(), SHOP)
    assert isinstance(first, Inject)
    later = inject(pod(), first.options, Recipe()).pod
    later["spec"]["initContainers"].insert(0, {"name": "linkerd-init"})
    assert said(judge(later, SHOP)) == "Reject mesh"


RESERVED = {
    "a container": (
        pod(containers=[{"name": "cdefence-proxy"}]),
        "container cdefence-proxy: has a name of ours; give it another name",
    ),
    "a debugging container": (
        pod(ephemeralContainers=[{"name": "cdefence-init"}]),
        "container cdefence-init: has a name of ours; give it another name",
    ),
    "the volume with the token": (
        pod(volumes=[{"name": "cdefence", "emptyDir": {}}]),
        "volume cdefence: has a name of ours; give it another name",
    ),
    "the token, mounted where it is not seen": (
        pod(initContainers=[{"name": "a", "volumeMounts": [{"name": "cdefence", "mountPath": "/x"}]}]),
        "container a: mounts cdefence, which is the proxy's alone; remove the mount",
    ),
    "the metrics port": (
        pod(containers=[{"name": "a", "ports": [{"containerPort": 15490}]}]),
        "container a: uses port 15490, which is the proxy's; use another port",
    ),
}


@pytest.mark.parametrize("case", RESERVED)
def test_what_is_ours(case):
    wrong, message = RESERVED[case]
    decision = judge(wrong, SHOP)
    assert isinstance(decision, Reject)
    assert (decision.reason, decision.text()) == (Reason.RESERVED, message)


def test_a_copy_of_an_injected_pod_without_its_record_is_not_taken_for_a_pod():
    options = judge(pod(), SHOP)
    assert isinstance(options, Inject)
    app = {"name": "app", "readinessProbe": {"tcpSocket": {"port": 80}}}
    copied = inject(pod(containers=[app]), options.options, Recipe()).pod
    del copied["metadata"]["annotations"]["cdefence.io/status"]
    decision = judge(copied, SHOP)
    assert isinstance(decision, Reject)
    assert decision.text().splitlines() == [
        "container cdefence-init: has a name of ours; give it another name",
        "container cdefence-proxy: has a name of ours; give it another name",
        "volume cdefence: has a name of ours; give it another name",
        "volume cdefence-empty: has a name of ours; give it another name",
        (
            "container app: readinessProbe: asks the proxy for something it does not know;"
            " write what the application itself offers"
        ),
    ]


FORGED = [
    ("", "is no JSON"),
    ("[]", "is no JSON object"),
    ("[" * 100_000, "is no JSON"),
    ("{}", "has no version"),
    ('{"version":"1","hash":"x"}', "has no list of initContainers"),
    (
        '{"version":"1","hash":"x","initContainers":["app"]}',
        "has something in initContainers that the injector does not add",
    ),
    (
        '{"version":"1","hash":"x","initContainers":[],"volumes":["data"]}',
        "has something in volumes that the injector does not add",
    ),
]


@pytest.mark.parametrize(("record", "what"), FORGED)
def test_a_record_names_only_what_the_injector_adds(record, what):
    decision = judge(annotated(status=record), SHOP)
    assert isinstance(decision, Reject)
    assert decision.text() == f"cdefence.io/status: {what}; remove it; the injector writes it"


WARNINGS = {
    "drain": (
        annotated(drain_seconds="30"),
        "cdefence.io/drain-seconds: 30 is not below terminationGracePeriodSeconds, 30; the pod is killed first",
    ),
    "dns": (
        pod(dnsPolicy="Default"),
        "dnsPolicy: Default: the proxy finds the controller by cluster DNS only",
    ),
}


@pytest.mark.parametrize("case", WARNINGS)
def test_what_the_owner_should_know(case):
    told, warning = WARNINGS[case]
    decision = judge(told, SHOP)
    assert isinstance(decision, Inject)
    assert decision.warnings == (warning,)


def test_probes_from_the_node_are_worth_a_word_where_there_are_some():
    off = annotated(rewrite_probes="false")
    decision = judge(off, SHOP)
    assert isinstance(decision, Inject)
    assert decision.warnings == ()
    off["spec"]["containers"][0]["livenessProbe"] = {"tcpSocket": {"port": 1}}
    decision = judge(off, SHOP)
    assert isinstance(decision, Inject)
    assert decision.warnings == (
        "cdefence.io/rewrite-probes: probes then come from the node, a peer that in-scope pods do not talk to",
    )


def test_every_reason_has_a_sentence():
    assert all(reason.sentence for reason in Reason)
