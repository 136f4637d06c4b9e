"""A password, or what stands for one?  What people write in documentation, and how weak a word it is.

What belongs here: what can be said of a password alone, which nothing makes random.  What never does: where it was found
(checks, packs), tokens that programs make (`dlp_patterns.randomness`).
"""

from __future__ import annotations

import re

from dlp_patterns.model import Evidence

_STANDS_FOR_ONE = re.compile(
    rb"(?i)[\[({<%$*#].*|.*(?:\$\{|\{\{|%\(|[\])}>]\Z).*|x+|\.+|-+|_+"
    rb"|(?:my|your|the|some|db|user)?[_-]?(?:password|passwd|pass|pwd|pw|token|key|credentials?)[0-9]?"
    rb"|(?:my|your|the|some|db|user)[_-]?secret"
    rb"|test(?:ing)?|foo|bar|baz|example|change_?me|guest|root|admin|postgres|mysql|redis|user(?:name)?|hidden|redacted"
)
"""What people write where a password would stand; `secret` alone is one that people take."""
_WEAK = 8


def weigh(password: bytes) -> Evidence | None:
    """How much it says that it is one; FAIR for a plain word, None for what stands for a password."""
    if _STANDS_FOR_ONE.fullmatch(password):
        return None
    plain = password.isalpha() or len(password) < _WEAK or len(set(password)) < _WEAK // 2
    return Evidence.FAIR if plain else Evidence.STRONG
