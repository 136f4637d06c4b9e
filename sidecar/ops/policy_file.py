"""The policy file on disk.

What belongs here: reading the file and naming it in errors.  What never does: what it says; `core.policy_text` knows that.
"""

from collections.abc import Collection
from pathlib import Path

from sidecar.core.policy_text import PolicyError, PolicyFile, parse_policy
from sidecar.ops.files import text_of


def load_policy(path: Path, patterns: Collection[str] | None = None) -> PolicyFile:
    """The policy in the file at `path`; `patterns` are the known pattern ids, None accepts any.

    Raises PolicyError with every problem.
    """
    return parse_policy(text_of(path, PolicyError), str(path), patterns)
