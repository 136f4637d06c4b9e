"""Arithmetic of check digits: Luhn, ISO 7064 mod 97, CRC32 in base 62.

What belongs here: pure functions of digits or characters that say whether a checksum holds.  What never
does: where a value was found, which values exist, how sure anybody is; that is the business of checks/.
"""
