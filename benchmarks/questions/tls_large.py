"""How fast is a large answer over TLS that is passed through?  10 MB."""

from typing import Final

from benchmarks.questions.model import FEW, Question, Unit

QUESTION: Final = Question(
    "tls_large", "10 MB answer, TLS", "/large.json", Unit.MEGABYTES, connections=FEW, tls=True, share=0.5
)
