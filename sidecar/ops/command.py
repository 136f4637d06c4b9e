"""The `cdefence settings` and `cdefence policy` commands.

What belongs here: arguments, printing, exit codes.  What never does: what a setting or a policy may say;
settings.py and policy_file.py know that.  Heavy imports happen inside the functions, so that `cdefence
--help` stays fast.
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sidecar.ops import exact_command

if TYPE_CHECKING:
    from sidecar.core.policy import Policy

_YEAR = 366


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands of this package."""
    settings = commands.add_parser("settings", help="print every setting of the sidecar as a markdown table")
    settings.set_defaults(run=_settings)

    policy = commands.add_parser("policy", help="work with policy files").add_subparsers(required=True)
    check = policy.add_parser("check", help="say everything that is wrong with a policy file (exit code 2)")
    check.add_argument("file", type=Path)
    check.add_argument("--on", metavar="DAY", help="as if it were that day (YYYY-MM-DD); today otherwise")
    check.set_defaults(run=_policy_check)
    exact_command.register(commands)


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
    from sidecar.core.allowances import is_day
    from sidecar.core.policy_text import PolicyError
    from sidecar.ops.day import today
    from sidecar.ops.policy_file import load_policy

    if args.on is not None and not is_day(args.on):
        print(f"--on: is {args.on!r}; write a day such as 2027-03-31", file=sys.stderr)
        return 2
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
    for line in _excused(policy, args.on or today()):
        print(line)
    return 0


def _excused(policy: "Policy", now: str) -> Iterator[str]:
    """What the policy lets pass, and until when."""
    from sidecar.ops.day import days_left

    yield from (f"exclusion {name}" for name in dict.fromkeys(rule.name for rule in policy.exclusions))
    for name, terms in {rule.name: rule.terms for rule in policy.exceptions}.items():
        if terms is None:
            continue
        left = days_left(terms.expires, now)
        when = (
            f"until {terms.expires}, {left} days left"
            if left >= 0
            else f"ended {terms.expires}, WITHOUT EFFECT"
        )
        late = "; longer than a year, review it in between (PCI DSS 12.3.1)" if left > _YEAR else ""
        yield f"exception {name}: {when}{late}; {terms.owner}; {terms.ground}: {terms.why}"


def _known_patterns() -> frozenset[str]:
    """The ids of every pattern that is shipped."""
    from dlp_patterns.load import told

    return told()
