"""How fast is a large answer that holds nothing?  10 MB of random bytes, as an image or archive is."""

from typing import Final

from benchmarks.questions.model import FEW, Question, Unit

QUESTION: Final = Question(
    "binary", "10 MB answer, random", "/large.bin", Unit.MEGABYTES, connections=FEW, share=0.5
)
