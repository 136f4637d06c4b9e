"""Compiles what the proxy needs for its default packs and policy into the folder that is given: `cdefence proxy --prepare`.

Run inside the image by `rootfs.sh`.  What never belongs here: a choice of patterns.
"""

import os
import sys

from sidecar import contract
from sidecar.cli import main

os.environ |= {f"{contract.ENV_PREFIX}CACHE_DIR": sys.argv[1], f"{contract.ENV_PREFIX}SCOPE": "in-scope"}
sys.exit(main(["proxy", "--prepare"]))
