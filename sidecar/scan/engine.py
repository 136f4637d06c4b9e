"""The engine of a command: patterns, policy and compiled databases, made once and quickly the second time.

What belongs here: what the options --pack and --policy mean, and what is made of them.  What never does: what is
looked at with it.
"""

import argparse
import os
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from dlp_patterns import load
from dlp_patterns.exact_file import read_key
from dlp_patterns.model import Pattern
from sidecar.core.confirm import Confirmer
from sidecar.core.findings import Channel
from sidecar.core.inspector import Inspector
from sidecar.core.policy import Policy
from sidecar.core.scopes import Mode, PeerClass
from sidecar.core.views.table import EVERY_SIGN, FORMATS, VIEWS
from sidecar.match import packs
from sidecar.match.hs import HyperscanMatcher
from sidecar.ops.day import today
from sidecar.ops.policy_file import load_policy
from sidecar.relay.world import Regime

SOON = 0.4
"""Seconds after which a person is told what takes so long."""


class Engine:
    """What finds and judges, for texts (nothing is held back) and for connections (as the proxy does)."""

    def __init__(self, matcher: HyperscanMatcher, policy: Policy, key: bytes = b"") -> None:
        """`key` is what the policy's hashes of values are made with."""
        self.matcher = matcher
        confirmer = Confirmer(matcher.patterns)
        self._regimes = {mode: Regime(matcher, confirmer, policy, mode, today(), key) for mode in Mode}

    def inspector(self, channel: Channel = Channel.OPAQUE, mode: Mode = Mode.MONITOR) -> Inspector:
        """Judges as if what is looked at left a pod in scope for a peer outside.  Raises EngineError."""
        made = self._regimes[mode].inspector(PeerClass.IN_SCOPE, PeerClass.EXTERNAL, channel)
        return replace(made, views=(*VIEWS, *FORMATS))  # nobody declares what a file is


def engine(args: argparse.Namespace) -> Engine:
    """The engine that the options ask for.  Raises PatternError, PolicyError or EngineError."""
    patterns = chosen(args.pack)
    policy = Policy()
    if args.policy is not None:
        policy = load_policy(args.policy, {pattern.told for pattern in patterns}).policy
    key = read_key(args.hash_key) if args.hash_key is not None else b""
    with _telling("compiling patterns (kept for the next time)"):
        return Engine(HyperscanMatcher(patterns, cache_folder(), EVERY_SIGN), policy, key)


def chosen(given: Sequence[str] | None) -> tuple[Pattern, ...]:
    """The patterns that `--pack` names; without it those that are on by default.  Raises PatternError."""
    if not given:
        return packs.patterns(cache_folder=cache_folder())
    names = [name for name in dict.fromkeys(given) if not is_folder(name)]
    folders = [Path(name) for name in dict.fromkeys(given) if is_folder(name)]
    return packs.patterns(names, folders, cache_folder())


def is_folder(pack: str) -> bool:
    """Whether `--pack` means a folder of the user's."""
    return pack not in load.shipped() and (os.sep in pack or Path(pack).is_dir())


def cache_folder() -> Path:
    """Where compiled patterns are kept for this user."""
    if named := os.environ.get("CDEFENCE_CACHE_DIR"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "cdefence"


@contextmanager
def _telling(what: str) -> Iterator[None]:
    """Tell a person at a terminal what is going on if it takes longer than a moment."""
    if not sys.stderr.isatty():
        yield
        return
    timer = threading.Timer(SOON, lambda: print(f"{what} …", file=sys.stderr, flush=True))
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
