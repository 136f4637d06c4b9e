"""The worker: containerd with the bridge CNI, kubelet, kube-proxy; their files, command lines and readiness.

What never belongs here: the control plane (see `control`) and what runs in pods.
"""

import json
from pathlib import Path
from typing import Final

from tests.cluster.bed import addresses, cgroups, daemon, images
from tests.cluster.bed.daemon import Daemon
from tests.cluster.bed.needs import CNI_PLUGINS
from tests.cluster.bed.places import Places
from tests.cluster.bed.shell import quietly

_CRI: Final = "io.containerd.grpc.v1.cri"

# restrict_oom_score_adj: runc must not lower its score where CAP_SYS_RESOURCE is missing.
# netns_mounts_under_state_dir: the namespaces of pods lie in the bed's folder, not among everybody's in /run/netns.
_CONTAINERD: Final = """\
version = 2
root = "{folder}/containerd"
state = "{folder}/containerd-state"
disabled_plugins = ["io.containerd.internal.v1.opt"]

[grpc]
  address = "{socket}"

[plugins."{cri}"]
  sandbox_image = "{pause}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  disable_apparmor = true
  [plugins."{cri}".cni]
    bin_dir = "{plugins}"
    conf_dir = "{folder}/cni"
  [plugins."{cri}".containerd]
    snapshotter = "{snapshotter}"
    [plugins."{cri}".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."{cri}".containerd.runtimes.runc.options]
        Root = "{folder}/runc"
"""


def start_containerd(places: Places) -> Daemon:
    """containerd with a root, a state and a socket of its own."""
    _write_cni(places)
    (places.folder / "containerd.toml").write_text(
        _CONTAINERD.format(
            folder=places.folder,
            socket=places.containerd_socket,
            cri=_CRI,
            pause=images.PAUSE,
            plugins=CNI_PLUGINS,
            snapshotter=_snapshotter(places.folder),
        )
    )
    return daemon.start(places, "containerd", ["containerd", f"--config={places.folder / 'containerd.toml'}"])


def containerd_ready(places: Places) -> bool:
    """Whether containerd and its CRI answer."""
    return places.containerd_socket.exists() and quietly(
        ["ctr", f"--address={places.containerd_socket}", "--namespace=k8s.io", "containers", "list"]
    )


def start_kubelet(places: Places, binaries: Path) -> Daemon:
    """The kubelet of the only node; pods live in the bed's own cgroup."""
    cgroups.create(places.cgroup)
    (places.folder / "resolv.conf").write_text("")
    config = places.folder / "kubelet.json"
    config.write_text(json.dumps(_kubelet_config(places), indent=1))
    flags = [
        f"--config={config}",
        f"--kubeconfig={places.pki / 'kubelet.kubeconfig'}",
        f"--root-dir={places.folder / 'kubelet'}",
        f"--hostname-override={addresses.NODE_NAME}",
        f"--node-ip={addresses.NODE_V4},{addresses.NODE_V6}",
        "--v=1",
    ]
    return daemon.start(places, "kubelet", [binaries / "kubelet", *flags])


def start_proxy(places: Places, binaries: Path) -> Daemon:
    """kube-proxy with nftables; it cannot and need not write conntrack's sysctls in a namespace."""
    flags = [
        f"--kubeconfig={places.pki / 'proxy.kubeconfig'}",
        "--proxy-mode=nftables",
        f"--cluster-cidr={','.join(addresses.CLUSTER_CIDRS)}",
        f"--hostname-override={addresses.NODE_NAME}",
        "--conntrack-max-per-core=0",
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
        "--oom-score-adj=0",
    ]
    return daemon.start(places, "kube-proxy", [binaries / "kube-proxy", *flags])


def _kubelet_config(places: Places) -> dict[str, object]:
    """KubeletConfiguration; disk and image limits are those of a machine that is not ours alone."""
    pki = places.pki
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(pki / "ca.crt")},
        },
        "authorization": {"mode": "Webhook"},
        "tlsCertFile": str(pki / "kubelet-server.crt"),
        "tlsPrivateKeyFile": str(pki / "kubelet-server.key"),
        "containerRuntimeEndpoint": f"unix://{places.containerd_socket}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{places.cgroup}",
        "failSwapOn": False,
        "clusterDNS": [addresses.DNS_V4],
        "clusterDomain": addresses.CLUSTER_DOMAIN,
        "resolvConf": str(places.folder / "resolv.conf"),
        "staticPodPath": "",
        "podLogsDir": str(places.folder / "pod-logs"),
        "volumePluginDir": str(places.folder / "volume-plugins"),
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {"memory.available": "100Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
        "maxPods": 200,
        "registryPullQPS": 0,
        "kubeAPIQPS": 100,
        "kubeAPIBurst": 200,
        "syncFrequency": "10s",
        "nodeStatusUpdateFrequency": "5s",
        "shutdownGracePeriod": "0s",
        "logging": {"flushFrequency": "1s"},
        "oomScoreAdj": 0,
    }


def _write_cni(places: Places) -> None:
    """Bridge, dual stack, hairpin; pods reach the world outside by masquerading as the node."""
    ranges = [[{"subnet": cidr}] for cidr in addresses.NODE_POD_CIDRS]
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": True,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(places.folder / "addresses"),
            "ranges": ranges,
            "routes": [{"dst": "0.0.0.0/0"}, {"dst": "::/0"}],
        },
    }
    ports = {"type": "portmap", "capabilities": {"portMappings": True}}
    document = {"cniVersion": "1.0.0", "name": places.netns, "plugins": [bridge, ports]}
    folder = places.folder / "cni"
    folder.mkdir(exist_ok=True)
    (folder / "10-bed.conflist").write_text(json.dumps(document, indent=1))


def _snapshotter(folder: Path) -> str:
    """overlayfs, unless the folder itself lies on one (as in a container)."""
    kinds = {line.split()[1]: line.split()[2] for line in Path("/proc/self/mounts").read_text().splitlines()}
    mount = next(str(parent) for parent in (folder, *folder.parents) if str(parent) in kinds)
    return "native" if kinds[mount] == "overlay" else "overlayfs"
