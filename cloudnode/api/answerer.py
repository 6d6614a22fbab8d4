"""From the bytes of a message to the bytes of its answer.

Theory of operation. Most calls are reads at the newest height, which wait for nothing: they are answered on the spot,
as bytes, without a Deferred. A call that has to wait gives a Deferred that fires with its answer and never fails. The
answer of a batch waits for the slowest of its calls. One call's failure is that call's answer, whatever happened.

Each call ends in an :data:`_Outcome`, from which the answer is written; errors of every kind become one on the way.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import msgspec
from msgspec import UNSET, Struct
from twisted.internet.defer import CancelledError, Deferred, gatherResults, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.api.calls import Call, Scope
from cloudnode.api.context import (
    ContextWriter,
    check_offered,
    choose_reading,
    proof_members,
    wait_for_height,
)
from cloudnode.api.errors import NOT_FOUND, ApiError, from_ledger
from cloudnode.api.jsonrpc import (
    Request,
    RequestContext,
    check_duplicates,
    decode_request,
    encode_answer,
    encode_error,
    encode_id,
    explain_params,
    explain_request,
    is_batch,
    split_batch,
)
from cloudnode.api.recent import RecentAnswers
from cloudnode.api.served import ServedNode
from cloudnode.api.table import Method
from cloudnode.api.unready import not_serving
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.evidence import SignedAnswer
from cloudnode.ledger.reading import Proof, Reading
from cloudnode.store.connection import DatabaseDamaged

Answer = bytes | None
"""The bytes to send, or None where no answer is wanted."""

_Outcome = tuple[str, bytes, bytes, bytes | None]
"""``ok`` or an error's name; ``result`` or ``error``; that member's JSON; the context without its closing brace."""

_MALFORMED = "malformed"
_UNKNOWN = "unknown"
_encode = msgspec.json.Encoder().encode


class Answerer:
    """Answers messages for all transports alike."""

    _log = Logger()

    def __init__(self, served: ServedNode, timer: Callable[[], float] = perf_counter) -> None:
        """:param timer: Seconds of some clock, for the latency metric."""
        self._served = served
        self._ledger = served.ledger
        self._limits = served.limits
        self._methods = dict(served.table)
        self._timer = timer
        self._context = ContextWriter(served.ledger)
        self._recent: RecentAnswers[_Outcome] = RecentAnswers(served.ledger)

    def answer(self, message: bytes, scope: Scope) -> Answer | Deferred[Answer]:
        """Answer one message: a request or a batch of them."""
        if len(message) > self._limits.message_bytes:
            return self._refuse(ApiError("message_too_large", longest=self._limits.message_bytes), scope)
        if message[:1] != b"{" and is_batch(message):
            return self._answer_batch(message, scope)
        return self._answer_one(message, scope, 1)

    def read(self, name: str, params: dict[str, Any], at: int | None, scope: Scope) -> tuple[int, Any]:
        """Answer a reading method without JSON-RPC around it.

        :param at: The height to answer at, or None for the newest.
        :returns: The height, and the result as a Struct.
        :raises ApiError: Whatever the caller is to be told.
        """
        started, outcome = self._timer(), "ok"
        try:
            if not scope.take(1):
                raise over_rate(scope)
            method = self._methods[name]
            try:
                decoded = msgspec.convert(params, method.params)
            except msgspec.ValidationError as refused:
                raise explain_params(refused, name) from None
            self._check_serving(method)
            reading = choose_reading(self._ledger, method, RequestContext(at=at))
            assert method.read is not None
            return reading.height, method.read(reading, decoded)
        except Exception as raised:
            error = self._explain(raised, name, scope, None)
            outcome = error.name
            raise error from None
        finally:
            scope.meter[name].count(outcome, self._timer() - started)

    def sign_data_hash(self, height: int) -> tuple[SignedAnswer, bytes] | None:
        """This node's signed answer to ``getdatahash`` at a height, and the exact text of the result.

        :returns: None if it can't be answered at this height, or now.
        """
        if self._ledger.state != "serving":
            return None
        method = self._methods["getdatahash"]
        assert method.read is not None
        params = method.params()
        try:
            reading = self._ledger.reading(height)
            text = _encode(method.read(reading, params))
            return self._context.sign(reading, method.name, params, text), text
        except LedgerError:
            return None
        except DatabaseDamaged:
            self._ledger.read_failed(Failure())
            return None

    def _check_serving(self, method: Method[Any]) -> None:
        state = self._ledger.state
        if state != "serving" and not method.always:
            raise not_serving(state, self._served.facts)

    # Messages

    def _answer_batch(self, message: bytes, scope: Scope) -> Answer | Deferred[Answer]:
        try:
            items = split_batch(message, self._limits.batch_length)
        except ApiError as error:
            return self._refuse(error, scope)
        if not scope.take(len(items)):
            return self._refuse(over_rate(scope), scope)
        answers = [self._answer_one(item, scope, 0) for item in items]
        if any(isinstance(answer, Deferred) for answer in answers):
            deferreds = [answer if isinstance(answer, Deferred) else succeed(answer) for answer in answers]
            return gatherResults(deferreds).addCallback(_join)
        return _join(answers)  # type: ignore[arg-type]

    def _refuse(self, error: ApiError, scope: Scope) -> bytes:
        """The answer to a message that no request was found in."""
        if not scope.retry_after:
            scope.take(1)  # garbage is not cheaper than calls
        scope.meter[_MALFORMED].count(error.name, 0.0)
        return encode_answer(b"null", False, b"error", encode_error(error), None)

    def _answer_one(self, message: bytes, scope: Scope, cost: int) -> Answer | Deferred[Answer]:
        started = self._timer()
        try:
            request = decode_request(message)
        except Exception as cause:
            error, request_id, dialect = explain_request(message, cause)
            if cost and not scope.take(cost):
                error = over_rate(scope)
            scope.meter[_MALFORMED].count(error.name, self._timer() - started)
            return encode_answer(encode_id(request_id), dialect, b"error", encode_error(error), None)
        try:
            outcome = self._perform(message, request, scope, cost)
        except Exception as raised:
            outcome = self._failed(raised, request.method, scope)
        if isinstance(outcome, tuple):
            return self._write(request, outcome, scope, started)
        scope.outstanding += 1

        def fail(failure: Failure) -> _Outcome:
            return self._failed(failure.value, request.method, scope, failure)

        def write(outcome: _Outcome) -> Answer:
            scope.outstanding -= 1
            return self._write(request, outcome, scope, started)

        return outcome.addErrback(fail).addCallback(write)

    def _write(self, request: Request, outcome: _Outcome, scope: Scope, started: float) -> Answer:
        name, member, value, context = outcome
        method = request.method if request.method in self._methods else _UNKNOWN
        scope.meter[method].count(name, self._timer() - started)
        if request.jsonrpc == "2.0":
            if request.id is UNSET:
                return None
            return encode_answer(encode_id(request.id), False, member, value, context)
        if not request.context:
            context = None  # Pocketnet's envelope has no fourth member, unless it was asked for
        return encode_answer(encode_id(request.id), True, member, value, context)

    # Calls

    def _perform(self, message: bytes, request: Request, scope: Scope, cost: int) -> _Outcome | Deferred[_Outcome]:
        method = self._methods.get(request.method)
        if cost and not scope.take(cost):
            raise over_rate(scope)
        if method is None:
            raise ApiError("method_unknown")
        params = _decode_params(message, request, method)
        if method.paged and params.limit > self._limits.page_length:  # type: ignore[attr-defined]
            raise ApiError("page_too_long", longest=self._limits.page_length)
        self._check_serving(method)
        if scope.outstanding >= self._limits.outstanding:
            raise ApiError("too_many_outstanding", most=self._limits.outstanding)
        context = request.context
        if not context:
            return self._run(method, params, None, scope)
        check_offered(method, context)
        if context.min_height is not None:
            provable = context.proof or method.provable_height
            waiting = wait_for_height(scope, context.min_height, provable)
            if waiting is not None:
                return waiting.addCallback(lambda _: self._run(method, params, context, scope))
        return self._run(method, params, context, scope)

    def _run(
        self, method: Method[Any], params: Struct, context: RequestContext | None, scope: Scope
    ) -> _Outcome | Deferred[_Outcome]:
        if method.read is not None:
            return self._run_reading(method, params, context)
        assert method.call is not None
        result = method.call(Call(self._served, scope), params)
        if isinstance(result, Deferred):
            return result.addCallback(lambda value: ("ok", b"result", _encode(value), self._context.head()))
        return "ok", b"result", _encode(result), self._context.head()

    def _run_reading(self, method: Method[Any], params: Struct, context: RequestContext | None) -> _Outcome:
        reading = choose_reading(self._ledger, method, context)
        if not method.shared:
            return self._make_reading(method, params, context, reading)
        # Nothing else of the context bears on these answers: they are not signed.
        asked = (method.name, params, reading.height, context is not None and context.proof)
        outcome = self._recent.find(asked)
        if outcome is None:
            outcome = self._make_reading(method, params, context, reading)
            self._recent.keep(asked, outcome, len(outcome[2]) + len(outcome[3] or b""))
        return outcome

    def _make_reading(
        self, method: Method[Any], params: Struct, context: RequestContext | None, reading: Reading
    ) -> _Outcome:
        assert method.read is not None
        name, member, result = "ok", b"result", None
        try:
            result = method.read(reading, params)
            if type(result) is Proof:
                result = proof_members(self._ledger, reading.height, result)
            value = _encode(result)
        except ApiError as error:
            if error.number != NOT_FOUND:
                raise
            # That something does not exist is an answer too: it holds at a height, and may be proved and signed.
            name, member, value = error.name, b"error", encode_error(error)
        text = self._context.at(reading.height)
        if context is not None:
            if context.proof:
                assert method.prove is not None
                text += self._context.proof(reading.height, method.prove(reading, params, result))
            if context.sign:
                text += self._context.signature(reading, method.name, params, value)
        return name, member, value, text

    def _failed(
        self, raised: BaseException | None, method: str, scope: Scope, failure: Failure | None = None
    ) -> _Outcome:
        error = self._explain(raised, method, scope, failure)
        return error.name, b"error", encode_error(error), None

    def _explain(self, raised: BaseException | None, method: str, scope: Scope, failure: Failure | None) -> ApiError:
        if isinstance(raised, ApiError):
            return raised
        if isinstance(raised, LedgerError):
            return from_ledger(raised)
        if isinstance(raised, CancelledError):
            return ApiError("cancelled")
        if failure is None:
            failure = Failure(raised)
        if isinstance(raised, DatabaseDamaged):
            self._ledger.read_failed(failure)
            return ApiError("data_corrupt")
        self._log.failure("{method} failed for {caller}", failure, method=method, caller=scope.caller.address)
        return ApiError("internal_error")


def _decode_params(message: bytes, request: Request, method: Method[Any]) -> Struct:
    """The parameters of a request, by name or by position.

    :raises ApiError: They are not what the method declares.
    """
    raw = request.params
    try:
        if raw is UNSET or bytes(raw) == b"null":
            params: Struct = method.by_name(b"{}")
            found = 0
        else:
            try:
                params = method.by_name(raw)
                found = method.required
                for name, default in method.optional:
                    # What differs from its default was given.
                    found += getattr(params, name) != default
            except msgspec.ValidationError:
                if bytes(raw)[:1] != b"[":
                    raise
                params, found = method.by_position(raw), 0
    except Exception as error:
        raise explain_params(error, method.name) from None
    check_duplicates(message, request, found)
    return params


def over_rate(scope: Scope) -> ApiError:
    """What a caller is told that asks more often than its rate allows."""
    return ApiError("too_many_requests", retry_after=round(scope.retry_after, 3))


def _join(answers: list[Answer]) -> Answer:
    """The answer of a batch: an array, or nothing where all were notifications."""
    wanted = [answer for answer in answers if answer is not None]
    return b"[" + b",".join(wanted) + b"]" if wanted else None
