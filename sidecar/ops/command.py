"""The `cdefence settings` and `cdefence policy` commands.

What belongs here: arguments, printing, exit codes.  What never does: what a setting or a policy may say;
settings.py and policy_file.py know that.  Heavy imports happen inside the functions, so that `cdefence
--help` stays fast.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands of this package."""
    settings = commands.add_parser("settings", help="print every setting of the sidecar as a markdown table")
    settings.set_defaults(run=_settings)

    policy = commands.add_parser("policy", help="work with policy files").add_subparsers(required=True)
    check = policy.add_parser("check", help="say everything that is wrong with a policy file (exit code 2)")
    check.add_argument("file", type=Path)
    check.set_defaults(run=_policy_check)


def _settings(_args: argparse.Namespace) -> int:
    print("\n".join(settings_table()))
    return 0


def settings_table() -> Iterator[str]:
    """The table of settings in markdown, a line at a time."""
    from sidecar.ops.settings import FILE_VARIABLE, OPTIONS

    yield "| variable | in the file | allowed | default | what it does |"
    yield "|---|---|---|---|---|"
    yield f"| `{FILE_VARIABLE}` | | a path | | Settings file (YAML); the environment wins over it. |"
    for option in OPTIONS:
        about = option.about
        default = f"`{option.render()}`" if option.render() else "required" if option.required else ""
        unit = f" ({about.unit})" if about.unit else ""
        yield f"| `{option.variable}` | `{option.name}` | {about.kind.allowed}{unit} | {default} | {about.help} |"


def _policy_check(args: argparse.Namespace) -> int:
    from sidecar.core.policy_text import PolicyError
    from sidecar.ops.policy_file import load_policy

    try:
        file = load_policy(args.file, _known_patterns())
    except PolicyError as error:
        print(error, file=sys.stderr)
        return 2
    policy = file.policy
    mode = f", mode {file.mode}" if file.mode else ""
    print(
        f"{args.file}: good, version {policy.version}{mode},"
        f" {len(policy.segmentation)} segmentation and {len(policy.dlp)} dlp rules"
    )
    return 0


def _known_patterns() -> frozenset[str]:
    """The ids of every pattern that is shipped."""
    from dlp_patterns.load import builtin

    return frozenset(pattern.told for pack in builtin() for pattern in pack.patterns)
