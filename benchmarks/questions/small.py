"""How many small answers a second?  100 bytes: what a proxy costs per message."""

from typing import Final

from benchmarks.questions.model import Question, Unit

QUESTION: Final = Question("small", "100 B answers", "/small.json", Unit.REQUESTS)
