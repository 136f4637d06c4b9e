"""How long does one request take when nobody else asks?  One connection, 100 bytes: latency without a queue."""

from typing import Final

from benchmarks.questions.model import Question, Unit

QUESTION: Final = Question(
    "latency", "1 connection, 100 B", "/small.json", Unit.MICROSECONDS, connections=1, share=0.5
)
