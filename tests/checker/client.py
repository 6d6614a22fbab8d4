"""One client: it reads, writes and subscribes through a session while it goes from node to node.

Everything that it does is drawn from its own source of chance. It keeps no opinion of what it is told: it writes down
what that was (:mod:`tests.checker.trace`), for the judge.
"""

from __future__ import annotations

import json
import sys
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from random import Random
from typing import Any

import attrs
import msgspec
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from cloudnode.client.client import Client
from cloudnode.client.cloud.accusing import Accusation
from cloudnode.client.cloud.answers import Denied
from cloudnode.client.cloud.cloud import Cloud
from cloudnode.client.cloud.errors import SessionClosed
from cloudnode.client.cloud.subscription import CloudItem
from cloudnode.client.errors import ClientError, Rejected
from cloudnode.client.places import LogPlace
from cloudnode.client.writer import SignedOperation, Writer
from cloudnode.formats.keys import SigningKey
from tests.checker import trace
from tests.checker.tapping import tap
from tests.checker.truth import Place, digest

FREE_SECONDS, PINNED_SECONDS, VISIT_SECONDS = 30.0, 4.0, 1.5
"""How long a call may take: of any node, of the places that a client has gone to, of the liar alone."""

WRITE_SECONDS = 60.0
SESSION_SECONDS = (15.0, 60.0)
STAY_SECONDS = (1.5, 6.0)
DRAIN_SECONDS = 120.0

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 8.0
"""Seconds, and up to twice as many, before another session is tried after one that found no node."""

VISIT_QUESTIONS = 6
WRITES_UNDER_WAY = 3
RECORDS_EACH = 8
"""Records that one client puts, again and again."""

ACTIONS = {"read": 50, "write": 32, "hop": 12, "visit": 3, "renew": 1}
"""How often each is drawn."""

_NOTHING = msgspec.Raw(b"null")


@attrs.define
class World:
    """What all clients of a run have in common.

    :ivar network: Its id. :ivar seeds: WebSocket URLs of the nodes that anybody reaches. :ivar others: Further URLs of
        these, of other transports. :ivar by_key: ``node:`` and the keys of those behind NATs. :ivar liar: All URLs of
        the one that lies, of which the first is among the seeds; empty if none does. :ivar pause: Seconds between what
        a client does, on average.
    :ivar records: Addresses that were written. :ivar last: The last place of an operation that was told final, by topic
        and collection.
    :ivar is_over: Whether clients are to finish.
    """

    network: str
    seeds: Sequence[str]
    others: Sequence[str]
    by_key: Sequence[str]
    liar: Sequence[str]
    pause: float
    records: list[str] = attrs.Factory(list)
    last: dict[tuple[str, str], Place] = attrs.Factory(dict)
    counts: Counter[str] = attrs.Factory(Counter)
    is_over: bool = False
    _digests: dict[bytes, str] = attrs.Factory(dict)

    def digest(self, raw: bytes) -> str:
        """An item's digest. Many clients are told the same items: each is worked out once."""
        found = self._digests.get(raw)
        if found is None:
            if len(self._digests) > 20_000:
                self._digests.clear()
            found = self._digests[raw] = digest(json.loads(raw))
        return found

    def is_final(self, body: dict[str, Any], place: Place) -> None:
        """An accepted operation was told final."""
        is_record = body["type"] in ("put", "delete")
        collection = body["collection"] if is_record else body["record"].split("/")[1]
        for key in (("records" if is_record else "ratings", collection), ("blocks", "")):
            self.last[key] = max(self.last.get(key, (0, 0)), place)
        if body["type"] == "put":
            address = f"{body['account']}/{collection}/{body['key']}"
            if address not in self.records:
                self.records.append(address)

    def end_of(self, topic: str, wanted: dict[str, Any]) -> Place:
        """Up to where a stream has to be read."""
        collection = wanted.get("collection")
        places = [place for (kind, of), place in self.last.items() if kind == topic and collection in (None, of)]
        return max(places, default=(0, 0))


@attrs.define
class _Stream:
    """A subscription that goes on from session to session.

    :ivar cursor: After this it goes on; None before it began.
    """

    number: int
    topic: str
    wanted: dict[str, Any]
    cursor: LogPlace | None = None
    subscription: Any = None


STREAMS: Sequence[tuple[str, dict[str, Any]]] = (
    ("records", {}), ("ratings", {}), ("records", {"collection": "note"}), ("ratings", {"collection": "film"}),
    ("blocks", {}),
)  # fmt: skip
"""What is subscribed to: the first four by each client, and the blocks as well by one in five."""

COLLECTIONS = ("film", "note")


class Wanderer:
    """One client."""

    def __init__(
        self,
        number: int,
        random: Random,
        world: World,
        recorder: trace.Recorder,
        clock: Any,
        began: float,
        connect: Callable[[str], Awaitable[Client]],
        make: Callable[..., Awaitable[Any]] = Cloud.connect,
        streams: Sequence[tuple[str, dict[str, Any]]] | None = None,
    ) -> None:
        """
        :param began: When the clients began, by the clock. :param connect: Connects to a URL.
        :param make: Makes a session, as :meth:`Cloud.connect`. :param streams: What it subscribes to; by
            :data:`STREAMS` if None.
        """
        self._number = number
        self._random = random
        self._world = world
        self._recorder = recorder
        self._clock = clock
        self._began = began
        self._connect = connect
        self._make = make
        self._key = SigningKey(random.randbytes(32))
        self._account = self._key.public.hex()
        self._session = 0
        self._cloud: Any = None
        self._writer: Writer | None = None
        self._shown = 0
        self._pinned: list[str] = []
        self._stays_until = 0.0
        self._renews_at = 0.0
        self._writing = 0
        self._is_quorum = False
        self._is_closed = False
        if streams is None:
            streams = STREAMS if number % 5 == 0 else STREAMS[:4]
        self._streams = [_Stream(each, topic, wanted) for each, (topic, wanted) in enumerate(streams)]

    @property
    def account(self) -> str:
        """Who writes, in hex."""
        return self._account

    async def run(self) -> None:
        """Go on until the world is over, and then read all streams to their ends."""
        await self._begin()
        for stream in self._streams:
            await self._open(stream)
        listening = [Deferred.fromCoroutine(self._listen(stream)) for stream in self._streams]
        while not self._world.is_over:
            await self._pause(self._random.expovariate(1 / self._world.pause))
            await self.act(self._random.choices(list(ACTIONS), list(ACTIONS.values()))[0])
        self._go([])
        while self._writing:
            await self._pause(0.1)
        await self._drain()
        self._is_closed = True
        await self._end()
        await gatherResults(listening)

    async def act(self, action: str) -> None:
        """Do one thing."""
        now = self._clock.seconds()
        if self._pinned and now >= self._stays_until:
            self._go([])
        if action == "write" and self._writing < WRITES_UNDER_WAY:
            self._in_background(self._write())
        elif action == "hop":
            self._hop()
        elif action == "visit" and self._world.liar:
            await self._visit()
        elif action == "renew" or now >= self._renews_at:
            await self._end()
            await self._begin()
        else:
            await self._read(*self._question(), PINNED_SECONDS if self._pinned else FREE_SECONDS)

    # Sessions

    async def _begin(self) -> None:
        """Begin a session with some nodes, of which one answers at least, at the height of the one before."""
        pause = FIRST_PAUSE
        while True:
            self._session += 1
            session = self._session
            seeds = self._random.sample(list(self._world.seeds), min(3, len(self._world.seeds)))
            verify = "quorum:2" if self._random.random() < 0.15 else "proof"
            self._is_quorum = verify != "proof"
            self._add(trace.Began, session, verify, self._shown, seeds)

            async def connect(url: str, session: int = session) -> Client:
                client = await self._connect(url)
                if url in self._world.liar:
                    tap(client, lambda *heard: self._add(trace.Heard, session, url, *heard))
                return client

            def named(accusation: Accusation, session: int = session) -> None:
                evidence = bool(accusation.evidence)
                self._add(trace.Named, session, accusation.url, accusation.node, accusation.reason, evidence)

            try:
                self._cloud = await self._make(
                    seeds, self._clock, network=self._world.network, verify=verify, height=self._shown,
                    timeout=FREE_SECONDS, on_liar=named, connect=connect, random_fraction=self._random.random,
                )  # fmt: skip
            except ClientError as error:
                now = self._clock.seconds() - self._began
                self._add(trace.Unanswered, session, now, "connect", seeds, str(error))
                self._add(trace.Ended, session)
                # Where processors are scarce, all clients at once would only get in each other's way.
                await self._pause(pause * (1 + self._random.random()))
                pause = min(2 * pause, LONGEST_PAUSE)
                continue
            self._pinned = []
            self._renews_at = self._clock.seconds() + self._random.uniform(*SESSION_SECONDS)
            self._writer = await self._cloud.writer(self._key)
            return

    async def _end(self) -> None:
        cloud, session = self._cloud, self._session
        self._cloud = None
        self._add(trace.Ended, session)
        await cloud.close()

    def _hop(self) -> None:
        """Go to one or two nodes, by whatever transport."""
        world, kind = self._world, self._random.random()
        if kind < 0.5 or not world.others:
            urls = [self._random.choice(world.seeds)]
        elif kind < 0.75:
            urls = self._random.sample(list(world.seeds), min(2, len(world.seeds)))
        elif kind < 0.87 or not world.by_key:
            urls = [self._random.choice(world.others)]
        else:
            urls = [self._random.choice(world.by_key)]
        self._go(urls)

    def _go(self, urls: list[str]) -> None:
        self._pinned = urls
        self._stays_until = self._clock.seconds() + self._random.uniform(*STAY_SECONDS)
        self._add(trace.Hopped, self._session, urls)
        self._cloud.pin(*urls)
        if urls:
            for stream in self._streams:
                self._in_background(self._leave(stream, urls))

    async def _leave(self, stream: _Stream, urls: list[str]) -> None:
        """Have a stream go on at the places that were chosen."""
        subscription = stream.subscription
        if subscription is not None and subscription.url and subscription.url not in urls:
            for place in self._cloud.places:
                if place.url == subscription.url:
                    await subscription.leave(place)

    async def _visit(self) -> None:
        """Ask the liar alone, until the session has named it."""
        self._go([self._world.liar[0]])
        for _ in range(VISIT_QUESTIONS):
            await self._read(*self._question(), VISIT_SECONDS)
            if self._world.is_over or any(each.url in self._world.liar for each in self._cloud.accusations):
                break
        self._go([])

    # Reading

    def _question(self) -> tuple[str, dict[str, Any]]:
        account, collection, key = self._some_record().split("/")
        record = f"{account}/{collection}/{key}"
        return self._random.choice(
            [
                ("getrecord", {"account": account, "collection": collection, "key": key}),
                ("getrecord", {"account": account, "collection": collection, "key": key}),
                ("getrecord", {"account": self._account, "collection": "film", "key": "none"}),
                ("getratings", {"record": record}),
                ("getratings", {"record": record}),
                ("getratings", {"record": record, "account": self._account}),
                ("getaccount", {"account": account}),
                ("getdatahash", {}),
                ("listrecords", {"account": account, "limit": RECORDS_EACH}),
            ]
        )

    def _some_record(self) -> str:
        records = self._world.records
        return self._random.choice(records) if records else f"{self._account}/film/0"

    async def _read(self, method: str, params: dict[str, Any], seconds: float) -> None:
        cloud, session, pinned = self._cloud, self._session, self._pinned
        if method == "listrecords" and not self._is_quorum:
            method, params = "getaccount", {"account": params["account"]}
        floor, asked_at = self._shown, self._clock.seconds() - self._began

        def answered(height: int, checked: str, error: str | None, result: msgspec.Raw, url: str) -> None:
            self._shown = max(self._shown, height)
            asked = (session, asked_at, method, params, floor)
            self._add(trace.Answered, *asked, height, checked, error, result, url)

        try:
            answer = await cloud.call(method, params, timeout=seconds)
        except Denied as denied:
            answered(denied.height, denied.checked, denied.name, _NOTHING, "")
        except ClientError as error:
            self._add(trace.Unanswered, session, asked_at, method, pinned, str(error))
        else:
            answered(answer.height, answer.checked, None, answer.raw, answer.url)

    # Writing

    def _operation(self, writer: Writer) -> SignedOperation:
        kind, random = self._random.random(), self._random
        own = (random.choice(COLLECTIONS), str(random.randrange(RECORDS_EACH)))
        if kind < 0.2 or not self._world.records:
            wanted = random.choice((None, None, None, 0))
            value = {"title": f"{own[1]} of {self._number}", "turn": random.randrange(1 << 30)}
            return writer.put(*own, value, if_version=wanted)
        if kind < 0.24:
            return writer.delete(*own)
        if kind < 0.32:
            return writer.withdraw(self._some_record())
        return writer.rate(self._some_record(), random.randint(1, 5))

    async def _write(self) -> None:
        """Write one operation, by one session after the other until it is known what became of it."""
        if self._writer is None:
            return
        self._writing += 1
        try:
            operation = self._operation(self._writer)
            self._add(trace.Wrote, operation.id.hex(), operation.body.decode())
            while not await self._submit(operation):
                await self._pause(0.5)
        finally:
            self._writing -= 1

    async def _submit(self, operation: SignedOperation) -> bool:
        """Whether no other session has to go on with it."""
        cloud, session, asked_at = self._cloud, self._session, self._clock.seconds() - self._began
        if cloud is None:
            return False
        try:
            submitted = await cloud.submit(operation, timeout=WRITE_SECONDS)
        except Rejected as rejected:
            self._add(trace.Final, session, operation.id.hex(), None, rejected.name)
        except ClientError as error:
            if cloud is not self._cloud:
                return False
            self._add(trace.Unanswered, session, asked_at, "submit", self._pinned, str(error))
        else:
            place = (submitted.cursor.height, submitted.cursor.index)
            self._shown = max(self._shown, place[0])
            self._add(trace.Final, session, operation.id.hex(), place, submitted.result)
            self._world.is_final(json.loads(operation.body), place)
        return True

    # Subscriptions

    async def _open(self, stream: _Stream) -> None:
        """Subscribe, in the session that is open, after what came already."""
        while stream.subscription is None:
            if self._is_closed:
                return
            cloud = self._cloud
            try:
                if cloud is not None:
                    stream.subscription = await cloud.subscribe(stream.topic, stream.wanted, stream.cursor)
            except ClientError as error:
                asked_at = self._clock.seconds() - self._began
                self._add(trace.Unanswered, self._session, asked_at, "subscribe", self._pinned or ["?"], str(error))
            if stream.subscription is None:
                await self._pause(0.2)
        if stream.cursor is None:
            stream.cursor = stream.subscription.cursor
            after = (stream.cursor.height, stream.cursor.index)
            self._add(trace.Opened, stream.number, stream.topic, stream.wanted, after)

    async def _listen(self, stream: _Stream) -> None:
        while not self._is_closed:
            await self._open(stream)
            if stream.subscription is None:
                return
            try:
                async for item in stream.subscription:
                    self._take(stream, item)
            except SessionClosed:
                pass  # it goes on in the next one
            except ClientError as error:
                asked_at = self._clock.seconds() - self._began
                self._add(trace.Unanswered, self._session, asked_at, "subscription", ["?"], str(error))
            stream.subscription = None

    def _take(self, stream: _Stream, item: CloudItem) -> None:
        stream.cursor = item.cursor
        self._shown = max(self._shown, item.cursor.height)
        place = (item.cursor.height, item.cursor.index)
        digest = self._world.digest(bytes(item.raw))
        self._add(trace.Took, stream.number, place, digest, item.checked, stream.subscription.url)

    async def _drain(self) -> None:
        """Read all streams to their ends: what is not there by then is lost."""
        deadline = self._clock.seconds() + DRAIN_SECONDS
        for stream in self._streams:
            end = self._world.end_of(stream.topic, stream.wanted)
            while (stream.cursor or LogPlace(0, 0)) < LogPlace(*end) and self._clock.seconds() < deadline:
                await self._pause(0.2)
            self._add(trace.Drained, stream.number, end)

    # Inside

    def _add(self, kind: type[trace.Event], *what: Any) -> None:
        self._recorder.add(kind(self._clock.seconds() - self._began, self._number, *what))

    def _pause(self, seconds: float) -> Deferred[None]:
        return deferLater(self._clock, seconds)

    def _in_background(self, work: Any) -> None:
        Deferred.fromCoroutine(work).addErrback(self._failed)

    def _failed(self, failure: Any) -> None:
        self._world.counts["errors of clients"] += 1
        failure.printTraceback(sys.stderr)
