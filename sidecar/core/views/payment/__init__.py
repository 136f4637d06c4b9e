"""Views of binary payment messages: fields are written out as lines, so that each value stands behind its field's name.

What belongs here: pure readers, one module each.  They are asked on declared ports (`formats` of a policy) and offline:
what they read must be consistent in itself, but in a stream of anything else a few bytes can be that by chance.
"""
