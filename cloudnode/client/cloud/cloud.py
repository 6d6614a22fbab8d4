"""One session with a network: calls, writes and subscriptions on whichever nodes answer.

::

    cloud = await Cloud.connect(["ws://one.example:38082", "https://two.example:38081"], network=NETWORK)
    record = (await cloud.call("getrecord", {"account": ..., "collection": "film", "key": "metropolis"})).result
    async for item in await cloud.subscribe("ratings", {"record": ...}):
        ...

Theory of operation. :class:`Nodes` knows where to ask, :class:`Asking` asks elsewhere what fails or is slow,
:class:`Session` says how old an answer may be, :class:`Checker` what is believed. Here they are put together: a call is
one question to many nodes, and only an answer that was checked is shown to the caller.
"""

from __future__ import annotations

import random
import time
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable
from functools import partial
from typing import Any, Literal, TypeVar

import attrs
from twisted.internet.defer import Deferred, gatherResults

from cloudnode.client.client import TIMEOUT, Client
from cloudnode.client.cloud.accusing import Accusation
from cloudnode.client.cloud.asking import Asking
from cloudnode.client.cloud.bykey import connect_by_key
from cloudnode.client.cloud.checking import Checked, check_receipt, read_context, wants_proof
from cloudnode.client.cloud.directory import BY_KEY, Directory, Place, read_place
from cloudnode.client.cloud.errors import BEHIND, AnswerStale, NotEnoughNodes
from cloudnode.client.cloud.nodes import Nodes
from cloudnode.client.cloud.policy import Policy
from cloudnode.client.cloud.session import OF_THE_NODE, Session, goes_back
from cloudnode.client.cloud.subscription import CloudSubscription, Opened
from cloudnode.client.connecting import connect as connect_to_node
from cloudnode.client.errors import ClientError, ConnectionFailed, RemoteError, TimedOut
from cloudnode.client.messages import Answer
from cloudnode.client.places import LogPlace
from cloudnode.client.subscription import Item
from cloudnode.client.writer import SignedOperation, Submitted, Writer, check_result, fetch_genesis
from cloudnode.formats.errors import LedgerError, result_code
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.keys import SigningKey

T = TypeVar("T")

HEDGE = 0.5
"""Seconds, and the least, after which a read is asked at a second node as well."""

HEDGE_LATENCIES = 8
"""The same as a multiple of the first node's latency."""

TOPICS = frozenset({"records", "ratings", "blocks"})
"""What every node tells alike; ``peers`` is of one node alone: see :meth:`cloudnode.client.client.Client.subscribe`."""


class CloudAnswer(Answer, frozen=True, gc=False, kw_only=True):
    """A result.

    :ivar checked: How far it was checked. :ivar url: Who answered. :ivar height: Where it holds; 0 for what holds at no
        height.
    """

    checked: Checked = "none"
    url: str = ""
    height: int = 0


class Denied(RemoteError):
    """It is proven that what was asked for does not exist.

    :ivar checked: As of an answer. :ivar height: Where that holds.
    """

    def __init__(self, error: RemoteError, checked: Checked, height: int) -> None:
        super().__init__(error.code, error.name, error.message, error.data, error.raw_context)
        self.checked = checked
        self.height = height


@attrs.frozen
class _Question:
    method: str
    params: Any
    context: dict[str, Any]
    deadline: float
    proof: bool


class Cloud:
    """A session. Made by :meth:`connect`."""

    def __init__(self, nodes: Nodes, policy: Policy, session: Session, clock: Any, timeout: float) -> None:
        self._nodes = nodes
        self._policy = policy
        self._session = session
        self._clock = clock
        self._timeout = timeout
        self._subscriptions: set[CloudSubscription] = set()
        self._asking: set[Deferred[Any]] = set()
        self._is_closed = False

    @classmethod
    async def connect(
        cls,
        seeds: Iterable[str],
        reactor: Any = None,
        *,
        network: str | None = None,
        verify: str = "proof",
        height: int = 0,
        timeout: float = TIMEOUT,
        on_liar: Callable[[Accusation], object] = lambda accusation: None,
        connect: Callable[[str], Awaitable[Client]] | None = None,
        random_fraction: Callable[[], float] = random.random,
    ) -> Cloud:
        """Begin a session.

        :param seeds: URLs of some nodes, by any transport, or ``node:`` and a key; more are learned from them.
        :param reactor: Twisted's if None.
        :param network: The network's id (the genesis hash), 64 hex digits. None trusts the first seed that answers to
            say which network it is.
        :param verify: ``proof``, ``certificate``, ``quorum:K`` or ``none``: see ``docs/client.md``.
        :param height: Of an earlier session that this one is not to be behind. :param timeout: Seconds that a call may
            take in all. :param on_liar: Told of each node that is left because it lied.
        :param connect: Makes a connection to a URL, in place of :func:`cloudnode.client.connecting.connect`.
        :raises AddressInvalid: A seed is no URL of a node. :raises ValueError: ``verify`` is none of the above.
        :raises ConnectionFailed: No seed answers.
        """
        if reactor is None:
            from twisted.internet import reactor
        policy = Policy.parse(verify)
        directory = Directory(seeds, random_fraction)
        if not len(directory):
            raise ValueError("A session needs the URL of a node at least.")

        async def dial(url: str) -> Client:
            if url.startswith(BY_KEY):
                return await connect_by_key(bytes.fromhex(url.removeprefix(BY_KEY)), await nodes.helpers(), reactor)
            return await connect_to_node(url, reactor)

        def left(place: Place) -> None:
            cloud._leave(place)

        nodes = Nodes(
            directory,
            connect or dial,
            reactor,
            network=None if network is None else bytes.fromhex(network),
            certifies=policy.certifies,
            left=left,
            accused=on_liar,
        )
        cloud = cls(nodes, policy, Session(height), reactor, timeout)
        try:
            await nodes.begin()
        except ClientError:
            await nodes.close()
            raise
        return cloud

    # What is known

    @property
    def network(self) -> str:
        """The network's id in hex."""
        return "" if self._nodes.network is None else self._nodes.network.hex()

    @property
    def height(self) -> int:
        """The newest height that this session was shown: no later answer is older. Of an empty block, which changed
        nothing, it is the height before.
        """
        return self._session.height

    @property
    def places(self) -> list[Place]:
        """All places that are known, the best first; liars last."""
        ranked = self._nodes.directory.rank(self._clock.seconds())
        return ranked + [place for place in self._nodes.directory if place.lie is not None]

    @property
    def routes(self) -> dict[str, str]:
        """Where each open connection leads now, by its place's URL. That is the same, but for a node that was named by
        its key: it is reached at an address of its NAT (``ws+udp://``, ``wss://``), or through a relay (``node ...``).
        """
        return self._nodes.routes

    @property
    def accusations(self) -> list[Accusation]:
        """The nodes that lied so far."""
        return list(self._nodes.accusations)

    def pin(self, *urls: str) -> None:
        """Ask these places alone from now on; all without a URL.

        :raises AddressInvalid: One is none.
        """
        for url in urls:
            self._nodes.directory.learn(read_place(url), is_seed=True)
        self._nodes.pinned = frozenset(map(read_place, urls)) or None

    # Calls

    async def call(
        self, method: str, params: Any = None, context: dict[str, Any] | None = None, *, timeout: float | None = None
    ) -> CloudAnswer:
        """Call a method.

        :param params: A dict or list of JSON values, or a msgspec Struct. :param context: The request's ``context``,
            such as ``at``.
        :param timeout: Seconds, over all nodes that are asked; the session's own if None.
        :raises RemoteError: The answer is this error. :class:`Denied` if it is proven. :raises ClientError: No node
            gave a good answer in time: the last failure.
        """
        seconds = self._timeout if timeout is None else timeout
        is_of_node = method in OF_THE_NODE
        asked = self._session.context(method, context)
        proof = self._policy.proves and not is_of_node and wants_proof(method, params)
        if proof:
            asked["proof"] = True
        question = _Question(method, params, asked, self._clock.seconds() + seconds, proof)
        try:
            answer, place = await self._ask(
                partial(self._answer, question), question.deadline, hedges=method != "submit"
            )
            if self._policy.quorum > 1 and not is_of_node:
                await self._agree(question, answer, place)
        except Denied as denied:
            self._saw(denied.height)
            raise
        self._saw(answer.height)
        return answer

    async def submit(
        self,
        operation: SignedOperation,
        wait: Literal["accepted", "final"] = "final",
        *,
        timeout: float | None = None,
    ) -> Submitted:
        """Submit a signed operation, to as many nodes as it takes.

        :param wait: ``final`` for its place in the log, which is proven if answers are. ``accepted`` for one node's
            receipt.
        :raises Rejected: It was ordered and has no effect. :raises RemoteError: It was not taken.
        :raises ClientError: It is not known to be final in time; it may still become so before its expiry, and may be
            submitted again.
        """
        seconds = self._timeout if timeout is None else timeout
        deadline = self._clock.seconds() + seconds
        while True:
            submitted, place = await self._ask(
                partial(self._submit_at, operation, wait, deadline), deadline, hedges=False
            )
            if submitted.cursor is None:
                return submitted
            if self._policy.proves:
                proven = await self._prove(operation, submitted, place, deadline)
                if proven is None:
                    continue
                submitted = proven
            assert submitted.cursor is not None
            self._session.saw(submitted.cursor.height)
            check_result(submitted)
            return submitted

    async def writer(self, key: SigningKey, now: Callable[[], float] = time.time) -> Writer:
        """What makes operations for a key on this network."""
        checker = self._nodes.checker
        if checker is not None:
            return Writer(checker.genesis, key, lambda: self._nodes.newest, now)

        async def fetch(place: Place) -> Genesis:
            return await fetch_genesis(await self._nodes.connect(place))

        genesis, _ = await self._ask(fetch, self._clock.seconds() + self._timeout, hedges=False)
        return Writer(genesis, key, lambda: self._nodes.newest, now)

    async def subscribe(
        self, topic: str, wanted: dict[str, Any] | None = None, after: LogPlace | None = None
    ) -> CloudSubscription:
        """Be told of changes, each once and in order, as long as it takes.

        :param topic: One of :data:`TOPICS`. :param wanted: The method's ``filter``. :param after: Go on after this
            cursor; from now on if None.
        :raises RemoteError: ``cursor_pruned``: no node has the log from there on.
        """
        if topic not in TOPICS:
            raise ValueError(f"{topic!r} is not what all nodes tell alike: give one of {', '.join(sorted(TOPICS))}.")

        async def begin(cursor: LogPlace) -> Opened:
            return await self._begin(topic, wanted, cursor, None)

        opened = await self._begin(topic, wanted, after, self._clock.seconds() + self._timeout)
        subscription = CloudSubscription(begin, self._take_item, self._subscriptions.discard, opened)
        self._subscriptions.add(subscription)
        return subscription

    async def close(self) -> None:
        """End the session: what is under way fails."""
        self._is_closed = True
        for subscription in list(self._subscriptions):
            await subscription.close()
        for asking in list(self._asking):
            asking.errback(ConnectionFailed("The session was closed."))
        await self._nodes.close()

    # One question

    def _saw(self, height: int) -> None:
        checker = self._nodes.checker
        self._session.saw(height if checker is None else checker.least_height(height))

    async def _ask(
        self,
        ask: Callable[[Place], Coroutine[Deferred[Any], Any, T]],
        deadline: float | None,
        *,
        hedges: bool,
        keeping: bool = False,
        without: Collection[Place] = (),
    ) -> tuple[T, Place]:
        """Ask the best places until one answers.

        :param deadline: In seconds of the clock; None for no end. :param without: Never ask these.
        """
        if self._is_closed:
            raise ConnectionFailed("The session was closed.")

        def choose(tried: Collection[Place]) -> Place | None:
            return self._nodes.choose({*tried, *without}, keeping=keeping)

        first = choose(())
        latency = (first.latency if first is not None else None) or 0.0
        asking = Asking(
            lambda place: Deferred.fromCoroutine(ask(place)),
            choose,
            self._clock,
            timeout=None if deadline is None else max(0.0, deadline - self._clock.seconds()),
            hedge_after=max(HEDGE, HEDGE_LATENCIES * latency) if hedges else None,
            confirms=(lambda error: not isinstance(error, Denied)) if self._policy.certifies else (lambda error: False),
        )
        self._asking.add(asking.done)
        try:
            return await asking.done
        finally:
            self._asking.discard(asking.done)
            asking.stop()

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
            self._nodes.failed(place, error)
            raise
        self._nodes.directory.answered(place)
        if question.method in OF_THE_NODE:
            return CloudAnswer(answer.raw, answer.raw_context, url=place.url)
        return await self._check(question, place, client, answer)

    def _note_refusal(self, place: Place, question: _Question, error: RemoteError) -> None:
        self._nodes.directory.answered(place)
        height = error.data.get("height")
        if error.name in BEHIND and isinstance(height, int):
            self._nodes.directory.told_height(place, height, max(self._nodes.newest, self._session.height))

    async def _check(self, question: _Question, place: Place, client: Client, answer: Answer) -> CloudAnswer:
        checked: Checked = "none"
        height = 0
        try:
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
            raise _not_shown(place, error) from error
        return CloudAnswer(answer.raw, answer.raw_context, checked=checked, url=place.url, height=height)

    async def _check_denial(self, question: _Question, place: Place, client: Client, error: RemoteError) -> ClientError:
        assert self._nodes.checker is not None
        height = 0
        try:
            height = read_context(error.raw_context).height
            if goes_back(question.context, height):
                return self._stale(place, question, height)
            checked = await self._nodes.checker.check_denial(client, question.method, question.params, error)
        except LedgerError as lie:
            return self._nodes.accuse(place, client, lie, question.method, question.params, height)
        except RemoteError as other:
            return _not_shown(place, other)
        return Denied(error, checked, height)

    def _stale(self, place: Place, question: _Question, height: int) -> AnswerStale:
        """An older answer than was asked for; no lie, for it says so."""
        self._nodes.directory.told_height(place, height, max(self._nodes.newest, self._session.height))
        return AnswerStale(f"{place.url} answered {question.method} for height {height}, older than this session.")

    async def _agree(self, question: _Question, answer: CloudAnswer, place: Place) -> None:
        """Have so many other nodes give the same answer at the same height."""
        context = {name: value for name, value in question.context.items() if name != "min_height"}
        same = attrs.evolve(question, context=context | {"at": answer.height})
        asked = {place, *self._same_node(place)}
        agreeing = 1
        while agreeing < self._policy.quorum:
            if self._nodes.choose(asked) is None:
                raise NotEnoughNodes(
                    f"{agreeing} nodes agree on {question.method} at height {answer.height}, "
                    f"{self._policy.quorum} were to: name more nodes."
                )
            other, at = await self._ask(partial(self._answer, same), question.deadline, hedges=False, without=asked)
            asked |= {at, *self._same_node(at)}
            if bytes(other.raw) != bytes(answer.raw):
                raise NotEnoughNodes(
                    f"{place.url} and {at.url} answer {question.method} at height {answer.height} differently, "
                    "and nothing proves which is right."
                )
            agreeing += 1

    def _same_node(self, place: Place) -> list[Place]:
        return [other for other in self._nodes.directory if place.node and other.node == place.node]

    # Writing

    async def _submit_at(
        self, operation: SignedOperation, wait: Literal["accepted", "final"], deadline: float, place: Place
    ) -> Submitted:
        client = await self._nodes.connect(place)
        left = max(0.05, deadline - self._clock.seconds())
        try:
            answer = await client.submit(operation.body, operation.signature, wait, timeout=left)
        except (ConnectionFailed, TimedOut) as error:
            self._nodes.failed(place, error)
            raise
        submitted = answer.decode(Submitted)
        if submitted.id != operation.id.hex() or (wait == "final" and submitted.cursor is None):
            raise _not_shown(place, RemoteError(0, "", "It answered for another operation."))
        checker = self._nodes.checker
        if checker is not None and submitted.cursor is None:
            try:
                check_receipt(checker.genesis.network, operation.id, operation.expiry, submitted.receipt)
            except LedgerError as lie:
                height = self._nodes.newest
                raise self._nodes.accuse(place, client, lie, "submit", {}, height) from lie
        return submitted

    async def _prove(
        self, operation: SignedOperation, told: Submitted, place: Place, deadline: float
    ) -> Submitted | None:
        """What is proven of an operation that a node says to be final; None if the node lied.

        The proof may come from any node; a node that has it in a block can prove it a block later.
        """
        checker, cursor = self._nodes.checker, told.cursor
        assert checker is not None and cursor is not None

        async def prove(at: Place) -> tuple[int, int, int] | None:
            client = await self._nodes.connect(at)
            try:
                return await checker.prove_operation(client, operation.id, operation.expiry, cursor.height)
            except LedgerError as lie:
                raise self._nodes.accuse(at, client, lie, "getproof", {}, cursor.height) from lie

        found, _ = await self._ask(prove, deadline, hedges=True)
        if (
            found is not None
            and found == (cursor.height, cursor.index, found[2])
            and result_code(found[2]) == told.result
        ):
            return told
        lie = LedgerError("proof_row_wrong", "The operation is not where the node says, or has another result.")
        client = await self._nodes.connect(place)
        self._nodes.accuse(place, client, lie, "submit", {}, cursor.height)
        if found is None:
            return None
        return Submitted(told.id, None, LogPlace(found[0], found[1]), result_code(found[2]))

    # Subscriptions

    async def _begin(
        self, topic: str, wanted: dict[str, Any] | None, after: LogPlace | None, deadline: float | None
    ) -> Opened:
        async def subscribe(place: Place) -> Opened:
            client = await self._nodes.connect(place)
            subscription = await client.subscribe(topic, wanted, after)
            if after is None:
                await self._check_height(place, client, subscription.cursor.height)
            return Opened(place, client, subscription)

        opened, _ = await self._ask(subscribe, deadline, hedges=False, keeping=True)
        return opened

    async def _take_item(self, place: Place, client: Client, item: Item) -> None:
        await self._check_height(place, client, item.cursor.height)
        self._saw(item.cursor.height)

    async def _check_height(self, place: Place, client: Client, height: int) -> None:
        """See that a height which a node tells is that of a final block."""
        if self._nodes.checker is None:
            return
        try:
            await self._nodes.checker.check_final(client, height)
        except LedgerError as lie:
            raise self._nodes.accuse(place, client, lie, "getblock", {"height": height, "limit": 1}, height) from lie
        except RemoteError as error:
            raise _not_shown(place, error) from error

    def _leave(self, place: Place) -> None:
        leaving = [Deferred.fromCoroutine(each.leave(place)) for each in list(self._subscriptions)]
        gatherResults(leaving).addErrback(lambda _: None)


def _not_shown(place: Place, error: RemoteError) -> ClientError:
    """A node that answers, and does not bring what its answer is checked with: no lie, and of no use."""
    return ConnectionFailed(f"{place.url} does not show what its answer is checked with: {error.message}")
