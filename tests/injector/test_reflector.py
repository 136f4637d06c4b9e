"""List and watch, as transcripts: what the API server says on the left, what the reflector asks and tells on the right."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager

import pytest

from injector.kube import PODS, KubeError, Resource
from injector.reflector import Kind, Pace, Reflector
from injector.tree import Object

END = object()
"""The server ends the watch, as it does every few minutes."""


def item(uid: str, version: str = "1", **more: object) -> Object:
    return {"metadata": {"uid": uid, "resourceVersion": version}, **more}


def page(version: str, *uids: str, more: str = "") -> Object:
    return {"metadata": {"resourceVersion": version, "continue": more}, "items": [item(uid) for uid in uids]}


def event(what: str, found: Object) -> bytes:
    return json.dumps({"type": what, "object": found}).encode()


def added(uid: str, version: str, **more: object) -> bytes:
    return event("ADDED", item(uid, version, **more))


def deleted(uid: str, version: str) -> bytes:
    return event("DELETED", item(uid, version))


def bookmark(version: str) -> bytes:
    return event("BOOKMARK", {"kind": "Pod", "metadata": {"resourceVersion": version}})


def error(code: int, reason: str) -> bytes:
    return event("ERROR", {"kind": "Status", "code": code, "reason": reason, "message": "so it is"})


EXPIRED = KubeError(410, "Expired", "too old")
BUSY = KubeError(429, "TooManyRequests", "wait")
BROKEN = KubeError(0, "Unreachable", "reset")


class Script:
    """An API server that says what is written down, and a clock that moves when somebody waits."""

    def __init__(self, *steps: object) -> None:
        self._steps: Iterator[object] = iter(steps)
        self.told: list[str] = []
        self.now = 0.0
        self.idle = asyncio.Event()

    async def list(
        self, _: Resource, namespace: str | None, parameters: Mapping[str, str], timeout_s: float
    ) -> Object:
        assert (parameters["limit"], "resourceVersion" in parameters) == ("500", False)
        token = parameters.get("continue")
        self.told.append(f"list {token}" if token else "list")
        step = await self._next()
        if isinstance(step, KubeError):
            raise step
        assert isinstance(step, dict), f"a list where the script has {step}"
        return step

    @asynccontextmanager
    async def watch(
        self, _: Resource, namespace: str | None, parameters: Mapping[str, str], read_timeout_s: float
    ) -> AsyncIterator[AsyncIterator[bytes]]:
        assert parameters["allowWatchBookmarks"] == "true"
        assert 290 <= int(parameters["timeoutSeconds"]) <= 580
        assert read_timeout_s == 150
        self.told.append(f"watch {parameters['resourceVersion']}")
        step = await self._next()
        if isinstance(step, KubeError):
            raise step
        assert isinstance(step, list), f"a watch where the script has {step}"
        yield self._lines(step)

    async def _lines(self, lines: Iterable[object]) -> AsyncIterator[bytes]:
        for line in lines:
            if isinstance(line, float):
                self.now += line
            elif isinstance(line, KubeError):
                raise line
            elif line is not END:
                assert isinstance(line, bytes)
                yield line

    async def _next(self) -> object:
        step = next(self._steps, None)
        if step is None:
            self.idle.set()
            await asyncio.Event().wait()
        return step

    async def sleep(self, seconds: float) -> None:
        self.told.append(f"pause {seconds:g}")
        self.now += seconds

    def put(self, facts: str) -> None:
        self.told.append(f"+{facts}")

    def drop(self, facts: str) -> None:
        self.told.append(f"-{facts}")


def slim(found: Object) -> str:
    uid = found["metadata"]["uid"]  # type: ignore[index,call-overload]
    return f"{uid}{found.get('as', '')}"


async def played(*steps: object) -> tuple[Script, Reflector[str]]:
    script = Script(*steps)
    pace = Pace(lambda: script.now, script.sleep, lambda low, high: 1.0 if low < 1 else low)
    reflector = Reflector(script, Kind(PODS, slim, script.put, script.drop), pace)
    task = asyncio.create_task(reflector.run())
    await script.idle.wait()
    task.cancel()
    await asyncio.wait([task])
    return script, reflector


LONG = 300.0

TRANSCRIPTS = [
    (
        "page by page, then every change, in order",
        [page("", "a", "b", more="t1"), page("7", "c"), [added("d", "8"), deleted("a", "9"), LONG, END]],
        "list | list t1 | +a | +b | +c | watch 7 | +d | -a | watch 9",
    ),
    (
        "bookmarks move the version on, and are no change",
        [page("7"), [bookmark("90"), LONG, END]],
        "list | watch 7 | watch 90",
    ),
    (
        "what says nothing new to us is not told",
        [page("7", "a"), [added("a", "8"), event("MODIFIED", item("a", "9", **{"as": "!"})), LONG, END]],
        "list | +a | watch 7 | +a! | watch 9",
    ),
    (
        "the version has expired inside the stream: list again, tell the difference, deletions first",
        [
            page("7", "a", "b"),
            [LONG, error(410, "Expired")],
            page("90", "b", "c"),
            [LONG, END],
        ],
        "list | +a | +b | watch 7 | pause 0.8 | list | -a | +c | watch 90 | watch 90",
    ),
    (
        "the version has expired before the stream",
        [page("7", "a"), EXPIRED, page("90", "a"), [LONG, END]],
        "list | +a | watch 7 | pause 0.8 | list | watch 90 | watch 90",
    ),
    (
        "expired again and again is no reason to list in a tight loop",
        [page("7"), EXPIRED, page("8"), EXPIRED, page("9"), EXPIRED, page("10"), [LONG, END]],
        "list | watch 7 | pause 0.8 | list | watch 8 | pause 1.6 | list | watch 9 | pause 3.2 | list | watch 10 | watch 10",
    ),
    (
        "a token of a page has expired: from the first page, and nothing of the half list is believed",
        [page("", "a", more="t1"), EXPIRED, page("9", "b"), [LONG, END]],
        "list | list t1 | pause 0.8 | list | +b | watch 9 | watch 9",
    ),
    (
        "another error in the stream: watch again from where it was",
        [page("7"), [added("a", "8"), LONG, error(500, "InternalError")], [LONG, END]],
        "list | watch 7 | +a | pause 0.8 | watch 8 | watch 8",
    ),
    (
        "the connection breaks: nothing is lost and nothing listed",
        [page("7"), [added("a", "8"), LONG, BROKEN], [added("b", "9"), LONG, END]],
        "list | watch 7 | +a | pause 0.8 | watch 8 | +b | watch 9",
    ),
    (
        "refused: each pause is twice as long, up to five seconds",
        [BUSY] * 8,
        (
            "list | pause 0.8 | list | pause 1.6 | list | pause 3.2 | list | pause 5 | list | pause 5 | list | pause 5 | "
            "list | pause 5 | list | pause 5 | list"
        ),
    ),
    (
        "a minute of health makes the pause short again",
        [BUSY, BUSY, page("7"), [LONG, BROKEN], [LONG, END]],
        "list | pause 0.8 | list | pause 1.6 | list | watch 7 | pause 0.8 | watch 7 | watch 7",
    ),
    (
        "a watch that ends at once, every time, is not opened in a tight loop",
        [page("7"), [END], [END], [END], [LONG, END]],
        "list | watch 7 | pause 0.8 | watch 7 | pause 1.6 | watch 7 | pause 3.2 | watch 7 | watch 7",
    ),
    (
        "a line that is no JSON, and one without an object",
        [page("7"), [LONG, b"{"], [LONG, b'{"type":"ADDED"}'], [LONG, END]],
        "list | watch 7 | pause 0.8 | watch 7 | pause 0.8 | watch 7 | watch 7",
    ),
    (
        "an object of the same name is another object: the old one goes first",
        [page("7", "a1"), EXPIRED, page("9", "a2"), [LONG, END]],
        "list | +a1 | watch 7 | pause 0.8 | list | -a1 | +a2 | watch 9 | watch 9",
    ),
    (
        "a deletion of what was never seen",
        [page("7"), [deleted("x", "8"), LONG, END]],
        "list | watch 7 | watch 8",
    ),
    (
        "a list without a version cannot be watched from",
        [{"items": []}, page("7"), [LONG, END]],
        "list | pause 0.8 | list | watch 7 | watch 7",
    ),
]


@pytest.mark.parametrize(("what", "steps", "told"), TRANSCRIPTS, ids=[what for what, _, _ in TRANSCRIPTS])
def test_transcript(what, steps, told):
    script, _ = asyncio.run(played(*steps))
    assert " | ".join(script.told) == told


def test_what_is_counted():
    _, reflector = asyncio.run(played(page("7", "a"), [added("b", "8"), deleted("a", "9"), LONG, BROKEN]))
    counts = reflector.counts
    assert (counts.lists, counts.watches, counts.events, counts.errors, counts.objects) == (1, 1, 2, 1, 1)
    assert counts.bytes == len(added("b", "8")) + len(deleted("a", "9"))


def test_synced_and_blind():
    async def story() -> list[tuple[bool, float]]:
        seen = []
        script = Script(BUSY, page("7"), [LONG, BROKEN])
        reflector = Reflector(script, Kind(PODS, slim, script.put, script.drop), Pace(lambda: script.now))

        async def sleep(seconds: float) -> None:
            seen.append((reflector.synced.is_set(), round(reflector.blind_s, 3)))
            script.now += seconds

        pace = Pace(lambda: script.now, sleep, lambda low, high: 1.0 if low < 1 else low)
        reflector._pace = pace
        script.now = 5.0
        task = asyncio.create_task(reflector.run())
        await script.idle.wait()
        seen.append((reflector.synced.is_set(), round(reflector.blind_s, 3)))
        task.cancel()
        return seen

    assert asyncio.run(story()) == [(False, 5.0), (True, 300.0), (True, 300.8)]
