"""The content codings that are opened, one module each.

What belongs here: decoders that open one coding as it arrives, in parts of bounded size.  What never does: limits over a
whole body, and codings in codings (`core.decode.content`).
"""
