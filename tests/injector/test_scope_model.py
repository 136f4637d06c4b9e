"""Who is who: pods, nodes, Services and networks become classes of addresses, change by change, in any order."""

from collections.abc import Callable
from dataclasses import replace
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st

from injector.scope_model import Ground, ScopeModel
from injector.slim import Namespace, Node, Pod, Service, Slice
from sidecar.core.scopes import Entry, Key, PeerClass, ScopeMap

IN, CONNECTED, OUT = PeerClass.IN_SCOPE, PeerClass.CONNECTED_TO, PeerClass.OUT_OF_SCOPE
EXTERNAL, NODE, UNKNOWN = PeerClass.EXTERNAL, PeerClass.NODE, PeerClass.UNKNOWN

GROUND = Ground(("10.244.0.0/16", "10.96.0.0/16", "fd44::/48"), quarantine_s=60)
PAY = Namespace("n1", "pay", opted_in=True)
WEB = Namespace("n2", "web", opted_in=False)


def pod(uid: str, ip: str = "10.244.0.5", scope: PeerClass | None = IN, **more: object) -> Pod:
    facts = Pod(uid, "pay", uid, tuple(ip.split()), scope, injected=True)
    return replace(facts, **more)  # type: ignore[arg-type]


def service(ip: str = "10.96.0.9", *ports: int, uid: str = "s1") -> Service:
    return Service(uid, "pay", "vault", tuple(ip.split()), ports or (443,))


def endpoints(*pairs: str, uid: str = "e1") -> Slice:
    """Endpoints written `address` or `address=uid of its pod`."""
    rows = (pair.partition("=") for pair in pairs)
    return Slice(uid, "pay", "vault", tuple((ip, pod_uid) for ip, _, pod_uid in rows))


@pytest.fixture
def model() -> ScopeModel:
    model = ScopeModel(GROUND)
    model.put_namespace(PAY, 0)
    model.put_namespace(WEB, 0)
    return model


def listed(model: ScopeModel, now: float = 0) -> dict[Key, PeerClass]:
    model.flush(now)
    return dict(model.entries)


# --- what a pod is

PODS = [
    ("what its annotation says", pod("a"), IN),
    ("what its annotation says", pod("a", scope=CONNECTED), CONNECTED),
    ("exempted from injection, but it says what it is", pod("a", injected=False), IN),
    ("opted in, and it does not say", pod("a", scope=None), None),
    ("not opted in: known, and no part of the CDE", pod("a", namespace="web", scope=None), OUT),
    ("not opted in: nobody guards what it says", pod("a", namespace="web"), OUT),
    ("a namespace not heard of", pod("a", namespace="new"), None),
    ("on its node's network it is the node", pod("a", host_network=True), NODE),
    ("it ran to its end", pod("a", finished=True), None),
    ("being deleted, within its grace", pod("a", grace_s=30), IN),
    ("no address yet", pod("a", ip=""), None),
]


@pytest.mark.parametrize(("what", "facts", "expected"), PODS)
def test_what_a_pod_is(model, what, facts, expected):
    """None: not listed, and so `unknown`, as it is an address of the cluster."""
    model.put_pod(facts, 0)
    assert listed(model).get(("10.244.0.5", None)) is expected
    assert model.classify("10.244.0.5", 80, 0) is (expected or UNKNOWN)


def test_both_addresses_of_a_dual_stack_pod(model):
    model.put_pod(pod("a", "10.244.0.5 fd44::5"), 0)
    assert listed(model) == {("10.244.0.5", None): IN, ("fd44::5", None): IN}


def test_a_namespace_opts_in_out_and_goes(model):
    seen = []
    for change in (
        lambda: model.put_pod(pod("a", namespace="web"), 0),
        lambda: model.put_namespace(replace(WEB, opted_in=True), 0),
        lambda: model.put_namespace(WEB, 0),
        lambda: model.drop_namespace(replace(WEB, uid="an older one"), 0),
        lambda: model.drop_namespace(WEB, 0),
    ):
        change()
        seen.append(listed(model).get(("10.244.0.5", None)))
    assert seen == [OUT, IN, OUT, OUT, None]


PROTECTED = [
    ("injected, where we inject", pod("a"), True),
    ("being deleted, it still has streams", pod("a", grace_s=30), True),
    ("not injected", pod("a", injected=False), False),
    ("it looks injected, where we do not inject", pod("a", namespace="web"), False),
    ("ran to its end", pod("a", finished=True), False),
    ("a namespace not heard of", pod("a", namespace="new"), False),
]


@pytest.mark.parametrize(("what", "facts", "expected"), PROTECTED)
def test_who_may_have_the_map(model, what, facts, expected):
    model.put_pod(facts, 0)
    assert (model.protected("a") == facts) is expected
    assert model.protected("b") is None


# --- whose an address is


def test_an_address_that_is_free_is_unknown_for_a_while_outside_the_cluster_s_networks(model):
    model = ScopeModel(replace(GROUND, cluster=()))
    model.put_namespace(PAY, 0)
    model.put_pod(pod("a"), 0)
    assert listed(model, 10) == {("10.244.0.5", None): IN}
    model.drop_pod(pod("a"), 10)
    assert listed(model, 10) == {("10.244.0.5", None): UNKNOWN}
    assert model.next_due == 70
    assert listed(model, 69.9) == {("10.244.0.5", None): UNKNOWN}
    assert listed(model, 70) == {}


def test_an_address_that_is_free_is_simply_not_listed_where_that_means_unknown(model):
    model.put_pod(pod("a"), 0)
    model.flush(0)
    model.drop_pod(pod("a"), 1)
    delta = model.flush(1)
    assert (delta.put, delta.drop) == ({}, (("10.244.0.5", None),))
    assert model.flush(100) is None


def test_the_next_owner_has_the_address_at_once(model):
    model.put_pod(pod("a"), 0)
    model.drop_pod(pod("a"), 1)
    model.put_pod(pod("b", scope=OUT), 1.1)
    assert listed(model, 1.1) == {("10.244.0.5", None): OUT}
    assert listed(model, 100) == {("10.244.0.5", None): OUT}, "the former owner's quarantine is no matter"


def test_a_late_deletion_takes_nothing_from_the_next_owner(model):
    """cilium/cilium#16565: DELETE of the former pod after CREATE of the next one."""
    model.put_pod(pod("a"), 0)
    model.put_pod(pod("b", scope=OUT), 1)
    assert (listed(model, 1), model.conflicts) == ({("10.244.0.5", None): OUT}, (1, 1))
    model.drop_pod(pod("a"), 2)
    assert (listed(model, 2), model.conflicts) == ({("10.244.0.5", None): OUT}, (0, 1))
    assert listed(model, 100) == {("10.244.0.5", None): OUT}


def test_a_finished_job_keeps_its_address_in_its_status_but_no_longer_owns_it(model):
    """kubernetes/kubernetes#92697."""
    model.put_pod(pod("job"), 0)
    model.put_pod(pod("job", finished=True), 1)
    assert listed(model, 1) == {}
    model.put_pod(pod("b", scope=OUT), 2)
    model.put_pod(pod("job", finished=True, name="changed"), 3)
    model.drop_pod(pod("job", finished=True), 4)
    assert listed(model, 4) == {("10.244.0.5", None): OUT}
    assert model.conflicts == (0, 0)


def test_two_live_owners_are_a_conflict_and_the_stricter_wins(model):
    for uid, scope in (("a", IN), ("b", CONNECTED), ("c", OUT)):
        model.put_pod(pod(uid, scope=scope), 0)
    assert (listed(model), model.conflicts) == ({("10.244.0.5", None): OUT}, (1, 1))
    model.drop_pod(pod("c"), 0)
    assert (listed(model), model.conflicts) == ({("10.244.0.5", None): CONNECTED}, (1, 1))
    model.put_pod(pod("b", scope=IN), 0)
    assert (listed(model), model.conflicts) == ({("10.244.0.5", None): IN}, (0, 1))


def test_a_pod_being_deleted_keeps_its_class_for_its_grace_and_no_longer(model):
    model.put_pod(pod("a"), 0)
    model.put_pod(pod("a", grace_s=30), 10)
    model.put_pod(pod("a", grace_s=30, name="its status changed"), 35)
    assert listed(model, 39) == {("10.244.0.5", None): IN}
    assert listed(model, 40) == {}


def test_a_pod_being_deleted_makes_way_for_a_live_one(model):
    model.put_pod(pod("a", scope=OUT, grace_s=30), 0)
    model.put_pod(pod("b"), 1)
    assert (listed(model, 1), model.conflicts) == ({("10.244.0.5", None): IN}, (0, 0))


def test_a_pod_moves_to_another_address(model):
    model.put_pod(pod("a"), 0)
    model.put_pod(pod("a", "10.244.0.6"), 1)
    assert listed(model, 1) == {("10.244.0.6", None): IN}


# --- nodes and networks

K1 = Node("k1", "k1", ("192.168.0.1", "fd00::1"), ("10.244.3.0", "10.244.3.1"), ("10.244.3.0/24",))


def test_a_node_is_its_addresses_and_probably_its_pods_gateway(model):
    model.put_node(K1, 0)
    assert listed(model) == dict.fromkeys(
        [("192.168.0.1", None), ("fd00::1", None), ("10.244.3.0", None), ("10.244.3.1", None)], NODE
    )
    model.put_pod(pod("a", "10.244.3.1"), 0)
    assert listed(model)["10.244.3.1", None] is IN, "a plugin without a bridge gives that address to pods"
    model.drop_node(replace(K1, uid="an older one"), 0)
    assert listed(model)["192.168.0.1", None] is NODE
    model.drop_node(K1, 0)
    assert listed(model) == {("10.244.3.1", None): IN}


def test_a_node_changes_its_address_and_says_the_same_again(model):
    model.put_node(K1, 0)
    model.flush(0)
    model.put_node(replace(K1, ips=("192.168.0.2", "fd00::1")), 0)
    delta = model.flush(0)
    assert (delta.put, delta.drop) == ({("192.168.0.2", None): NODE}, (("192.168.0.1", None),))
    model.put_node(replace(K1, ips=("192.168.0.2", "fd00::1")), 0)
    assert not model.changed


def test_a_pod_that_claims_a_node_s_address_is_a_conflict(model):
    model.put_node(K1, 0)
    model.put_pod(pod("a", "192.168.0.1"), 0)
    assert (listed(model)["192.168.0.1", None], model.conflicts) == (NODE, (1, 1))


def test_networks_of_pods_that_the_operator_did_not_name():
    model = ScopeModel(Ground(cluster=("10.96.0.0/16",)))
    model.put_node(K1, 0)
    assert listed(model)["10.244.3.0/24", None] is UNKNOWN
    assert model.classify("10.244.3.77", None, 0) is UNKNOWN
    model.drop_node(K1, 0)
    assert listed(model) == {}
    assert model.classify("10.244.3.77", None, 0) is EXTERNAL


def test_named_networks_and_what_goes_before_them():
    model = ScopeModel(Ground(("10.0.0.0/8",), {"203.0.113.0/24": CONNECTED, "10.244.0.0/16": OUT}))
    model.put_namespace(PAY, 0)
    model.put_pod(pod("a"), 0)
    model.put_node(K1, 0)
    entries = listed(model)
    assert {key: entries[key] for key in entries if "/" in key[0]} == {
        ("203.0.113.0/24", None): CONNECTED,
        ("10.244.0.0/16", None): OUT,
        ("10.244.3.0/24", None): UNKNOWN,  # what a node says its pods have, goes before the wider one
    }
    asked = ("203.0.113.9", "10.244.9.9", "10.244.0.5", "10.244.3.9", "10.9.9.9", "198.51.100.1")
    assert [model.classify(ip, None, 0) for ip in asked] == [CONNECTED, OUT, IN, UNKNOWN, UNKNOWN, EXTERNAL]


@pytest.mark.parametrize("ground", [Ground(("10.0.0.1/8",)), Ground(networks={"x": IN})])
def test_a_network_that_is_none(ground):
    with pytest.raises(ValueError):
        ScopeModel(ground)


# --- Services

VIP: Key = ("10.96.0.9", 443)
BEHIND = [
    ("nobody", (), UNKNOWN),
    ("one class", ("10.244.0.1=in1", "10.244.0.2=in2"), IN),
    ("the strictest of several", ("10.244.0.1=in1", "10.244.0.3=connected", "10.244.0.4=out"), OUT),
    ("somebody unknown", ("10.244.0.1=in1", "10.244.9.9=gone"), UNKNOWN),
    ("somebody outside the cluster", ("198.51.100.1",), EXTERNAL),
    ("the API server on its node", ("192.168.0.1",), NODE),
    ("an address without its pod's uid is what the address is", ("10.244.0.4",), OUT),
    ("a slice that lies about whose address it is", ("10.244.0.4=in1",), OUT),
    ("a slice that says an address of the world is a pod", ("198.51.100.1=in1",), EXTERNAL),
]


@pytest.mark.parametrize(("what", "pairs", "expected"), BEHIND)
def test_what_a_service_is(model, what, pairs, expected):
    for uid, ip, scope in (
        ("in1", "10.244.0.1", IN),
        ("in2", "10.244.0.2", IN),
        ("connected", "10.244.0.3", CONNECTED),
        ("out", "10.244.0.4", OUT),
    ):
        model.put_pod(pod(uid, ip, scope), 0)
    model.put_node(K1, 0)
    model.put_service(service(), 0)
    model.put_slice(endpoints(*pairs), 0)
    assert listed(model)[VIP] is expected
    assert model.classify("10.96.0.9", 443, 0) is expected
    assert model.classify("10.96.0.9", 80, 0) is UNKNOWN, "a port that it does not have"


def test_every_address_and_port_of_a_service_and_every_slice(model):
    model.put_pod(pod("a"), 0)
    model.put_pod(pod("b", "fd44::6", OUT), 0)
    model.put_service(service("10.96.0.9 fd96::9", 80, 443), 0)
    model.put_slice(endpoints("10.244.0.5=a"), 0)
    vips: list[Key] = [("10.96.0.9", 80), ("10.96.0.9", 443), ("fd96::9", 80), ("fd96::9", 443)]
    assert [listed(model)[vip] for vip in vips] == [IN] * 4
    assert listed(model)["fd96::9", None] is UNKNOWN, "outside the networks of the cluster it must be said"
    model.put_slice(endpoints("fd44::6=b", uid="e2"), 0)
    assert [listed(model)[vip] for vip in vips] == [OUT] * 4
    model.drop_slice(endpoints(uid="e2"), 0)
    assert [listed(model)[vip] for vip in vips] == [IN] * 4


def test_a_headless_service_has_no_address_of_its_own(model):
    model.put_pod(pod("a"), 0)
    model.put_service(service(""), 0)
    model.put_slice(endpoints("10.244.0.5=a"), 0)
    assert listed(model) == {("10.244.0.5", None): IN}


def test_a_service_changes_with_its_pods_ports_and_name(model):
    model.put_slice(endpoints("10.244.0.5=a"), 0)
    model.put_service(service(), 0)
    assert listed(model) == {VIP: UNKNOWN}
    model.put_pod(pod("a"), 0)
    assert listed(model)[VIP] is IN
    model.put_pod(pod("a", scope=OUT), 0)
    assert listed(model)[VIP] is OUT
    model.put_service(service("10.96.0.9", 8443), 0)
    assert set(listed(model)) == {("10.244.0.5", None), ("10.96.0.9", 8443)}
    model.put_service(replace(service(), uid="s2", name="other"), 0)
    model.drop_service(service(uid="s1"), 0)
    assert listed(model) == {("10.244.0.5", None): OUT, VIP: UNKNOWN}


def test_a_rollout_denies_nobody_who_calls_the_service(model):
    """The slice follows its pods a moment later; until then it lists one that is gone already."""
    model.put_service(service(), 0)
    model.put_pod(pod("a"), 0)
    model.put_pod(pod("b", "10.244.0.6"), 0)
    model.put_slice(endpoints("10.244.0.5=a", "10.244.0.6=b"), 0)
    steps: list[tuple[str, Callable[[], None]]] = [
        ("being deleted", lambda: model.put_pod(pod("a", grace_s=1), 1)),
        ("past its grace", lambda: None),
        ("gone", lambda: model.drop_pod(pod("a"), 3)),
        ("out of the slice", lambda: model.put_slice(endpoints("10.244.0.6=b"), 4)),
    ]
    for now, (_, step) in enumerate(steps, 1):
        step()
        assert listed(model, now)[VIP] is IN
        assert ("10.244.0.5", None) not in model.entries or now == 1


def test_an_endpoint_whose_address_has_a_new_owner_is_the_new_owner(model):
    model.put_service(service(), 0)
    model.put_pod(pod("a"), 0)
    model.put_slice(endpoints("10.244.0.5=a"), 0)
    model.drop_pod(pod("a"), 1)
    assert listed(model, 1)[VIP] is IN
    model.put_pod(pod("b", scope=OUT), 2)
    assert listed(model, 2)[VIP] is OUT


def test_an_endpoint_that_nobody_takes_off_is_unknown_in_the_end(model):
    model.put_service(service(), 0)
    model.put_pod(pod("a"), 0)
    model.put_slice(endpoints("10.244.0.5=a"), 0)
    model.drop_pod(pod("a"), 1)
    assert [listed(model, now)[VIP] for now in (1, 60, 61)] == [IN, IN, UNKNOWN]


# --- deltas


def test_a_delta_is_what_changed_and_nothing_else(model):
    model.put_pod(pod("a"), 0)
    model.put_pod(pod("b", "10.244.0.6"), 0)
    model.flush(0)
    model.put_pod(pod("b", "10.244.0.6", OUT), 0)
    model.put_pod(pod("b", "10.244.0.6", IN), 0)
    model.put_pod(pod("a", scope=OUT), 0)
    delta = model.flush(0)
    assert (delta.put, delta.drop, delta.before) == (
        {("10.244.0.5", None): OUT},
        (),
        {("10.244.0.5", None): IN},
    )
    assert model.flush(0) is None


# --- the property: whatever the order, and however it came about

ips = st.integers(1, 4).map("10.244.0.{}".format)
uids = st.sampled_from("abcd")
pods = st.builds(
    Pod,
    uid=uids,
    namespace=st.sampled_from(["pay", "web", "new"]),
    name=st.just("p"),
    ips=st.lists(ips, max_size=2, unique=True).map(tuple),
    scope=st.sampled_from([IN, CONNECTED, OUT, None]),
    injected=st.booleans(),
    host_network=st.booleans(),
    finished=st.booleans(),
    grace_s=st.sampled_from([None, 5.0]),
)
namespaces = st.builds(
    Namespace, uid=st.sampled_from("xy"), name=st.sampled_from(["pay", "web"]), opted_in=st.booleans()
)
nodes = st.builds(
    Node,
    uid=st.sampled_from("jk"),
    name=st.just("n"),
    ips=st.lists(ips, max_size=1).map(tuple),
    gateways=st.lists(ips, max_size=2, unique=True).map(tuple),
    cidrs=st.sampled_from([(), ("10.244.0.0/24",), ("10.5.0.0/24",)]),
)
services = st.builds(
    Service,
    uid=st.sampled_from("st"),
    namespace=st.just("pay"),
    name=st.sampled_from(["vault", "shop"]),
    ips=st.lists(st.integers(1, 2).map("10.96.0.{}".format), max_size=1).map(tuple),
    ports=st.lists(st.sampled_from([80, 443]), max_size=2, unique=True).map(tuple),
)
slices = st.builds(
    Slice,
    uid=st.sampled_from("ef"),
    namespace=st.just("pay"),
    service=st.sampled_from(["vault", "shop"]),
    endpoints=st.lists(st.tuples(ips | st.just("10.5.0.7"), uids | st.just("")), max_size=3).map(tuple),
)
kinds = {"pod": pods, "namespace": namespaces, "node": nodes, "service": services, "slice": slices}
facts = st.sampled_from(sorted(kinds)).flatmap(lambda kind: st.tuples(st.just(kind), kinds[kind]))
events = st.tuples(st.sampled_from(["put", "put", "drop"]), facts, st.integers(0, 20), st.booleans())
grounds = st.sampled_from(
    [GROUND, Ground(), Ground(("10.96.0.0/16",), {"10.244.0.0/30": CONNECTED, "10.5.0.0/16": OUT})]
)


@given(grounds, st.lists(events, max_size=25), st.randoms())
def test_incremental_is_what_a_rebuild_in_any_order_gives(ground, history, chance):
    model, mirror, now = ScopeModel(ground), {}, 0
    alive: dict[tuple[str, str], object] = {}
    for verb, (kind, what), passed, flush in history:
        now += passed
        key = (kind, what.name if kind == "namespace" else what.uid)
        if verb == "put":
            alive[key] = what
        elif key in alive and alive[key].uid == what.uid:
            del alive[key]
        getattr(model, f"{verb}_{kind}")(what, now)
        if flush:
            apply(mirror, model.flush(now))
            assert mirror == model.entries
    apply(mirror, model.flush(inf))

    rebuilt = ScopeModel(ground)
    rows = list(alive.items())
    chance.shuffle(rows)
    for (kind, _), what in rows:
        getattr(rebuilt, f"put_{kind}")(what, 0)
    rebuilt.flush(inf)
    assert mirror == model.entries == rebuilt.entries
    assert model.conflicts[0] == rebuilt.conflicts[0]
    assert model.next_due is None


def apply(mirror, delta):
    if delta is None:
        return
    assert delta.before == {key: mirror.get(key) for key in (*delta.put, *delta.drop)}
    assert all(mirror.get(key) is not scope for key, scope in delta.put.items()), "nothing is told twice"
    mirror.update(delta.put)
    for key in delta.drop:
        del mirror[key]


@given(grounds, st.lists(events, max_size=20))
def test_what_is_asked_is_what_is_told(ground, history):
    """`classify` answers before a flush what the map says after it."""
    model = ScopeModel(ground)
    for verb, (kind, what), _, _ in history:
        getattr(model, f"{verb}_{kind}")(what, 7)
    asked = [(f"10.{net}.0.{host}", port) for net in (244, 96, 5) for host in range(6) for port in (None, 80)]
    before = [model.classify(ip, port, 7) for ip, port in asked]
    model.flush(7)
    entries = (Entry(ip, scope, port) for (ip, port), scope in model.entries.items())
    told = ScopeMap.build(entries, ground.cluster)
    assert before == [told.classify(ip, port) for ip, port in asked]
