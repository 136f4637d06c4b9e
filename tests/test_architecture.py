"""The architecture, held by a machine: imports go one way, and every module says what it is for.

cli -> relay, intercept, net, ops, lab -> match -> core -> dlp_patterns        injector -> sidecar.core, contract
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("dlp_patterns", "sidecar", "injector")

# What each area may import of ours, besides itself.  An area without a row may import nothing: give it one.
PURE = {"dlp_patterns", "sidecar.core"}
SHARED = PURE | {"sidecar.contract", "sidecar.match"}
MAY_IMPORT = {
    "dlp_patterns": set(),
    "sidecar.contract": set(),
    "sidecar.core": {"dlp_patterns", "sidecar.contract"},
    "sidecar.match": PURE,
    "sidecar.net": SHARED,
    "sidecar.ops": SHARED,
    "sidecar.relay": SHARED | {"sidecar.net", "sidecar.ops"},
    "sidecar.intercept": SHARED | {"sidecar.net", "sidecar.ops"},
    "sidecar.lab": SHARED | {"sidecar.net", "sidecar.ops"},
    "sidecar.scan": SHARED | {"sidecar.ops", "sidecar.relay.world"},
    "sidecar.cli": {"dlp_patterns", "sidecar", "injector"},
    "injector": PURE | {"sidecar.contract", "sidecar.ops.without_init"},
}

# Module of others, and the areas that alone may import it.
ONLY_IN = {
    "kubernetes": {"injector"},
    "mitmproxy": {"sidecar.intercept"},
    "pyroute2": {"sidecar.net", "sidecar.lab"},
    "uvloop": {"sidecar.relay"},
    "hyperscan": {"sidecar.match"},
    "httptools": {"sidecar.core"},
    "stdnum": {"dlp_patterns.stdnums"},
    "phonenumbers": {"dlp_patterns.stdnums"},
    "brotli": {"sidecar.core.decode.codings"},
    "zstandard": {"sidecar.core.decode.codings", "sidecar.scan"},
    "h11": {"sidecar.ops"},
    "h2": {"sidecar.ops"},
    "prometheus_client": {"sidecar.ops", "injector"},
    "starlette": {"injector"},
    "uvicorn": {"injector"},
    "cryptography": {"injector"},
    "pathspec": {"sidecar.scan"},
    "tqdm": {"sidecar.scan"},
    "dpkt": {"sidecar.scan"},
    "jsonpatch": {"injector"},
    "ruamel": {"injector"},
}

# The pure half: it cannot wait, look at a clock, roll dice, or tell anybody.
CORE_NEVER = {
    *(
        "asyncio",
        "threading",
        "socket",
        "ssl",
        "select",
        "selectors",
        "subprocess",
        "signal",
        "http",
        "urllib",
    ),
    *("time", "datetime", "random", "secrets", "logging", "os", "io", "pathlib", "tempfile", "shutil", "sys"),
}

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in sorted((ROOT / package).rglob("*.py"))
}


def under(name: str, area: str) -> bool:
    return name == area or name.startswith(f"{area}.")


def area_of(module: str) -> str:
    return next((area for area in MAY_IMPORT if under(module, area)), "")


def imports(module: str, path: Path) -> Iterator[str]:
    """Every module that is imported, at the top or inside a function."""
    package = module if path.stem == "__init__" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            names = (f"{origin}.{alias.name}" for alias in node.names)
            yield from (name if name in MODULES else origin for name in names)


def trespasses(module: str, path: Path) -> Iterator[str]:
    """Every import that the tables do not allow."""
    area = area_of(module)
    for name in imports(module, path):
        if under(name, "tests") or under(name, "benchmarks"):
            yield f"{module} imports {name}: nothing imports those"
        elif name.split(".")[0] in PACKAGES:
            allowed = MAY_IMPORT.get(area, set())
            # sidecar/__init__.py has nothing else to give
            version = name == "sidecar" and module.split(".")[0] in ("sidecar", "injector")
            if not (version or any(under(name, each) for each in {area, *allowed})):
                yield f"{module} imports {name}: it may import {sorted(allowed) or 'nothing of ours'}"
        else:
            alone = ONLY_IN.get(name.split(".")[0])
            if alone is not None and not any(under(module, each) for each in alone):
                yield f"{module} imports {name}: only {', '.join(sorted(alone))} may"
            if area == "sidecar.core" and name.split(".")[0] in CORE_NEVER:
                yield f"{module} imports {name}: no I/O, clock or chance in core; take it as an argument"


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_one_way(module):
    assert list(trespasses(module, MODULES[module])) == []


@pytest.mark.parametrize("module", MODULES)
def test_every_module_says_what_it_is_for(module):
    charter = ast.get_docstring(ast.parse(MODULES[module].read_text("utf-8"))) or ""
    assert len(charter) >= 30
    assert re.search(r"[.:]($|\s)", charter), "the charter has no full sentence"


@pytest.mark.parametrize(
    ("module", "source", "complaint"),
    [
        ("sidecar.core.x", "from sidecar.ops import log", "sidecar.core.x imports sidecar.ops.log"),
        ("sidecar", "from sidecar import contract", "it may import nothing of ours"),
        ("sidecar.new.x", "from sidecar import contract", "it may import nothing of ours"),
        ("sidecar.core.x", "def f():\n    import time", "no I/O, clock or chance in core"),
        (
            "sidecar.core.decode.x",
            "from ...match import hs",
            "sidecar.core.decode.x imports sidecar.match.hs",
        ),
        ("sidecar.ops.x", "import sidecar.relay.pump", "sidecar.ops.x imports sidecar.relay.pump"),
        ("sidecar.ops.x", "import pyroute2.netlink", "only sidecar.lab, sidecar.net may"),
        ("sidecar.net.x", "import kubernetes", "only injector may"),
        ("sidecar.ops.x", "from tests.kit import golden", "nothing imports those"),
        ("injector.x", "from sidecar.match import hs", "injector.x imports sidecar.match.hs"),
        ("dlp_patterns.x", "from sidecar import contract", "dlp_patterns.x imports sidecar.contract"),
    ],
)
def test_a_trespass_is_seen(module, source, complaint, tmp_path):
    path = tmp_path / "x.py"
    path.write_text(source)
    (found,) = trespasses(module, path)
    assert complaint in found
