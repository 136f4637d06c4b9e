"""`python -m tests.fuzz TARGET [libFuzzer options]`: one target for as long as one likes, guided by coverage (Atheris)."""

import sys
from pathlib import Path
from tempfile import mkdtemp


def main(arguments: list[str]) -> int:
    """Run until something is found or the options end it."""
    try:
        import atheris
    except ImportError:
        print("fuzz: Atheris is not installed\n      remedy: .ci/setup fuzz", file=sys.stderr)
        return 2
    with atheris.instrument_imports(include=["sidecar", "dlp_patterns"]):
        from tests.fuzz.targets import TARGETS, seeds
    name = arguments[1] if len(arguments) > 1 else ""
    if name not in TARGETS:
        print("\n".join(TARGETS))
        return 2 if name else 0
    options = arguments[2:]
    if all(option.startswith("-") for option in options):  # no corpus of the caller's
        corpus = Path(mkdtemp(prefix=f"fuzz-{name}-"))
        for at, seed in enumerate(seeds(name)):
            (corpus / f"seed-{at}").write_bytes(seed)
        options.append(str(corpus))
    atheris.Setup([arguments[0], "-timeout=20", "-rss_limit_mb=1024", *options], TARGETS[name])
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
