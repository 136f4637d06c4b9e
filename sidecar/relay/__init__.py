"""SPEAKS, fast.  Accepts redirected connections, asks `core` for a permit, dials, and moves bytes both ways.

What belongs here: sockets, readiness, buffers, time-outs, splice, draining.  What never does: deciding.  Every choice
made here was computed in `core`; this package carries it out and reports it to `ops`.
"""
