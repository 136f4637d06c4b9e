"""Compiles the shipped patterns into the folder that is given, as the proxy would at its first start.

Run inside the image by `rootfs.sh`.  What never belongs here: a choice of patterns.
"""

import sys
from pathlib import Path

from dlp_patterns.load import builtin
from sidecar.match.hs import HyperscanMatcher
from sidecar.ops.settings import PACKS

patterns = [pattern for pack in builtin() if pack.name in PACKS for pattern in pack.patterns]
HyperscanMatcher(patterns, Path(sys.argv[1]))
