"""`cdefence proxy` puts the parts of the sidecar together, runs them, and takes them down again in order; `cdefence drain`
asks a running one to let go of its inbound connections.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import logging
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sidecar.ops.settings import Settings
    from sidecar.relay.process import Process

log = logging.getLogger("cdefence")

EXIT_UNHEARD, EXIT_USAGE = 1, 2
DRAIN_PATIENCE_S = 5.0
SWITCH_S = 0.0005
"""How long a thread beside the event loop may keep the interpreter once the loop wants it, a tenth of Python's default."""


def register(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `proxy` and `drain` to the command line."""
    parser = commands.add_parser(
        "proxy",
        help="run the sidecar proxy of a pod",
        description="Runs the sidecar proxy.  Everything is set by CDEFENCE_* variables or a settings file; "
        "`cdefence settings` prints the table.",
    )
    parser.add_argument(
        "--prepare",
        action="store_true",
        help="only compile what the default policy needs into CDEFENCE_CACHE_DIR, so that the next start is quick",
    )
    parser.set_defaults(run=run)
    drain_parser = commands.add_parser(
        "drain",
        help="ask the running sidecar proxy to let go of inbound connections (preStop)",
        description="Asks the proxy of this pod to be not ready any more and to close inbound connections between "
        "messages.  New ones are still served, outbound ones are left alone, and the proxy runs on until SIGTERM.",
    )
    drain_parser.set_defaults(run=drain)


def run(args: argparse.Namespace) -> int:
    """Run until SIGTERM; 0 after a clean drain, 2 for settings or a policy that cannot be used."""
    from sidecar.ops import log as logs
    from sidecar.ops.settings import SettingsError, load

    # The first process of a container is ended by no signal that it does not handle; the event loop takes over later.
    signal.signal(signal.SIGTERM, _stop_starting)
    try:
        settings = load(os.environ)
    except SettingsError as error:
        print(f"cdefence: {error}", file=sys.stderr)
        return EXIT_USAGE
    logs.set_up(settings.log_level)
    if args.prepare:
        return _prepare(settings)
    if os.geteuid() == 0 and not settings.allow_root:
        log.error("refusing to run as root; run as another uid, or set CDEFENCE_ALLOW_ROOT=true for a test")
        return EXIT_USAGE
    return _serve(settings)


def drain(_: argparse.Namespace) -> int:
    """Ask the proxy in this pod to drain inbound; 0 when it does, 1 when no proxy heard, 2 for bad settings."""
    from http import HTTPStatus
    from http.client import HTTPConnection, HTTPException

    from sidecar import contract
    from sidecar.ops.settings import SettingsError, load

    try:
        port = load(os.environ).health_port
    except SettingsError as error:
        print(f"cdefence: {error}", file=sys.stderr)
        return EXIT_USAGE
    for address in ("127.0.0.1", "::1"):
        connection = HTTPConnection(address, port, timeout=DRAIN_PATIENCE_S)
        try:
            connection.request("POST", contract.DRAIN_PATH)
            if connection.getresponse().status == HTTPStatus.OK:
                return 0
        except (OSError, HTTPException):
            continue
        finally:
            connection.close()
    print(f"cdefence: no proxy listens at port {port} of this pod", file=sys.stderr)
    return EXIT_UNHEARD


def _prepare(settings: Settings) -> int:
    from dlp_patterns.errors import PatternError
    from sidecar.core.hits import EngineError
    from sidecar.core.scopes import Mode
    from sidecar.relay.own_packs import OwnPacks
    from sidecar.relay.world import World

    try:
        matcher = OwnPacks(settings.packs, settings.own_packs, settings.cache_dir).matcher()
        world = World(settings.scope, Mode.PROTECT, matcher)
        world.adopt(world.policy, world.mode)
    except (EngineError, PatternError, OSError) as error:
        log.error("cannot prepare: %s", error)
        return EXIT_USAGE
    return 0


def _serve(settings: Settings) -> int:
    import uvloop

    from dlp_patterns.errors import PatternError
    from sidecar.core.fields import ConfigError
    from sidecar.core.hits import EngineError
    from sidecar.ops.memory import give_back
    from sidecar.relay import process as running

    try:
        process = running.Process(settings)
    except (ConfigError, EngineError, PatternError, OSError) as error:
        log.error("cannot start: %s", error)
        return EXIT_USAGE
    log.info("%s, %s", process.description, _identity())
    # What is loaded by now stays: keep the collector from walking it again and again.
    gc.collect()
    give_back()
    gc.freeze()
    sys.setswitchinterval(SWITCH_S)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_until_stopped(process))


async def _until_stopped(process: Process) -> int:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    try:
        await process.start()
    except OSError as error:
        log.error("cannot start: %s", error)
        return EXIT_USAGE
    await stop.wait()
    await process.stop()
    return 0


def _stop_starting(*_: object) -> None:
    sys.exit(0)


def _identity() -> str:
    """As whom this process runs: whoever takes it over gains nothing."""
    capabilities = effective_capabilities() or "none"
    return f"uid {os.geteuid()}, gid {os.getegid()}, capabilities {capabilities}"


def effective_capabilities() -> str:
    """The effective capabilities of this process as the kernel writes them (hexadecimal), empty for none."""
    for line in Path("/proc/self/status").read_text("ascii").splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            return value.strip().lstrip("0")
    return ""
