"""The verbs of the control plane.  Each area registers its own; what they need is imported when they run."""

import argparse

from injector import controller_command, inspect_command, offline_command

AREAS = (controller_command, offline_command, inspect_command)


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the verbs of every area."""
    for area in AREAS:
        area.register(commands)
