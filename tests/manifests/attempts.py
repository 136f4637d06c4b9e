"""Attempts to get past protection, by people who may do everything that RBAC can give: as data.

What belongs here: who tries what, and which policy stops it.  The words of each refusal are in `tests/golden/guard.txt`.
"""

from dataclasses import dataclass

from tests.manifests.api import Request, Who
from tests.manifests.pods import (
    RESTRICTED,
    SCOPE,
    app,
    appended,
    at,
    context,
    init,
    injected,
    pod_context,
    proxy,
    proxy_env,
    tampered,
    without,
    written,
)
from tests.manifests.requests import (
    CDE,
    OLD,
    PLAIN,
    RUNNING,
    WORKLOADS,
    annotate,
    authority,
    bind,
    change_deployment,
    change_pod,
    create,
    debug,
    enter,
    label_namespace,
    new_namespace,
    resize,
    revision,
    set_image,
    workload,
)

DEVELOPER = Who("dev@example.com", ("developers",))
"""May do everything everywhere, as far as RBAC is concerned."""
ADMIN = Who("ann@example.com", ("kubeadm:cluster-admins",))
"""In a listed group."""
REPLICASETS = Who("system:serviceaccount:kube-system:replicaset-controller", ("system:serviceaccounts",))
STATEFULSETS = Who("system:serviceaccount:kube-system:statefulset-controller", ("system:serviceaccounts",))
OPERATOR = Who("system:serviceaccount:rollouts:operator", ("system:serviceaccounts",))
CONTROLLER = Who("system:serviceaccount:cdefence-system:cdefence-controller", ("system:serviceaccounts",))
SCHEDULER = Who("system:kube-scheduler")


ALLOWED = None
OWN_DNS = (at("spec.dnsPolicy", "None"), at("spec.dnsConfig", {"nameservers": ["198.51.100.53"]}))


@dataclass(frozen=True, slots=True)
class Attempt:
    """Something somebody tries; `stopped_by` is the policy without `cdefence-`, None if it is allowed."""

    title: str
    who: Who
    request: Request
    stopped_by: str | None
    since: tuple[int, int] = (1, 30)
    """The version of Kubernetes that has what is tried."""


# fmt: off
# ---- THE table ---------------------------------------------------------------------------------------------

_PROXY_TOKEN = {"name": "cdefence", "mountPath": "/stolen"}
_OWN_TOKEN = {
    "name": "mine",
    "projected": {"sources": [{"serviceAccountToken": {"audience": "cdefence", "path": "token"}}]},
}

THE_SIDECAR = (
    Attempt("a pod as the injector makes it", DEVELOPER, create(injected()), ALLOWED),
    Attempt("the same, connected-to", DEVELOPER, create(injected("connected-to")), ALLOWED),
    Attempt("the same, out-of-scope", DEVELOPER, create(injected("out-of-scope")), ALLOWED),
    Attempt("one with everything its owner may ask for", DEVELOPER, create(injected(
        mode="protect", ipv6="off", rewrite_probes="false", drain_seconds="3", log_level="debug", proxy_cpu="70m",
        proxy_memory="128Mi", proxy_cpu_limit="2", proxy_memory_limit="1Gi", own_pack="patterns", hash_key="pepper",
        packs="pci,pii,secrets,pci_retired")), ALLOWED),
    Attempt("one with probes that the proxy relays", DEVELOPER, create(injected(
        "in-scope", app("readinessProbe", {"httpGet": {"path": "/", "port": 8080}}))), ALLOWED),
    Attempt("a pod as large as they come", DEVELOPER, create(injected("in-scope", *(
        appended("spec.containers", {
            "name": f"c{number}", "image": "c:1", "securityContext": RESTRICTED,
            "ports": [{"containerPort": 1000 + 20 * number + each} for each in range(20)],
            "env": [{"name": f"E{each}", "value": "x" * 100} for each in range(100)],
            "volumeMounts": [{"name": "big", "mountPath": f"/m{each}"} for each in range(40)],
        }) for number in range(40)
    ), at("spec.volumes", [{"name": "big", "emptyDir": {}}]))), ALLOWED),
    Attempt("an ordinary pod where nobody opted in", DEVELOPER, create(written(None), PLAIN), ALLOWED),
    Attempt("a pod that was not injected", DEVELOPER, create(written()), "sidecar"),
    Attempt("a pod that was not injected, as a listed group", ADMIN, create(written()), "sidecar"),
    Attempt("a pod that was not injected, by a controller", REPLICASETS, create(written()), "sidecar"),
    Attempt("an init container in front of ours", DEVELOPER, create(tampered(
        lambda pod: pod["spec"]["initContainers"].insert(0, {"name": "first", "image": "first:1"}))), "sidecar"),
    Attempt("no cdefence-init", DEVELOPER, create(tampered(without("spec.initContainers.0"))), "sidecar"),
    Attempt("no cdefence-proxy", DEVELOPER, create(tampered(without("spec.initContainers.1"))), "sidecar"),
    Attempt("our containers among the application's", DEVELOPER, create(tampered(
        lambda pod: pod["spec"]["containers"].extend(
            {key: value for key, value in each.items() if key != "restartPolicy"}
            for each in pod["spec"].pop("initContainers")))), "sidecar"),
    Attempt("another image for the proxy", DEVELOPER, create(tampered(proxy("image", "evil:1"))), "sidecar"),
    Attempt("another image for the init container", DEVELOPER, create(tampered(init("image", "cdefence:0"))), "sidecar"),
    Attempt("the init container does nothing", DEVELOPER, create(tampered(init("args", ["--help"]))), "sidecar"),
    Attempt("the init container runs something else", DEVELOPER, create(tampered(init("command", ["true"]))), "sidecar"),
    Attempt("an exclusion among its arguments without the annotation", DEVELOPER, create(tampered(
        init("args", ["net", "apply", "--exclude-outbound-ports=1-65535"]))), "sidecar"),
    Attempt("another user to leave alone among its arguments", DEVELOPER, create(tampered(
        init("args", ["net", "apply", "--uid=10001"]))), "sidecar"),
    Attempt("an exclusion among its arguments as a variable", DEVELOPER, create(tampered(
        appended("spec.initContainers.0.env", {"name": "CDEFENCE_INBOUND_PORT", "value": "1"}))), "sidecar"),
    Attempt("the proxy runs something else", DEVELOPER, create(tampered(proxy("args", ["lab"]))), "sidecar"),
    Attempt("the proxy without a startup probe", DEVELOPER, create(tampered(
        without("spec.initContainers.1.startupProbe"))), "sidecar"),
    Attempt("a program of one's own as the proxy's probe", DEVELOPER, create(tampered(
        proxy("livenessProbe", {"exec": {"command": ["/opt/cdefence/bin/python", "-c", "0"]}}))), "sidecar"),
    Attempt("a program of one's own as the proxy's preStop hook", DEVELOPER, create(tampered(
        proxy("lifecycle.preStop.exec.command", ["/opt/cdefence/bin/python", "-c", "0"]))), "sidecar"),
    Attempt("a program of one's own as the proxy's postStart hook", DEVELOPER, create(tampered(
        proxy("lifecycle.postStart", {"exec": {"command": ["/opt/cdefence/bin/python"]}}))), "sidecar"),
    Attempt("a volume of one's own over the proxy's code", DEVELOPER, create(tampered(
        appended("spec.initContainers.1.volumeMounts", {"name": "cdefence-empty", "mountPath": "/opt/cdefence"}))),
        "sidecar"),
    Attempt("the proxy ends, as an ordinary init container", DEVELOPER, create(tampered(
        without("spec.initContainers.1.restartPolicy"), without("spec.initContainers.1.startupProbe"),
        without("spec.initContainers.1.livenessProbe"), without("spec.initContainers.1.readinessProbe"),
        without("spec.initContainers.1.lifecycle"))), "sidecar"),
    Attempt("a policy file of one's own", DEVELOPER, create(tampered(proxy_env("CDEFENCE_POLICY", "/x"))), "sidecar"),
    Attempt("a scope map of one's own", DEVELOPER, create(tampered(
        proxy_env("CDEFENCE_SCOPE_API", "https://evil.example:8443"))), "sidecar"),
    Attempt("the proxy believes another scope than the pod says", DEVELOPER, create(tampered(
        proxy_env("CDEFENCE_SCOPE", "in-scope"), scope="out-of-scope")), "sidecar"),
    Attempt("the proxy only watches, and the pod does not say so", DEVELOPER, create(tampered(
        proxy_env("CDEFENCE_MODE", "monitor"))), "sidecar"),
    Attempt("the proxy imports modules from elsewhere", DEVELOPER, create(tampered(
        proxy_env("PYTHONPATH", "/proc/1/root"))), "sidecar"),
    Attempt("the proxy's environment from a ConfigMap", DEVELOPER, create(tampered(
        proxy("envFrom", [{"configMapRef": {"name": "mine"}}]))), "sidecar"),
    Attempt("the proxy as root", DEVELOPER, create(tampered(
        proxy("securityContext.runAsUser", 0), proxy("securityContext.runAsNonRoot", False))), "sidecar"),
    Attempt("the proxy as somebody else", DEVELOPER, create(tampered(
        proxy("securityContext.runAsUser", 10001))), "sidecar"),
    Attempt("the proxy with a capability", DEVELOPER, create(tampered(
        proxy("securityContext.capabilities.add", ["NET_ADMIN"]))), "sidecar"),
    Attempt("the init container without NET_ADMIN", DEVELOPER, create(tampered(
        without("spec.initContainers.0.securityContext.capabilities.add"))), "sidecar"),
    Attempt("the init container with one capability more", DEVELOPER, create(tampered(
        init("securityContext.capabilities.add", ["NET_ADMIN", "SYS_ADMIN"]))), "sidecar"),
    Attempt("the init container privileged", DEVELOPER, create(tampered(
        init("securityContext.privileged", True), init("securityContext.allowPrivilegeEscalation", True))), "sidecar"),
    Attempt("the proxy's CA from somewhere else", DEVELOPER, create(tampered(
        at("spec.volumes.0.projected.sources.1.configMap.name", "mine"))), "sidecar"),
    Attempt("the proxy's token and CA from the node's disk", DEVELOPER, create(tampered(
        at("spec.volumes.0", {"name": "cdefence", "hostPath": {"path": "/tmp"}}), scope="out-of-scope")), "sidecar"),
    Attempt("another key than the pod says", DEVELOPER, create(tampered(
        at("spec.volumes.0.projected.sources.2.secret.name", "mine"), hash_key="pepper")), "sidecar"),
    Attempt("all of a Secret as the key, which may cover the CA", DEVELOPER, create(tampered(
        without("spec.volumes.0.projected.sources.2.secret.items"), hash_key="pepper")), "sidecar"),
    Attempt("other patterns than the pod says", DEVELOPER, create(tampered(
        at("spec.volumes.1.configMap.name", "mine"), own_pack="patterns")), "sidecar"),
    Attempt("patterns over the proxy's code", DEVELOPER, create(tampered(
        at("spec.initContainers.1.volumeMounts.1.mountPath", "/opt/cdefence"), own_pack="patterns")), "sidecar"),
    Attempt("the proxy does without the packs that are on by default", DEVELOPER, create(tampered(
        proxy_env("CDEFENCE_PACKS", "pci_retired"))), "sidecar"),
    Attempt("the application mounts the proxy's token", DEVELOPER, create(tampered(
        app("volumeMounts", [_PROXY_TOKEN]))), "sidecar"),
    Attempt("an init container mounts the proxy's token", DEVELOPER, create(tampered(
        appended("spec.initContainers", {"name": "late", "image": "late:1", "volumeMounts": [_PROXY_TOKEN]}))), "sidecar"),
    Attempt("the application has a token for cdefence of its own", DEVELOPER, create(tampered(
        appended("spec.volumes", _OWN_TOKEN))), "sidecar"),
)

PRIVILEGES = (
    Attempt("a hardened application", DEVELOPER, create(injected("in-scope", context(**RESTRICTED))), ALLOWED),
    Attempt("an application that drops and adds what is harmless", DEVELOPER, create(injected("in-scope", context(
        capabilities={"drop": ["ALL"], "add": ["NET_BIND_SERVICE", "CHOWN"]}))), ALLOWED),
    *(
        Attempt(f"{field} 15001 of the pod, {scope}", DEVELOPER, create(injected(
            scope, pod_context(**{field: [15001] if field == "supplementalGroups" else 15001}))), "privileges")
        for field, scope in (("runAsUser", "in-scope"), ("runAsGroup", "connected-to"), ("fsGroup", "in-scope"),
                             ("supplementalGroups", "out-of-scope"))
    ),
    Attempt("runAsUser 15001 of a container", DEVELOPER, create(injected(
        "in-scope", context(runAsUser=15001))), "privileges"),
    Attempt("runAsGroup 15001 of a container", DEVELOPER, create(injected(
        "out-of-scope", context(runAsGroup=15001))), "privileges"),
    Attempt("runAsUser 15001 of an init container", DEVELOPER, create(injected("in-scope", appended(
        "spec.initContainers", {"name": "late", "image": "late:1", "securityContext": {"runAsUser": 15001}}))),
        "privileges"),
    *(
        Attempt(f"capability {name}, {scope}", DEVELOPER, create(injected(
            scope, context(capabilities={"add": [name]}))), "privileges")
        for name, scope in (("NET_ADMIN", "in-scope"), ("NET_ADMIN", "out-of-scope"), ("SYS_ADMIN", "connected-to"),
                            ("BPF", "in-scope"), ("SYS_PTRACE", "in-scope"), ("ALL", "in-scope"), ("NET_RAW", "in-scope"),
                            ("CAP_NET_ADMIN", "in-scope"), ("net_admin", "in-scope"), ("PERFMON", "in-scope"))
    ),
    Attempt("capability NET_RAW, out-of-scope", DEVELOPER, create(injected(
        "out-of-scope", context(capabilities={"add": ["NET_RAW"]}))), ALLOWED),
    Attempt("capability NET_ADMIN, as a listed group", ADMIN, create(injected(
        "in-scope", context(capabilities={"add": ["NET_ADMIN"]}))), "privileges"),
    Attempt("privileged", DEVELOPER, create(injected("in-scope", context(privileged=True))), "privileges"),
    Attempt("privileged, out-of-scope", DEVELOPER, create(injected(
        "out-of-scope", context(privileged=True))), "privileges"),
    Attempt("hostNetwork", DEVELOPER, create(injected("in-scope", at("spec.hostNetwork", True))), "privileges"),
    Attempt("hostPID", DEVELOPER, create(injected("in-scope", at("spec.hostPID", True))), "privileges"),
    Attempt("shareProcessNamespace", DEVELOPER, create(injected(
        "in-scope", at("spec.shareProcessNamespace", True))), "privileges"),
    Attempt("hostIPC", DEVELOPER, create(injected("in-scope", at("spec.hostIPC", True))), "privileges"),
    Attempt("hostPort", DEVELOPER, create(injected(
        "in-scope", app("ports", [{"containerPort": 8080, "hostPort": 8080}]))), "privileges"),
    Attempt("hostPort, out-of-scope", DEVELOPER, create(injected(
        "out-of-scope", app("ports", [{"containerPort": 8080, "hostPort": 8080}]))), ALLOWED),
    Attempt("hostPath, such as the socket of containerd", DEVELOPER, create(injected("in-scope", appended(
        "spec.volumes", {"name": "run", "hostPath": {"path": "/run"}}))), "privileges"),
    Attempt("an unmasked /proc", DEVELOPER, create(injected(
        "in-scope", context(procMount="Unmasked"), at("spec.hostUsers", False))), "privileges", (1, 33)),
    *(
        Attempt(title, DEVELOPER, create(injected("in-scope", change)), "privileges")
        for title, change in (
            ("no seccomp profile", context(seccompProfile={"type": "Unconfined"})),
            ("no seccomp profile for the pod", pod_context(seccompProfile={"type": "Unconfined"})),
            ("no AppArmor profile", context(appArmorProfile={"type": "Unconfined"})),
            ("no AppArmor profile for the pod", pod_context(appArmorProfile={"type": "Unconfined"})),
            ("a SELinux type without limits", context(seLinuxOptions={"type": "spc_t"})),
            ("a SELinux user for the pod", pod_context(seLinuxOptions={"user": "system_u"})),
            ("a sysctl of the node", pod_context(sysctls=[{"name": "kernel.msgmax", "value": "65536"}])),
            ("a probe of another host", app("livenessProbe", {"tcpSocket": {"host": "198.51.100.10", "port": 22}})),
        )
    ),
    Attempt("no seccomp profile, out-of-scope", DEVELOPER, create(injected(
        "out-of-scope", context(seccompProfile={"type": "Unconfined"}))), ALLOWED),
    Attempt("a sysctl that does no harm, and a SELinux level", DEVELOPER, create(injected("in-scope", pod_context(
        sysctls=[{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}], seLinuxOptions={"level": "s0:c1,c2"}))),
        ALLOWED),
    Attempt("several at once are told together", DEVELOPER, create(injected("in-scope", context(
        runAsUser=15001, runAsGroup=15001))), "privileges"),
    Attempt("an ephemeral container", DEVELOPER, debug(), ALLOWED),
    Attempt("an ephemeral container beside the application's processes", DEVELOPER, debug(
        targetContainerName="app"), ALLOWED),
    Attempt("an ephemeral container as the proxy's user", DEVELOPER, debug(
        securityContext={"runAsUser": 15001}), "privileges"),
    Attempt("an ephemeral container with NET_ADMIN", DEVELOPER, debug(
        securityContext={"capabilities": {"add": ["NET_ADMIN"]}}), "privileges"),
    Attempt("an ephemeral container with SYS_PTRACE, as `kubectl debug` makes it", DEVELOPER, debug(
        securityContext={"capabilities": {"add": ["SYS_PTRACE"]}}), "privileges"),
    Attempt("an ephemeral container without a seccomp profile", DEVELOPER, debug(
        securityContext={"seccompProfile": {"type": "Unconfined"}}), "privileges"),
    Attempt("a privileged ephemeral container", DEVELOPER, debug(securityContext={"privileged": True}), "privileges"),
    Attempt("an ephemeral container beside the proxy's processes", DEVELOPER, debug(
        targetContainerName="cdefence-proxy"), "privileges"),
    Attempt("an ephemeral container with the proxy's token", DEVELOPER, debug(
        volumeMounts=[_PROXY_TOKEN]), "privileges"),
)

WHAT_A_POD_SAYS = (
    Attempt("no scope", DEVELOPER, create(tampered(
        at("metadata.annotations", {}), proxy_env("CDEFENCE_SCOPE", ""))), "annotations"),
    *(
        Attempt(title, DEVELOPER, create(tampered(
            at("metadata.annotations", {SCOPE: scope}), proxy_env("CDEFENCE_SCOPE", scope))), "annotations")
        for title, scope in (("an unknown scope", "in_scope"), ("an empty scope", ""))
    ),
    Attempt("inject false as an annotation", DEVELOPER, create(written(inject="false")), "annotations"),
    Attempt("inject false as a label", DEVELOPER, create(tampered(
        at("metadata.labels", {"cdefence.io/inject": "false"}))), "annotations"),
    Attempt("inject false, by an operator for somebody", OPERATOR, create(written(inject="false")), "annotations"),
    Attempt("inject false, by a controller for a template", REPLICASETS, create(written(inject="false")), ALLOWED),
    Attempt("inject false, as a listed group", ADMIN, create(written(inject="false")), ALLOWED),
    Attempt("inject false and no scope, as a listed group", ADMIN, create(written(None, inject="false")), ALLOWED),
    *(
        Attempt(f"{name} {value}", DEVELOPER, create(injected(**{name.replace("-", "_"): value})), "annotations")
        for name, value in (("exclude-inbound-ports", "9000"), ("exclude-outbound-ports", "443"),
                            ("exclude-cidrs", "198.51.100.0/24"), ("resolvers", "198.51.100.53"),
                            ("mode", "monitor"), ("mode", "discover"))
    ),
    Attempt("a DNS server of its own, to which the firewall would let it talk", DEVELOPER, create(injected(
        "in-scope", *OWN_DNS)), "annotations"),
    Attempt("a DNS server of its own, as a listed group", ADMIN, create(injected("in-scope", *OWN_DNS)), ALLOWED),
    Attempt("a DNS server of its own, by way of a template", DEVELOPER, change_deployment("ordinary", {
        "spec": {"template": {"spec": {
            "dnsPolicy": "None", "dnsConfig": {"nameservers": ["198.51.100.53"]}}}}}), "templates"),
    Attempt("an exclusion, as a listed group", ADMIN, create(injected(exclude_outbound_ports="443")), ALLOWED),
    Attempt("mode monitor, as a listed group", ADMIN, create(injected(mode="monitor")), ALLOWED),
    Attempt("another scope for a running pod", DEVELOPER, annotate(SCOPE, "out-of-scope"), "annotations"),
    Attempt("no scope any more for a running pod", DEVELOPER, annotate(SCOPE, None), "annotations"),
    Attempt("another scope by way of pods/status", DEVELOPER, annotate(SCOPE, "out-of-scope", sub="status"), "annotations"),
    Attempt("another scope, by a controller", REPLICASETS, annotate(SCOPE, "out-of-scope"), "annotations"),
    Attempt("another scope, as a listed group", ADMIN, annotate(SCOPE, "connected-to"), ALLOWED),
    Attempt("another mode for a running pod", DEVELOPER, annotate("cdefence.io/mode", "monitor"), "annotations"),
    Attempt("a forged record of injection", DEVELOPER, annotate("cdefence.io/status", "{}"), "annotations"),
    Attempt("a scope for a pod from before the label", DEVELOPER, annotate(SCOPE, "in-scope", OLD), "annotations"),
    Attempt("a label of ours for a running pod", DEVELOPER, change_pod(
        RUNNING, {"metadata": {"labels": {"cdefence.io/inject": "false"}}}), "annotations"),
    Attempt("an annotation of somebody else", DEVELOPER, annotate("example.com/owner", "me"), ALLOWED),
    Attempt("a label on a pod from before the label", DEVELOPER, change_pod(
        OLD, {"metadata": {"labels": {"team": "x"}}}), ALLOWED),
    Attempt("another scope by way of a Binding", SCHEDULER, bind(
        f"pods/{RUNNING}/binding", {"name": RUNNING, "annotations": {SCOPE: "out-of-scope"}}), "bindings"),
    Attempt("a label of ours by way of a Binding, the old path", SCHEDULER, bind(
        "bindings", {"name": RUNNING, "labels": {"cdefence.io/inject": "false"}}), "bindings"),
    Attempt("a Binding as the scheduler makes it", SCHEDULER, bind(f"pods/{RUNNING}/binding", {"name": RUNNING}), ALLOWED),
)

A_RUNNING_POD = (
    Attempt("another image for the application", DEVELOPER, set_image("app", "app:2"), ALLOWED),
    Attempt("another image for a running proxy", DEVELOPER, set_image("cdefence-proxy", "evil:1"), "running"),
    Attempt("another image for a running pod's init container", DEVELOPER, set_image("cdefence-init", "evil:1"), "running"),
    Attempt("another image for a running proxy, as a listed group", ADMIN,
        set_image("cdefence-proxy", "cdefence:1"), ALLOWED),
    Attempt("a resize of the application", DEVELOPER, resize("app"), ALLOWED, (1, 33)),
    Attempt("a resize of the proxy", DEVELOPER, resize("cdefence-proxy"), "running", (1, 33)),
    Attempt("exec into the application", DEVELOPER, enter("exec", "app"), ALLOWED),
    Attempt("exec into the proxy", DEVELOPER, enter("exec", "cdefence-proxy"), "exec"),
    Attempt("attach to the proxy", DEVELOPER, enter("attach", "cdefence-proxy"), "exec"),
    Attempt("exec into the init container", DEVELOPER, enter("exec", "cdefence-init"), "exec"),
    Attempt("exec into the proxy, as a listed group", ADMIN, enter("exec", "cdefence-proxy"), ALLOWED),
)

TEMPLATES = (
    *(
        Attempt(f"inject false in a {kind}", DEVELOPER, workload(kind, api, inject="false"), "templates")
        for kind, api in WORKLOADS
    ),
    *(Attempt(f"a {kind} like any other", DEVELOPER, workload(kind, api), ALLOWED) for kind, api in WORKLOADS),
    Attempt("inject false in a ControllerRevision", DEVELOPER, revision(inject="false"), "templates"),
    Attempt("a ControllerRevision like any other", DEVELOPER, revision(), ALLOWED),
    Attempt("a ControllerRevision of an excluded StatefulSet, by its controller", STATEFULSETS, revision(
        inject="false"), ALLOWED),
    Attempt("inject false in a Deployment, as a listed group", ADMIN, workload(
        "Deployment", "apps/v1", inject="false"), ALLOWED),
    Attempt("an exclusion in a Deployment", DEVELOPER, workload(
        "Deployment", "apps/v1", exclude_cidrs="198.51.100.0/24"), "templates"),
    Attempt("mode monitor in a Deployment", DEVELOPER, workload("Deployment", "apps/v1", mode="monitor"), "templates"),
    Attempt("inject false in a namespace that may opt in later", DEVELOPER, workload(
        "Deployment", "apps/v1", PLAIN, inject="false"), "templates"),
    Attempt("an exclusion added to a Deployment", DEVELOPER, change_deployment("ordinary", {
        "spec": {"template": {"metadata": {"annotations": {"cdefence.io/exclude-outbound-ports": "443"}}}}}), "templates"),
    Attempt("another program in an excluded Deployment", DEVELOPER, change_deployment("excluded", {
        "spec": {"template": {"metadata": {"annotations": {"x": "y"}}}}}), "templates"),
    Attempt("an excluded Deployment scaled", DEVELOPER, change_deployment("excluded", {"spec": {"replicas": 2}}), ALLOWED),
    Attempt("an exclusion taken back", DEVELOPER, change_deployment("excluded", {
        "spec": {"template": {"metadata": {"annotations": {"cdefence.io/inject": None}}}}}), ALLOWED),
)

NAMESPACES = (
    Attempt("the label removed", DEVELOPER, label_namespace(None), "namespaces"),
    Attempt("the label disabled", DEVELOPER, label_namespace("disabled"), "namespaces"),
    Attempt("the label removed by way of namespaces/status", DEVELOPER, label_namespace(None, sub="status"), "namespaces"),
    Attempt("the label removed, as a listed group", ADMIN, label_namespace(None), ALLOWED),
    Attempt("opting in", DEVELOPER, label_namespace("enabled", PLAIN), ALLOWED),
    Attempt("opting in with a word that means nothing", DEVELOPER, label_namespace("true", PLAIN), "namespaces"),
    Attempt("a new namespace with a word that means nothing", DEVELOPER, new_namespace("new", "Enabled"), "namespaces"),
    Attempt("a new namespace, opted in", DEVELOPER, new_namespace("new", "enabled"), ALLOWED),
    Attempt("kube-system opted in", ADMIN, label_namespace("enabled", "kube-system"), "namespaces"),
    Attempt("another label on an opted-in namespace", DEVELOPER, Request(
        "PATCH", f"/api/v1/namespaces/{CDE}", {"metadata": {"labels": {"team": "x"}}}, "dryRun=All"), ALLOWED),
)

TRUST = (
    Attempt("a CA of one's own", DEVELOPER, authority("PATCH"), "trust"),
    Attempt("the CA deleted", DEVELOPER, authority("DELETE"), "trust"),
    Attempt("the CA where it is missing", DEVELOPER, authority("POST", namespace="cde-new"), "trust"),
    Attempt("the CA, by the controller", CONTROLLER, authority("PATCH"), ALLOWED),
    Attempt("the CA, as a listed group", ADMIN, authority("PATCH"), ALLOWED),
    Attempt("another ConfigMap", DEVELOPER, authority("POST", "mine"), ALLOWED),
    Attempt("a ConfigMap of that name where nobody opted in", DEVELOPER, authority("POST", namespace=PLAIN), ALLOWED),
)

ATTEMPTS = (
    *THE_SIDECAR, *PRIVILEGES, *WHAT_A_POD_SAYS, *A_RUNNING_POD, *TEMPLATES, *NAMESPACES, *TRUST,
)
# fmt: on
