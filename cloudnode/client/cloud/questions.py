"""A session's questions: put to nodes until one answers, each answer checked before it is shown.

Theory of operation. A question is a method with parameters and what is asked of the answer. :class:`Asking` puts it to
one place after the other; here is what happens at a place, what becomes of an answer that is old, false or refused, and
how several nodes are made to agree.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Coroutine
from functools import partial
from typing import Any, TypeVar

import attrs
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from cloudnode.client.client import Client
from cloudnode.client.cloud.answers import CloudAnswer, Denied
from cloudnode.client.cloud.asking import Asking
from cloudnode.client.cloud.checking import Checked, read_context, wants_proof
from cloudnode.client.cloud.directory import Place
from cloudnode.client.cloud.errors import BEHIND, AnswerStale, NotEnoughNodes, SessionClosed, not_shown, reading, remedy
from cloudnode.client.cloud.nodes import Nodes
from cloudnode.client.cloud.policy import Policy
from cloudnode.client.cloud.session import OF_THE_NODE, Session, goes_back
from cloudnode.client.errors import ClientError, ConnectionFailed, RemoteError, TimedOut
from cloudnode.client.messages import Answer
from cloudnode.formats.errors import LedgerError

T = TypeVar("T")

HEADER_SECONDS = 6.0
"""Seconds that a node may take to show a block's header; where a second one can be asked, it is much earlier."""

HEDGE = 0.5
"""Seconds, and the least, after which a read is asked at a second node as well."""

HEDGE_LATENCIES = 8
"""The same as a multiple of the first node's latency."""


@attrs.frozen
class _Question:
    method: str
    params: Any
    context: dict[str, Any]
    deadline: float
    proof: bool


class Questions:
    """Asks nodes for a session."""

    def __init__(self, nodes: Nodes, policy: Policy, session: Session, clock: Any) -> None:
        self._nodes = nodes
        self._policy = policy
        self._session = session
        self._clock = clock
        self._asking: set[Deferred[Any]] = set()
        self._is_closed = False

    def close(self) -> None:
        """Ask no more; what is under way fails."""
        self._is_closed = True
        for asking in list(self._asking):
            asking.errback(SessionClosed())

    # Calls

    async def call(self, method: str, params: Any, context: dict[str, Any] | None, seconds: float) -> CloudAnswer:
        """Call a method; the session does not see yet what is shown.

        :param context: What the caller wants of the answer. :param seconds: Over all nodes that are asked.
        :raises ClientError: As :meth:`cloudnode.client.cloud.cloud.Cloud.call`.
        """
        is_of_node = method in OF_THE_NODE
        asked = self._session.context(method, context)
        proof = self._policy.proves and not is_of_node and wants_proof(method, params)
        if proof:
            asked["proof"] = True
        question = _Question(method, params, asked, self._clock.seconds() + seconds, proof)
        answer, place = await self.ask(partial(self._answer, question), question.deadline, hedges=method != "submit")
        if self._policy.quorum > 1 and not is_of_node:
            return await self._agree(question, answer, place)
        return answer

    async def ask(
        self,
        ask: Callable[[Place], Coroutine[Deferred[Any], Any, T]],
        deadline: float | None,
        *,
        hedges: bool,
        least_hedge: float = HEDGE,
        keeping: bool = False,
        without: Collection[Place] = (),
    ) -> tuple[T, Place]:
        """Ask the best places until one answers.

        :param deadline: In seconds of the clock; None for no end. :param hedges: Whether a second place is asked when
            the first is slow. :param least_hedge: Seconds after which it is slow, at least. :param keeping: Whether the
            place must keep its connection. :param without: Never ask these.
        :returns: What ``ask`` gave, and the place.
        :raises ClientError: The last failure.
        """
        if self._is_closed:
            raise SessionClosed()

        def choose(tried: Collection[Place]) -> Place | None:
            return self._nodes.choose({*tried, *without}, keeping=keeping)

        first = choose(())
        latency = (first.latency if first is not None else None) or 0.0
        asking = Asking(
            lambda place: Deferred.fromCoroutine(ask(place)),
            choose,
            self._clock,
            timeout=None if deadline is None else max(0.0, deadline - self._clock.seconds()),
            hedge_after=max(least_hedge, HEDGE_LATENCIES * latency) if hedges else None,
            confirms=_is_mere_word if self._policy.certifies else (lambda error: False),
            same_node=self.same_node,
        )
        self._asking.add(asking.done)
        try:
            return await asking.done
        finally:
            self._asking.discard(asking.done)
            asking.stop()

    async def work_at(
        self,
        place: Place,
        work: Callable[[Client], Coroutine[Deferred[Any], Any, T]],
        method: str,
        params: Any,
        height: int,
        seconds: float | None = None,
    ) -> T:
        """Have something done at a place that checks by itself what it is told.

        :param method: :param params: What the place is accused of having answered falsely, if ``work`` raises a
            ``LedgerError``. :param height: Where the answer was to hold. :param seconds: For all of it; None for as
            long as its calls take.
        :raises ClientError: It failed, or the place lied and is left.
        """
        client = await self._nodes.connect(place)
        try:
            with reading(place.url):
                working = Deferred.fromCoroutine(work(client))
                if seconds is not None:
                    working.addTimeout(seconds, self._clock, onTimeoutCancel=partial(_took_long, place.url, method))
                done = await working
        except LedgerError as lie:
            raise self._nodes.accuse(place, client, lie, method, params, height) from lie
        except RemoteError as error:
            if remedy(error) == "none":
                failure = not_shown(place.url, error)
                self._nodes.failed(place, failure, method)
                raise failure from error
            raise
        except (ConnectionFailed, TimedOut) as error:
            self._nodes.failed(place, error, method)
            raise
        self._nodes.directory.answered(place, method=method)
        return done

    def same_node(self, place: Place) -> set[Place]:
        """A place, and the others of the same node as far as that is proven."""
        return {place} | self._nodes.directory.of_node(place.signer)

    # At one place

    async def _answer(self, question: _Question, place: Place) -> CloudAnswer:
        """Ask one place, and check what it answers."""
        client = await self._nodes.connect(place)
        left = max(0.05, question.deadline - self._clock.seconds())
        try:
            answer = await client.call(question.method, question.params, question.context or None, timeout=left)
        except RemoteError as error:
            self._note_refusal(place, question, error)
            if question.proof and error.code == -5 and error.raw_context:
                raise await self._check_denial(question, place, client, error) from error
            raise
        except (ConnectionFailed, TimedOut) as error:
            self._nodes.failed(place, error, question.method)
            raise
        if question.method in OF_THE_NODE:
            self._nodes.directory.answered(place, method=question.method)
            return CloudAnswer(answer.raw, answer.raw_context, url=place.url)
        checked = await self._check(question, place, client, answer)
        self._nodes.directory.answered(place, method=question.method)
        return checked

    def _note_refusal(self, place: Place, question: _Question, error: RemoteError) -> None:
        self._nodes.directory.answered(place, method=question.method)
        height = error.data.get("height")
        if error.name in BEHIND and isinstance(height, int):
            self._nodes.directory.told_height(place, height, max(self._nodes.newest, self._session.height))

    async def _check(self, question: _Question, place: Place, client: Client, answer: Answer) -> CloudAnswer:
        checked: Checked = "none"
        height = 0
        try:
            with reading(place.url):
                height = read_context(bytes(answer.raw_context)).height
                if goes_back(question.context, height):
                    raise self._stale(place, question, height)
                if self._nodes.checker is not None:
                    checked = await self._nodes.checker.check(
                        client, question.method, question.params, answer, proof=question.proof
                    )
        except LedgerError as lie:
            raise self._nodes.accuse(place, client, lie, question.method, question.params, height) from lie
        except RemoteError as error:
            failure = not_shown(place.url, error)
            self._nodes.failed(place, failure, question.method)
            raise failure from error
        except (ConnectionFailed, TimedOut) as error:
            self._nodes.failed(place, error, question.method)
            raise
        return CloudAnswer(answer.raw, answer.raw_context, checked=checked, url=place.url, height=height)

    async def _check_denial(self, question: _Question, place: Place, client: Client, error: RemoteError) -> ClientError:
        assert self._nodes.checker is not None
        height = 0
        try:
            with reading(place.url):
                height = read_context(error.raw_context).height
                if goes_back(question.context, height):
                    return self._stale(place, question, height)
                checked = await self._nodes.checker.check_denial(client, question.method, question.params, error)
        except LedgerError as lie:
            return self._nodes.accuse(place, client, lie, question.method, question.params, height)
        except RemoteError as other:
            return not_shown(place.url, other)
        return Denied(error, checked, height)

    def _stale(self, place: Place, question: _Question, height: int) -> AnswerStale:
        """An older answer than was asked for; no lie, for it says so."""
        self._nodes.directory.told_height(place, height, max(self._nodes.newest, self._session.height))
        return AnswerStale(f"{place.url} answered {question.method} for height {height}, older than this session.")

    # Several nodes

    async def _agree(self, question: _Question, first: CloudAnswer, place: Place) -> CloudAnswer:
        """The answer that so many nodes give, byte for byte at one height: others are asked until they are that many,
        however many answer something else, are behind or fail. A node counts once, by the key that it signs with.

        :raises NotEnoughNodes: They are not that many.
        """
        context = {name: value for name, value in question.context.items() if name != "min_height"}
        same = attrs.evolve(question, context=context | {"at": first.height})
        given: dict[bytes, list[CloudAnswer]] = {}
        counted: set[str] = set()
        asked = {place}
        answer = first
        while True:
            try:
                node = await self._nodes.identify(place)
            except ClientError:
                node = ""  # nobody in particular: it counts for nothing
            if node and node not in counted:
                counted.add(node)
                group = given.setdefault(bytes(answer.raw), [])
                group.append(answer)
                if len(group) >= self._policy.quorum:
                    return group[0]
            asked |= self.same_node(place)
            if self._nodes.choose(asked) is None:
                raise self._disagreement(question, first.height, given, "name more nodes")
            try:
                answer, place = await self.ask(
                    partial(self._answer, same), question.deadline, hedges=False, without=asked
                )
            except Denied:
                raise
            except ClientError as error:
                raise self._disagreement(question, first.height, given, error.message) from error

    def _disagreement(
        self, question: _Question, height: int, given: dict[bytes, list[CloudAnswer]], reason: str
    ) -> NotEnoughNodes:
        groups = " and ".join(f"{count}" for count in sorted(map(len, given.values()), reverse=True)) or "no"
        told = f"{groups} nodes give different answers" if len(given) > 1 else f"{groups} nodes agree"
        return NotEnoughNodes(
            f"{told} to {question.method} at height {height}, {self._policy.quorum} were to agree: {reason}"
        )


def _is_mere_word(error: RemoteError) -> bool:
    """Whether nothing proves a refusal, or not all of it."""
    return not isinstance(error, Denied) or error.checked == "partly"


def _took_long(url: str, method: str, result: Any, seconds: float) -> Any:
    """For ``Deferred.addTimeout``."""
    if isinstance(result, Failure) and result.check(CancelledError):
        raise TimedOut(f"{url} did not answer {method} in {seconds:g} seconds.")
    return result
