"""The `cdefence exact` commands: a key, and the keyed hashes of one's own identifiers.

What belongs here: standard input to standard output, a line at a time.  What never does: keeping, logging or quoting a
value; the line number is all that an error tells.
"""

import argparse
import secrets
import sys
from pathlib import Path


def register(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the commands."""
    exact = commands.add_parser("exact", help="match your own identifiers by keyed hashes")
    verbs = exact.add_subparsers(required=True)
    key = verbs.add_parser("key", help="print a new key; keep it like the identifiers themselves")
    key.set_defaults(run=_key)
    hashing = verbs.add_parser(
        "hash", help="print the keyed hash of each line of standard input (for `exact:` and `values:`)"
    )
    hashing.add_argument("--key-file", type=Path, required=True, metavar="FILE")
    hashing.add_argument("--normalise", default="alnum", choices=("alnum", "digits", "exact"))
    hashing.set_defaults(run=_hash)


def _key(_args: argparse.Namespace) -> int:
    print(secrets.token_hex(32))
    return 0


def _hash(args: argparse.Namespace) -> int:
    from dlp_patterns.errors import PatternError
    from dlp_patterns.exact import Normal, normal, written
    from dlp_patterns.exact_file import head, read_key

    try:
        key = read_key(args.key_file)
    except PatternError as error:
        print(error, file=sys.stderr)
        return 2
    how = Normal(args.normalise)
    sys.stdout.write(head(key, how))
    left_out = 0
    for line in sys.stdin.buffer:
        plain = normal(line.rstrip(b"\r\n"), how)
        if plain:
            sys.stdout.write(f"{written(key, plain)}\n")
        else:
            left_out += 1
    if left_out:
        print(f"{left_out} lines have nothing in them that counts, and were left out", file=sys.stderr)
    return 0
