"""What the day does to a policy in force: an exception ends while the sidecar runs, and that is told."""

import asyncio
import logging
from pathlib import Path

import pytest

from sidecar.core.findings import Action, Channel, FindingClass
from sidecar.core.scopes import Mode, PeerClass
from sidecar.ops.day import end_of
from sidecar.ops.health import Health
from sidecar.ops.metrics import Metrics
from sidecar.ops.settings import Settings
from sidecar.relay import supply
from sidecar.relay.own_packs import OwnPacks
from sidecar.relay.supply import FileSupply
from sidecar.relay.world import World
from tests.kit.engines import hyperscan

POLICY = """apiVersion: cdefence.io/v1
kind: Policy
exclusions:
- {name: ours, values: "0123456789abcdef0123456789abcdef", why: the card of our own probes}
exceptions:
- {name: legacy, class: pan, to: node, owner: payments, expires: 2027-03-31, reason: migration, why: old gateway}
"""


def action(world: World) -> Action:
    inspector = world.regime.inspector(PeerClass.IN_SCOPE, PeerClass.NODE, Channel.OPAQUE)
    return inspector.rules.strictest("pci/pan", (FindingClass.PAN,))


def test_an_exception_ends_at_midnight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(POLICY)
    monkeypatch.setattr(supply, "today", lambda: "2027-03-31")
    world, metrics = World(PeerClass.IN_SCOPE, Mode.PROTECT, hyperscan()), Metrics()
    with caplog.at_level(logging.WARNING, "cdefence"):
        settings = Settings(scope=PeerClass.IN_SCOPE, policy=file)
        fed = FileSupply(settings, world, metrics, Health(), OwnPacks((), (), tmp_path))
        assert action(world) is Action.ALERT
        assert metrics.policy_exceptions == {"legacy": end_of("2027-03-31")}
        before = world.regime
        asyncio.run(fed.look())
        assert world.regime is before
        assert [record.message for record in caplog.records] == [
            "the policy names values by keyed hashes, but hash_key is not set: they fit nothing"
        ]
        caplog.clear()
        monkeypatch.setattr(supply, "today", lambda: "2027-04-01")
        asyncio.run(fed.look())
    assert action(world) is Action.BLOCK
    assert world.policy.version == before.policy.version
    assert caplog.records[0].message == "exception legacy of the policy has ended and is without effect"
