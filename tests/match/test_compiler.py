"""Compiling happens in a child: same database, no memory kept, and a failure is an error that says what failed."""

import hyperscan
import pytest

from sidecar.core.hits import EngineError
from sidecar.match.compiler import Expression, compile_apart, compile_here

EXPRESSIONS = [
    Expression(3, rb"\x04[0-9]{13,16}"),
    Expression(7, rb"AKIA[A-Z0-9]{16}"),
    Expression(9, rb"x", least=2),
]


def test_a_child_compiles_what_we_would_have_compiled() -> None:
    apart = compile_apart(EXPRESSIONS, hyperscan.HS_MODE_BLOCK, hyperscan.HS_FLAG_DOTALL)
    here = compile_here(EXPRESSIONS, hyperscan.HS_MODE_BLOCK, hyperscan.HS_FLAG_DOTALL)
    assert apart == here
    loaded = hyperscan.loadb(apart, hyperscan.HS_MODE_BLOCK)
    loaded.scratch = hyperscan.Scratch(loaded)
    hits: list[tuple[int, int]] = []
    text = b"x\x040000000000000 AKIAIOSFODNN7EXAMPLE"
    loaded.scan(text, match_event_handler=lambda index, _, end, __, ___: hits.append((index, end)))
    assert hits == [(3, 15), (7, 36)]


def test_an_expression_that_does_not_compile_is_named_by_the_engine() -> None:
    with pytest.raises(EngineError, match="patterns do not compile: Zero-width"):
        compile_apart([Expression(0, rb"(?=a)b")], hyperscan.HS_MODE_BLOCK, 0)


def test_an_interpreter_that_cannot_run_is_an_engine_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", "/nonexistent/python")
    with pytest.raises(EngineError, match="could not be compiled: FileNotFoundError"):
        compile_apart(EXPRESSIONS, hyperscan.HS_MODE_BLOCK, 0)
