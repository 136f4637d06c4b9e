"""DECIDES.  The pure half of the sidecar: bytes and facts go in, decisions come out.

What belongs here: who may talk to whom, what a stream of bytes is, what in it is sensitive, what happens then.
What never does: sockets, files, the clock, logging, randomness, asyncio.  Everything here is synchronous and can be
replayed from a transcript; the time of day, if it ever matters, comes in as an argument.  No I/O happens here.
"""
