"""How fast is a large answer?  10 MB of digit-rich JSON: what looking at each byte costs."""

from typing import Final

from benchmarks.questions.model import FEW, Question, Unit

QUESTION: Final = Question("large", "10 MB answer, JSON", "/large.json", Unit.MEGABYTES, connections=FEW)
