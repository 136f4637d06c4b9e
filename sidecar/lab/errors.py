"""The one error of the lab: a sentence for the person at the terminal.  No behaviour."""


class LabError(Exception):
    """Something about the lab could not be done; the message is one line, with the remedy if there is one."""
