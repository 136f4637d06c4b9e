"""The demonstration, row by row, on this session's cluster; then everything that was told, searched for card numbers."""

import pytest

from sidecar import contract
from sidecar.lab.demo import Stage
from sidecar.lab.samples import AWS_KEY, PANS, VISA_PRINTED
from sidecar.lab.scenarios import Scenario
from tests.cluster.cluster import Cluster
from tests.cluster.demo import install, scenarios
from tests.cluster.demo.scene import PODS, KubeScene


@pytest.fixture(scope="module")
def stage(shop: Cluster) -> Stage:
    return Stage(KubeScene(shop))


@pytest.mark.parametrize("scenario", scenarios.SHOWN, ids=lambda scenario: scenario.title)
def test_a_row_is_as_expected(stage: Stage, shop: Cluster, scenario: Scenario) -> None:
    if shop.bed is None and "internet" in (scenario.source, scenario.target):
        pytest.skip("nobody plays the host outside of a user's own cluster")
    judgement = stage.play(scenario)
    assert judgement.good, (judgement.seen, judgement.reason, judgement.faults)


def test_the_job_completes(shop: Cluster) -> None:
    shop.until(lambda: install.job_completed(shop, "settlement"), "the Job is complete")


def test_nothing_that_was_told_holds_a_card_number(stage: Stage, shop: Cluster) -> None:
    """Logs of every container of ours, events, metrics: after the rows above have sent all of these values around."""
    scene = stage.lab
    texts = [shop.kubectl("logs", "-n", contract.SYSTEM_NAMESPACE, "deployment/cdefence-controller")]
    for pod in PODS:
        if pod.protected:
            texts.append(scene.metrics(pod))
            for name in scene.names(pod):
                where = ("logs", "-n", install.NAMESPACE, name)
                texts += [
                    shop.kubectl(*where, "-c", each)
                    for each in (contract.PROXY_CONTAINER, contract.INIT_CONTAINER)
                ]
    for namespace in (
        install.NAMESPACE,
        contract.SYSTEM_NAMESPACE,
    ):  # other tests write numbers into their pods themselves
        texts.append(shop.kubectl("get", "events,pods", "-n", namespace, "-o", "yaml"))
    assert sum(map(len, texts)) > 10_000
    for value in (*PANS, VISA_PRINTED, AWS_KEY):
        assert not any(value in text for text in texts)
