"""The controller is away for a minute: nobody new comes in, nobody who is known is cut off, nothing is let through."""

import json
from collections.abc import Iterator

import pytest

from tests.cluster.faults import routes
from tests.cluster.faults.routes import INSIDE
from tests.cluster.faults.scene import Scene, held

STALE_S = 35.0
"""A sidecar calls its map stale from 30 s on."""
SIDECARS = ("vault", "sink", "checkout", "shop")
WHY = 'failed calling webhook "injector.cdefence.io"'
NOBODY_THERE = ("connection refused", "no endpoints available", "context deadline exceeded")
"""What the API server adds to that, once a connection that it had open has ended; the last of them while kube-proxy still
sends it to the replica that has just gone."""


@pytest.fixture(scope="module")
def gone(scene: Scene) -> Iterator[Scene]:
    """No replica of the controller runs."""
    scene.until_fresh(*SIDECARS)
    scene.scale(0)
    yield scene
    scene.scale(1)


@pytest.fixture(scope="module")
def newcomer(gone: Scene) -> Iterator[None]:
    """A pod has come meanwhile, of whom nobody can tell the sidecars."""
    with gone.newcomer():
        yield


def test_a_pod_of_an_opted_in_namespace_is_refused_and_told_why(gone: Scene) -> None:
    pod = routes.newcomer(gone.cluster, "refused", INSIDE, "in-scope")

    def told_why() -> bool:
        done = gone.cluster.run(["apply", "-f", "-"], stdin=pod)
        assert done.returncode == 1
        assert WHY in done.stderr
        assert "https://cdefence-webhook.cdefence-system.svc:443/inject" in done.stderr
        return any(why in done.stderr for why in NOBODY_THERE)

    gone.cluster.until(told_why, "a refusal that says that nobody is there")


def test_a_deployment_says_why_it_has_no_pods(gone: Scene) -> None:
    pod = routes.pod("waiting", INSIDE, "in-scope", [routes.server(gone.cluster)])
    template = {"metadata": pod["metadata"], "spec": pod["spec"]}
    spec = {"replicas": 1, "selector": {"matchLabels": {"app": "waiting"}}, "template": template}
    head = {"apiVersion": "apps/v1", "kind": "Deployment"}
    gone.cluster.apply(
        json.dumps(head | {"metadata": {"name": "waiting", "namespace": INSIDE}, "spec": spec})
    )
    words = ("events", "-n", INSIDE, "--field-selector=reason=FailedCreate")
    gone.cluster.until(
        lambda: WHY in gone.cluster.ask("{.items[*].message}", *words),
        "an event of the ReplicaSet",
    )


def test_a_pod_of_another_namespace_starts_and_is_kept_from_pods_in_scope(
    gone: Scene, newcomer: None
) -> None:
    gone.newcomer_is_kept_apart()


def test_with_a_stale_map_known_peers_are_allowed_and_denials_hold(gone: Scene, newcomer: None) -> None:
    def ages() -> list[float]:
        return [gone.map_age(pod) for pod in SIDECARS]

    gone.cluster.until(lambda: min(ages()) > STALE_S, "stale maps everywhere")
    held(gone.watched(20))
    gone.newcomer_is_kept_apart()
    page = gone.page("vault")
    assert 'reason="stale_scope_map"' in page  # which is why the newcomer was denied


def test_back_again_maps_are_fresh_and_what_waited_starts(gone: Scene, newcomer: None) -> None:
    gone.scale(1)
    gone.until_fresh(*SIDECARS)
    assert max(gone.map_age(pod) for pod in SIDECARS) < STALE_S
    held(gone.watched(10))
    gone.newcomer_is_kept_apart()  # known now, as out of scope
    # The ReplicaSet would try again by itself, each time later; a new revision does at once.
    gone.cluster.kubectl("rollout", "restart", "deployment/waiting", "-n", INSIDE)
    gone.cluster.rollout("deployment/waiting", "-n", INSIDE)
    gone.cluster.kubectl("delete", "deployment/waiting", "-n", INSIDE)
