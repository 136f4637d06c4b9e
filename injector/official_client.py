"""The parts of the official client that we use, without its 1,536 generated models.

Its packages import each other whole, twice over (the blocking client and the asynchronous one): 66 MB of classes that
nobody here asks for, on top of 40 MB for all the rest.  So the packages that only gather names are put in place without
running them; the modules that do the work are imported as usual.  Where the whole client is there already, it is used.
"""

import importlib
import sys
from typing import Final

from sidecar.ops.without_init import in_place

_GATHERING: Final = (
    "kubernetes",
    "kubernetes.aio",
    "kubernetes.aio.client",
    "kubernetes.aio.client.models",
    "kubernetes.aio.config",
)


if _GATHERING[0] not in sys.modules:
    packages = {name: in_place(name) for name in _GATHERING}
    gathered = packages["kubernetes.aio.client"].__dict__
    for module, name in (("configuration", "Configuration"), ("api_client", "ApiClient")):
        # The client's own configuration looks for these there.
        gathered[name] = getattr(importlib.import_module(f"kubernetes.aio.client.{module}"), name)

from kubernetes.aio.client.api_client import ApiClient
from kubernetes.aio.client.configuration import Configuration
from kubernetes.aio.config.config_exception import ConfigException
from kubernetes.aio.config.incluster_config import SERVICE_HOST_ENV_NAME, load_incluster_config
from kubernetes.aio.config.kube_config import load_kube_config

__all__ = [
    "SERVICE_HOST_ENV_NAME",
    "ApiClient",
    "ConfigException",
    "Configuration",
    "load_incluster_config",
    "load_kube_config",
]
