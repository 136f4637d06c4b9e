"""How many ordinary answers a second over TLS that is passed through?  10 KB; the kernel moves our bytes (splice)."""

from typing import Final

from benchmarks.questions.model import Question, Unit

QUESTION: Final = Question("tls", "10 KB answers, TLS", "/medium.json", Unit.REQUESTS, tls=True)
