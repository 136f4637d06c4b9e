"""Certificates as values: ten years in the life of one Secret, and the pairs that are never served."""

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.verification import PolicyBuilder, Store

from injector.certs import (
    Bundle,
    CertificateError,
    Lives,
    as_data,
    checked,
    created,
    renewed,
    rescued,
    with_new_ca,
)

NAMES = ("cdefence-webhook.cdefence-system.svc", "cdefence-scopes.cdefence-system.svc")
T0 = datetime(2026, 1, 1, tzinfo=UTC)
LIVES = Lives()
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def make(now: datetime = T0, lives: Lives = LIVES) -> Bundle:
    return created(NAMES, now, lives)


def leaf_of(bundle: Bundle) -> x509.Certificate:
    return x509.load_pem_x509_certificate(bundle.leaf)


def trusts(client: bytes, served: Bundle, at: datetime) -> bool:
    """Whether a client that was given these CAs accepts what is served, by the rules of the web's PKI (RFC 5280)."""
    store = Store(x509.load_pem_x509_certificates(client))
    verifier = PolicyBuilder().store(store).time(at).build_server_verifier(x509.DNSName(NAMES[0]))
    try:
        verifier.verify(leaf_of(served), [])
    except x509.verification.VerificationError:
        return False
    return True


def complaints(data: dict[str, bytes], at: datetime = T0, own: bool = True) -> list[str]:
    with pytest.raises(CertificateError) as refused:
        checked(data, NAMES, at, own=own)
    return [f"{problem.field}: {problem.what}" for problem in refused.value.problems]


# ---- what is made ------------------------------------------------------------------------------------------


def test_what_is_made_is_accepted_by_strict_verifiers_for_both_services():
    bundle = make()
    assert checked(as_data(bundle), NAMES, T0, own=True) == bundle
    assert trusts(bundle.ca_bundle, bundle, T0)
    leaf = leaf_of(bundle)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert tuple(names.get_values_for_type(x509.DNSName)) == NAMES
    assert isinstance(leaf.public_key(), ec.EllipticCurvePublicKey)
    assert isinstance(leaf.public_key().curve, ec.SECP256R1)
    assert isinstance(leaf.signature_hash_algorithm, hashes.SHA256)
    assert bundle.expires == T0 + 30 * DAY
    assert x509.load_pem_x509_certificate(bundle.cas[0]).not_valid_after_utc == T0 + 3650 * DAY


def test_a_clock_that_is_half_an_hour_behind_does_not_matter():
    assert checked(as_data(make()), NAMES, T0 - HOUR / 2, own=True)


def test_nothing_secret_is_in_its_repr():
    assert "PRIVATE" not in repr(make())


# ---- ten years ---------------------------------------------------------------------------------------------


def test_a_life_of_ten_years():
    """Look every six hours.  Every client that looked at most an hour ago accepts what is served, always."""
    bundle, told, now = make(), [], T0
    client = bundle.ca_bundle  # what clients were given last
    leaves = cas = 0
    while now < T0 + 3650 * DAY:
        fresh = renewed(bundle, NAMES, now, LIVES)
        if fresh is not None:
            leaves += fresh.leaf != bundle.leaf
            cas += fresh.cas[0] != bundle.cas[0]
            told.append((now - T0, len(fresh.cas), fresh.leaf != bundle.leaf, fresh.cas[0] != bundle.cas[0]))
            bundle = fresh
            assert checked(as_data(bundle), NAMES, now, own=True) == bundle
        assert trusts(client, bundle, now), f"a client of the last hour refuses at {now}"
        client = bundle.ca_bundle
        now += 6 * HOUR
    assert cas == 1
    assert leaves == 3650 // 20
    (new_ca,) = [each for each in told if each[3]]
    assert new_ca == (timedelta(days=2433, hours=12), 2, False, True)  # beside the old one, the leaf stays
    following = told[told.index(new_ca) + 1]
    assert following[0] - new_ca[0] == 6 * HOUR  # once it was published for an hour, a leaf of it
    (dropped,) = [each for each in told if each[1] == 1 and each[0] > new_ca[0] and not each[2]]
    assert dropped[0] - new_ca[0] >= 30 * DAY + HOUR


@pytest.mark.parametrize(
    ("age", "leaf_is_new"), [(19 * DAY, False), (20 * DAY - HOUR, False), (20 * DAY, True), (29 * DAY, True)]
)
def test_a_leaf_is_replaced_after_two_thirds_of_its_life(age, leaf_is_new):
    bundle = make()
    fresh = renewed(bundle, NAMES, T0 + age, LIVES)
    assert (fresh is not None) is leaf_is_new
    if fresh is not None:
        assert (fresh.cas, fresh.ca_key) == (bundle.cas, bundle.ca_key)
        assert fresh.expires == T0 + age + 30 * DAY


def test_a_new_ca_is_published_before_a_leaf_of_it_is_served():
    old = make()
    both = with_new_ca(old, T0 + DAY, LIVES)
    assert (len(both.cas), both.cas[1], both.leaf) == (2, old.cas[0], old.leaf)
    assert renewed(both, NAMES, T0 + DAY + HOUR / 2, LIVES) is None
    after = renewed(both, NAMES, T0 + DAY + HOUR, LIVES)
    assert after is not None
    assert after.cas == both.cas
    assert trusts(both.cas[0], after, T0 + DAY + HOUR)


def test_short_lives_follow_the_same_rules():
    lives = Lives(leaf=timedelta(minutes=3))
    bundle = make(T0, lives)
    assert renewed(bundle, NAMES, T0 + timedelta(minutes=1), lives) is None
    assert renewed(bundle, NAMES, T0 + timedelta(minutes=2), lives) is not None


# ---- what is refused ---------------------------------------------------------------------------------------

GOOD, OTHER = as_data(make()), as_data(make())


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"tls.crt": b""}, ["tls.crt: missing or empty"]),
        ({"tls.key": b"", "ca.crt": b""}, ["ca.crt: missing or empty", "tls.key: missing or empty"]),
        ({"ca.key": b""}, ["ca.key: missing or empty"]),
        ({"tls.crt": b"rubbish"}, ["tls.crt: no PEM certificate"]),
        ({"tls.key": GOOD["tls.key"][:60]}, ["tls.key: no unencrypted private key in PEM"]),
        ({"tls.key": OTHER["tls.key"]}, ["tls.key: not the key of tls.crt"]),
        ({"ca.key": OTHER["ca.key"]}, ["ca.key: not the key of ca.crt"]),
        (
            {"ca.crt": OTHER["ca.crt"], "ca.key": OTHER["ca.key"]},
            ["tls.crt: not signed by any valid CA in ca.crt"],
        ),
        (
            {"tls.key": OTHER["tls.key"], "ca.key": OTHER["ca.key"]},
            ["tls.key: not the key of tls.crt", "ca.key: not the key of ca.crt"],
        ),
    ],
)
def test_a_secret_that_is_refused(change, said):
    assert complaints(GOOD | change) == said


@pytest.mark.parametrize(
    ("at", "said"),
    [
        (T0 + 30 * DAY, "tls.crt: expired at 2026-01-31T00:00:00Z"),
        (T0 - 2 * HOUR, "tls.crt: not valid before 2025-12-31T23:00:00Z"),
    ],
)
def test_out_of_its_time(at, said):
    assert complaints(GOOD, at) == [said]


def test_a_leaf_for_other_names():
    other = as_data(created(["else.where.svc", NAMES[1]], T0, LIVES))
    assert complaints(other) == [f"tls.crt: not for the name {NAMES[0]}"]


def test_a_wildcard_counts():
    assert checked(as_data(created(["*.cdefence-system.svc"], T0, LIVES)), NAMES, T0, own=True)


def test_somebody_elses_secret_needs_no_key_of_the_ca():
    without = {key: value for key, value in GOOD.items() if key != "ca.key"}
    assert checked(without, NAMES, T0, own=False).ca_key == b""


def test_errors_hold_no_byte_of_a_key():
    secret_lines = {line for key in ("tls.key", "ca.key") for line in GOOD[key].decode().splitlines()[1:-1]}
    with pytest.raises(CertificateError) as refused:
        checked(GOOD | {"tls.key": GOOD["tls.key"][:90], "ca.key": b"x"}, NAMES, T0, own=True)
    assert not any(line in str(refused.value) for line in secret_lines)


# ---- what is rescued ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change", [{}, {"tls.crt": b"rubbish"}, {"tls.key": b""}, {"tls.key": OTHER["tls.key"]}]
)
def test_a_ca_that_is_good_signs_a_new_leaf_for_one_that_is_not(change):
    at = T0 + 40 * DAY  # the leaf has expired as well
    bundle = rescued(GOOD | change, NAMES, at, LIVES)
    assert bundle is not None
    assert bundle.ca_bundle == GOOD["ca.crt"]
    assert checked(as_data(bundle), NAMES, at, own=True) == bundle


@pytest.mark.parametrize("change", [{"ca.crt": b""}, {"ca.key": b"rubbish"}, {"ca.key": OTHER["ca.key"]}])
def test_without_a_ca_nothing_is_rescued(change):
    assert rescued(GOOD | change, NAMES, T0, LIVES) is None


def test_an_expired_ca_rescues_nothing():
    assert rescued(GOOD, NAMES, T0 + 3651 * DAY, LIVES) is None


def test_openssl_takes_the_bundle(tmp_path):
    bundle = make(datetime.now(UTC))
    (tmp_path / "c").write_bytes(bundle.leaf)
    (tmp_path / "k").write_bytes(bundle.leaf_key)
    ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(tmp_path / "c", tmp_path / "k")
    assert ssl.create_default_context(cadata=bundle.ca_bundle.decode()).cert_store_stats()["x509_ca"] == 1
