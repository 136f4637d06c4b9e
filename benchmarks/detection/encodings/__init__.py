"""Every way in which a value may travel without being readable as it stands, one row each.

What belongs here: encoders, written from the standards, that share nothing with the decoders they are to judge.  What never
does: what is out of scope (reversed, split over fields or messages, encrypted, images).
"""
