"""`cdefence controller`: reads the settings, sets up the log, runs the controller until it is told to stop."""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
from dataclasses import MISSING, fields
from functools import partial
from typing import TYPE_CHECKING

from injector import settings as table
from sidecar import contract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from injector.settings import Settings

log = logging.getLogger("cdefence.controller")

EXIT_FAILED, EXIT_USAGE = 1, 2


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `controller` to the command line."""
    parser = commands.add_parser(
        "controller",
        help="run the control plane: webhook, certificates, scope map",
        description="Runs one replica of the control plane.  Everything is set by environment variables:",
        epilog="\n".join(_documented()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)


def run(_: argparse.Namespace) -> int:
    """Run until SIGTERM; 0 after a clean end, 1 when a part failed, 2 for settings that cannot be used."""
    from injector import log as logs

    # The first process of a container is ended by no signal that it does not handle; the event loop takes over later.
    signal.signal(signal.SIGTERM, _stop_starting)
    try:
        settings = table.load(os.environ)
    except table.SettingsError as error:
        print(f"cdefence: {error}", file=sys.stderr)
        return EXIT_USAGE
    logs.set_up(settings.log_level)
    # kubernetes.aio asks for the home directory as soon as it is imported, and fails where a container's user has none.
    os.environ.setdefault("HOME", "/")
    return asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> int:
    from injector import review
    from injector.controller import Controller, stop_on_signals
    from injector.kube import KubeError, connect
    from injector.recipe import Recipe

    scope_api = f"https://{contract.SCOPES_SERVICE}.{settings.namespace}.svc:{contract.SCOPES_PORT}"
    recipe = Recipe(settings.image, settings.image_pull_policy, scope_api)
    try:
        async with await connect(settings.kubeconfig) as kube:
            controller = Controller(settings, kube, partial(review.answer, recipe=recipe))
            gc.collect()
            gc.freeze()  # what is loaded by now stays: the collector need not walk it again and again
            await controller.run(stop_on_signals())
    except (KubeError, OSError) as error:
        log.error("the controller ends: %s", error)
        return EXIT_FAILED
    except Exception:
        log.critical("a part failed, so the controller ends", exc_info=True)
        return EXIT_FAILED
    log.info("ended")
    return 0


def _stop_starting(*_: object) -> None:
    """Nothing has been begun that would have to be ended, and an exception in the middle of an import helps nobody."""
    os._exit(0)


def _documented() -> Iterator[str]:
    """The table of settings, a few lines each."""
    for each in fields(table.Settings):
        row = table.about(each)
        default = "required" if each.default is MISSING and each.default_factory is MISSING else ""
        if each.default not in (MISSING, None, "", ()):
            default = f"default: {each.default}"
        notes = "; ".join(note for note in (default, f"unit: {row.unit}" if row.unit else "") if note)
        yield f"  {table.variable(each.name)}\n      {row.help}  ({row.kind.allowed}{'; ' if notes else ''}{notes})"
