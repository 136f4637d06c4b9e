"""README as a transcript: the commands in its blocks, and what each promises.

In a `console` block a line that begins with `$ ` is a command; `# exit 56 or 7` behind it are the exit codes it may have
(else 0).  The lines below are its output, where `…` stands for anything.
"""

import re
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


@dataclass(frozen=True, slots=True)
class Command:
    """One command of README and what it promises."""

    line: str
    codes: frozenset[int]
    shown: str

    def prints(self, output: str) -> bool:
        """Whether `output` is what README shows."""
        parts = (re.escape(part) for part in self.shown.split("…"))
        return re.fullmatch(".*".join(parts), output.strip(), re.DOTALL) is not None

    def check(self, environment: Mapping[str, str] | None = None, timeout: float = 300) -> None:
        """Run it in the checkout; fails with everything it said."""
        words = ["bash", "-c", self.line]
        done = subprocess.run(
            words, cwd=ROOT, capture_output=True, text=True, timeout=timeout, check=False, env=environment
        )
        told = f"$ {self.line}\n{done.stdout}{done.stderr}[exit {done.returncode}]"
        assert done.returncode in self.codes, told
        assert self.prints(done.stdout), told


def commands(where: str = "") -> Iterator[Command]:
    """The commands of all blocks that begin with ```console and, for another place than this machine, its name."""
    fence = f"console {where}".strip()
    blocks = re.findall(rf"^```{fence}\n(.*?)^```", README.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    for block in blocks:
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            line, _, shown = part.partition("\n")
            line, _, remark = line.partition("  #")
            codes = re.findall(r"\d+", remark.split(":")[0]) if "exit" in remark else ["0"]
            yield Command(line.strip(), frozenset(map(int, codes)), shown.strip())
