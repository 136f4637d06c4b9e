"""How many ordinary answers a second?  10 KB of JSON: per message and per byte."""

from typing import Final

from benchmarks.questions.model import Question, Unit

QUESTION: Final = Question("medium", "10 KB answers", "/medium.json", Unit.REQUESTS)
