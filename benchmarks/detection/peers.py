"""The peers in detection, asked in the same run: Presidio by its pattern recognisers, and regular expressions of our own making
in the manner of gitleaks and of an afternoon.

They see the bytes as text, without any decoding: that is all they offer.
"""

import logging
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, Final

from benchmarks.detection.digits import luhn
from benchmarks.detection.sample import Found, Sample

CERTAIN: Final = 0.85
LIKELY: Final = 0.4
"""Scores of Presidio.  Its recognisers begin most shapes at 0.01 to 0.5 and raise them to 1.0 when a check digit holds."""
_CLASSES: Final = {"CREDIT_CARD": "pan"}
_ASIDE: Final = {"DATE_TIME", "URL", "IP_ADDRESS", "MAC_ADDRESS", "CRYPTO"}
"""What it finds that is none of our classes."""


def text_of(sample: Sample) -> str:
    """Bytes as text: UTF-8 where it is, one character a byte where not."""
    try:
        return sample.data.decode()
    except UnicodeDecodeError:
        return sample.data.decode("latin-1")


def _at(text: str, start: int) -> int:
    """The byte offset of a character."""
    return start if text.isascii() else len(text[:start].encode())


class Presidio:
    """presidio-analyzer's recognisers that are patterns, without a language model, so without its context words."""

    def __init__(self, only: Sequence[str] = ()) -> None:
        logging.disable(logging.WARNING)  # it tells of every recogniser that it loads
        from presidio_analyzer import PatternRecognizer, predefined_recognizers

        self.name = "presidio" if not only else f"presidio ({', '.join(only)})"
        kinds: list[Any] = [
            getattr(predefined_recognizers, name)
            for name in dir(predefined_recognizers)
            if name.endswith("Recognizer")
        ]
        self._recognizers = [
            kind()
            for kind in kinds
            if isinstance(kind, type)
            and issubclass(kind, PatternRecognizer)
            and kind is not PatternRecognizer
        ]
        if only:
            self._recognizers = [one for one in self._recognizers if set(one.supported_entities) & set(only)]

    def look(self, sample: Sample) -> Iterable[Found]:
        """What is found, above the lower score."""
        text, out = text_of(sample), []
        for recognizer in self._recognizers:
            for result in recognizer.analyze(text, recognizer.supported_entities) or ():
                if result.score >= LIKELY and result.entity_type not in _ASIDE:
                    klass = _CLASSES.get(result.entity_type, "pii")
                    value = text[result.start : result.end]
                    out.append(
                        Found(
                            klass,
                            result.entity_type,
                            result.score >= CERTAIN,
                            _at(text, result.start),
                            _at(text, result.end),
                            value,
                        )
                    )
        return out


# Name, expression: the value is group 1, or all of it.  Prefixes are public knowledge; the wording is ours.
_SECRETS: Final = (
    ("aws id", r"\b((?:AKIA|ASIA)[A-Z2-7]{16})\b"),
    ("google key", r"\b(AIza[\w-]{35})\b"),
    ("github", r"\b(gh[pousr]_[0-9A-Za-z]{36})\b"),
    ("github fine-grained", r"\b(github_pat_\w{82})\b"),
    ("gitlab", r"\b(gl(?:pat|rt|dt)-[\w-]{20})\b"),
    ("slack", r"\b(xox[bp]-[0-9A-Za-z-]{20,120})"),
    ("slack hook", r"(https://hooks\.slack\.com/services/[\w/]{30,60})"),
    ("stripe", r"\b([sr]k_live_[0-9A-Za-z]{20,110})\b"),
    ("sendgrid", r"\b(SG\.[\w-]{22}\.[\w-]{43})"),
    ("npm", r"\b(npm_[0-9A-Za-z]{36})\b"),
    ("pypi", r"\b(pypi-AgEIcHlwaS5vcmc[\w-]{50,1000})"),
    ("openai", r"\b(sk-[\w-]{16,80}T3BlbkFJ[\w-]{16,80})"),
    ("anthropic", r"\b(sk-ant-api03-[\w-]{93}AA)"),
    ("hugging face", r"\b(hf_[A-Za-z]{34})\b"),
    ("digitalocean", r"\b(do[opr]_v1_[0-9a-f]{64})\b"),
    ("shopify", r"\b(shp(?:at|ss|ca|pa)_[0-9a-fA-F]{32})\b"),
    ("square", r"\b(sq0(?:atp|csp)-[\w-]{22,43})"),
    ("telegram", r"\b(\d{8,10}:AA[\w-]{33})\b"),
    ("vault", r"\b(hvs\.[\w-]{90,120})"),
    ("databricks", r"\b(dapi[0-9a-f]{32})\b"),
    ("twilio", r"\b(SK[0-9a-fA-F]{32})\b"),
    ("mailgun", r"\b(key-[0-9a-f]{32})\b"),
    ("jwt", r"\b(eyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,})"),
    ("private key", r"(-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----)"),
    (
        "generic",
        r"(?i)(?:key|secret|token|password|passwd|pwd)\w{0,20}[\"']?\s{0,3}(?:=|:|=>)\s{0,3}[\"']?([\w.+/=-]{16,150})",
    ),
)
_CARD: Final = re.compile(r"\b(?:\d[ -]?){12,18}\d\b")
_SSN: Final = re.compile(r"\b\d{3}-\d{2}-\d{4}\b")
_ENTROPY: Final = 3.5


class Expressions:
    """Regular expressions as one writes them: literal prefixes, `key = value` with entropy, digits with Luhn, dashes."""

    name = "expressions"

    def __init__(self) -> None:
        self._secrets = [(name, re.compile(text)) for name, text in _SECRETS]

    def look(self, sample: Sample) -> Iterable[Found]:
        """What matches."""
        text, out = text_of(sample), []
        for match in _CARD.finditer(text):
            if luhn("".join(char for char in match[0] if char.isdigit())):
                out.append(self._found(text, "pan", "card", match, 0))
        out += [self._found(text, "pii", "ssn", match, 0) for match in _SSN.finditer(text)]
        for name, expression in self._secrets:
            for match in expression.finditer(text):
                if name != "generic" or entropy(match[1]) >= _ENTROPY:
                    out.append(self._found(text, "secret", name, match, 1))
        return out

    def _found(self, text: str, klass: str, name: str, match: re.Match[str], group: int) -> Found:
        start, end = match.span(group)
        return Found(klass, name, True, _at(text, start), _at(text, end), match[group])


def entropy(text: str) -> float:
    """Bits a character, Shannon."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
