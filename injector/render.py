"""The two containers and the volumes of an injection, as Kubernetes objects.

What belongs here: what our containers look like, field by field.  What never does: the rest of the pod (mutate.py).

Every field that the API server would fill in with a default is written out, so that a pod that comes back from it is
the pod that we made, and a second look at it changes nothing.

- *`cdefence-init` is root* with NET_ADMIN alone: Kubernetes gives a capability to nobody else.  It ends before any
  other process of the pod starts.
- *`cdefence-proxy` is nobody*: its own user and group, no capability, nothing to write to.
- *The startup probe is finite*: two minutes outlast a restart of the controller, and a pod that never gets ready can
  still be deleted (kubernetes#125880).
- *There is a liveness probe*, a patient one.  A proxy that hangs makes the relayed probes of the application fail,
  and without it the kubelet would restart the application for ever instead of the proxy.
- *Readiness counts*: a pod whose traffic is refused, because the scope map has expired, gets no traffic from
  Services.
- *Neither container has the application's API token.*  The ServiceAccount admission plugin mounts it into every
  container unless something is mounted there already; an empty volume is.
"""

from typing import Final

from injector.options import Options, Target, settings
from injector.probes import variable
from injector.recipe import Recipe
from injector.tree import Node, Object
from sidecar import contract

HOME: Final = "/opt/cdefence"
COMMAND: Final = f"{HOME}/bin/cdefence"
CACHE: Final = f"{HOME}/cache"
METRICS_PORT_NAME: Final = "cdef-metrics"
VOLUME: Final = "cdefence"
EMPTY_VOLUME: Final = "cdefence-empty"
OWN_PACK_VOLUME: Final = "cdefence-own"
TOKEN_LIFE_S: Final = 3600
API_TOKEN: Final = "/var/run/secrets/kubernetes.io/serviceaccount"  # noqa: S105 - a path
_READ_BY_ALL: Final = 0o644

_NO_API_TOKEN: Final[Object] = {"name": EMPTY_VOLUME, "mountPath": API_TOKEN, "readOnly": True}
_OUR_TOKEN: Final[Object] = {"name": VOLUME, "mountPath": contract.MOUNT, "readOnly": True}
_OWN_PACK: Final[Object] = {"name": OWN_PACK_VOLUME, "mountPath": contract.OWN_PACK, "readOnly": True}


def init_container(options: Options, recipe: Recipe, resources: Object) -> Object:
    """Programs the pod's firewall, and ends."""
    args: list[Node] = ["net", "apply"]
    args += [f"--{name}={value}" for name, value in settings(options, Target.NET)]
    return _container(contract.INIT_CONTAINER, args, recipe, resources) | {
        "securityContext": _confined(0, {"add": ["NET_ADMIN"], "drop": ["ALL"]}),
        "volumeMounts": [_NO_API_TOKEN],
    }


def proxy_container(options: Options, recipe: Recipe, resources: Object, targets: Object) -> Object:
    """The proxy, for the life of the pod.  `targets`: what its health port relays."""
    return _container(contract.PROXY_CONTAINER, ["proxy"], recipe, resources) | {
        "restartPolicy": "Always",
        "env": _environment(options, recipe, targets),
        "ports": [
            {"name": METRICS_PORT_NAME, "containerPort": contract.METRICS_PORT, "protocol": "TCP"},
        ],
        "startupProbe": _probe("/readyz", period=1, timeout=1, failures=120),
        "livenessProbe": _probe("/livez", period=10, timeout=5, failures=6),
        "readinessProbe": _probe("/readyz", period=5, timeout=1, failures=3),
        "lifecycle": {"preStop": {"exec": {"command": [COMMAND, "drain"]}}},
        "securityContext": _confined(contract.PROXY_UID, {"drop": ["ALL"]}),
        "volumeMounts": [_OUR_TOKEN, *([_OWN_PACK] if options.own_pack else []), _NO_API_TOKEN],
    }


def _container(name: str, args: list[Node], recipe: Recipe, resources: Object) -> Object:
    return {
        "name": name,
        "image": recipe.image,
        "imagePullPolicy": recipe.pull_policy.value,
        "command": [COMMAND],
        "args": args,
        "resources": resources,
        "terminationMessagePath": "/dev/termination-log",
        "terminationMessagePolicy": "FallbackToLogsOnError",
    }


def _confined(user: int, capabilities: Object) -> Object:
    """Also says what a pod's own security context might say otherwise."""
    return {
        "runAsUser": user,
        "runAsGroup": contract.PROXY_GID if user else 0,
        "runAsNonRoot": bool(user),
        "privileged": False,
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": capabilities,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def _probe(path: str, *, period: int, timeout: int, failures: int) -> Object:
    return {
        "httpGet": {"path": path, "port": contract.HEALTH_PORT, "scheme": "HTTP"},
        "periodSeconds": period,
        "timeoutSeconds": timeout,
        "successThreshold": 1,
        "failureThreshold": failures,
    }


_FROM_POD: Final = {"POD": "metadata.name", "NAMESPACE": "metadata.namespace", "POD_IPS": "status.podIPs"}


def _environment(options: Options, recipe: Recipe, targets: Object) -> list[Node]:
    said = dict(settings(options, Target.ENV)) | {
        "SCOPE_API": recipe.scope_api,
        "TOKEN": contract.TOKEN_FILE,
        "CA": contract.CA_FILE,
        "CACHE_DIR": CACHE,
    }
    if options.own_pack:
        said["OWN_PACKS"] = contract.OWN_PACK
    if options.hash_key:
        said["HASH_KEY"] = contract.HASH_KEY_FILE
    if targets:
        said["PROBES"] = variable(targets)
    environment: list[Node] = [
        {"name": contract.ENV_PREFIX + name, "value": value} for name, value in said.items()
    ]
    for name, path in _FROM_POD.items():
        source: Object = {"fieldRef": {"apiVersion": "v1", "fieldPath": path}}
        environment.append({"name": contract.ENV_PREFIX + name, "valueFrom": source})
    return environment


def resources(options: Options) -> Object:
    """Requests and limits.  The init container has the proxy's: they are not added up, so they cost nothing."""
    requests, limits = (
        dict[str, Node](settings(options, target)) for target in (Target.REQUEST, Target.LIMIT)
    )
    return {"requests": requests, "limits": limits} if limits else {"requests": requests}


def volumes(options: Options) -> list[Object]:
    """The projected volume with token, CA and key, for the proxy alone; the pod's own patterns; and the empty one.

    What the owner names must be there: until then the kubelet does not start the pod, and says why.
    """
    token: Object = {
        "audience": contract.TOKEN_AUDIENCE,
        "expirationSeconds": TOKEN_LIFE_S,
        "path": _file(contract.TOKEN_FILE),
    }
    key = _file(contract.CA_FILE)
    authorities: Object = {"name": contract.CA_CONFIG_MAP, "items": [{"key": key, "path": key}]}
    sources: list[Node] = [{"serviceAccountToken": token}, {"configMap": authorities}]
    if options.hash_key:
        items: list[Node] = [{"key": contract.HASH_KEY, "path": _file(contract.HASH_KEY_FILE)}]
        sources.append({"secret": {"name": options.hash_key, "items": items}})
    ours: list[Object] = [{"name": VOLUME, "projected": {"sources": sources, "defaultMode": _READ_BY_ALL}}]
    if options.own_pack:
        patterns: Object = {"name": options.own_pack, "defaultMode": _READ_BY_ALL}
        ours.append({"name": OWN_PACK_VOLUME, "configMap": patterns})
    return [*ours, {"name": EMPTY_VOLUME, "emptyDir": {}}]


def _file(path: str) -> str:
    """What a file of the projected volume is called in it."""
    return path.rpartition("/")[2]


VOLUMES: Final = (VOLUME, OWN_PACK_VOLUME, EMPTY_VOLUME)
