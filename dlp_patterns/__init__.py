"""WHAT is sensitive: patterns as data, and the small pure checks that confirm them.

What belongs here: the pattern format and its loader, the packs (one YAML file a pattern), validators, issuer tables and
the one table of how each kind of value may be shown.
What never does: the matcher, the network, the clock, logging, a decision about what happens to a finding.  A check sees
bytes and nothing else.  Nothing here imports another package of this repository.

To add a pattern: one file packs/PACK/NAME.yaml (load.py says what is in it), half of its examples negative, each with its
why.  If its rules need more than an expression: one module in checks/.  Nothing has to be listed anywhere.  Measure it,
alone and with the others: an expression that begins with literals costs Hyperscan nothing (5 GB/s), one that begins with
digits is an automaton of its own over all the digits of the traffic (1 GB/s, and they add up).
"""
