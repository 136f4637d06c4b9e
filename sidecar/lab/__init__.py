"""A cluster on a laptop: network namespaces stand in for pods, everything else is the real thing.

What belongs here: building, driving and removing the namespaces, and the demonstration scenarios.  What
never does: changing the host's own addresses, routes or rules.
"""
