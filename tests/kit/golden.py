"""Golden files: what a pure function prints, kept in `tests/golden/` where a reviewer reads it as a diff.

`CDEFENCE_GOLDEN=write pytest ...` writes them anew; without it a difference fails the test and shows itself.
"""

import os
from difflib import unified_diff
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "golden"
VARIABLE = "CDEFENCE_GOLDEN"


def check_golden(name: str, text: str) -> None:
    """`text` must be what `tests/golden/<name>` holds."""
    path = FOLDER / name
    if os.environ.get(VARIABLE) == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    kept = path.read_text(encoding="utf-8") if path.exists() else ""
    if text != kept:
        lines = unified_diff(kept.splitlines(), text.splitlines(), f"golden/{name}", "now", lineterm="")
        diff = "\n".join(lines)
        raise AssertionError(f"{diff}\n\nIf this is meant, run with {VARIABLE}=write and review the diff.")
