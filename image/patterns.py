"""Compiles the shipped patterns into the folder that is given, as the proxy would at its first start.

Run inside the image by `rootfs.sh`.  What never belongs here: a choice of patterns.
"""

import sys
from pathlib import Path

from sidecar.match import packs
from sidecar.match.hs import HyperscanMatcher
from sidecar.ops.settings import DEFAULT_PACKS

folder = Path(sys.argv[1])
HyperscanMatcher(packs.patterns(DEFAULT_PACKS, cache_folder=folder), folder)
