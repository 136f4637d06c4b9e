"""The one error of the test bed.  What never belongs here: control flow; an error means that a person has to act."""


class BedError(Exception):
    """Something that the bed needs is missing or did not come up; the text says what, and the remedy."""
