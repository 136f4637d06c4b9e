"""python-stdnum and phonenumbers behind one door: they answer yes or no, and are not there until they are asked.

What belongs here: importing those libraries at the first question, and turning whatever they raise into "not valid".
What never does: which number is looked for where (checks/), separators (the caller hands over compact text).

Why late: together they take more than ten megabytes, and a proxy that has never seen a labelled number needs neither.
Why everything that is raised: `is_valid` of python-stdnum is not total (`cn.ric` raised KeyError).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, cast

__all__ = ["is_phone", "is_valid"]


def is_valid(name: str, compact: str) -> bool:
    """Whether `compact` is a number by the rules of the module stdnum.`name`; False for whatever it cannot judge."""
    try:
        return bool(_stdnum(name)(compact))
    except Exception:  # noqa: BLE001 - the point of this module: a validator that raises has not confirmed anything
        return False


def is_phone(text: str, regions: Iterable[str | None] = (None,)) -> bool:
    """Whether `text` is a number in use by the numbering plan: in international form, or as dialled in one of `regions`."""
    return any(_is_phone(text, region) for region in regions)


@cache
def _stdnum(name: str) -> Callable[[str], object]:
    """The validator of one module.  A name that does not exist is a mistake of ours, and raises."""
    return cast("Callable[[str], object]", importlib.import_module(f"stdnum.{name}").is_valid)


@cache
def _phonenumbers() -> Any:
    return importlib.import_module("phonenumbers")


def _is_phone(text: str, region: str | None) -> bool:
    library = _phonenumbers()
    try:
        return bool(library.is_valid_number(library.parse(text, region)))
    except Exception:  # noqa: BLE001 - see above
        return False
