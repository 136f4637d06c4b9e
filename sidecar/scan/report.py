"""What a person or a program is told of a scan: rows on standard output, notes and a summary on standard error.

What belongs here: the two formats, the progress bar, counting.  What never does: a value that is not masked; names of files
are masked like any other text before they come here.
"""

import json
import sys
from collections import Counter
from typing import Final

from sidecar.scan.rows import Row

_COLUMNS: Final = (("pattern", 26), ("class", 11), ("confidence", 10), ("masked", 30))


class Report:
    """Collects what one scan has to say."""

    def __init__(self, form: str, *, quiet: bool = False) -> None:
        self.counts: Counter[str] = Counter()
        self._json = form == "json"
        self._quiet = quiet
        self._bar = _Bar()

    def total(self, size: int) -> None:
        """So many bytes are to be looked at."""
        self._bar.total(size)

    @property
    def wants_total(self) -> bool:
        """Whether somebody watches."""
        return self._bar.wanted

    def advance(self, size: int) -> None:
        """So many bytes were read."""
        self.counts["bytes"] += size
        self._bar.advance(size)

    def finding(self, path: str, row: Row) -> None:
        """Something was found."""
        self.counts["findings"] += 1
        with self._bar.aside():
            if self._json:
                print(json.dumps({"path": path, **row}, separators=(",", ":")), flush=True)
            else:
                self._print_row(path, row)

    def note(self, kind: str, path: str, what: str) -> None:
        """Something that a person should know of; counted under `kind`."""
        self.counts[kind] += 1
        if not self._quiet:
            self._say(f"note: {printable(path)}: {what}")

    def failure(self, path: str, what: str) -> None:
        """Something that should have been looked at was not."""
        self.counts["not read"] += 1
        self._say(f"{printable(path)}: {what}")

    def end(self) -> None:
        """Take the bar away and sum up."""
        self._bar.close()
        if self._quiet:
            return
        counts = self.counts
        parts = [f"{counts['files']:,} files, {counts['bytes']:,} bytes looked at"]
        parts += [
            f"{counts[kind]:,} {kind}"
            for kind in sorted(counts.keys() - {"files", "bytes", "findings"})
            if counts[kind]
        ]
        print(f"{counts['findings']:,} findings; {'; '.join(parts)}", file=sys.stderr)

    def _print_row(self, path: str, row: Row) -> None:
        if self.counts["findings"] == 1:
            print("  ".join(f"{name.upper():<{width}}" for name, width in _COLUMNS) + "  WHERE")
        place = row["where"] if row["view"] == "plain" else f"{row['where']} ({row['view']})"
        cells = (f"{row[name]:<{width}}" for name, width in _COLUMNS)
        print("  ".join(cells) + f"  {printable(path)}: {place}", flush=True)

    def _say(self, text: str) -> None:
        with self._bar.aside():
            print(f"cdefence: {text}", file=sys.stderr, flush=True)


def printable(text: str) -> str:
    """A name that cannot play with a terminal."""
    return (
        "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)
        .encode("utf-8", "backslashreplace")
        .decode()
    )


class _Bar:
    """A progress bar, if standard error is a terminal."""

    def __init__(self) -> None:
        self.wanted = sys.stderr.isatty()
        self._bar: object = None

    def total(self, size: int) -> None:
        if self.wanted:
            from tqdm import tqdm

            self._bar = tqdm(
                total=size, unit="B", unit_scale=True, unit_divisor=1024, file=sys.stderr, leave=False
            )

    def advance(self, size: int) -> None:
        if self._bar is not None:
            self._bar.update(size)  # type: ignore[attr-defined]

    def aside(self) -> "_Aside":
        return _Aside(self._bar)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()  # type: ignore[attr-defined]
            self._bar = None


class _Aside:
    """While something else is written, the bar is out of the way."""

    def __init__(self, bar: object) -> None:
        self._bar = bar

    def __enter__(self) -> None:
        if self._bar is not None:
            self._bar.clear()  # type: ignore[attr-defined]

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.refresh()  # type: ignore[attr-defined]
