"""The metrics of sidecars, through the API server's proxy to pods: no route to the pods is needed, only the right to it.

What belongs here: asking many pods a little at a time, and reading the few series that `cdefence status` shows.  What never
does: judging them (status.py).
"""

import asyncio
import math
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote

from prometheus_client.parser import text_string_to_metric_families

from injector.kube import Kube, KubeError
from injector.status import Sample
from sidecar import contract

AT_ONCE: Final = 16
TIMEOUT_S: Final = 5.0

type Key = tuple[str, str]


async def samples(kube: Kube, pods: Iterable[Key]) -> dict[Key, Sample | None]:
    """The sample of each pod; None where it could not be had."""
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(key: Key) -> tuple[Key, Sample | None]:
        async with turns:
            return key, await _sample(kube, *key)

    return dict(await asyncio.gather(*map(one, pods)))


async def _sample(kube: Kube, namespace: str, name: str) -> Sample | None:
    pod = f"{quote(name, safe='')}:{contract.METRICS_PORT}"
    try:
        page = await kube.text(
            f"/api/v1/namespaces/{quote(namespace, safe='')}/pods/{pod}/proxy/metrics", TIMEOUT_S
        )
        return read(page)
    except (KubeError, ValueError):
        return None


def read(page: str) -> Sample:
    """The series we show.  Raises ValueError for a page in no such format."""
    age, blocked, findings = math.inf, 0.0, 0.0
    said: dict[str, str] = {}
    for family in text_string_to_metric_families(page):
        for each in family.samples:
            match each.name:
                case "cdefence_scope_map_age_seconds":
                    age = each.value
                case "cdefence_blocked_flows_total":
                    blocked += each.value
                case "cdefence_dlp_findings_total":
                    findings += each.value
                case "cdefence_policy_info" | "cdefence_build_info":
                    said[each.name] = each.labels.get("version", "")
    return Sample(
        said.get("cdefence_build_info", ""),
        age,
        said.get("cdefence_policy_info", ""),
        int(blocked),
        int(findings),
    )
