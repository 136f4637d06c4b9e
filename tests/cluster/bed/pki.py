"""Certificates and kubeconfigs of a bed: one CA for everything, short-lived.

What never belongs here: a key that outlives its bed, or that anything outside it trusts.
"""

import base64
import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from tests.cluster.bed import addresses
from tests.cluster.bed.places import Places

_LIFE: Final = datetime.timedelta(days=30)
_SKEW: Final = datetime.timedelta(hours=1)
_MASTERS: Final = "system:masters"
_AUTHORITY_USAGE: Final = x509.KeyUsage(
    digital_signature=True,
    key_cert_sign=True,
    crl_sign=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    encipher_only=False,
    decipher_only=False,
)


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a certificate is for.  Kubernetes reads the user from CN and the groups from O."""

    file: str
    user: str
    group: str | None = None
    names: tuple[str, ...] = ()


IDENTITIES: Final = (
    Identity("admin", "admin", _MASTERS),
    Identity("manager", "system:kube-controller-manager"),
    Identity("scheduler", "system:kube-scheduler"),
    Identity("kubelet", f"system:node:{addresses.NODE_NAME}", "system:nodes"),
    Identity("proxy", "system:kube-proxy"),
    Identity("aggregator", "aggregator"),
    Identity(
        "kubelet-server",
        addresses.NODE_NAME,
        None,
        (addresses.NODE_NAME, addresses.NODE_V4, addresses.NODE_V6),
    ),
    Identity(
        "apiserver",
        "kube-apiserver",
        None,
        (
            "localhost",
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            f"kubernetes.default.svc.{addresses.CLUSTER_DOMAIN}",
            "127.0.0.1",
            addresses.NODE_V4,
            addresses.API_SERVICE_V4,
        ),
    ),
)
_WITH_KUBECONFIG: Final = ("admin", "manager", "scheduler", "kubelet", "proxy")


def create(places: Places, port: int) -> None:
    """CA, all IDENTITIES, the key that signs service account tokens, kubeconfigs for the API server at `port`."""
    folder = places.pki
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    key, authority = _authority()
    _save_key(folder / "ca.key", key)
    _save_certificate(folder / "ca.crt", authority)
    for identity in IDENTITIES:
        own = ec.generate_private_key(ec.SECP256R1())
        _save_key(folder / f"{identity.file}.key", own)
        _save_certificate(folder / f"{identity.file}.crt", _issue(identity, own, key, authority))
    _save_key(folder / "accounts.key", ec.generate_private_key(ec.SECP256R1()))
    for file in _WITH_KUBECONFIG:
        _save(folder / f"{file}.kubeconfig", _kubeconfig(folder, file, port))
    _save(places.kubeconfig, _kubeconfig(folder, "admin", port))


def _authority() -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = _name("cdefence test bed", None)
    builder = _builder(name, name, key.public_key(), key.public_key())
    builder = builder.add_extension(x509.BasicConstraints(True, None), critical=True)
    return key, builder.add_extension(_AUTHORITY_USAGE, critical=True).sign(key, hashes.SHA256())


def _issue(
    identity: Identity,
    own: ec.EllipticCurvePrivateKey,
    key: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
) -> x509.Certificate:
    subject = _name(identity.user, identity.group)
    builder = _builder(subject, authority.subject, own.public_key(), key.public_key())
    usage = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH])
    builder = builder.add_extension(usage, critical=False)
    if identity.names:
        builder = builder.add_extension(_alternative(identity.names), critical=False)
    return builder.sign(key, hashes.SHA256())


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    public: ec.EllipticCurvePublicKey,
    signer: ec.EllipticCurvePublicKey,
) -> x509.CertificateBuilder:
    """With the key identifiers that strict verification (RFC 5280) asks for."""
    now = datetime.datetime.now(datetime.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _SKEW)
        .not_valid_after(now + _LIFE)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer), critical=False)
    )


def _name(user: str, group: str | None) -> x509.Name:
    groups = [x509.NameAttribute(NameOID.ORGANIZATION_NAME, group)] if group else []
    return x509.Name([*groups, x509.NameAttribute(NameOID.COMMON_NAME, user)])


def _alternative(names: Sequence[str]) -> x509.SubjectAlternativeName:
    return x509.SubjectAlternativeName([_general(name) for name in names])


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _kubeconfig(folder: Path, file: str, port: int) -> str:
    """JSON is YAML; kubectl and every client read it."""

    def embedded(name: str) -> str:
        return base64.b64encode((folder / name).read_bytes()).decode()

    cluster = {"server": f"https://127.0.0.1:{port}", "certificate-authority-data": embedded("ca.crt")}
    user = {
        "client-certificate-data": embedded(f"{file}.crt"),
        "client-key-data": embedded(f"{file}.key"),
    }
    document = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "bed",
        "clusters": [{"name": "bed", "cluster": cluster}],
        "users": [{"name": file, "user": user}],
        "contexts": [{"name": "bed", "context": {"cluster": "bed", "user": file}}],
    }
    return json.dumps(document, indent=1)


def _save_key(file: Path, key: ec.EllipticCurvePrivateKey) -> None:
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    _save(file, pem.decode())


def _save_certificate(file: Path, certificate: x509.Certificate) -> None:
    _save(file, certificate.public_bytes(serialization.Encoding.PEM).decode())


def _save(file: Path, text: str) -> None:
    file.touch(mode=0o600)
    file.write_text(text)
