"""`make demo-cluster`: a real cluster, cdefence installed as in the README, scenarios, metrics; then all of it gone.

With KUBECONFIG, CDEFENCE_IMAGE and CDEFENCE_APP_IMAGE set, the same on the user's own cluster.
"""

import argparse
import signal
import sys
import time
from collections.abc import Sequence

from sidecar.lab.demo import Stage, show
from tests.cluster.bed.bed import Bed
from tests.cluster.bed.errors import BedError
from tests.cluster.cluster import Cluster, ClusterError, foreign, loaded, own
from tests.cluster.demo import install, scenarios
from tests.cluster.demo.scene import KubeScene

NAME = "demo"


def _up(options: argparse.Namespace) -> int:
    """Install and play; exit code 1 if a row differs."""
    begin = time.monotonic()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    users, bed = foreign(), Bed.named(NAME)
    try:
        cluster = users or _ready(bed, keep=options.keep)
        _say("cluster", begin)
        install.install(cluster)
        _say("cdefence", begin)
        install.applications(cluster)
        _say("applications", begin)
        return _play(cluster, begin)
    finally:
        if users is None and options.keep:
            print(f"\nit goes on: export KUBECONFIG={bed.kubeconfig}   (make demo-cluster-down ends it)")
        elif users is None:
            bed.down()


def _ready(bed: Bed, *, keep: bool) -> Cluster:
    return loaded(bed) if keep and bed.facts else own(bed)


def _play(cluster: Cluster, begin: float) -> int:
    rows = scenarios.SHOWN if cluster.bed else scenarios.without_internet()
    if not cluster.bed:
        print("nobody plays the host outside of this cluster: rows with `internet` are left out")
    good = show(Stage(KubeScene(cluster)), rows)
    cluster.until(lambda: install.job_completed(cluster, "settlement"), "the Job is complete")
    print("\nthe Job `settlement` has completed, with its sidecar")
    print(f"{good} of {len(rows)} scenarios as expected, {time.monotonic() - begin:.0f} s in all")
    return 0 if good == len(rows) else 1


def _say(what: str, begin: float) -> None:
    print(f"{what}: ready after {time.monotonic() - begin:.0f} s", flush=True)


def _down(_: argparse.Namespace) -> int:
    if users := foreign():
        install.uninstall(users)
    else:
        Bed.named(NAME).down()
    return 0


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit code 1 and one line when a row differs or something is missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.cluster.demo", description=__doc__)
    commands = parser.add_subparsers(required=True)
    up = commands.add_parser("up", help="show it")
    up.add_argument("--keep", action="store_true", help="leave the cluster running; prints its KUBECONFIG")
    up.set_defaults(run=_up)
    commands.add_parser("down", help="take it away").set_defaults(run=_down)
    options = parser.parse_args(arguments)
    try:
        return int(options.run(options))
    except (BedError, ClusterError) as error:
        print(f"demo-cluster: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
