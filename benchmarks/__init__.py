"""How fast is it, and beside whom?  Measurements of the sidecar and its peers, in one run on one machine.

`python -m benchmarks` measures, `python -m benchmarks micro` times the parts of the core by themselves.  A question is a
file in `questions/`, a peer is a file in `peers/`; the rest is the machinery they share.  What never belongs here:
anything that the product imports, and a figure without its spread.
"""
