"""How fast is a large answer that holds nothing?  10 MB of random bytes, as an image or archive is."""

from typing import Final

from benchmarks.questions.model import Question, Unit

QUESTION: Final = Question("binary", "10 MB answer, random", "/large.bin", Unit.MEGABYTES, share=0.5)
