"""How many new connections a second?  Each carries one request for 100 bytes (Connection: close)."""

from typing import Final

from benchmarks.questions.model import Question, Unit

QUESTION: Final = Question("connect", "new connections", "/small.json", Unit.CONNECTIONS, close=True)
