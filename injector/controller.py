"""The process `cdefence controller`: puts the parts of the control plane together, runs them, ends them in order.

What belongs here: which part gets which other part, and the order of start and end.  What never does: anything a part could
do itself.

Order of the start: health and metrics; the certificate (made, if this is the first replica ever); then the webhook and
the scope API, which need it.  Ready means certificate *and* scope map.  Order of the end, after SIGTERM: not ready, the
lease is given back, every answer closes its connection, still serving for `drain_s`, then what is under way is answered.
"""

import asyncio
import logging
import signal
import ssl
from collections.abc import Coroutine
from datetime import timedelta

from dlp_patterns import load
from injector import ca_publisher, live_tls, webhook_config
from injector.cert_secret import CertificateSecret
from injector.certs import Bundle, Lives
from injector.controller_metrics import ControllerMetrics
from injector.kube import Kube
from injector.leader import Election
from injector.scope_metrics import ScopeMetrics
from injector.scope_model import Ground
from injector.scope_service import ScopeService, ScopeSettings
from injector.server import Decide, Limits, Webhook, health_app, metrics_app, webhook_app
from injector.serving import Endpoint
from injector.settings import CertificateMode, Settings
from sidecar import contract

log = logging.getLogger("cdefence.controller")


def tls_names(namespace: str) -> tuple[str, ...]:
    """The names that the API server and the sidecars ask for."""
    return tuple(
        f"{service}.{namespace}.svc" for service in (contract.WEBHOOK_SERVICE, contract.SCOPES_SERVICE)
    )


def scope_settings(settings: Settings) -> ScopeSettings:
    """The part of the settings that the scope map is about."""
    networks = {str(each.network): each.scope for each in settings.networks}
    ground = Ground(tuple(map(str, settings.cluster_cidrs)), networks, settings.quarantine_s)
    return ScopeSettings(ground, settings.namespace, settings.identity, load.told())


class Controller:
    """One replica of the control plane."""

    def __init__(self, settings: Settings, kube: Kube, decide: Decide) -> None:
        """Raises: OSError when a port is taken."""
        self._settings = settings
        self._kube = kube
        self.metrics = ControllerMetrics()
        self._context: ssl.SSLContext = live_tls.server_context()
        self._certificates = self._certificate_secret()
        self._stopping = False
        self.scopes = ScopeService(kube, scope_settings(settings))
        self.metrics.registry.register(ScopeMetrics(self.scopes))
        self.metrics.ready.set_function(lambda: not self.missing())
        webhook = Webhook(decide, self.metrics, Limits(settings.concurrency))
        bind = settings.bind
        self.health = Endpoint(health_app(self.missing), bind, settings.health_port)
        self.reports = Endpoint(metrics_app(self.metrics.registry), bind, settings.metrics_port)
        self.webhook = Endpoint(
            webhook_app(contract.WEBHOOK_PATH, webhook), bind, settings.webhook_port, self._context
        )
        self.scope_api = Endpoint(self.scopes.app, bind, settings.scopes_port, self._context)

    def missing(self) -> list[str]:
        """What keeps this replica from being ready."""
        found = ["stopping"] if self._stopping else []
        found += ["certificate"] if self._certificates.held is None else []
        return found + self.scopes.missing()

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until `stop` is set, then end in order.  Raises: what ended a part that should never end."""
        front = _started(self.health.run(), self.reports.run())
        service = _started(
            self._certificates.follow(),
            self.scopes.run(),
            self._with_certificate(self.webhook),
            self._with_certificate(self.scope_api),
        )
        leading = _started(self._election().run(self._lead))
        stopped = _started(stop.wait())
        parts = [*front, *service, *leading]
        try:
            await asyncio.wait([*stopped, *parts], return_when=asyncio.FIRST_COMPLETED)
            self._stopping = True
            log.info("not ready any more" if stop.is_set() else "a part has ended, so everything ends")
            await _ended(leading)
            self.webhook.drain()
            self.scope_api.drain()
            self.scopes.end()
            await asyncio.sleep(self._settings.drain_s if stop.is_set() else 0)
        finally:
            for each in (leading, service, front, stopped):
                await _ended(each)
        for part in parts:
            if not part.cancelled():
                part.result()

    async def _with_certificate(self, endpoint: Endpoint) -> None:
        await self._certificates.next(None)
        await endpoint.run()

    async def _lead(self) -> None:
        """What only one replica may do."""
        mode = self._settings.certificates
        bundle = self._certificates.next
        work: list[Coroutine[None, None, None]] = [ca_publisher.publish(self._kube, bundle)]
        if mode is CertificateMode.SELF:
            work.append(self._certificates.renew())
        if mode is not CertificateMode.CERT_MANAGER:
            work.append(webhook_config.keep(self._kube, self._settings.webhook_config, bundle))
        async with asyncio.TaskGroup() as tasks:
            for each in work:
                tasks.create_task(each)

    def _election(self) -> Election:
        return Election(
            self._kube,
            namespace=self._settings.namespace,
            name=contract.LEASE,
            identity=self._settings.identity,
            tell=self.metrics.leader.set,
        )

    def _certificate_secret(self) -> CertificateSecret:
        settings = self._settings
        return CertificateSecret(
            self._kube,
            namespace=settings.namespace,
            name=settings.tls_secret,
            names=tls_names(settings.namespace),
            own=settings.certificates is CertificateMode.SELF,
            lives=Lives(leaf=timedelta(seconds=settings.leaf_life_s)),
            serve=self._take_certificate,
            refused=self.metrics.certificates_refused.inc,
        )

    def _take_certificate(self, bundle: Bundle) -> None:
        live_tls.load(self._context, bundle.leaf, bundle.leaf_key)
        self.metrics.certificate_expiry.set(bundle.expires.timestamp())


def _started(*work: Coroutine[None, None, object]) -> list[asyncio.Task[object]]:
    return [asyncio.create_task(each) for each in work]


async def _ended(tasks: list[asyncio.Task[object]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def stop_on_signals() -> asyncio.Event:
    """Set by SIGTERM and SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop
