"""Packs of the user's own in the running sidecar: noticed, tried, taken into force; bad ones never replace good ones."""

import asyncio
import logging
from pathlib import Path

import pytest

from dlp_patterns.model import PatternError
from sidecar.ops.health import Health
from sidecar.ops.metrics import Metrics
from sidecar.ops.settings import load
from sidecar.relay.own_packs import OwnPacks
from sidecar.relay.supply import FileSupply
from sidecar.relay.world import World

PATTERN = """id: mine/badge
title: Badge of our staff
source: ourselves
class: pii
regex: BADGE-[A-Z] \\d{4}
width: 11
boundary: word
check: shape
show: last4
severity: low
match: [{text: BADGE-X1234}]
no_match: [{text: BADGE-X123, why: short}, {text: BADGE-x1234, why: lower case}]
"""
LONGER = PATTERN.replace("mine/badge", "mine/key").replace("BADGE-", "BRASS-")


@pytest.fixture
def supply(tmp_path: Path) -> FileSupply:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "badge.yaml").write_text(PATTERN)
    cache = tmp_path / "cache"
    cache.mkdir(mode=0o700)
    settings = load(
        {
            "CDEFENCE_SCOPE": "in-scope",
            "CDEFENCE_PACKS": "pci",
            "CDEFENCE_OWN_PACKS": str(folder),
            "CDEFENCE_CACHE_DIR": str(cache),
        }
    )
    packs = OwnPacks(settings.packs, settings.own_packs, settings.cache_dir)
    world = World(settings.scope, settings.mode, packs.matcher())
    return FileSupply(settings, world, Metrics(), Health(), packs)


def own(supply: FileSupply) -> list[str]:
    return [each.id for each in supply._world.matcher.patterns if each.id.startswith("mine/")]


def test_they_are_taken_into_force_and_bad_ones_are_not(
    supply: FileSupply, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "mine"
    assert own(supply) == ["mine/badge"]
    asyncio.run(supply.look())
    before = supply._world.regime
    (folder / "key.yaml").write_text(LONGER.replace("BRASS-[A-Z]", "BRASS-[A-Z]+"))
    with caplog.at_level(logging.INFO, "cdefence"):
        asyncio.run(supply.look())
    assert supply._world.regime is before
    assert f"the last ones stay: {folder}/key.yaml: regex: has an unbounded repetition" in caplog.text
    (folder / "key.yaml").write_text(LONGER)
    asyncio.run(supply.look())
    assert own(supply) == ["mine/badge", "mine/key"]
    assert supply._world.regime.matcher is supply._world.matcher
    (folder / "key.yaml").unlink()
    asyncio.run(supply.look())
    assert own(supply) == ["mine/badge"]


def test_without_what_is_meant_nothing_begins(tmp_path: Path) -> None:
    with pytest.raises(PatternError, match="patterns: is empty"):
        OwnPacks(("pci",), (tmp_path,), tmp_path / "cache").matcher()
