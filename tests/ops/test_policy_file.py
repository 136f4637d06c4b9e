"""The policy file on disk; what it may say is shown in tests/core/test_policy_text.py."""

from pathlib import Path

import pytest

from sidecar.core.policy_text import PolicyError, parse_policy
from sidecar.ops.policy_file import load_policy

TEXT = "apiVersion: cdefence.io/v1\nkind: Policy\nmode: monitor\ndlp:\n- {class: pan, action: mask}\n"


def test_the_file_names_itself(tmp_path: Path):
    file = tmp_path / "policy.yaml"
    with pytest.raises(PolicyError, match=r"policy\.yaml: file: cannot be read: No such file or directory"):
        load_policy(file)
    file.write_text(TEXT)
    assert load_policy(file) == parse_policy(TEXT, "another name")
