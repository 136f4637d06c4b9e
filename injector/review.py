"""AdmissionReview (admission.k8s.io/v1): the API server's question as a typed request, our answer as bytes.

What belongs here: the two shapes, and the way from one to the other through `eligible`, `mutate` and `patch`.  What
never does: HTTP (server.py), logging and counting; whoever calls gets an `Outcome` to tell.

There is always an answer.  What cannot be read, and what goes wrong here, is a denial with a message, because a
webhook that says nothing leaves the person who waits for a pod with "failed calling webhook".
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from injector import mutate, patch
from injector.eligible import Inject, Place, Reason, Reject, Skip, judge
from injector.patch import Operation
from injector.recipe import Recipe
from injector.tree import Node, Object, ShapeError, mapping, text

API_VERSION: Final = "admission.k8s.io/v1"
KIND: Final = "AdmissionReview"
_BAD_REQUEST, _FORBIDDEN, _UNPROCESSABLE, _INTERNAL = 400, 403, 422, 500
_LONGEST_WARNING: Final = 256
"""The API server cuts longer ones."""


class MalformedError(ValueError):
    """The body is no AdmissionReview; `uid` is the request's, if it has one all the same."""

    def __init__(self, what: str, uid: str = "") -> None:
        super().__init__(what)
        self.uid = uid


@dataclass(frozen=True, slots=True)
class Request:
    """What the API server asks."""

    uid: str
    operation: str
    kind: str
    subresource: str
    namespace: str
    object: Object

    @property
    def creates_pod(self) -> bool:
        """Whether this is what the webhook is registered for."""
        return (self.operation, self.kind, self.subresource) == ("CREATE", "Pod", "")


@dataclass(frozen=True, slots=True)
class Response:
    """What we answer."""

    uid: str
    allowed: bool
    message: str = ""
    """Why not."""
    code: int = _FORBIDDEN
    operations: tuple[Operation, ...] = ()
    warnings: tuple[str, ...] = ()
    audit: Mapping[str, str] = field(default_factory=dict)

    def encode(self) -> bytes:
        """The AdmissionReview."""
        response: Object = {"uid": self.uid, "allowed": self.allowed}
        if not self.allowed:
            response["status"] = {"code": self.code, "message": self.message}
        if self.operations:
            operations = json.dumps(self.operations, separators=(",", ":")).encode()
            response |= {"patchType": "JSONPatch", "patch": base64.b64encode(operations).decode()}
        if self.warnings:
            response["warnings"] = [warning[:_LONGEST_WARNING] for warning in self.warnings]
        if self.audit:
            response["auditAnnotations"] = dict(self.audit)
        return json.dumps({"apiVersion": API_VERSION, "kind": KIND, "response": response}).encode()


class Result(StrEnum):
    """How an admission went, for metrics and the log."""

    INJECTED = "injected"
    UNCHANGED = "unchanged"
    """It has the very sidecar that it would get: asked again."""
    SKIPPED = "skipped"
    REJECTED = "rejected"
    MALFORMED = "malformed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer and what there is to tell about it."""

    response: Response
    result: Result
    reason: Reason | None = None
    namespace: str = ""
    pod: str = ""
    """Its name, or the prefix that its name is made from."""
    failure: str = ""
    """For FAILED: what kind of error where; never a value of the request."""

    @property
    def body(self) -> bytes:
        """The answer for the wire."""
        return self.response.encode()


def parse(body: bytes) -> Request:
    """The request in an AdmissionReview.  Raises MalformedError."""
    try:
        review: Node = json.loads(body)
    except (ValueError, RecursionError):
        raise MalformedError("the body is no JSON") from None
    if not isinstance(review, dict):
        raise MalformedError("the body is no JSON object")
    if (review.get("apiVersion"), review.get("kind")) != (API_VERSION, KIND):
        raise MalformedError(f"the body is no {KIND} of {API_VERSION}")
    uid = ""
    try:
        request = mapping(review, "request")
        uid = text(request, "uid")
        return _request(uid, request)
    except ShapeError as error:
        raise MalformedError(str(error), uid) from None


def _request(uid: str, request: Object) -> Request:
    if not uid:
        raise MalformedError("the request has no uid")
    return Request(
        uid=uid,
        operation=text(request, "operation"),
        kind=text(mapping(request, "kind"), "kind"),
        subresource=text(request, "subResource"),
        namespace=text(request, "namespace"),
        object=mapping(request, "object"),
    )


def answer(body: bytes, recipe: Recipe) -> Outcome:
    """The answer to whatever the webhook was sent."""
    try:
        request = parse(body)
    except MalformedError as error:
        refusal = Response(error.uid, False, f"cdefence cannot read this request: {error}", _BAD_REQUEST)
        return Outcome(refusal, Result.MALFORMED)
    try:
        return admit(request, recipe)
    except ShapeError as error:
        refusal = Response(request.uid, False, f"cdefence cannot read this pod: {error}", _UNPROCESSABLE)
        return Outcome(refusal, Result.MALFORMED, None, request.namespace)
    except Exception as error:  # noqa: BLE001 - whatever it is, an answer has to go out, and a closed one
        why = "cdefence could not decide about this pod, so it is refused; the controller's log says more"
        refusal = Response(request.uid, False, why, _INTERNAL)
        return Outcome(refusal, Result.FAILED, None, request.namespace, failure=_where(error))


def _where(error: Exception) -> str:
    """Kind and place of an error.  Its text might quote the pod."""
    last = error.__traceback__
    while last is not None and last.tb_next is not None:
        last = last.tb_next
    place = f" in {last.tb_frame.f_code.co_name}, line {last.tb_lineno}" if last else ""
    return f"{type(error).__name__}{place}"


def admit(request: Request, recipe: Recipe) -> Outcome:
    """The decision about one request.  Raises ShapeError if its object is no pod."""
    if not request.creates_pod:
        return Outcome(
            _allowed(request, Reason.NOT_A_POD), Result.SKIPPED, Reason.NOT_A_POD, request.namespace
        )
    pod, meta = request.object, mapping(request.object, "metadata")
    name = text(meta, "name") or text(meta, "generateName")
    match judge(pod, Place(request.namespace)):
        case Skip(reason):
            return Outcome(_allowed(request, reason), Result.SKIPPED, reason, request.namespace, name)
        case Reject() as no:
            audit = {"decision": Result.REJECTED.value, "reason": no.reason.value}
            refusal = Response(request.uid, False, no.text(), audit=audit)
            return Outcome(refusal, Result.REJECTED, no.reason, request.namespace, name)
        case Inject() as yes:
            response = _injected(request, yes, recipe)
            result = Result.INJECTED if response.operations else Result.UNCHANGED
            return Outcome(response, result, None, request.namespace, name)


def _allowed(request: Request, reason: Reason) -> Response:
    audit = {"decision": Result.SKIPPED.value, "reason": reason.value}
    return Response(request.uid, True, audit=audit)


def _injected(request: Request, decision: Inject, recipe: Recipe) -> Response:
    done = mutate.inject(request.object, decision.options, recipe)
    return Response(
        request.uid,
        True,
        operations=tuple(patch.difference(request.object, done.pod)),
        warnings=(*decision.warnings, *done.warnings),
        audit={
            "decision": Result.INJECTED.value,
            "scope": decision.options.pci_scope.value,
            "mode": decision.options.mode.value,
            "hash": done.record.hash,
        },
    )
