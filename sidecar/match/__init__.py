"""FINDS.  Turns the patterns of `dlp_patterns` into engines that point at hits in a byte stream.

What belongs here: compiling, caching and running the pattern matcher, and knowing how much of a stream's tail
could still become a match.  What never does: deciding whether a hit is real (`core.confirm`), or what
happens then (`core.policy`).
"""
