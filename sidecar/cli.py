"""The command line `cdefence`, and the only place that knows every part: each area registers its own verbs.

Heavy modules are imported by the verb that needs them, so that `cdefence --help` is quick and the proxy stays small.
"""

import argparse
import os
import sys
from collections.abc import Sequence

from injector import command as injector
from sidecar import __version__
from sidecar.lab import command as lab
from sidecar.net import command as net
from sidecar.ops import command as ops
from sidecar.relay import command as relay
from sidecar.scan import command as scan

AREAS = (relay, net, ops, scan, injector, lab)

READER_GONE = 141
"""What a shell reports for a program that SIGPIPE ended."""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    top = argparse.ArgumentParser(
        prog="cdefence",
        description="Keeps the cardholder data environment apart, and card data off the wire in clear.",
    )
    top.add_argument("--version", action="version", version=f"cdefence {__version__}")
    commands = top.add_subparsers(metavar="COMMAND", required=True)
    for area in AREAS:
        area.register(commands)
    return top


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    args = parser().parse_args(arguments)
    try:
        code: int = args.run(args)
        sys.stdout.flush()
    except BrokenPipeError:  # `cdefence settings | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_GONE
    return code


if __name__ == "__main__":
    sys.exit(main())
