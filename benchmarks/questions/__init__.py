"""What is asked: one file a question.  A question is data; `benchmarks.run` puts it to every peer, round by round."""

from typing import Final

from benchmarks.questions import (
    binary,
    connect,
    large,
    latency,
    medium,
    small,
    tls,
    tls_large,
    upload,
)
from benchmarks.questions.model import Question

QUESTIONS: Final[tuple[Question, ...]] = (
    small.QUESTION,
    medium.QUESTION,
    upload.QUESTION,
    large.QUESTION,
    binary.QUESTION,
    connect.QUESTION,
    latency.QUESTION,
    tls.QUESTION,
    tls_large.QUESTION,
)
"""In the order in which they are asked and reported; memory (`questions.memory`) is weighed around them."""
