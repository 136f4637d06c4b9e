"""The command line of the test bed: `python -m tests.cluster.bed --help`."""

import argparse
import os
import sys
from collections.abc import Sequence

from tests.cluster.bed import build, daemon, images, needs, teardown
from tests.cluster.bed.bed import Bed
from tests.cluster.bed.errors import BedError
from tests.cluster.bed.places import all_beds


def _up(options: argparse.Namespace) -> int:
    bed = Bed.named(options.name)
    bed.up(worker=not options.control_plane_only, version=options.kubernetes)
    print(f"export KUBECONFIG={bed.kubeconfig}")
    return 0


def _down(options: argparse.Namespace) -> int:
    beds = [Bed(places) for places in all_beds()] if options.all else [Bed.named(options.name)]
    for bed in beds:
        bed.down()
    return 0


def _status(options: argparse.Namespace) -> int:
    for places in all_beds():
        facts = Bed(places).facts
        state = f"Kubernetes {facts.version}, port {facts.port}" if facts else "not up"
        print(f"{places.name}: {state}")
        for each in reversed(daemon.recorded(places)):
            print(f"  {each.name:24} {each.pid:>8} {'runs' if each.alive else 'has died'}")
    return 0


def _exec(options: argparse.Namespace) -> int:
    bed = Bed.named(options.name)
    command = bed.command(options.command, outside=options.outside)
    sys.stdout.flush()
    os.execvpe(command[0], command, bed.environment())


def _kubectl(options: argparse.Namespace) -> int:
    options.command, options.outside = ["kubectl", *options.command], False
    return _exec(options)


def _build(options: argparse.Namespace) -> int:
    needs.extend_path()
    print(build.control_binaries(options.kubernetes or build.version()))
    return 0


def _app_image(_: argparse.Namespace) -> int:
    print(images.app())
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.bed", description=__doc__)
    commands = parser.add_subparsers(required=True)

    def add(name: str, run: object, text: str) -> argparse.ArgumentParser:
        command = commands.add_parser(name, help=text)
        command.add_argument(
            "--name", default=os.environ.get("CDEFENCE_BED", "bed"), help="which bed (default: bed)"
        )
        command.set_defaults(run=run)
        return command

    up = add("up", _up, "start a cluster; prints its KUBECONFIG")
    up.add_argument(
        "--control-plane-only", action="store_true", help="etcd, API server, controllers, scheduler"
    )
    up.add_argument(
        "--kubernetes", metavar="VERSION", help=f"default {build.DEFAULT_VERSION}, or CDEFENCE_K8S"
    )
    down = add("down", _down, "take it away; nothing happens if there is none")
    down.add_argument("--all", action="store_true", help="every bed of this user")
    add("status", _status, "which beds there are and what runs")
    execute = add("exec", _exec, "run a command in the node's network namespace: exec -- COMMAND …")
    execute.add_argument("--outside", action="store_true", help="in the namespace outside the cluster")
    execute.add_argument("command", nargs="+")
    add("kubectl", _kubectl, "kubectl with the administrator's rights: kubectl -- get pods").add_argument(
        "command", nargs=argparse.REMAINDER
    )
    add("build", _build, "build the programs, if need be").add_argument("--kubernetes", metavar="VERSION")
    add("app-image", _app_image, "build the archive of the image that plays applications, and print its path")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 and one line on standard error when something is missing or fails."""
    options = _parser().parse_args(arguments)
    words = getattr(options, "command", [])
    if words and words[0] == "--":
        options.command = words[1:]
    try:
        for places in teardown.stale():
            Bed(places).down()
        return int(options.run(options))
    except BedError as error:
        print(f"bed: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
