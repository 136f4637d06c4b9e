"""The requests that attempts consist of, by what a person would call them.

What belongs here: paths and bodies of the Kubernetes API.  What never does: who asks, and what is expected.
"""

from typing import Any

from tests.manifests.api import Request
from tests.manifests.pods import Json, written

CDE, PLAIN = "cde", "plain"
"""A namespace that is opted in, and one that is not."""
RUNNING, OLD = "running", "old"
"""Pods of CDE: an injected one, and one from before the label."""


def post(path: str, body: Json, **extra: str) -> Request:
    return Request("POST", path, body, "dryRun=All", **extra)


def create(pod: Json, namespace: str = CDE) -> Request:
    return post(f"/api/v1/namespaces/{namespace}/pods", pod)


def change_pod(pod: str, change: dict[str, Any], sub: str = "") -> Request:
    path = f"/api/v1/namespaces/{CDE}/pods/{pod}{sub and '/' + sub}"
    return Request("PATCH", path, change, "dryRun=All")


def annotate(name: str, value: str | None, pod: str = RUNNING, sub: str = "") -> Request:
    return change_pod(pod, {"metadata": {"annotations": {name: value}}}, sub)


def set_image(container: str, image: str) -> Request:
    kind = "initContainers" if container.startswith("cdefence") else "containers"
    return change_pod(RUNNING, {"spec": {kind: [{"name": container, "image": image}]}})


def debug(**fields: object) -> Request:
    container = {"name": "debug", "image": "debug:1", **fields}
    return change_pod(RUNNING, {"spec": {"ephemeralContainers": [container]}}, "ephemeralcontainers")


def resize(container: str) -> Request:
    kind = "initContainers" if container.startswith("cdefence") else "containers"
    resources = {"requests": {"cpu": "11m"}}
    return change_pod(RUNNING, {"spec": {kind: [{"name": container, "resources": resources}]}}, "resize")


def enter(way: str, container: str, namespace: str = CDE) -> Request:
    query = f"container={container}&stdout=true" + ("&command=id" if way == "exec" else "")
    return Request("POST", f"/api/v1/namespaces/{namespace}/pods/{RUNNING}/{way}", None, query)


def label_namespace(value: str | None, namespace: str = CDE, sub: str = "") -> Request:
    body = {"metadata": {"labels": {"cdefence.io/injection": value}}}
    path = f"/api/v1/namespaces/{namespace}{sub and '/' + sub}"
    return Request("PATCH", path, body, "dryRun=All", "application/merge-patch+json")


def new_namespace(name: str, value: str) -> Request:
    labels = {"cdefence.io/injection": value}
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
    return post("/api/v1/namespaces", body)


def bind(resource: str, metadata: Json) -> Request:
    body = {
        "apiVersion": "v1",
        "kind": "Binding",
        "metadata": metadata,
        "target": {"kind": "Node", "name": "node"},
    }
    return post(f"/api/v1/namespaces/{CDE}/{resource}", body)


def authority(method: str, name: str = "cdefence-ca", namespace: str = CDE) -> Request:
    folder = f"/api/v1/namespaces/{namespace}/configmaps"
    if method == "POST":
        metadata = {"name": name}
        return post(
            folder,
            {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"ca.crt": "mine"}},
        )
    return Request(
        method, f"{folder}/{name}", {"data": {"ca.crt": "mine"}} if method == "PATCH" else {}, "dryRun=All"
    )


# ---- workloads ---------------------------------------------------------------------------------------------


def template(**annotations: str) -> Json:
    pod = written(**annotations)
    del pod["metadata"]["name"]
    return {"metadata": pod["metadata"], "spec": pod["spec"]}


def deployment(name: str = "attempt", **annotations: str) -> Json:
    """A Deployment of the pod that `written` makes."""
    spec = {
        "replicas": 0,
        "selector": {"matchLabels": {"app": "attempt"}},
        "template": template(**annotations),
    }
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": spec}


def workload(kind: str, api: str, namespace: str = CDE, **annotations: str) -> Request:
    body = deployment(**annotations) | {"kind": kind, "apiVersion": api}
    spec: Json = body["spec"]
    if kind == "DaemonSet":
        del spec["replicas"]
    if kind == "ReplicationController":
        spec["selector"] = {"app": "attempt"}
    if kind == "StatefulSet":
        spec["serviceName"] = "attempt"
    if kind in ("Job", "CronJob"):
        spec = {"template": spec["template"]}
        spec["template"]["spec"]["restartPolicy"] = "Never"
        spec = spec if kind == "Job" else {"schedule": "@daily", "jobTemplate": {"spec": spec}}
        body["spec"] = spec
    if kind == "PodTemplate":
        body = {"apiVersion": api, "kind": kind, "metadata": body["metadata"], "template": spec["template"]}
    prefix = f"/apis/{api}" if "/" in api else f"/api/{api}"
    return post(f"{prefix}/namespaces/{namespace}/{kind.lower()}s", body)


def change_deployment(name: str, change: Json) -> Request:
    path = f"/apis/apps/v1/namespaces/{CDE}/deployments/{name}"
    return Request("PATCH", path, change, "dryRun=All", "application/merge-patch+json")


def revision(**annotations: str) -> Request:
    body = {
        "apiVersion": "apps/v1",
        "kind": "ControllerRevision",
        "metadata": {"name": "attempt-1"},
        "revision": 1,
    }
    data = {"spec": {"template": template(**annotations)}}
    return post(f"/apis/apps/v1/namespaces/{CDE}/controllerrevisions", body | {"data": data})


WORKLOADS = (
    *((kind, "apps/v1") for kind in ("Deployment", "ReplicaSet", "StatefulSet", "DaemonSet")),
    *((kind, "batch/v1") for kind in ("Job", "CronJob")),
    *((kind, "v1") for kind in ("ReplicationController", "PodTemplate")),
)
