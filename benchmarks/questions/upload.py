"""How many ordinary requests a second?  10 KB of JSON in the request: the direction card data usually takes."""

from typing import Final

from benchmarks.questions.model import Question, Unit

QUESTION: Final = Question("upload", "10 KB uploads", "/upload", Unit.REQUESTS, upload="medium.json")
