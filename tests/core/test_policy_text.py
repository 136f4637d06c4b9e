"""Policy files: what they may say becomes the core's rules, what they may not say is told, all of it at once."""

import pytest

from dlp_patterns.model import Confidence
from sidecar.core.allowances import Basis, Condition, Ground, Terms
from sidecar.core.findings import Action, Channel, FindingClass
from sidecar.core.policy import DlpRule, SegmentRule
from sidecar.core.policy_text import PolicyError, parse_policy, version
from sidecar.core.scopes import Mode, PeerClass

HEAD = "apiVersion: cdefence.io/v1\nkind: Policy\n"

FULL = (
    HEAD
    + """
mode: monitor
segmentation:
  - {from: in-scope, to: external, ports: [443, "8000-8002"], action: allow, why: acquirer API}
  - name: quarantine
    from: [out-of-scope, unknown]
    to: [in-scope, connected-to]
    action: deny
  - {to: node, ports: 10250, action: deny, why: the kubelet is nobody's business}
dlp:
  - {class: pan, channel: http1, action: mask}
  - {name: bank, class: [pii, secret], from: in-scope, to: external, confidence: certain, action: block, why: audit 7}
  - {pattern: pci/pan, channel: opaque, action: alert}
  - {class: unscannable, action: block}
  - {action: alert}
"""
)

IN, CONNECTED, OUT = PeerClass.IN_SCOPE, PeerClass.CONNECTED_TO, PeerClass.OUT_OF_SCOPE
EXTERNAL, UNKNOWN, NODE = PeerClass.EXTERNAL, PeerClass.UNKNOWN, PeerClass.NODE


def test_everything_a_policy_can_say():
    file = parse_policy(FULL, "policy.yaml")
    assert file.mode is Mode.MONITOR
    assert file.policy.version == version(FULL)
    assert file.policy.segmentation == (
        SegmentRule(
            "segmentation[0]",
            IN,
            EXTERNAL,
            frozenset({443, 8000, 8001, 8002}),
            allow=True,
            why="acquirer API",
        ),
        SegmentRule("quarantine", OUT, IN),
        SegmentRule("quarantine", OUT, CONNECTED),
        SegmentRule("quarantine", UNKNOWN, IN),
        SegmentRule("quarantine", UNKNOWN, CONNECTED),
        SegmentRule(
            "segmentation[2]", None, NODE, frozenset({10250}), why="the kubelet is nobody's business"
        ),
    )
    sure = Confidence.CERTAIN
    assert file.policy.dlp == (
        DlpRule("dlp[0]", Action.MASK, FindingClass.PAN, channel=Channel.HTTP1),
        DlpRule("bank", Action.BLOCK, FindingClass.PII, None, IN, EXTERNAL, confidence=sure),
        DlpRule("bank", Action.BLOCK, FindingClass.SECRET, None, IN, EXTERNAL, confidence=sure),
        DlpRule("dlp[2]", Action.ALERT, pattern="pci/pan", channel=Channel.OPAQUE),
        DlpRule("dlp[3]", Action.BLOCK, FindingClass.UNSCANNABLE),
        DlpRule("dlp[4]", Action.ALERT),
    )


HASH = "'0123456789abcdef0123456789abcdef'"
TERMS = "owner: payments, expires: 2027-03-31, reason: migration, why: the old gateway"
ALLOWANCES = (
    HEAD
    + f"""
dlp:
  - {{pattern: pci/pan, to: external, atLeast: 50, action: block}}
  - {{class: [pii, secret], atLeast: 3, per: message, ports: 9000, path: /export/*, action: alert}}
exclusions:
  - {{name: monitoring, pattern: pci/pan, values: [{HASH}], why: the card of our own probes}}
  - {{name: debug, path: [/debug/*, /trace], where: $.debug.*, from: node, why: only in the test cluster}}
exceptions:
  - {{name: legacy, class: pan, to: external, ports: "8000-8001", {TERMS}}}
  - {{name: batch, pattern: pci/pan, channel: opaque, action: mask, {TERMS}}}
"""
)


def test_what_a_policy_can_let_pass():
    policy = parse_policy(ALLOWANCES, "policy.yaml").policy
    export = Condition(paths=("/export/*",))
    assert policy.dlp == (
        DlpRule("dlp[0]", Action.BLOCK, None, "pci/pan", destination=EXTERNAL, at_least=50),
        *(
            DlpRule(
                "dlp[1]",
                Action.ALERT,
                klass,
                ports=frozenset({9000}),
                at_least=3,
                per_message=True,
                condition=export,
            )
            for klass in (FindingClass.PII, FindingClass.SECRET)
        ),
    )
    ours, debug = (
        frozenset({0x0123456789ABCDEF}),
        Condition(frozenset(), ("/debug/*", "/trace"), ("$.debug.*",)),
    )
    assert policy.exclusions == (
        DlpRule(
            "monitoring", Action.ALLOW, None, "pci/pan", condition=Condition(ours), basis=Basis.EXCLUSION
        ),
        DlpRule("debug", Action.ALLOW, source=NODE, condition=debug, basis=Basis.EXCLUSION),
    )
    terms = Terms("payments", "2027-03-31", Ground.MIGRATION, "the old gateway")
    excepted = {"basis": Basis.EXCEPTION, "terms": terms}
    assert policy.exceptions == (
        DlpRule(
            "legacy",
            Action.ALERT,
            FindingClass.PAN,
            destination=EXTERNAL,
            ports=frozenset({8000, 8001}),
            **excepted,
        ),
        DlpRule("batch", Action.MASK, None, "pci/pan", channel=Channel.OPAQUE, **excepted),
    )


def test_a_value_that_stands_there_by_mistake_is_not_told():
    with pytest.raises(PolicyError) as caught:
        parse_policy(HEAD + "exclusions:\n- {name: a, why: ours, values: customer-4711}\n", "p")
    assert "4711" not in str(caught.value)


def test_the_version_is_what_the_text_is():
    text = HEAD + "dlp: []\n"
    assert parse_policy(text, "x").policy.version == version(text) == "a52b02d64828"
    assert version(text) != version(text + "\n")


@pytest.mark.parametrize("text", [HEAD, HEAD + "segmentation:\ndlp:\n", HEAD + "segmentation: []\n"])
def test_a_policy_may_be_empty(text):
    file = parse_policy(text, "x")
    assert (file.policy.segmentation, file.policy.dlp, file.mode) == ((), (), None)


PEERS = "in-scope, connected-to, out-of-scope, external, node or unknown"

SELECTORS = "class, pattern, confidence, from, to, ports, channel, path, where"

# One entry, and what the error says.
SEGMENTATION = [
    ("{from: in-scope, to: node}", "segmentation[0].action: is missing; add it"),
    ("{from: in-scope, action: permit}", "segmentation[0].action: is 'permit'; use allow or deny"),
    ("{from: pci, action: deny}", f"segmentation[0].from: is 'pci'; use {PEERS}"),
    ("{from: [in-scope, 7], action: deny}", f"segmentation[0].from[1]: is 7; use {PEERS}"),
    (
        "{to: [], action: deny}",
        "segmentation[0].to: is an empty list; name at least one, or leave the key out",
    ),
    (
        "{to: node, ports: [0], action: deny}",
        "segmentation[0].ports[0]: is 0; write a whole number from 1 to 65535",
    ),
    (
        "{to: node, ports: true, action: deny}",
        "segmentation[0].ports: is true; write a whole number from 1 to 65535",
    ),
    (
        "{to: node, ports: https, action: deny}",
        "segmentation[0].ports: is 'https'; write a port from 1 to 65535, or a range like \"8000-8100\"",
    ),
    (
        '{to: node, ports: "9-8", action: deny}',
        "segmentation[0].ports: is 8; write a whole number from 9 to 65535",
    ),
    (
        '{to: node, ports: "9-70000", action: deny}',
        "segmentation[0].ports: is 70000; write a whole number from 9 to 65535",
    ),
    (
        "{from: in-scope, to: external, action: allow}",
        "segmentation[0].why: is missing; say what this path is needed for (PCI DSS 1.2.5)",
    ),
    ("{from: in-scope, to: node, action: allow, why: ' '}", "segmentation[0].why: is ' '; write some text"),
    (
        "{action: allow, why: all of it}",
        "segmentation[0]: allows every pair of peers; name `from`, `to` or both",
    ),
    (
        "{to: node, port: 80, action: deny}",
        "segmentation[0].port: is no known key; use action, name, from, to, ports or why",
    ),
    ("[in-scope, node]", "segmentation[0]: is no mapping; write `key: value` lines"),
    (
        "{name: Not A Name, to: node, action: deny}",
        "segmentation[0].name: is 'Not A Name'; use a-z, 0-9, '.', '_' and '-', at most 63 of them",
    ),
]
DLP = [
    (
        "{class: pci, action: block}",
        "dlp[0].class: is 'pci'; use pan, test_pan, sad, pii, secret or unscannable",
    ),
    ("{class: pan, action: redact}", "dlp[0].action: is 'redact'; use allow, alert, mask or block"),
    ("{class: pan}", "dlp[0].action: is missing; add it"),
    ("{class: pan, channel: tls, action: block}", "dlp[0].channel: is 'tls'; use http1 or opaque"),
    ("{class: pan, confidence: 0.9, action: block}", "dlp[0].confidence: is 0.9; use likely or certain"),
    ("{pattern: PAN, action: block}", "dlp[0].pattern: is 'PAN'; write a pattern id such as pci/pan"),
    (
        "{pattern: pci/pam, action: block}",
        "dlp[0].pattern: is 'pci/pam', which no pack has; use pci/pan or pii/us_ssn",
    ),
    (
        "{class: [pan, unscannable], action: mask}",
        "dlp[0].action: is 'mask' for content that cannot be read; use alert, block or allow",
    ),
    (
        "{action: allow, why: quiet please}",
        f"dlp[0]: allows every finding on every flow; name at least one of {SELECTORS}",
    ),
    (
        "{class: pan, action: block, why: 4111111111111111}",
        "dlp[0].why: is 411111******1111; write some text",
    ),
]
DLP += [
    ("{class: pii, atLeast: 1, action: block}", "dlp[0].atLeast: is 1; write a whole number from 2 to 1000"),
    (
        "{class: pii, atLeast: many, action: block}",
        "dlp[0].atLeast: is 'many'; write a whole number from 2 to 1000",
    ),
    (
        "{class: pii, per: message, action: block}",
        "dlp[0].per: is there without atLeast; say how many, or leave it out",
    ),
    ("{class: pii, atLeast: 2, per: day, action: block}", "dlp[0].per: is 'day'; use connection or message"),
    (
        "{class: [pii, unscannable], atLeast: 2, action: block}",
        "dlp[0].atLeast: counts content that cannot be read; leave it out: there are no values in it",
    ),
    (
        "{class: pan, ports: [0], action: alert}",
        "dlp[0].ports[0]: is 0; write a whole number from 1 to 65535",
    ),
    (
        "{class: pan, where: payment.card, action: alert}",
        "dlp[0].where: is 'payment.card'; write url, header, header:X-Id, body or a path such as $.debug.* or /order/note",
    ),
    (
        "{class: pan, path: health, action: alert}",
        "dlp[0].path: is 'health'; write a path such as /health or /debug/*",
    ),
]
NARROW = "values, path, where, from, to, ports, channel, pattern"
HASHES = "write what `cdefence exact hash` makes of the value, in quotes"
EXCLUSIONS = [
    (f"{{name: a, values: {HASH}}}", "exclusions[0].why: is missing; add it"),
    (f"{{why: ours, values: {HASH}}}", "exclusions[0].name: is missing; add it"),
    (
        "{name: a, why: ours, values: [4111111111111111]}",
        f"exclusions[0].values[0]: is no keyed hash; {HASHES}",
    ),
    ("{name: a, why: ours, values: '4111111111111111'}", f"exclusions[0].values: is no keyed hash; {HASHES}"),
    (
        "{name: a, why: ours, values: []}",
        "exclusions[0].values: is an empty list; name at least one, or leave the key out",
    ),
    (
        "{name: a, why: quiet, class: pan}",
        f"exclusions[0]: excludes every finding of its class; name at least one of {NARROW}",
    ),
    (
        "{name: a, why: quiet, to: node, action: alert}",
        f"exclusions[0].action: is no known key; use name, why, {SELECTORS} or values",
    ),
]
DAY = "write the last day on which it holds, such as 2027-03-31"
ENTRIES = TERMS.split(", ")
NARROWS = "from, to, ports, channel, path, where, values"
EXCEPTIONS = [
    (f"{{name: a, class: pan, {TERMS}}}", f"exceptions[0]: holds on every flow; name at least one of {NARROWS}"),
    (f"{{name: a, to: node, {TERMS}}}", "exceptions[0]: is for every kind of finding; name class or pattern"),
    (
        f"{{name: a, class: pan, to: node, action: block, {TERMS}}}",
        "exceptions[0].action: is 'block'; use allow, alert or mask",
    ),
    (f"{{class: pan, to: node, {TERMS}}}", "exceptions[0].name: is missing; add it"),
    *[
        (
            f"{{{', '.join(('name: a, class: pan, to: node', *(each for each in ENTRIES if each != entry)))}}}",
            f"exceptions[0].{entry.split(':')[0]}: is missing; add it",
        )
        for entry in ENTRIES
    ],
    (
        "{name: a, class: pan, to: node, " + TERMS.replace("migration", "because") + "}",
        "exceptions[0].reason: is 'because'; use business_need, compensating_control, targeted_risk or migration",
    ),
    *[
        (
            f"{{name: a, class: pan, to: node, {TERMS.replace('2027-03-31', day)}}}",
            f"exceptions[0].expires: is {shown}; {DAY}",
        )
        for day, shown in (("2027-02-29", "'2027-02-29'"), ("never", "'never'"), ("2027", "2027"))
    ],
]  # fmt: skip
WHOLE = [
    ("kind: Policy", "apiVersion: is missing; add it"),
    ("apiVersion: cdefence.io/v2\nkind: Policy", "apiVersion: is 'cdefence.io/v2'; write cdefence.io/v1"),
    ("apiVersion: cdefence.io/v1\nkind: ScopeMap", "kind: is 'ScopeMap'; write Policy"),
    (
        HEAD + "rules: []",
        "rules: is no known key; use apiVersion, kind, mode, segmentation, dlp, exclusions, exceptions or formats",
    ),
    (HEAD + "mode: off", "mode: is 'off'; use discover, monitor or protect"),
    (HEAD + "dlp: {}", "dlp: is {}; write a list"),
    ("", "file: is no mapping; write `key: value` lines"),
    (HEAD + "dlp: ]", "file: is no YAML: did not find expected node content in line 3; correct the syntax"),
]
REFUSED = [
    *[(f"{HEAD}segmentation:\n- {entry}", complaint) for entry, complaint in SEGMENTATION],
    *[(f"{HEAD}dlp:\n- {entry}", complaint) for entry, complaint in DLP],
    *[(f"{HEAD}exclusions:\n- {entry}", complaint) for entry, complaint in EXCLUSIONS],
    *[(f"{HEAD}exceptions:\n- {entry}", complaint) for entry, complaint in EXCEPTIONS],
    *WHOLE,
]


@pytest.mark.parametrize(("text", "complaint"), REFUSED, ids=[complaint for _, complaint in REFUSED])
def test_what_a_policy_may_not_say(text, complaint):
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "policy.yaml", patterns={"pii/us_ssn", "pci/pan"})
    assert str(caught.value) == f"policy.yaml: {complaint}"


def test_all_problems_are_told_at_once():
    text = (
        HEAD
        + "mode: x\nsegmentation:\n- {to: x, action: x}\ndlp:\n- {class: x, action: x}\n- {name: a b, action: x}\n"
    )
    with pytest.raises(PolicyError) as caught:
        parse_policy(text, "p")
    assert [problem.field for problem in caught.value.problems] == [
        "mode",
        "segmentation[0].to",
        "segmentation[0].action",
        "dlp[0].class",
        "dlp[0].action",
        "dlp[1].name",
        "dlp[1].action",
    ]


def test_names_are_unique_over_the_whole_file():
    text = (
        HEAD
        + "segmentation:\n- {name: a, to: node, action: deny}\ndlp:\n- {name: a, class: pan, action: block}\n"
    )
    with pytest.raises(
        PolicyError, match=r"^p: dlp\[0\]\.name: is 'a', like another rule; give each rule its own name$"
    ):
        parse_policy(text, "p")


def test_a_pattern_is_looked_up_where_it_can_be_known():
    text = HEAD + "dlp:\n- {pattern: own/thing, action: block}\n"
    assert parse_policy(text, "p").policy.dlp[0].pattern == "own/thing"
    assert parse_policy(text, "p", {"pci/pan"}).policy.dlp[0].pattern == "own/thing"
