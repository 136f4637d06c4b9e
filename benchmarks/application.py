"""The application behind every proxy: nginx, one worker, files from memory, HTTP and HTTPS.

The same in every pod, so that what differs between pods is the proxy alone.
"""

from pathlib import Path
from typing import Final

from benchmarks import corpus, topology
from benchmarks.topology import HTTP_PORT, HTTPS_PORT, Pod
from sidecar.core.scopes import PeerClass
from sidecar.lab import certs, netns
from sidecar.lab.lab import APP
from sidecar.lab.pause import POD_DIRECTORY
from sidecar.lab.processes import Role
from sidecar.lab.topology import Pod as LabPod

SMALL, MEDIUM, LARGE = 100, 10_000, 10_000_000
"""Sizes of bodies in bytes."""
FILES: Final = {
    "small.json": (corpus.document, SMALL),
    "medium.json": (corpus.document, MEDIUM),
    "large.json": (corpus.document, LARGE),
    "large.bin": (corpus.noise, LARGE),
}
"""What is served, and how it is made."""

# No log, no limit on requests per connection: the application must never be what is measured.  tcp_nopush, which Debian
# switches on, makes 10 KB answers five times slower over a veth pair.
_CONFIGURATION: Final = """\
worker_processes 1;
pid {own}/app/nginx.pid;
error_log stderr error;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nodelay on;
    open_file_cache max=16;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    client_max_body_size 64m;
    client_body_buffer_size 64k;
    client_body_temp_path {own}/app/body;
    proxy_temp_path {own}/app/proxy;
    fastcgi_temp_path {own}/app/fastcgi;
    uwsgi_temp_path {own}/app/uwsgi;
    scgi_temp_path {own}/app/scgi;
    types {{ application/json json; application/octet-stream bin; }}
    server {{
        listen {http} backlog=1024;
        listen {https} ssl backlog=1024;
        ssl_certificate {own}/tls.crt;
        ssl_certificate_key {own}/tls.key;
        ssl_protocols TLSv1.3;
        root {own}/app;
        location = /upload {{ default_type application/json; return 200 '{{"stored":true}}'; }}
    }}
}}
"""


def make_files(network: topology.Network) -> Path:
    """Generate the payloads once; pods get links to them.  Returns their folder."""
    folder = network.directory / "corpus"
    folder.mkdir(exist_ok=True)
    for name, (make, size) in FILES.items():
        (folder / name).write_bytes(make(size))
    return folder


def furnish(pod: Pod, corpus: Path) -> None:
    """Payloads, certificate and configuration into `pod`."""
    for name in FILES:
        (pod.directory / "app" / name).hardlink_to(corpus / name)
    certified = LabPod(pod.name, pod.address, "::1", PeerClass.IN_SCOPE)
    (pod.directory / "ca").mkdir()
    authority = certs.make_authority(pod.directory / "ca")
    certs.make_server(pod.directory, certified, authority, APP.uid)
    text = _CONFIGURATION.format(own=POD_DIRECTORY, http=HTTP_PORT, https=HTTPS_PORT)
    (pod.directory / "nginx.conf").write_text(text)


def start(pod: Pod) -> None:
    """Start nginx in `pod` and wait until it listens.  Raises BenchError."""
    own = str(POD_DIRECTORY)
    command = ["nginx", "-e", "stderr", "-p", own, "-c", f"{own}/nginx.conf", "-g", "daemon off;"]
    pod.start(pod.command(command, APP), Role.APP, lambda: listens(pod))


def listens(pod: Pod) -> bool:
    """Whether nginx is there."""
    try:
        netns.connect(pod.namespace, "127.0.0.1", HTTPS_PORT).close()
    except OSError:
        return False
    return True
