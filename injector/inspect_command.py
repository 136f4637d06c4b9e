"""`cdefence check` and `cdefence status`: arguments, order, printing, exit codes.

What belongs here: those.  What never does: what is read, tried and judged, which is imported only when needed.

Exit codes: 0 all is well; 1 something is not, and the text says what to do; 2 it could not be found out.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from injector.facts import Facts
    from injector.kube import Kube
    from injector.status import Expected, PodStatus
    from injector.tree import Object


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add both verbs."""
    check = commands.add_parser(
        "check", help="is this cluster fit for cdefence, and is what is installed in order?"
    )
    check.add_argument(
        "--image", default="", help="image to try the kernels with (default: the installed one)"
    )
    check.add_argument(
        "--read-only",
        action="store_true",
        help="try nothing out: no namespace and no pod is made for a moment",
    )
    check.set_defaults(run=lambda args: _run(args, _check))
    status = commands.add_parser("status", help="which pods are covered, which are not, and why")
    status.add_argument("-n", "--namespace", help="only this one (default: every namespace)")
    status.add_argument("--all", action="store_true", help="list every pod, not only those in trouble")
    status.add_argument("--no-metrics", action="store_true", help="do not ask the sidecars")
    status.set_defaults(run=lambda args: _run(args, _status))
    for each in (check, status):
        each.add_argument("--kubeconfig", type=Path, help="default: this pod's account, or $KUBECONFIG")
        each.add_argument("-o", "--output", choices=("table", "json"), default="table")


def _run(args: argparse.Namespace, verb: Callable[[Kube, argparse.Namespace], Awaitable[int]]) -> int:
    """Connect, run, and say in one line why it could not be done."""
    from injector.kube import KubeError, connect
    from injector.report import NOT_DONE

    async def connected() -> int:
        async with await connect(args.kubeconfig) as kube:
            return await verb(kube, args)

    try:
        return asyncio.run(connected())
    except KubeError as error:
        print(f"cdefence: {error}", file=sys.stderr)
        return NOT_DONE


async def _check(kube: Kube, args: argparse.Namespace) -> int:
    from dlp_patterns import load
    from injector import preflight, report, trial
    from injector.facts import gather

    facts = await gather(kube)
    findings = preflight.judge(facts, patterns=load.told())
    if not args.read_only:
        trials = trial.plan(facts, args.image, installed=preflight.installed(facts))
        findings += await trial.run(kube, facts, trials)
    code = report.exit_code(findings)
    body: Object = {"ok": code == report.FINE, "findings": [*report.rows(findings)]}
    print(report.as_text(findings) if args.output == "table" else report.as_json("Check", body))
    return code


async def _status(kube: Kube, args: argparse.Namespace) -> int:
    from injector import report, status
    from injector.facts import every, gather
    from injector.kube import NAMESPACES, PODS
    from injector.scrape import samples

    facts = await gather(kube)
    namespaces = status.opted_in(await every(kube, NAMESPACES))
    pods = list(status.concerned(await every(kube, PODS, args.namespace), namespaces))
    if not args.no_metrics:
        seen = await samples(kube, sorted(status.covered(pods)))
        expected = _expected(facts)
        pods = [status.judged(pod, seen.get(pod.key), expected) for pod in pods]
    pods.sort(key=lambda pod: pod.key)
    print(_as_text(facts, pods, args) if args.output == "table" else _as_json(facts, pods))
    return report.TROUBLE if any(pod.state.trouble for pod in pods) else report.FINE


def _expected(facts: Facts) -> Expected:
    from injector.kube import KubeError
    from injector.status import Expected
    from injector.tree import texts
    from sidecar.core.policy_text import version

    image = (
        "" if isinstance(facts.parameters, KubeError) else texts(facts.parameters, "data").get("image", "")
    )
    text = "" if isinstance(facts.policy, KubeError) else texts(facts.policy, "data").get("policy.yaml", "")
    return Expected(image, version(text) if text else "")


def _controller(facts: Facts) -> dict[str, str]:
    from injector.kube import KubeError, at
    from injector.preflight import images

    if isinstance(facts.deployment, KubeError):
        return {"state": "not found", "image": "", "leader": ""}
    ready, wanted = (
        at(facts.deployment, *path) or 0 for path in (("status", "readyReplicas"), ("spec", "replicas"))
    )
    leader = (
        "" if isinstance(facts.lease, KubeError) else str(at(facts.lease, "spec", "holderIdentity") or "")
    )
    return {
        "state": f"{ready} of {wanted} ready",
        "image": ", ".join(images(facts.deployment)),
        "leader": leader,
    }


def _as_text(facts: Facts, pods: list[PodStatus], args: argparse.Namespace) -> str:
    from injector import status
    from injector.report import table

    said, expected = _controller(facts), _expected(facts)
    shown = [pod for pod in pods if args.all or pod.state is not status.State.COVERED]
    head = (
        ("controller", f"{said['state']}, {said['image'] or '-'}, leader {said['leader'] or '-'}"),
        ("policy", expected.policy or "-"),
    )
    parts = [table(head[0], head[1:]), table(status.SUMMARY_HEADER, status.summary(pods))]
    if shown:
        parts.append(table(status.POD_HEADER, [status.row(pod) for pod in shown]))
    told = sorted({pod.state for pod in shown if pod.state.sentence}, key=list(status.State).index)
    if told:
        parts.append("\n".join(f"{state.value}: {state.sentence}" for state in told))
    return "\n\n".join(parts)


def _as_json(facts: Facts, pods: list[PodStatus]) -> str:
    from injector import status
    from injector.report import as_json

    return as_json(
        "Status",
        {
            "ok": not any(pod.state.trouble for pod in pods),
            "controller": dict(_controller(facts)),
            "policy": _expected(facts).policy,
            "pods": [status.document(pod) for pod in pods],
        },
    )
