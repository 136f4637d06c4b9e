"""Events: their form, that the same one is one, and that nobody waits for them."""

import asyncio
from datetime import UTC, datetime

from injector.events import About, Kind, Teller, Telling
from injector.kube import EVENTS, KubeError, Resource
from injector.tree import Object

ABOUT = About("ConfigMap", "cdefence-system", "cdefence-policy", "u1", version="7")
REFUSED = Telling(ABOUT, Kind.WARNING, "PolicyRefused", "dlp[0].action: is 'no'; use allow", "Validate")


class Answering:
    """An API server that takes Events, or answers as it is told to."""

    def __init__(self, *answers: KubeError) -> None:
        self._answers = list(answers)
        self.bodies: list[Object] = []

    async def create(self, resource: Resource, body: Object, namespace: str | None = None) -> Object:
        assert (resource, namespace) == (EVENTS, "cdefence-system")
        self.bodies.append(body)
        if self._answers:
            raise self._answers.pop(0)
        return body


def told(kube: Answering, *tellings: Telling, instance: str = "replica-1") -> Teller:
    async def story() -> Teller:
        teller = Teller(kube, instance, lambda: datetime(2026, 11, 24, 10, 0, 0, 1234, UTC))
        for telling in tellings:
            teller.tell(telling)
        running = asyncio.create_task(teller.run())
        while len(kube.bodies) < len(tellings):
            await asyncio.sleep(0)
        await asyncio.sleep(0)
        running.cancel()
        return teller

    return asyncio.run(story())


def test_the_form():
    kube = Answering()
    told(kube, REFUSED)
    assert kube.bodies == [
        {
            "apiVersion": "events.k8s.io/v1",
            "kind": "Event",
            "metadata": {"name": "cdefence-policy.0c3f111e14f57730", "namespace": "cdefence-system"},
            "eventTime": "2026-11-24T10:00:00.001234Z",
            "reportingController": "cdefence.io/controller",
            "reportingInstance": "replica-1",
            "action": "Validate",
            "reason": "PolicyRefused",
            "type": "Warning",
            "note": "dlp[0].action: is 'no'; use allow",
            "regarding": {
                "apiVersion": "v1",
                "kind": "ConfigMap",
                "namespace": "cdefence-system",
                "name": "cdefence-policy",
                "uid": "u1",
                "resourceVersion": "7",
            },
        }
    ]


def test_the_same_event_of_two_replicas_has_one_name_and_another_has_another():
    kube = Answering()
    told(kube, REFUSED)
    told(kube, REFUSED, instance="replica-2")
    told(kube, Telling(ABOUT, Kind.WARNING, "PolicyRefused", "another note", "Validate"))
    one, same, other = (body["metadata"]["name"] for body in kube.bodies[:1] + kube.bodies[1:])
    assert one == same != other


def test_a_long_note_is_cut_between_characters():
    kube = Answering()
    told(kube, Telling(ABOUT, Kind.NORMAL, "Long", "é" * 999, "Validate"))
    note = kube.bodies[0]["note"]
    assert note == "é" * 500 + "…"


def test_told_already_is_told_and_everything_else_is_counted():
    kube = Answering(KubeError(409, "AlreadyExists", "there"), KubeError(403, "Forbidden", "no"))
    assert told(kube, REFUSED, REFUSED, REFUSED).lost == 1


def test_nobody_waits():
    async def story() -> int:
        teller = Teller(Answering(), "replica-1")
        for _ in range(130):
            teller.tell(REFUSED)
        return teller.lost

    assert asyncio.run(story()) == 30
