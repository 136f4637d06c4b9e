"""Is a pod injected, left alone or refused?  Pure: the pod and where it is to run in, one of three answers out.

What belongs here: that question and its reasons, one closed table.  What never does: how a pod is changed
(mutate.py), and what is forbidden although it could be injected (the admission policies in manifests/ hold that, for
everybody).

| namespace opts in | system namespace | `inject: "false"` | mirror pod | what cannot be injected | answer |
|---|---|---|---|---|---|
| no | | | | | Skip `not_opted_in` |
| yes | yes | | | | Skip `system_namespace` |
| yes | no | annotation or label | | | Skip `opted_out` |
| yes | no | no | yes | | Skip `mirror_pod` |
| yes | no | no | no | something | Reject, with every problem |
| yes | no | no | no | nothing | Inject |

What cannot be injected: a pod in the node's own network (we would program the node's firewall), a Windows pod, a pod
with the init container of a service mesh, a pod that uses our names or ports, annotations that options.py refuses, a
record that is not ours.

*Meshes.*  The sidecars of Istio, Linkerd, Kuma and Consul redirect the pod's traffic as ours does, and each lets only
its own proxy out.  Two such rulesets in one pod do not add up: whichever comes second takes the other proxy's
connections for the application's.  Tried with rules like Istio's: the application is refused by our guard or reaches
our proxy, by the order in which the rules came; our proxy reaches Envoy, Envoy reaches our proxy, and so round in
circles.  And inside a mesh there is only ciphertext to inspect.  So such a pod is refused, and the message says how to
leave the mesh out.  What counts is the mesh's *init* container: a gateway, which is a proxy without a redirection, is
an application like any other.  A mesh whose webhook runs after ours is met when we are called again
(`reinvocationPolicy: IfNeeded`).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from dlp_patterns.errors import Problem
from injector import mutate, probes, render
from injector.options import PREFIX, Options, OptionsError, parse
from injector.record import RecordError
from injector.tree import Object, containers, items, mapping, text, texts
from sidecar import contract


class Reason(StrEnum):
    """Why a pod is not injected: the closed table, for messages and metrics."""

    NOT_OPTED_IN = "not_opted_in"
    SYSTEM_NAMESPACE = "system_namespace"
    OPTED_OUT = "opted_out"
    MIRROR_POD = "mirror_pod"
    NOT_A_POD = "not_a_pod"
    HOST_NETWORK = "host_network"
    WINDOWS = "windows"
    MESH = "mesh"
    RESERVED = "reserved"
    RECORD = "record"
    ANNOTATIONS = "annotations"

    @property
    def sentence(self) -> str:
        """The reason in words."""
        return _SENTENCES[self]


_SENTENCES: Final[Mapping[Reason, str]] = {
    Reason.NOT_OPTED_IN: f"the namespace has no label {contract.INJECTION_LABEL}: enabled",
    Reason.SYSTEM_NAMESPACE: "pods of the cluster's and of our own system namespaces are left alone",
    Reason.OPTED_OUT: f'{contract.INJECT_ANNOTATION} is "false"',
    Reason.MIRROR_POD: "it mirrors a static pod, which its node runs whatever we say",
    Reason.NOT_A_POD: "it is not the creation of a pod",
    Reason.HOST_NETWORK: "the pod is in the node's own network",
    Reason.WINDOWS: "the pod runs on Windows",
    Reason.MESH: "the pod has the sidecar of a service mesh",
    Reason.RESERVED: "the pod uses a name or port that belongs to the sidecar",
    Reason.RECORD: f"the annotation {contract.STATUS_ANNOTATION} is not what the injector wrote",
    Reason.ANNOTATIONS: "annotations cannot be used",
}

SYSTEM_NAMESPACES: Final = frozenset(
    {"kube-system", "kube-node-lease", "kube-public", contract.SYSTEM_NAMESPACE}
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the pod is to run."""

    namespace: str = ""
    opted_in: bool = True
    """The webhook's selector has seen to it, and whoever calls `cdefence inject` wants it."""


@dataclass(frozen=True, slots=True)
class Inject:
    """The pod is injected, with these options."""

    options: Options
    warnings: tuple[str, ...] = ()
    """What its owner should know all the same."""


@dataclass(frozen=True, slots=True)
class Skip:
    """The pod is left alone."""

    reason: Reason


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that is in the way."""

    reason: Reason
    problem: Problem


@dataclass(frozen=True, slots=True)
class Reject:
    """The pod must not run like this; `refusals` has everything that is in the way, at least one."""

    refusals: tuple[Refusal, ...]

    @property
    def reason(self) -> Reason:
        """The first one, for metrics."""
        return self.refusals[0].reason

    def text(self) -> str:
        """Every problem, one a line."""
        return "\n".join(str(refusal.problem) for refusal in self.refusals)


type Decision = Inject | Skip | Reject


def judge(pod: Object, place: Place) -> Decision:
    """What is to be done with this pod.  Raises ShapeError if it is no pod."""
    if reason := _left_alone(pod, place):
        return Skip(reason)
    try:
        bare = mutate.strip(pod)
    except RecordError as error:
        return Reject((_bad_record(error),))
    refusals = list(_in_the_way(bare))
    meta = mapping(bare, "metadata")
    try:
        options = parse(texts(meta, "annotations"), texts(meta, "labels"))
    except OptionsError as error:
        refusals += [Refusal(Reason.ANNOTATIONS, problem) for problem in error.problems]
        return Reject(tuple(refusals))
    return Reject(tuple(refusals)) if refusals else Inject(options, tuple(_warnings(bare, options)))


def _left_alone(pod: Object, place: Place) -> Reason | None:
    meta = mapping(pod, "metadata")
    annotations, labels = texts(meta, "annotations"), texts(meta, "labels")
    if not place.opted_in:
        return Reason.NOT_OPTED_IN
    if (place.namespace or text(meta, "namespace")) in SYSTEM_NAMESPACES:
        return Reason.SYSTEM_NAMESPACE
    if "false" in (annotations.get(contract.INJECT_ANNOTATION), labels.get(contract.INJECT_ANNOTATION)):
        return Reason.OPTED_OUT
    return Reason.MIRROR_POD if _MIRROR in annotations else None


_MIRROR: Final = "kubernetes.io/config.mirror"
"""Nobody gains by writing it: a kubelet runs no pod that claims to mirror a static pod it does not have."""

# ---- what is in the way ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Mesh:
    """A service mesh, by the init containers that redirect for it, and how a pod is kept out of it."""

    name: str
    inits: frozenset[str]
    remedy: str


MESHES: Final = (
    Mesh(
        "Istio",
        frozenset({"istio-init", "istio-validation"}),
        'label the pod sidecar.istio.io/inject: "false"',
    ),
    Mesh(
        "Linkerd",
        frozenset({"linkerd-init", "linkerd-network-validator"}),
        "annotate the pod linkerd.io/inject: disabled",
    ),
    Mesh(
        "Kuma",
        frozenset({"kuma-init", "kuma-validation"}),
        "label the pod kuma.io/sidecar-injection: disabled",
    ),
    Mesh(
        "Consul",
        frozenset({"consul-connect-inject-init"}),
        'annotate the pod consul.hashicorp.com/connect-inject: "false"',
    ),
)

OUR_PORTS: Final = (
    contract.OUTBOUND_PORT,
    contract.INBOUND_PORT,
    contract.HEALTH_PORT,
    contract.METRICS_PORT,
)
_OPT_OUT: Final = (
    f'run it in another namespace, or have it exempted with {contract.INJECT_ANNOTATION}: "false"'
)


def _bad_record(error: RecordError) -> Refusal:
    remedy = "remove it; the injector writes it"
    return Refusal(Reason.RECORD, Problem(contract.STATUS_ANNOTATION, str(error), remedy))


def _in_the_way(bare: Object) -> Iterator[Refusal]:
    """Everything about the pod itself, without an earlier injection, that does not go together with ours."""
    spec = mapping(bare, "spec")
    if spec.get("hostNetwork"):
        yield _refuse(
            Reason.HOST_NETWORK,
            "spec.hostNetwork",
            "is true, which shares the node's firewall",
            f"remove it, {_OPT_OUT}",
        )
    if mapping(spec, "os").get("name") == "windows":
        yield _refuse(
            Reason.WINDOWS, "spec.os.name", "is windows, where there is no firewall of ours", _OPT_OUT
        )
    yield from _meshes(spec)
    yield from _reserved_names(spec)
    yield from _reserved_ports(spec)
    for label in probes.strays(spec):
        what = "asks the proxy for something it does not know"
        yield _refuse(Reason.RESERVED, label, what, "write what the application itself offers")


def _refuse(reason: Reason, where: str, what: str, remedy: str) -> Refusal:
    return Refusal(reason, Problem(where, what, remedy))


def _meshes(spec: Object) -> Iterator[Refusal]:
    names = {text(container, "name") for container in items(spec, "initContainers")}
    for mesh in MESHES:
        for name in sorted(mesh.inits & names):
            what = f"redirects the pod's traffic for {mesh.name}, as our sidecar does"
            yield _refuse(Reason.MESH, f"init container {name}", what, mesh.remedy)


def _reserved_names(spec: Object) -> Iterator[Refusal]:
    for container in containers(spec):
        name = text(container, "name")
        if name in probes.OURS:
            yield _refuse(Reason.RESERVED, f"container {name}", "has a name of ours", "give it another name")
            continue
        for mount in items(container, "volumeMounts"):
            if mount.get("name") in render.VOLUMES:
                what = f"mounts {mount.get('name')}, which is the proxy's alone"
                yield _refuse(Reason.RESERVED, f"container {name}", what, "remove the mount")
    for volume in items(spec, "volumes"):
        if volume.get("name") in render.VOLUMES:
            yield _refuse(
                Reason.RESERVED, f"volume {volume.get('name')}", "has a name of ours", "give it another name"
            )


def _reserved_ports(spec: Object) -> Iterator[Refusal]:
    for container in containers(spec):
        if (name := text(container, "name")) in probes.OURS:
            continue
        for port in items(container, "ports"):
            if (number := port.get("containerPort")) in OUR_PORTS:
                what = f"uses port {number}, which is the proxy's"
                yield _refuse(Reason.RESERVED, f"container {name}", what, "use another port")


# ---- what its owner should know ----------------------------------------------------------------------------

_DEFAULT_GRACE_S: Final = 30


def _warnings(bare: Object, options: Options) -> Iterator[str]:
    spec = mapping(bare, "spec")
    annotations = texts(mapping(bare, "metadata"), "annotations")
    grace = spec.get("terminationGracePeriodSeconds")
    seconds = grace if isinstance(grace, int) else _DEFAULT_GRACE_S
    if f"{PREFIX}drain-seconds" in annotations and options.drain_seconds >= seconds:
        yield (
            f"{PREFIX}drain-seconds: {options.drain_seconds} is not below terminationGracePeriodSeconds,"
            f" {seconds}; the pod is killed first"
        )
    if mapping(spec, "resources") and any(name.startswith(f"{PREFIX}proxy-") for name in annotations):
        yield f"{PREFIX}proxy-…: the pod has resources of its own (spec.resources); these are not used"
    if not options.rewrite_probes and any(slot.kind() for slot in probes.slots(spec)):
        yield f"{PREFIX}rewrite-probes: probes then come from the node, a peer that in-scope pods do not talk to"
    if text(spec, "dnsPolicy") in ("None", "Default"):
        yield f"dnsPolicy: {text(spec, 'dnsPolicy')}: the proxy finds the controller by cluster DNS only"
