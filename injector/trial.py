"""What only shows by trying: `cdefence check` makes a namespace for a moment, tries three things in it, and removes it.

What belongs here: the namespace, the pods that are tried in it, and what their ends mean.  What never does: reading what
is there (facts.py).

- A pod on one node of each kernel installs the firewall in its own network namespace, as `cdefence-init` does.
- A pod is created as a dry run: the API server calls the webhook, checks its certificate, applies the guard.
- An opt-in label that means nothing is written as a dry run: the guard refuses it, whether or not the webhook works.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from injector import render
from injector.facts import Facts
from injector.kube import NAMESPACES, PODS, Kube, KubeError, PatchKind, at
from injector.options import Options
from injector.preflight import images
from injector.recipe import Recipe
from injector.report import Finding, Level
from injector.tree import Node, Object, items, mapping, text
from sidecar import contract
from sidecar.core.scopes import PeerClass

PATIENCE_S: Final = 90.0
ADMISSION_S: Final = 10.0
_POLL_S: Final = 0.3
_KERNELS: Final = 5
"""Kernels that are tried; a cluster with more is told."""
_LABEL: Final[Object] = {contract.INJECTION_LABEL: "enabled"}
_NODE_TAINTS: Final[list[Node]] = [{"operator": "Exists"}]


@dataclass(frozen=True, slots=True)
class Trials:
    """What is to be tried: the kernels need an image, admission an installation."""

    image: str
    kernels: bool
    admission: bool


def plan(facts: Facts, image: str, *, installed: bool) -> Trials:
    """The image that was named, else the one that is installed."""
    there = [] if isinstance(facts.deployment, KubeError) else images(facts.deployment)
    chosen = image or next(iter(there), "")
    return Trials(chosen, kernels=bool(chosen), admission=installed)


async def run(kube: Kube, facts: Facts, trials: Trials) -> list[Finding]:
    """Try what is to be tried; the namespace is gone, or going, afterwards."""
    found: list[Finding] = []
    try:
        async with _namespace(kube) as name:
            if trials.kernels:
                found += await _kernels(kube, facts, name, trials.image)
            if trials.admission:
                found += [await _guard(kube), await _webhook(kube, name)]
    except KubeError as error:
        remedy = "run this as somebody who may create namespaces and pods, or with --read-only"
        found.append(Finding("trial", Level.FAILED, str(error), remedy))
    if not trials.kernels:
        remedy = "name the image that will be installed with --image"
        found.append(Finding("kernel", Level.SKIPPED, "no image to try it with", remedy))
    return found


@asynccontextmanager
async def _namespace(kube: Kube) -> AsyncIterator[str]:
    """Not opted in, and without the limits that Pod Security may have for new namespaces."""
    name = f"cdefence-check-{secrets.token_hex(3)}"
    labels: Object = {"pod-security.kubernetes.io/enforce": "privileged"}
    await kube.create(NAMESPACES, {"metadata": {"name": name, "labels": labels}})
    try:
        yield name
    finally:
        await kube.delete(NAMESPACES, name)


# ---- kernels -----------------------------------------------------------------------------------------------


async def _kernels(kube: Kube, facts: Facts, namespace: str, image: str) -> list[Finding]:
    if isinstance(facts.nodes, KubeError):
        return [Finding("kernel", Level.SKIPPED, str(facts.nodes), "run this as somebody who may list nodes")]
    chosen = by_kernel(facts.nodes)
    tried = dict(list(chosen.items())[:_KERNELS])
    found = await asyncio.gather(
        *(_kernel(kube, namespace, image, kernel, node) for kernel, node in tried.items())
    )
    left = len(chosen) - len(tried)
    more = [Finding("kernel", Level.SKIPPED, f"{left} more kernels", "")] if left else []
    return [*found, *more]


def by_kernel(nodes: list[Object]) -> dict[str, str]:
    """One ready Linux node for each kernel."""
    chosen: dict[str, str] = {}
    for node in nodes:
        info = mapping(mapping(node, "status"), "nodeInfo")
        ready = any(
            each.get("type") == "Ready" and each.get("status") == "True"
            for each in items(mapping(node, "status"), "conditions")
        )
        if ready and info.get("operatingSystem", "linux") == "linux":
            chosen.setdefault(text(info, "kernelVersion"), text(mapping(node, "metadata"), "name"))
    return chosen


async def _kernel(kube: Kube, namespace: str, image: str, kernel: str, node: str) -> Finding:
    name = f"kernel-{secrets.token_hex(3)}"
    await _once_there(lambda: kube.create(PODS, kernel_pod(name, node, image), namespace))
    ended = await _ended(kube, namespace, name)
    subject = f"kernel {kernel}"
    if at(ended, "status", "phase") == "Succeeded":
        return Finding(subject, Level.OK, f"the firewall was installed in a pod on {node}")
    why = "; ".join(reasons(ended)) or "the pod did not end in time"
    return Finding(
        subject, Level.FAILED, f"on {node}: {why}", "see the message; nodes need nf_tables and nft_redir"
    )


def kernel_pod(name: str, node: str, image: str) -> Object:
    """What `cdefence-init` does, and a look at its result; both in the pod's own network namespace."""
    options = Options(pci_scope=PeerClass.OUT_OF_SCOPE)
    apply = render.init_container(options, Recipe(image=image), {})
    apply["volumeMounts"] = []
    look = apply | {"name": "look", "args": ["net", "show"]}
    return {
        "metadata": {"name": name},
        "spec": {
            "nodeName": node,
            "restartPolicy": "Never",
            "automountServiceAccountToken": False,
            "activeDeadlineSeconds": int(PATIENCE_S),
            "terminationGracePeriodSeconds": 1,
            "tolerations": _NODE_TAINTS,
            "initContainers": [apply],
            "containers": [look],
        },
    }


async def _ended(kube: Kube, namespace: str, name: str) -> Object:
    """The pod once it has ended, cannot start, or time is up."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        pod = await kube.get(PODS, name, namespace)
        over = at(pod, "status", "phase") in ("Succeeded", "Failed") or any(map(_hopeless, _states(pod)))
        if over or time.monotonic() > deadline:
            return pod
        await asyncio.sleep(_POLL_S)


def _states(pod: Object) -> Iterator[Object]:
    status = mapping(pod, "status")
    for key in ("initContainerStatuses", "containerStatuses"):
        for each in items(status, key):
            yield mapping(each, "state")


def _hopeless(state: Object) -> bool:
    hopeless = ("ErrImagePull", "ErrImageNeverPull", "InvalidImageName", "CreateContainerError")
    return at(state, "waiting", "reason") in hopeless


def reasons(pod: Object) -> Iterator[str]:
    """Why a pod did not end well, in the words of its containers, its kubelet or its scheduler."""
    for state in _states(pod):
        for key in ("terminated", "waiting"):
            found = mapping(state, key)
            if found.get("exitCode") != 0 and found.get("reason") not in (None, "PodInitializing"):
                yield f"{found.get('reason')}: {str(found.get('message') or '').strip()}"
    message = at(pod, "status", "message")
    if isinstance(message, str) and message:
        yield message


# ---- admission ---------------------------------------------------------------------------------------------


async def _guard(kube: Kube) -> Finding:
    """Refused for everybody, so it does not matter who asks."""
    name = f"cdefence-check-{secrets.token_hex(3)}"
    wrong: Object = {"metadata": {"name": name, "labels": {contract.INJECTION_LABEL: "Enabled"}}}
    try:
        await kube.create(NAMESPACES, wrong, dry_run=True)
    except KubeError as error:
        if "cdefence-namespaces" in error.message:
            return Finding("guard, tried", Level.OK, "refuses what it should")
        return Finding(
            "guard, tried", Level.SKIPPED, str(error), "run this as somebody who may create namespaces"
        )
    remedy = "look at the finding about the guard; a change of it takes a few seconds"
    return Finding("guard, tried", Level.FAILED, "lets pass what it should refuse", remedy)


async def _webhook(kube: Kube, namespace: str) -> Finding:
    labels: Object = {"metadata": {"labels": _LABEL}}
    await kube.patch(NAMESPACES, namespace, PatchKind.MERGE, labels)
    pod: Object = {
        "metadata": {"name": "tried", "annotations": {contract.SCOPE_ANNOTATION: "out-of-scope"}},
        "spec": {"containers": [{"name": "app", "image": "app"}]},
    }
    try:
        made = await _once_there(lambda: kube.create(PODS, pod, namespace, dry_run=True), _injected)
    except KubeError as error:
        return Finding("webhook, tried", Level.FAILED, error.message, remedy_for(error.message))
    if _injected(made):
        return Finding(
            "webhook, tried", Level.OK, "the API server reaches it, and a pod was injected and accepted"
        )
    remedy = "look at its selectors in MutatingWebhookConfiguration cdefence-injector"
    return Finding("webhook, tried", Level.FAILED, "a pod was created without a sidecar", remedy)


def _injected(pod: Object) -> bool:
    first = next(iter(items(mapping(pod, "spec"), "initContainers")), {})
    return first.get("name") == contract.INIT_CONTAINER


_REMEDIES: Final = (
    (
        "x509",
        "the caBundle is not that of the certificate; the controller's leader puts it right, so look at its log",
    ),
    ("no endpoints", "no replica is ready; see the finding about the controller"),
    ("connection refused", "no replica answers; see the finding about the controller"),
    (
        "failed calling webhook",
        "the API server must reach port 9443 of the controller's pods; firewalls often let only 443 and 10250 through",
    ),
    ("no sidecar", "the webhook was not called: is MutatingWebhookConfiguration cdefence-injector there?"),
)


def remedy_for(message: str) -> str:
    """What to do about a pod that was not admitted."""
    return next((remedy for sign, remedy in _REMEDIES if sign in message), "see the message")


async def _once_there(
    create: Callable[[], Awaitable[Object]], enough: Callable[[Object], bool] = lambda _: True
) -> Object:
    """A new namespace has no service account for a moment, and its label takes one to reach every part."""
    deadline = time.monotonic() + ADMISSION_S
    while True:
        late = time.monotonic() > deadline
        try:
            made = await create()
        except KubeError as error:
            if late or not any(sign in error.message for sign in ("service account", "no sidecar")):
                raise
        else:
            if late or enough(made):
                return made
        await asyncio.sleep(_POLL_S)
