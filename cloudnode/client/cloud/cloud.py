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
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Literal

import msgspec
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.defer import TimeoutError as DeferTimeoutError

from cloudnode.client.client import TIMEOUT, Client
from cloudnode.client.cloud.accusing import Accusation
from cloudnode.client.cloud.answers import CloudAnswer, Denied
from cloudnode.client.cloud.bykey import ByKey
from cloudnode.client.cloud.censorship import Censorship
from cloudnode.client.cloud.checking import Checked, Checker
from cloudnode.client.cloud.directory import BY_KEY, Directory, Place, read_place
from cloudnode.client.cloud.errors import AnswerStale, SessionClosed
from cloudnode.client.cloud.log import ProvenLog
from cloudnode.client.cloud.nodes import Nodes
from cloudnode.client.cloud.policy import Policy
from cloudnode.client.cloud.questions import HEADER_SECONDS, Questions
from cloudnode.client.cloud.saved import (
    SavedSession,
    StateInvalid,
    decode_session,
    encode_session,
    restore_places,
    save_places,
)
from cloudnode.client.cloud.session import Session, goes_back
from cloudnode.client.cloud.subscription import CloudSubscription, Opened, ProvenSubscription, ServedSubscription
from cloudnode.client.cloud.writing import Writing
from cloudnode.client.connecting import connect as connect_to_node
from cloudnode.client.errors import ClientError, ConnectionFailed, TimedOut
from cloudnode.client.places import LogPlace
from cloudnode.client.subscription import Item
from cloudnode.client.writer import SignedOperation, Submitted, Writer, fetch_genesis
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.keys import SigningKey
from cloudnode.ledger.items import Topic, Wanted

__all__ = ["Cloud", "CloudAnswer", "Denied"]

TOPICS: tuple[Topic, ...] = ("blocks", "ratings", "records")
"""What every node tells alike; ``peers`` is of one node alone: see :meth:`cloudnode.client.client.Client.subscribe`."""


class Cloud:
    """A session. Made by :meth:`connect`."""

    def __init__(
        self,
        nodes: Nodes,
        policy: Policy,
        session: Session,
        clock: Any,
        timeout: float,
        on_censorship: Callable[[Censorship], object],
    ) -> None:
        self._nodes = nodes
        self._policy = policy
        self._session = session
        self._clock = clock
        self._timeout = timeout
        self._subscriptions: set[CloudSubscription] = set()
        self._questions = Questions(nodes, policy, session, clock)
        self._writing = Writing(self._questions, nodes, policy, session, clock, on_censorship)
        self._log = ProvenLog(self._questions, self._checker, self._follow_heights, clock)

    @classmethod
    async def connect(
        cls,
        seeds: Iterable[str] = (),
        reactor: Any = None,
        *,
        network: str | None = None,
        verify: str = "proof",
        height: int = 0,
        state: bytes | None = None,
        timeout: float = TIMEOUT,
        on_liar: Callable[[Accusation], object] = lambda accusation: None,
        on_censorship: Callable[[Censorship], object] = lambda censorship: None,
        connect: Callable[[str], Awaitable[Client]] | None = None,
        random_fraction: Callable[[], float] = random.random,
    ) -> Cloud:
        """Begin a session.

        :param seeds: URLs of some nodes, by any transport, or ``node:`` and a key; more are learned from them.
        :param reactor: Twisted's if None.
        :param network: The network's id (the genesis hash), 64 hex digits. None trusts the first seed that answers to
            say which network it is.
        :param verify: ``proof``, ``certificate``, ``quorum:K`` or ``none``: see ``docs/client.md``.
        :param height: Of an earlier session that this one is not to be behind.
        :param state: What :meth:`save` gave in an earlier session, which this one goes on with: whom it believed, how
            far it had seen, which places it knew. Seeds may be left out then. :param timeout: Seconds that a call may
            take in all. :param on_liar: Told of each node that is left because it lied.
        :param on_censorship: Told of each operation that a node took (``wait`` ``accepted``) and that the log did not
            get: when it is overdue and is sent elsewhere, and when its expiry has passed.
        :param connect: Makes a connection to a URL, in place of :func:`cloudnode.client.connecting.connect`; a node
            that is named by its key is reached through these.
        :raises AddressInvalid: A seed is no URL of a node. :raises ValueError: ``verify`` is none of the above.
        :raises StateInvalid: The state is damaged, of another format, or of another network.
        :raises ConnectionFailed: No seed answers.
        """
        if reactor is None:
            from twisted.internet import reactor
        policy = Policy.parse(verify)
        directory = Directory(seeds, random_fraction)
        saved = None if state is None else decode_session(state, time.time())
        if saved is not None:
            if network not in (None, saved.network.hex()):
                raise StateInvalid(f"it is of network {saved.network.hex()}")
            network, height = saved.network.hex(), max(height, saved.height)
            restore_places(directory, saved.places)
        if not len(directory):
            raise ValueError("A session needs the URL of a node at least.")

        async def dial(url: str) -> Client:
            if url.startswith(BY_KEY):
                return await by_key.connect(bytes.fromhex(url.removeprefix(BY_KEY)), nodes.helpers)
            return await (connect_to_node(url, reactor) if connect is None else connect(url))

        def left(place: Place) -> None:
            cloud._leave(place)

        by_key = ByKey(lambda: nodes.network, reactor)
        nodes = Nodes(
            directory,
            dial,
            reactor,
            network=None if network is None else bytes.fromhex(network),
            certifies=policy.certifies,
            saved=saved,
            sightings=by_key.told,
            left=left,
            accused=on_liar,
        )
        cloud = cls(nodes, policy, Session(height), reactor, timeout, on_censorship)
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

    def go_on_from(self, height: int) -> None:
        """Not to be behind an earlier session with the same network: as ``height`` of :meth:`connect`, for whoever
        learns only now which network it is.
        """
        self._session.saw(height)

    @property
    def proves(self) -> bool:
        """Whether answers are proven where the API offers a proof, and writes before they count as final."""
        return self._policy.proves

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
        try:
            answer = await self._questions.call(method, params, context, seconds)
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
        return await self._writing.submit(operation, wait, self._timeout if timeout is None else timeout)

    async def writer(self, key: SigningKey, now: Callable[[], float] = time.time) -> Writer:
        """What makes operations for a key on this network."""
        checker = self._nodes.checker
        if checker is not None:
            return Writer(checker.genesis, key, lambda: self._nodes.newest, now)

        async def fetch(place: Place) -> Genesis:
            return await fetch_genesis(await self._nodes.connect(place))

        genesis, _ = await self._questions.ask(fetch, self._clock.seconds() + self._timeout, hedges=False)
        return Writer(genesis, key, lambda: self._nodes.newest, now)

    async def subscribe(
        self,
        topic: str,
        wanted: dict[str, Any] | None = None,
        after: LogPlace | None = None,
        *,
        moved: Callable[[str], object] = lambda url: None,
    ) -> CloudSubscription:
        """Be told of changes, each once and in order, as long as it takes.

        :param topic: One of :data:`TOPICS`. :param wanted: The method's ``filter``. :param after: Go on after this
            cursor; from now on if None.
        :param moved: Told of the node that tells what is new, the first one and whenever that changes: its URL, or an
            empty text as long as none does.
        :raises RemoteError: ``cursor_pruned``: no node has the log from there on. :raises ValueError: The topic or the
            filter is none. :raises ConnectionFailed: Nothing is proven, and all places are of HTTP, over which nodes
            tell nothing by themselves.
        """
        if topic not in TOPICS:
            raise ValueError(f"{topic!r} is not what all nodes tell alike: give one of {', '.join(TOPICS)}.")
        if self._policy.proves:
            filtered = _read_filter(topic, wanted)
            if after is not None:
                await self._log.check_kept(after, self._clock.seconds() + self._timeout)
            cursor = await self._end_of_log() if after is None else after
            subscription: CloudSubscription = ProvenSubscription(
                self._log, topic, filtered, cursor, self._saw, self._subscriptions.discard, moved
            )
        elif not any(place.keeps_connection for place in self._nodes.directory):
            raise ConnectionFailed("No place is known that keeps connections, as subscriptions need: name a ws:// URL.")
        else:
            subscription = await self._serve(topic, wanted, after, moved)
        self._subscriptions.add(subscription)
        return subscription

    async def epoch(self) -> Epoch:
        """Who decides now: the newest epoch that a node brings, followed and checked from the genesis on.

        :raises ValueError: Nothing is checked in this session (``verify="none"``).
        """
        checker = self._nodes.checker
        if checker is None:
            raise ValueError("Epochs are checked: ask for verify='certificate' at least.")

        async def ask(place: Place) -> Epoch:
            return await self._questions.work_at(place, checker.follow_epochs, "getepochs", {}, self._nodes.newest)

        epoch, _ = await self._questions.ask(ask, self._clock.seconds() + self._timeout, hedges=True)
        return epoch

    async def reported(self) -> None:
        """Wait until the nodes that were found to lie are named in :attr:`accusations`, and the evidence, if they left
        any, is with an honest node: a few seconds at most.
        """
        await self._nodes.reported()

    def save(self) -> bytes:
        """What a later session goes on with (``state`` of :meth:`connect`): a text of at most 256 KB, to be kept where
        nobody else writes.

        :raises ConnectionFailed: The session knows no network yet.
        """
        network, checker = self._nodes.network, self._nodes.checker
        if network is None:
            raise ConnectionFailed("Nothing is known yet that could be saved.")
        epoch, header = (None, None) if checker is None else checker.save()
        places = save_places(self.places, time.time())
        return encode_session(SavedSession(network, self._session.height, epoch, header, places))

    async def close(self) -> None:
        """End the session: what is under way fails with :class:`SessionClosed`."""
        # A node that hangs is not waited for: with its connection all that waits for it ends.
        ending = [Deferred.fromCoroutine(each.close(SessionClosed())) for each in list(self._subscriptions)]
        self._writing.close()
        self._questions.close()
        await self._nodes.close()
        await gatherResults(ending, consumeErrors=True)

    # Inside

    def _checker(self) -> Checker:
        assert self._nodes.checker is not None
        return self._nodes.checker

    def _saw(self, height: int) -> None:
        checker = self._nodes.checker
        self._session.saw(height if checker is None else checker.least_height(height))

    async def _end_of_log(self) -> LogPlace:
        """The cursor after everything that is final."""
        context = self._session.context("getdatahash", None)
        deadline = self._clock.seconds() + self._timeout

        async def tell(client: Client) -> LogPlace:
            told = (await client.call("getdatahash", {}, context or None)).context
            height = 0 if told is None else told.height
            if goes_back(context, height):
                raise AnswerStale(f"{client.url} tells the height {height}, which is older than this session.")
            if not height:
                if self._nodes.newest:
                    raise AnswerStale(f"{client.url} has no block, others have {self._nodes.newest}.")
                return LogPlace(0, 0)
            header = await self._checker().learn_final(client, height)
            return LogPlace(header.height, max(header.operations_count - 1, 0))

        async def ask(place: Place) -> LogPlace:
            return await self._questions.work_at(place, tell, "getdatahash", {}, self._nodes.newest)

        cursor, _ = await self._questions.ask(ask, deadline, hedges=True)
        return cursor

    # Subscriptions that a node serves

    async def _follow_heights(self, moved: Callable[[str], object]) -> ServedSubscription:
        """Have a node tell of blocks from now on."""
        subscription = await self._serve("blocks", None, None, moved)
        self._subscriptions.add(subscription)
        return subscription

    async def _serve(
        self, topic: Topic, wanted: dict[str, Any] | None, after: LogPlace | None, moved: Callable[[str], object]
    ) -> ServedSubscription:
        async def begin(cursor: LogPlace) -> Opened:
            return await self._begin(topic, wanted, cursor, None)

        opened = await self._begin(topic, wanted, after, self._clock.seconds() + self._timeout)
        return ServedSubscription(begin, self._take_item, self._subscriptions.discard, opened, moved, self._clock)

    async def _begin(
        self, topic: Topic, wanted: dict[str, Any] | None, after: LogPlace | None, deadline: float | None
    ) -> Opened:
        async def subscribe(place: Place) -> Opened:
            client = await self._nodes.connect(place)
            subscribing = Deferred.fromCoroutine(client.subscribe(topic, wanted, after))
            try:
                subscription = await subscribing.addTimeout(HEADER_SECONDS, self._clock)
            except DeferTimeoutError:
                silence = TimedOut(f"{place.url} did not answer subscribe in time.")
                self._nodes.failed(place, silence, "subscribe")
                raise silence from None
            self._nodes.directory.answered(place, method="subscribe")
            if after is None:
                await self._check_height(place, subscription.cursor.height)
            return Opened(place, client, subscription)

        opened, _ = await self._questions.ask(subscribe, deadline, hedges=False, keeping=True)
        return opened

    async def _take_item(self, place: Place, client: Client, item: Item) -> Checked:
        await self._check_height(place, item.cursor.height)
        if not self._policy.proves:  # else it is only a height, and the caller is shown nothing of it
            self._saw(item.cursor.height)
        return "none" if self._nodes.checker is None else "certificate"

    async def _check_height(self, place: Place, height: int) -> None:
        """See that a height which a node tells is that of a final block."""
        checker = self._nodes.checker
        if checker is None or not height or checker.find_final(height) is not None:
            return

        async def learn(client: Client) -> None:
            await checker.learn_final(client, height)

        await self._questions.work_at(place, learn, "getblock", {"height": height}, height, HEADER_SECONDS)

    def _leave(self, place: Place) -> None:
        leaving = [Deferred.fromCoroutine(each.leave(place)) for each in list(self._subscriptions)]
        gatherResults(leaving).addErrback(lambda _: None)


def _read_filter(topic: Topic, wanted: dict[str, Any] | None) -> Wanted:
    """:raises ValueError: It is no filter of this topic."""
    try:
        filtered = msgspec.convert(wanted or {}, Wanted)
    except msgspec.ValidationError as error:
        raise ValueError(f"This is no filter: {error}.") from None
    if not filtered.fits(topic):
        raise ValueError(f"The topic {topic} has nothing that this filter looks at.")
    return filtered
