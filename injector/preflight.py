"""Is this a cluster that cdefence can protect, and is what is installed in order?  Pure: facts in, findings out.

What belongs here: the judgements, one function each, in the table at the end.  What never does: reading the cluster
(facts.py), trying things out in it (trial.py).

Nothing installed yet is no failure: then the checks are those before an installation.
"""

import base64
import binascii
import re
from collections.abc import Callable, Collection, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from cryptography import x509

from injector import eligible
from injector.facts import GUARD_CONFIG_MAP, Asked, Facts
from injector.kube import KubeError, at
from injector.policy_source import judged, policy_map
from injector.report import Finding, Level
from injector.tree import Node, Object, items, mapping, text, texts
from sidecar import contract

type Version = tuple[int, int]

SERVER_FROM: Final[Version] = (1, 30)
"""ValidatingAdmissionPolicy v1 (KEP-3488)."""
KUBELET_FROM: Final[Version] = (1, 29)
"""Native sidecars without a feature gate (KEP-753, beta and on)."""
KERNEL_FROM: Final[Version] = (5, 2)
"""NAT in nftables tables of the family inet."""
ARCHITECTURES: Final = ("amd64", "arm64")
GUARD: Final = tuple(
    f"cdefence-{each}"
    for each in (
        "annotations", "bindings", "exec", "namespaces", "privileges", "running", "sidecar", "templates", "trust",
    )
)  # fmt: skip
"""The policies in manifests/kustomize/base/guard; a test compares."""
SOON: Final = timedelta(days=7)
INSTALL: Final = "kubectl apply -k manifests/kustomize/overlays/ha"
_SOCKET_LB = "https://docs.cilium.io/en/stable/network/servicemesh/istio/"


def judge(
    facts: Facts, now: datetime | None = None, patterns: Collection[str] | None = None
) -> list[Finding]:
    """Every finding, in the order of the table.  `patterns`: known ids, which a policy may name; None accepts any."""
    moment = now or datetime.now(UTC)
    found = [finding for check in BEFORE for finding in check(facts)]
    if not installed(facts):
        remedy = f"{INSTALL}, then run this again"
        return [*found, Finding("installation", Level.SKIPPED, "cdefence is not installed yet", remedy)]
    found += [finding for check in AFTER for finding in check(facts)]
    return [*found, *_policy(facts, patterns), *_webhook(facts, moment)]


def installed(facts: Facts) -> bool:
    """Whether anything of ours is there: half an installation is judged like a whole one."""
    parts = (facts.deployment, facts.webhook, facts.parameters)
    return any(not isinstance(part, KubeError) for part in parts)


# ---- before an installation --------------------------------------------------------------------------------


def _server(facts: Facts) -> Iterator[Finding]:
    given = str(facts.version.get("gitVersion"))
    if version(given) >= SERVER_FROM:
        yield Finding("API server", Level.OK, given)
    else:
        yield Finding(
            "API server", Level.FAILED, given, f"Kubernetes {_dotted(SERVER_FROM)} or newer is needed"
        )


def _nodes(facts: Facts) -> Iterator[Finding]:
    if isinstance(facts.nodes, KubeError):
        yield _unread("nodes", facts.nodes)
        return
    troubles = [trouble for node in facts.nodes for trouble in _node(node)]
    yield from troubles
    if not facts.nodes:
        yield Finding("nodes", Level.WARNING, "there are none", "no pod runs before there is one")
    elif not troubles:
        told = sorted({" ".join(_info(node, key) for key in _TOLD) for node in facts.nodes})
        yield Finding("nodes", Level.OK, f"{len(facts.nodes)}: {'; '.join(told)}")


_TOLD = ("kubeletVersion", "architecture", "kernelVersion", "containerRuntimeVersion")


def _info(node: Object, key: str) -> str:
    return str(at(node, "status", "nodeInfo", key) or "")


def _node(node: Object) -> Iterator[Finding]:
    name = f"node {text(mapping(node, 'metadata'), 'name')}"
    system, kubelet, kernel = (
        _info(node, key) for key in ("operatingSystem", "kubeletVersion", "kernelVersion")
    )
    if system not in ("", "linux"):
        yield Finding(
            name, Level.WARNING, f"runs {system}", "pods there cannot be protected; keep them on Linux"
        )
        return
    if version(kubelet) < KUBELET_FROM:
        remedy = f"native sidecars need a kubelet of {_dotted(KUBELET_FROM)} or newer"
        yield Finding(name, Level.FAILED, f"kubelet {kubelet}", remedy)
    if version(kernel) < KERNEL_FROM:
        yield Finding(
            name, Level.FAILED, f"kernel {kernel}", f"nftables NAT needs {_dotted(KERNEL_FROM)} or newer"
        )
    if _info(node, "architecture") not in ARCHITECTURES:
        yield Finding(
            name, Level.FAILED, _info(node, "architecture"), f"the image is for {', '.join(ARCHITECTURES)}"
        )


def _admission(facts: Facts) -> Iterator[Finding]:
    found = facts.policies
    if not isinstance(found, KubeError):
        yield Finding("admission policies", Level.OK, "ValidatingAdmissionPolicy v1 is served")
    elif found.not_found:
        remedy = "enable admissionregistration.k8s.io/v1 on the API server"
        yield Finding(
            "admission policies", Level.FAILED, "ValidatingAdmissionPolicy v1 is not served", remedy
        )
    else:
        yield _unread("admission policies", found)


def _cni(facts: Facts) -> Iterator[Finding]:
    if isinstance(facts.cilium, KubeError):
        if not facts.cilium.not_found:
            yield _unread("CNI", facts.cilium)
        return
    said = texts(facts.cilium, "data")
    replaces = said.get("kube-proxy-replacement", "false") not in ("false", "disabled")
    translates = replaces or said.get("bpf-lb-sock") == "true"
    if translates and said.get("bpf-lb-sock-hostns-only") != "true":
        yield Finding(
            "CNI",
            Level.WARNING,
            "Cilium translates Service addresses inside pods (socket load balancing), before the sidecar sees them",
            f"set socketLB.hostNamespaceOnly=true, as service meshes need it, too ({_SOCKET_LB})",
        )
    else:
        yield Finding("CNI", Level.OK, "Cilium leaves the sockets of pods alone")


def _namespaces(facts: Facts) -> Iterator[Finding]:
    if isinstance(facts.namespaces, KubeError):
        yield _unread("namespaces", facts.namespaces)
        return
    opted_in = [each for each in facts.namespaces if _labels(each).get(contract.INJECTION_LABEL) == "enabled"]
    yield Finding("namespaces", Level.OK, f"{len(opted_in)} of {len(facts.namespaces)} opted in")
    for each in opted_in:
        yield from _namespace(text(mapping(each, "metadata"), "name"), _labels(each))


def _namespace(name: str, labels: Mapping[str, str]) -> Iterator[Finding]:
    subject = f"namespace {name}"
    if name in eligible.SYSTEM_NAMESPACES:
        remedy = f"remove its label {contract.INJECTION_LABEL}; nothing there is injected"
        yield Finding(subject, Level.FAILED, "is opted in and runs what protection depends on", remedy)
    level = labels.get("pod-security.kubernetes.io/enforce", "privileged")
    if level != "privileged":
        yield Finding(
            subject,
            Level.FAILED,
            f'Pod Security enforces "{level}", which refuses the NET_ADMIN of {contract.INIT_CONTAINER}',
            "label it pod-security.kubernetes.io/enforce=privileged; the guard refuses for in-scope pods what"
            ' "baseline" would',
        )
    if labels.get("istio.io/dataplane-mode") == "ambient" or labels.get("istio-injection") == "enabled":
        remedy = "keep namespaces of the mesh and of cdefence apart"
        yield Finding(subject, Level.FAILED, "is in an Istio mesh: two redirections in one pod", remedy)


# ---- after an installation ---------------------------------------------------------------------------------


def _controller(facts: Facts) -> Iterator[Finding]:
    found = facts.deployment
    if isinstance(found, KubeError):
        yield _absent("controller", found, "Deployment cdefence-system/cdefence-controller")
        return
    ready, wanted = (at(found, *path) or 0 for path in (("status", "readyReplicas"), ("spec", "replicas")))
    said = f"{ready} of {wanted} ready, {images(found)[0] if images(found) else 'without a container'}"
    if ready == wanted and ready:
        yield Finding("controller", Level.OK, said)
    else:
        logs = f"kubectl -n {contract.SYSTEM_NAMESPACE} logs deploy/cdefence-controller; GET /readyz says what is missing"
        scale = f"kubectl -n {contract.SYSTEM_NAMESPACE} scale deploy/cdefence-controller --replicas=2"
        remedy = logs if wanted else f"nobody wants a replica: {scale}"
        yield Finding("controller", Level.FAILED if not ready else Level.WARNING, said, remedy)


def _endpoints(facts: Facts) -> Iterator[Finding]:
    if isinstance(facts.slices, KubeError):
        yield _unread("Services", facts.slices)
        return
    for service in (contract.WEBHOOK_SERVICE, contract.SCOPES_SERVICE):
        mine = [each for each in facts.slices if _labels(each).get("kubernetes.io/service-name") == service]
        ready = sum(
            at(end, "conditions", "ready") is not False for each in mine for end in items(each, "endpoints")
        )
        subject = f"Service {service}"
        if ready:
            yield Finding(subject, Level.OK, f"{ready} ready endpoints")
        else:
            yield Finding(
                subject, Level.FAILED, "has no ready endpoint", "see the finding about the controller"
            )


def _guard(facts: Facts) -> Iterator[Finding]:
    if isinstance(facts.policies, KubeError) or isinstance(facts.bindings, KubeError):
        yield _unread("guard", next(e for e in (facts.policies, facts.bindings) if isinstance(e, KubeError)))
        return
    there = {text(mapping(each, "metadata"), "name") for each in facts.policies}
    actions: dict[str, list[Node]] = {}
    for each in facts.bindings:
        spec = mapping(each, "spec")
        said = spec.get("validationActions")
        actions.setdefault(text(spec, "policyName"), []).append(said)
    missing = [name for name in GUARD if name not in there or name not in actions]
    lenient = [
        name
        for name in GUARD
        if any("Deny" not in (a if isinstance(a, list) else []) for a in actions.get(name, []))
    ]
    if missing:
        remedy = f"{INSTALL}; without it a pod can be started unprotected"
        yield Finding("guard", Level.FAILED, f"missing: {', '.join(missing)}", remedy)
    elif lenient:
        remedy = "leave the component `monitor` out of your overlay when nothing is reported any more"
        yield Finding("guard", Level.WARNING, f"warns instead of refusing: {', '.join(lenient)}", remedy)
    else:
        yield Finding("guard", Level.OK, f"{len(GUARD)} policies refuse")


def _image(facts: Facts) -> Iterator[Finding]:
    """What runs, what is injected and what is accepted is one image, or new pods are refused."""
    if isinstance(facts.parameters, KubeError):
        yield _absent("image", facts.parameters, f"ConfigMap cdefence-system/{GUARD_CONFIG_MAP}")
        return
    injected = texts(facts.parameters, "data").get("image", "")
    said = {f"injected: {injected}"}
    if not isinstance(facts.deployment, KubeError):
        said |= {f"runs: {each}" for each in images(facts.deployment)}
    said |= {f"accepted: {each}" for each in _accepted(facts.policies)}
    if len({each.partition(": ")[2] for each in said}) == 1:
        yield Finding("image", Level.OK, f"{injected} runs, is injected and accepted")
        return
    refused = f"accepted: {injected}" not in said
    remedy = "set it with `images:` in your overlay (guard-parameters.yaml there writes it everywhere), and apply it"
    level = Level.FAILED if refused else Level.WARNING
    yield Finding("image", level, "; ".join(sorted(said)), remedy)


def _accepted(policies: Asked[list[Object]]) -> Iterator[str]:
    """The literals in the policy that judges images."""
    for policy in [] if isinstance(policies, KubeError) else policies:
        if text(mapping(policy, "metadata"), "name") == "cdefence-sidecar":
            for each in items(mapping(policy, "spec"), "variables"):
                if each.get("name") in ("image", "otherImages"):
                    yield from filter(
                        None, (one.strip() for one in text(each, "expression").strip("'").split(","))
                    )


def _policy(facts: Facts, patterns: Collection[str] | None) -> Iterator[Finding]:
    """A bad one changes nothing, so nobody notices that what was written is not in force."""
    found = facts.policy
    if isinstance(found, KubeError):
        if found.not_found:
            yield Finding("policy", Level.OK, "no ConfigMap cdefence-policy, so the default")
        else:
            yield _unread("policy", found)
        return
    written = policy_map(found)
    policy, problems = judged(written, patterns)
    if policy is not None:
        yield Finding("policy", Level.OK, f"{policy.version}, in ConfigMap {written.name}")
    else:
        remedy = "correct it (`cdefence policy check FILE` says the same); until then the last good one is in force"
        yield Finding("policy", Level.FAILED, f"refused: {'; '.join(problems)}", remedy)


def _webhook(facts: Facts, now: datetime) -> Iterator[Finding]:
    found = facts.webhook
    if isinstance(found, KubeError):
        yield _absent("webhook", found, f"MutatingWebhookConfiguration {contract.WEBHOOK_CONFIG}")
        return
    for each in items(found, "webhooks"):
        yield from _entry(each, now)


def _entry(webhook: Object, now: datetime) -> Iterator[Finding]:
    name = f"webhook {text(webhook, 'name')}"
    policy = webhook.get("failurePolicy")
    if policy != "Fail":
        remedy = "set Fail; until then only the guard keeps unprotected pods out"
        yield Finding(name, Level.WARNING, f"failurePolicy is {policy}", remedy)
    bundle = at(webhook, "clientConfig", "caBundle")
    authorities = _authorities(bundle if isinstance(bundle, str) else "")
    living = [each for each in authorities if each.not_valid_after_utc > now]
    if not living:
        remedy = "the controller's leader fills it in; look at its log"
        yield Finding(name, Level.FAILED, "caBundle holds no certificate that is valid", remedy)
        return
    end = max(each.not_valid_after_utc for each in living)
    level = Level.WARNING if end - now < SOON else Level.OK
    remedy = "" if level is Level.OK else "the controller's leader replaces it; look at its log"
    yield Finding(name, level, f"{len(living)} CA in caBundle, valid until {end:%Y-%m-%d}", remedy)


def _authorities(bundle: str) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(base64.b64decode(bundle, validate=True))
    except (ValueError, binascii.Error):
        return []


# ---- helpers -----------------------------------------------------------------------------------------------


def version(given: str) -> Version:
    """Major and minor of `v1.34.4`, `v1.30.1-gke.5` or `6.1.0-18-amd64`; (0, 0) for what is no version."""
    match = re.match(r"v?(\d+)\.(\d+)", given)
    return (int(match[1]), int(match[2])) if match else (0, 0)


def _dotted(wanted: Version) -> str:
    return ".".join(map(str, wanted))


def images(deployment: Object) -> list[str]:
    """The images of a Deployment's containers."""
    spec = mapping(mapping(mapping(deployment, "spec"), "template"), "spec")
    return [text(each, "image") for each in items(spec, "containers")]


def _labels(found: Object) -> dict[str, str]:
    return texts(mapping(found, "metadata"), "labels")


def _unread(check: str, error: KubeError) -> Finding:
    return Finding(check, Level.SKIPPED, str(error), "run this as somebody who may read it")


def _absent(check: str, error: KubeError, what: str) -> Finding:
    if not error.not_found:
        return _unread(check, error)
    return Finding(check, Level.FAILED, f"{what} is missing", INSTALL)


type Check = Callable[[Facts], Iterator[Finding]]

BEFORE: Final[tuple[Check, ...]] = (_server, _nodes, _admission, _cni, _namespaces)
AFTER: Final[tuple[Check, ...]] = (_controller, _endpoints, _guard, _image)
