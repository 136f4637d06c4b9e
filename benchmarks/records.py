"""Files of results: named by kind, day and commit; what was measured before stays.

What never belongs here: what is in them.
"""

from datetime import datetime
from itertools import count
from pathlib import Path


def write(folder: Path, kind: str, text: str, commit: str, when: datetime) -> Path:
    """A new file; from the second of a day and commit on, numbered.  A changed checkout (`+`) never passes for a commit."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = f"{f'{kind}-' if kind else ''}{when:%Y-%m-%d}-{commit.replace('+', '-changed')}"
    for number in count(1):
        path = folder / f"{stem}{f'-{number}' if number > 1 else ''}.json"
        try:
            with path.open("x", encoding="utf-8") as file:
                file.write(text)
        except FileExistsError:
            continue
        return path
    raise AssertionError("numbers do not end")
