"""Imports every module of the project: what the image lacks is found when it is built, not when a pod starts.

Run inside the image by `rootfs.sh`.  What never belongs here: starting anything.
"""

import importlib
import pkgutil

SCAN = ("dpkt", "pathspec", "tqdm")
"""What `cdefence scan` of files needs, an extra that a proxy and a controller do not: it is not in the image."""

for package in ("sidecar", "injector", "dlp_patterns"):
    folders = importlib.import_module(package).__path__
    for module in pkgutil.walk_packages(folders, f"{package}."):
        if not module.name.endswith("__main__"):
            try:
                importlib.import_module(module.name)
            except ModuleNotFoundError as error:
                if error.name not in SCAN or not module.name.startswith("sidecar.scan."):
                    raise
