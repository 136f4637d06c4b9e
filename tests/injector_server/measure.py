"""How many admissions one replica answers: `python -m tests.injector_server.measure [SECONDS] [CONNECTIONS]`.

The real controller process in a test bed; clients speak TLS to its port over kept connections, as the API server does, and
run on the same machine, so its cores are shared.  A pod of five containers with probes, volumes and two init containers.
"""

import asyncio
import os
import ssl
import subprocess
import sys
import time
from pathlib import Path

from tests.cluster.bed.bed import Bed
from tests.injector_server import kit
from tests.injector_server.cluster import PYTHON, Cluster
from tests.injector_server.conftest import NAME
from tests.kit.waiting import until


def typical() -> dict[str, object]:
    """A pod such as real ones are, about 8 KB of JSON."""
    probe = {"httpGet": {"path": "/healthz", "port": "http"}, "periodSeconds": 5}
    container = {
        "image": "registry.example/team/app:1.2.3",
        "ports": [{"name": "http", "containerPort": 8080}],
        "env": [{"name": f"SETTING_{number}", "value": "x" * 20} for number in range(20)],
        "livenessProbe": probe,
        "readinessProbe": probe,
        "volumeMounts": [{"name": f"v{number}", "mountPath": f"/v{number}"} for number in range(4)],
    }
    names = ("app", "cache", "logger", "exporter", "worker")
    volumes = [{"name": f"v{number}", "emptyDir": {}} for number in range(4)]
    plain = {"image": "busybox", "command": ["true"]}
    return kit.pod(
        containers=[{"name": name, **container} for name in names],
        volumes=volumes,
        initContainers=[{"name": f"init-{number}", **plain} for number in range(2)],
    )


async def client(port: int, cas: bytes, seconds: float, took: list[float]) -> None:
    """One connection, one request after the other."""
    body = kit.asked("u", typical())
    head = f"POST /inject HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", port, ssl=ssl.create_default_context(cadata=cas.decode()), server_hostname=kit.HOST
    )
    end = time.perf_counter() + seconds
    while (begun := time.perf_counter()) < end:
        writer.write(head.encode() + body)
        header = await reader.readuntil(b"\r\n\r\n")
        length = int(header.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        answer = await reader.readexactly(length)
        took.append(time.perf_counter() - begun)
        assert header.startswith(b"HTTP/1.1 200"), header
        assert b'"patch"' in answer, answer[:200]
    writer.close()


async def load(port: int, cas: bytes, seconds: float, connections: int) -> None:
    """Print what all connections saw together."""
    took: list[float] = []
    await asyncio.gather(*(client(port, cas, seconds, took) for _ in range(connections)))
    took.sort()
    ms = [1000 * took[int(len(took) * part)] for part in (0.5, 0.99)]
    print(
        f"{len(took) / seconds:.0f} admissions/s, p50 {ms[0]:.1f} ms, p99 {ms[1]:.1f} ms, {connections} connections"
    )


def cpu_s(pid: int) -> float:
    """Processor time of a process, user and system (fields 14 and 15 of /proc/PID/stat, proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main(seconds: float, connections: int) -> None:
    """Measure, and say what the process weighs before and after."""
    bed = Bed.named(NAME)
    up_before = bed.facts is not None
    if not up_before:
        bed.up(worker=False)
    cluster = Cluster(bed)
    try:
        cluster.clean()
        replica = cluster.start()
        until(lambda: replica.leads, "leads")
        print(
            f"{len(kit.asked('u', typical()))} bytes of AdmissionReview; RSS at rest {replica.rss_mb():.0f} MB"
        )
        words = [PYTHON, "-m", __spec__.name, "load", replica.base + 43, seconds, connections]
        command = bed.command([str(word) for word in words])
        before, count = (
            cpu_s(replica.process.pid),
            replica.metric("cdefence_injection_duration_seconds_count"),
        )
        subprocess.run(command, input=cluster.secret()["ca.crt"], check=True)
        spent = cpu_s(replica.process.pid) - before
        answered = replica.metric("cdefence_injection_duration_seconds_count") - count
        # What other programs on this machine take does not count here: a core of its own would answer that many.
        print(f"{1000 * spent / answered:.2f} ms CPU each: {answered / spent:.0f} admissions/s of one core")
        print(f"RSS afterwards {replica.rss_mb():.0f} MB")
    finally:
        cluster.stop_all()
        if not up_before:
            bed.down()


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["load", port, seconds, connections]:
            asyncio.run(load(int(port), sys.stdin.buffer.read(), float(seconds), int(connections)))
        case given:
            seconds, connections = (*given, "5", "8")[:2] if len(given) != 1 else (given[0], "8")
            main(float(seconds), int(connections))
