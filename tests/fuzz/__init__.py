"""Decoders under any bytes: one target each, in short runs by hypothesis (with all tests) and in long runs by Atheris.

    .ci/setup fuzz                                      # installs Atheris, once
    python -m tests.fuzz                                # the names of the targets
    python -m tests.fuzz zip -max_total_time=3600       # an hour of archives; what follows are libFuzzer's options
    CDEFENCE_EFFORT=deep pytest tests/fuzz              # without Atheris: fifty times as many examples

What a run finds is written to `crash-…` in the current folder; `python -m tests.fuzz zip crash-…` shows it again.  Put
its bytes into `SEEDS` (targets.py) with the mending: seeds run in every test.

What belongs here: targets, and what must be true of any bytes: no exception but UnscannableError, no more text than the
limits allow, the same text at any cutting.  What never does: what is found in a text (`tests.core`).
"""
