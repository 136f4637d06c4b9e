"""Second readings of a text: what an encoding hides from an engine that sees bytes.

What belongs here: pure streaming decoders, one module each, and the table of them (`table.VIEWS`).  What never does: what
is found in what they decode (`core.reading`).
"""
