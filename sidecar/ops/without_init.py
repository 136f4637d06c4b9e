"""Packages of libraries put in place without running them, where they gather far more than anybody here asks for.

Whoever imports from such a package names the module that has it: the package itself may or may not have been run.

What belongs here: that, for the modules that say why they need it.  What never does: which packages.
"""

import importlib.util
import sys
from types import ModuleType


def in_place(name: str) -> ModuleType:
    """The package `name`, whose modules can be imported, but which was not run itself.  Raises ModuleNotFoundError."""
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise ModuleNotFoundError(name)
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    parent, _, last = name.rpartition(".")
    if parent:
        setattr(sys.modules[parent], last, module)
    return module
