"""Who asks: only a pod's token for our audience counts, it is asked about once, and it appears nowhere."""

import asyncio

import pytest

from injector.kube import TOKEN_REVIEWS, KubeError, Resource
from injector.token_review import Asker, Reviewer, asker_of
from injector.tree import Object

POD = "authentication.kubernetes.io/pod-name"
UID = "authentication.kubernetes.io/pod-uid"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.e30.c2ln"


def status(**more):
    """What the API server says about a projected token; a field that is `...` is left out."""
    user = {"username": "system:serviceaccount:pay:default", "extra": {POD: ["vault-0"], UID: ["u1"]}}
    fields = {"authenticated": True, "audiences": ["cdefence"], "user": user} | more
    return {key: value for key, value in fields.items() if value is not ...}


def user(username="system:serviceaccount:pay:default", **extra):
    return {"username": username, "extra": extra}


BOUND = {POD: ["vault-0"], UID: ["u1"]}
ANSWERS = [
    ("a pod's token for us", status(), Asker("u1", "pay", "vault-0")),
    ("for us and others", status(audiences=["api", "cdefence"]), Asker("u1", "pay", "vault-0")),
    ("not valid", status(authenticated=False), None),
    ("it does not say", status(authenticated=...), None),
    ("valid in some other sense", status(authenticated="true"), None),
    ("valid, but", status(error="token expired"), None),
    ("for another audience", status(audiences=["https://kubernetes.default.svc"]), None),
    ("a server that ignores audiences", status(audiences=...), None),
    ("no audience at all", status(audiences=[]), None),
    ("an audience that only begins like ours", status(audiences=["cdefence.io"]), None),
    ("audiences that are a text with ours in it", status(audiences="cdefence"), None),
    ("a user", status(user=user("jane", **BOUND)), None),
    ("a node", status(user=user("system:node:k1", **BOUND)), None),
    ("a token that is bound to no pod", status(user=user()), None),
    ("bound to a pod without a uid", status(user=user(**{POD: ["vault-0"]})), None),
    ("bound to two pods", status(user=user(**{POD: ["a", "b"], UID: ["u1"]})), None),
    ("nothing", None, None),
    ("no object", [], None),
]


@pytest.mark.parametrize(("what", "found", "asker"), ANSWERS)
def test_what_an_answer_says(what, found, asker):
    assert asker_of(found) == asker


class Answering:
    """An API server that answers from a list, and a clock."""

    def __init__(self, *answers: object) -> None:
        self._answers = list(answers)
        self.asked: list[Object] = []
        self.now = 0.0

    async def create(self, resource: Resource, body: Object, namespace: str | None = None) -> Object:
        assert (resource, namespace) == (TOKEN_REVIEWS, None)
        self.asked.append(body)
        await asyncio.sleep(0)
        answer = self._answers.pop(0)
        if isinstance(answer, KubeError):
            raise answer
        return {"status": answer}


def test_the_question_has_our_audience():
    kube = Answering(status())
    asyncio.run(Reviewer(kube).asker(TOKEN))
    assert kube.asked == [
        {
            "apiVersion": "authentication.k8s.io/v1",
            "kind": "TokenReview",
            "spec": {"token": TOKEN, "audiences": ["cdefence"]},
        }
    ]


@pytest.mark.parametrize("token", ["", "x" * 16_385, "tök"])
def test_what_is_no_token_is_not_asked_about(token):
    kube = Answering()
    assert asyncio.run(Reviewer(kube).asker(token)) is None


@pytest.mark.parametrize(("answer", "lasts"), [(status(), 60), (status(authenticated=False), 10)])
def test_an_answer_is_remembered_for_a_while(answer, lasts):
    async def story():
        kube = Answering(answer, answer)
        reviewer = Reviewer(kube, lambda: kube.now)
        first = await reviewer.asker(TOKEN)
        kube.now = lasts - 0.001
        assert await reviewer.asker(TOKEN) == first
        assert len(kube.asked) == 1
        kube.now = lasts
        assert await reviewer.asker(TOKEN) == first
        assert len(kube.asked) == 2
        assert TOKEN not in repr(vars(reviewer))
        return reviewer.counts

    counts = asyncio.run(story())
    assert (counts.reviews, counts.remembered) == (2, 1)


def test_many_at_once_ask_once_and_one_that_gives_up_disturbs_nobody():
    async def story():
        kube = Answering(status())
        reviewer = Reviewer(kube)
        tasks = [asyncio.create_task(reviewer.asker(TOKEN)) for _ in range(5)]
        await asyncio.sleep(0)
        tasks[0].cancel()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError)
        assert {asker.uid for asker in found[1:]} == {"u1"}
        assert len(kube.asked) == 1

    asyncio.run(story())


def test_an_api_server_that_cannot_be_asked_is_no_refusal():
    async def story():
        kube = Answering(KubeError(0, "Unreachable", "reset"), status())
        reviewer = Reviewer(kube)
        with pytest.raises(KubeError):
            await reviewer.asker(TOKEN)
        assert (await reviewer.asker(TOKEN)).uid == "u1"
        assert (reviewer.counts.errors, reviewer.counts.refused) == (1, 0)

    asyncio.run(story())


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr("injector.token_review._MAX_ANSWERS", 3)

    async def story():
        kube = Answering(*[status()] * 6)
        reviewer = Reviewer(kube, lambda: 0.0)
        for token in ("a", "b", "c", "d", "d", "c", "a"):
            await reviewer.asker(token)
        return [body["spec"]["token"] for body in kube.asked]

    assert asyncio.run(story()) == ["a", "b", "c", "d", "a"]
