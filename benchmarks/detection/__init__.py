"""How much is found, and how often wrongly?  A labelled set that is generated, natural text, and the same for peers.

    values -> documents -> samples (text, and where in it which value stands)   -> subjects -> score -> report
    natural text of this machine (nothing to find, as far as known)            ->

What belongs here: our own generators and templates, the scorer, and the peers that are asked in the same run.  What never
does: a public test table (we would fit to it), a real person's data, and speed (`benchmarks.micro`, `bench-scan`).
"""
