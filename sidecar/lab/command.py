"""`cdefence lab up|status|exec|demo|down`: the lab on the command line.

What belongs here: arguments, exit codes and printing.  Exit code 0: done; 1: the demo saw something else
than it expected, or the lab is not healthy; 2: it could not be done, with one line that says why.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from sidecar.lab.topology import DEFAULT_NAME

if TYPE_CHECKING:
    from sidecar.lab.lab import Lab, PodStatus


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add `lab` and its commands."""
    lab = commands.add_parser("lab", help="a cluster of network namespaces on this machine")
    actions = lab.add_subparsers(dest="action", required=True, metavar="ACTION")
    _add(actions, "up", "make the lab, or what is missing of it", _up)
    _add(actions, "status", "what runs", _status)
    _add(actions, "down", "remove everything of the lab", _down)
    run = _add(actions, "exec", "run a command in a pod: lab exec POD -- COMMAND ...", _exec)
    run.add_argument(
        "--uid", type=int, default=0, help="user (and group) id; other than 0: without capabilities"
    )
    run.add_argument("pod", metavar="POD")
    run.add_argument("command", metavar="COMMAND", nargs=argparse.REMAINDER)
    demo = _add(actions, "demo", "make the lab, show every scenario, remove it", _demo)
    demo.add_argument("--keep", action="store_true", help="leave the lab up")


def _add(
    actions: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    text: str,
    run: Callable[[argparse.Namespace], int],
) -> argparse.ArgumentParser:
    parser = actions.add_parser(name, help=text, description=text)
    parser.add_argument(
        "--name", default=DEFAULT_NAME, help="several labs can be up at once (default: %(default)s)"
    )
    parser.set_defaults(run=lambda args: _reported(run, args))
    return parser


def _reported(run: Callable[[argparse.Namespace], int], args: argparse.Namespace) -> int:
    """Run a command; what cannot be done is one line and exit code 2."""
    from sidecar.lab.errors import LabError

    try:
        return run(args)
    except (LabError, ValueError, KeyError) as failure:
        print(f"cdefence lab: {failure.args[0] if failure.args else failure}", file=sys.stderr)
        return 2
    except subprocess.TimeoutExpired as slow:
        print(
            f"cdefence lab: not done in {slow.timeout:g} s, this machine is too busy: {_command_line(slow)}",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        return 130


def _command_line(slow: subprocess.TimeoutExpired) -> str:
    return slow.cmd if isinstance(slow.cmd, str) else shlex.join(map(str, slow.cmd))


def _up(args: argparse.Namespace) -> int:
    from sidecar.lab.lab import Lab

    lab = Lab(args.name)
    lab.up()
    return _print_status(lab)


def _status(args: argparse.Namespace) -> int:
    from sidecar.lab.lab import Lab

    return _print_status(Lab(args.name))


def _down(args: argparse.Namespace) -> int:
    from sidecar.lab.lab import Lab

    Lab(args.name).down()
    return 0


def _exec(args: argparse.Namespace) -> int:
    """Run a client inside a pod; its exit code is ours, 128 + n after signal n, as a shell says it."""
    from sidecar.lab import topology
    from sidecar.lab.lab import Lab
    from sidecar.lab.processes import Identity

    command = args.command[1:] if args.command[:1] == ["--"] else args.command
    if not command:
        raise ValueError("exec: no command; write: cdefence lab exec POD -- COMMAND ...")
    full = Lab(args.name).command(topology.pod(args.pod), command, Identity(args.uid, args.uid))
    code = subprocess.call(full)
    return code if code >= 0 else 128 - code


def _demo(args: argparse.Namespace) -> int:
    from sidecar.lab import demo

    return demo.run(args.name, keep=args.keep)


def _print_status(lab: "Lab") -> int:
    from sidecar.lab.table import render

    pods = lab.status()
    print(
        render(("pod", "scope", "ipv4", "ipv6", "network", "sidecar", "app"), [_row(each) for each in pods])
    )
    return 0 if all(each.healthy for each in pods) else 1


def _row(status: "PodStatus") -> tuple[str, ...]:
    """One line of the status table."""
    pod = status.pod
    sidecar = (
        f"{'ready' if status.ready else 'not ready'} (pid {status.sidecar})" if status.sidecar else "down"
    )
    return (
        pod.name,
        pod.scope.value,
        pod.v4,
        pod.v6,
        "up" if status.network else "down",
        sidecar if pod.protected else "none",
        f"up (pid {status.app})" if status.app else "down",
    )
