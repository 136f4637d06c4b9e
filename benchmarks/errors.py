"""The one error that ends a benchmark: it says what is missing and the remedy."""


class BenchError(Exception):
    """The benchmark cannot go on."""


class CannotRunError(BenchError):
    """One peer cannot run on this machine; the others can."""
