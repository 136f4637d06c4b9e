"""WHAT is sensitive: patterns as data, and the small pure checks that confirm them.

What belongs here: the pattern format and its loader, the packs (one YAML file a pattern), validators,
issuer tables and the one table of how each kind of value may be shown.
What never does: the matcher, the network, the clock, logging, a decision about what happens to a finding.
A check sees bytes and nothing else.  Nothing here imports another package of this repository.
"""
