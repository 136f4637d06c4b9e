"""Every metric of the control plane that this process counts itself: one table, printed by `/metrics`.

What belongs here: names, help, labels.  What never does: when something is counted.  Labels come from closed lists (never a
namespace, pod or address), so the number of series is fixed.
"""

from prometheus_client.metrics import Counter, Gauge, Histogram, disable_created_metrics
from prometheus_client.registry import CollectorRegistry

from sidecar import __version__

# An admission takes milliseconds; the API server waits five seconds at most.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


# A series of its own for the start of each counter, which nobody asks for.
disable_created_metrics()  # type: ignore[no-untyped-call]


class ControllerMetrics:
    """The metrics of one controller process, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry(auto_describe=True)
        self.requests = Counter(
            "cdefence_injection_requests",
            "Admission requests, by what came of them and why.",
            ("result", "reason"),
            registry=self.registry,
        )
        self.duration = Histogram(
            "cdefence_injection_duration_seconds",
            "Time from the first byte of an admission request to its answer.",
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.in_flight = Gauge(
            "cdefence_injection_requests_in_flight", "Admission requests under way.", registry=self.registry
        )
        self.certificate_expiry = Gauge(
            "cdefence_webhook_cert_expiry_timestamp_seconds",
            "When the certificate in use ends, Unix time; 0 before the first.",
            registry=self.registry,
        )
        self.certificates_refused = Counter(
            "cdefence_webhook_cert_refused",
            "Looks at the certificate's Secret that found nothing usable; what was served is served on.",
            registry=self.registry,
        )
        self.leader = Gauge(
            "cdefence_leader", "1 on the replica that holds the lease, else 0.", registry=self.registry
        )
        self.ready = Gauge(
            "cdefence_controller_ready",
            "1 while this replica is ready to serve, else 0.",
            registry=self.registry,
        )
        build = Gauge("cdefence_build_info", "What runs.", ("version",), registry=self.registry)
        build.labels(__version__).set(1)
