"""The certificates of the control plane as values: made, checked, and renewed by rule.

What belongs here: one CA, one leaf for both Services, what makes a pair usable, and when which part is replaced.  Pure:
the time is an argument.  What never does: the Secret (cert_secret.py), TLS contexts (live_tls.py), logging.

The state is the certificates themselves, so any leader can go on where another stopped:

| what is found                                        | what is done                                             |
|------------------------------------------------------|----------------------------------------------------------|
| CA past two thirds of its life                       | a new CA *beside* the old one; the leaf stays            |
| leaf past two thirds, or not of the newest CA        | a new leaf – once that CA was published for `overlap`    |
| an old CA, and the newest is older than a leaf lives | the old CA is forgotten                                  |

Nobody ever sees a leaf whose CA was not published before, and no CA disappears while a leaf of it can still be served.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from dlp_patterns.errors import Problem

CA_CERT, CA_KEY, LEAF_CERT, LEAF_KEY = "ca.crt", "ca.key", "tls.crt", "tls.key"
"""The keys of the Secret."""

# A certificate starts an hour before it is made: clocks of nodes differ, and a node's clock may be behind.
SKEW = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Lives:
    """How long each part lives; and how long a new CA is published before a leaf of it is served."""

    ca: timedelta = timedelta(days=3650)
    leaf: timedelta = timedelta(days=30)
    overlap: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Bundle:
    """What the Secret holds, as PEM.  Its repr shows no key."""

    cas: tuple[bytes, ...]
    """Every CA that clients must trust, the newest first."""
    ca_key: bytes = field(repr=False)
    """Of the first CA; empty when somebody else signs."""
    leaf: bytes
    """The leaf, and what is between it and a CA."""
    leaf_key: bytes = field(repr=False)

    @property
    def ca_bundle(self) -> bytes:
        """What clients are given: all CAs in one text."""
        return b"".join(self.cas)

    @property
    def expires(self) -> datetime:
        """When the leaf ends (UTC)."""
        return x509.load_pem_x509_certificate(self.leaf).not_valid_after_utc


class CertificateError(ValueError):
    """A Secret that cannot be used; `problems` has every reason, none of them a byte of a key."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("; ".join(map(str, self.problems)))


def created(names: Sequence[str], now: datetime, lives: Lives, trusted: tuple[bytes, ...] = ()) -> Bundle:
    """A new CA and a leaf of it; `trusted` CAs of before stay in the bundle."""
    ca, key = _new_ca(now, lives)
    leaf, leaf_key = _new_leaf(ca, key, names, now, lives)
    return Bundle((_pem(ca), *trusted), _key_pem(key), _pem(leaf), _key_pem(leaf_key))


def with_new_ca(bundle: Bundle, now: datetime, lives: Lives) -> Bundle:
    """A new CA in front of the old ones; the leaf stays, so that nobody meets a CA he was not told of."""
    ca, key = _new_ca(now, lives)
    return replace(bundle, cas=(_pem(ca), *_unexpired(bundle.cas, now)), ca_key=_key_pem(key))


def renewed(bundle: Bundle, names: Sequence[str], now: datetime, lives: Lives) -> Bundle | None:
    """What should replace a checked bundle now, by the table above; None while it is good."""
    ca, leaf = _first(bundle.cas[0]), _first(bundle.leaf)
    published_for = now - (ca.not_valid_before_utc + SKEW)
    foreign = not _issued(leaf, ca)
    if _worn(ca, now, lives.ca):
        return with_new_ca(bundle, now, lives)
    if published_for >= lives.overlap if foreign else _worn(leaf, now, lives.leaf):
        return _with_new_leaf(bundle, names, now, lives)
    if len(bundle.cas) > 1 and not foreign and published_for >= lives.overlap + lives.leaf:
        return replace(bundle, cas=bundle.cas[:1])
    return None


def rescued(data: Mapping[str, bytes], names: Sequence[str], now: datetime, lives: Lives) -> Bundle | None:
    """A new leaf of the CA in a Secret whose leaf cannot be used (expired, other names, broken); None: no CA either."""
    problems: list[Problem] = []
    cas = _certificates(data.get(CA_CERT, b""), CA_CERT, problems)
    key = _key(data.get(CA_KEY, b""), CA_KEY, problems)
    if problems or not isinstance(key, ec.EllipticCurvePrivateKey):
        return None
    if any(_misfits(cas[0], key, CA_CERT, CA_KEY)) or now >= cas[0].not_valid_after_utc:
        return None
    return _with_new_leaf(Bundle(tuple(map(_pem, cas)), data[CA_KEY], b"", b""), names, now, lives)


def checked(data: Mapping[str, bytes], names: Sequence[str], now: datetime, *, own: bool) -> Bundle:
    """The bundle in a Secret's data, if it can be served for every one of `names`.

    `own` means that we sign ourselves: the CA's key must be there and fit.
    Raises: CertificateError with everything that is wrong.
    """
    wanted = (CA_CERT, LEAF_CERT, LEAF_KEY, *((CA_KEY,) if own else ()))
    missing = [
        Problem(key, "missing or empty", "the Secret must hold it") for key in wanted if not data.get(key)
    ]
    if missing:
        raise CertificateError(missing)
    problems: list[Problem] = []
    cas = _certificates(data[CA_CERT], CA_CERT, problems)
    chain = _certificates(data[LEAF_CERT], LEAF_CERT, problems)
    key = _key(data[LEAF_KEY], LEAF_KEY, problems)
    ca_key = _key(data[CA_KEY], CA_KEY, problems) if own else None
    if not problems:
        problems += _misfits(chain[0], key, LEAF_CERT, LEAF_KEY)
        problems += _misfits(cas[0], ca_key, CA_CERT, CA_KEY) if own else ()
        problems += _untimely(chain[0], now)
        problems += _unnamed(chain[0], names)
        problems += _unchained(chain, cas, now)
    if problems:
        raise CertificateError(problems)
    pems = tuple(map(_pem, cas))
    return Bundle(pems, data[CA_KEY] if own else b"", b"".join(map(_pem, chain)), data[LEAF_KEY])


def as_data(bundle: Bundle) -> dict[str, bytes]:
    """The data of the Secret."""
    return {
        CA_CERT: bundle.ca_bundle,
        CA_KEY: bundle.ca_key,
        LEAF_CERT: bundle.leaf,
        LEAF_KEY: bundle.leaf_key,
    }


def _with_new_leaf(bundle: Bundle, names: Sequence[str], now: datetime, lives: Lives) -> Bundle:
    key = load_pem_private_key(bundle.ca_key, None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)  # a checked bundle of ours has no other
    leaf, leaf_key = _new_leaf(_first(bundle.cas[0]), key, names, now, lives)
    return replace(bundle, leaf=_pem(leaf), leaf_key=_key_pem(leaf_key))


def _new_ca(now: datetime, lives: Lives) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    # The serial number is in the name: two CAs in one bundle must differ by name, or verifiers try only one of them.
    serial = x509.random_serial_number()
    name = _name(f"cdefence CA {serial:x}"[:64])
    usage = _usage(signs_certificates=True)
    certificate = (
        _builder(name, name, key, serial, now, lives.ca)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .sign(key, hashes.SHA256())
    )
    return certificate, key


def _new_leaf(
    ca: x509.Certificate,
    ca_key: ec.EllipticCurvePrivateKey,
    names: Sequence[str],
    now: datetime,
    lives: Lives,
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    life = min(lives.leaf, ca.not_valid_after_utc - now)
    subject = x509.Name([])  # RFC 5280 4.1.2.6: the names are in the extension, which is critical then
    certificate = (
        _builder(subject, ca.subject, key, x509.random_serial_number(), now, life)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=True)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False
        )
        .sign(ca_key, hashes.SHA256())
    )
    return certificate, key


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    serial: int,
    now: datetime,
    life: timedelta,
) -> x509.CertificateBuilder:
    return x509.CertificateBuilder(
        issuer_name=issuer,
        subject_name=subject,
        public_key=key.public_key(),
        serial_number=serial,
        not_valid_before=now - SKEW,
        not_valid_after=now + life,
    ).add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _worn(certificate: x509.Certificate, now: datetime, life: timedelta) -> bool:
    """Whether two thirds of its life are over (of its own, where that is shorter than the rule's)."""
    begun = certificate.not_valid_before_utc + SKEW
    whole = min(life, certificate.not_valid_after_utc - begun)
    return now - begun >= whole * 2 / 3


def _unexpired(cas: Iterable[bytes], now: datetime) -> tuple[bytes, ...]:
    return tuple(ca for ca in cas if _first(ca).not_valid_after_utc > now)


def _first(pem: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pem)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _issued(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True


def _certificates(pem: bytes, name: str, problems: list[Problem]) -> list[x509.Certificate]:
    try:
        return x509.load_pem_x509_certificates(pem)
    except ValueError:
        problems.append(Problem(name, "no PEM certificate", "put the certificates there as PEM"))
        return []


def _key(pem: bytes, name: str, problems: list[Problem]) -> PrivateKeyTypes | None:
    try:
        return load_pem_private_key(pem, None)
    except (ValueError, TypeError):  # TypeError: encrypted
        problems.append(
            Problem(name, "no unencrypted private key in PEM", "put the key of its certificate there")
        )
        return None


def _misfits(
    certificate: x509.Certificate, key: PrivateKeyTypes | None, cert_name: str, key_name: str
) -> Iterable[Problem]:
    assert key is not None
    form = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if key.public_key().public_bytes(*form) != certificate.public_key().public_bytes(*form):
        yield Problem(key_name, f"not the key of {cert_name}", "write both in one update")


def _untimely(certificate: x509.Certificate, now: datetime) -> Iterable[Problem]:
    if now >= certificate.not_valid_after_utc:
        yield Problem(
            LEAF_CERT, f"expired at {certificate.not_valid_after_utc:%Y-%m-%dT%H:%M:%SZ}", "renew it"
        )
    if now < certificate.not_valid_before_utc:
        begin = f"{certificate.not_valid_before_utc:%Y-%m-%dT%H:%M:%SZ}"
        yield Problem(LEAF_CERT, f"not valid before {begin}", "compare the clocks of the nodes")


def _unnamed(certificate: x509.Certificate, names: Sequence[str]) -> Iterable[Problem]:
    try:
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        has = set(found.get_values_for_type(x509.DNSName))
    except x509.ExtensionNotFound:
        has = set()
    for name in names:
        if name not in has and f"*.{name.partition('.')[2]}" not in has:
            yield Problem(LEAF_CERT, f"not for the name {name}", "add it to the subject alternative names")


def _unchained(
    chain: Sequence[x509.Certificate], cas: Sequence[x509.Certificate], now: datetime
) -> Iterable[Problem]:
    """The leaf must lead to one of the CAs by way of the certificates that come with it, all of them still valid."""
    current = chain[0]
    roots, between = (
        [each for each in group if each.not_valid_after_utc > now] for group in (cas, chain[1:])
    )
    while not any(_issued(current, ca) for ca in roots):
        above = next((each for each in between if _issued(current, each)), None)
        if above is None:
            yield Problem(LEAF_CERT, f"not signed by any valid CA in {CA_CERT}", f"put its CA into {CA_CERT}")
            return
        between.remove(above)
        current = above
