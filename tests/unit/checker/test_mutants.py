"""The checker's own clients with a real ledger behind several doors: sound ones pass, and each mutant is caught."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from typing import Any

import attrs
from twisted.internet.defer import Deferred, gatherResults

from cloudnode.client.client import Client
from cloudnode.client.cloud import Cloud
from cloudnode.client.places import LogPlace
from cloudnode.client.subscription import Item
from cloudnode.client.writer import SignedOperation, Submitted
from tests.checker import trace
from tests.checker.client import STREAMS, Wanderer, World
from tests.checker.judging import Judge, Verdict
from tests.checker.run import read_log
from tests.checker.trace import Recorder
from tests.unit.client.cloud.doors import CloudTestCase

CLIENTS = 3
SECONDS = 25.0


class Mutant:
    """A session as any, but for what a subclass does wrong. :ivar turn: How often it could have, so far."""

    def __init__(self, cloud: Cloud) -> None:
        self.turn = 0
        self._cloud = cloud

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cloud, name)

    def is_time(self) -> bool:
        """Every fifth time it does it."""
        self.turn += 1
        return self.turn % 5 == 0


class MutantSubscription:
    """A subscription of which some items become none, or two."""

    def __init__(self, subscription: Any, change: Callable[[Item], list[Item]]) -> None:
        self._subscription = subscription
        self._change = change

    def __getattr__(self, name: str) -> Any:
        return getattr(self._subscription, name)

    async def __aiter__(self) -> AsyncIterator[Item]:
        async for item in self._subscription:
            for each in self._change(item):
                yield each


class Dropping(Mutant):
    """Drops an item."""

    def change(self, item: Item) -> list[Item]:
        return [] if self.is_time() else [item]

    async def subscribe(self, *arguments: Any) -> Any:
        return MutantSubscription(await self._cloud.subscribe(*arguments), self.change)


class Doubling(Dropping):
    """Gives an item twice."""

    def change(self, item: Item) -> list[Item]:
        return [item, item] if self.is_time() else [item]


class Swapping(Dropping):
    """Gives an item after the one that follows it."""

    held: Item | None = None

    def change(self, item: Item) -> list[Item]:
        held, self.held = self.held, None
        if held is not None:
            return [item, held]
        if self.is_time():
            self.held = item
            return []
        return [item]


class GoingBack(Mutant):
    """Answers for an older height than was shown."""

    async def call(self, method: str, params: Any, **options: Any) -> Any:
        context = {"at": max(1, self._cloud.height - 8)} if self.is_time() else None
        return await self._cloud.call(method, params, context, **options)


class Credulous(Mutant):
    """Accepts a lie."""

    async def call(self, method: str, params: Any, **options: Any) -> Any:
        answer = await self._cloud.call(method, params, **options)
        if method != "getrecord" or not self.is_time():
            return answer
        told = answer.result
        told["version"] += 1
        return attrs.evolve(_Answer(answer), raw=json.dumps(told).encode())


@attrs.frozen
class _Answer:
    answer: Any
    raw: bytes = b""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.answer, name)


class Unchecking(Mutant):
    """Says that it believed a node's word."""

    async def call(self, method: str, params: Any, **options: Any) -> Any:
        answer = await self._cloud.call(method, params, **options)
        return _Unchecked(answer) if self.is_time() else answer


@attrs.frozen
class _Unchecked:
    answer: Any
    checked: str = "certificate"

    def __getattr__(self, name: str) -> Any:
        return getattr(self.answer, name)


class Forgetting(Mutant):
    """Says that a write is final which nobody got."""

    async def submit(self, operation: SignedOperation, **options: Any) -> Submitted:
        if self.is_time():
            return Submitted(operation.id.hex(), None, LogPlace(self._cloud.height, 0), "ok")
        return await self._cloud.submit(operation, **options)


def plain(cloud: Cloud) -> Any:
    return cloud


class MutantTests(CloudTestCase):
    def run_clients(
        self, mutant: Callable[[Cloud], Any] = plain, lie: bool = False, deaf: bool = False, slander: bool = False
    ) -> Verdict:
        """Have some clients go about for a while, and judge what they saw.

        :param lie: Whether the third door lies. :param deaf: Whether what a session says of liars is lost.
        :param slander: Whether the third door is accused, whatever it says.
        """
        path = Path(self.mktemp())
        liar = ("ws://c:1",) if lie else ()
        if lie:
            self.c.lie = false_version
        for number in range(3):
            self.node.put(f"film{number}")
        with path.open("wb") as file:
            recorder = Recorder(file)
            world = World(self.node.genesis.network_hex, self.seeds, (), (), liar, pause=0.4)
            for operation in read_log(Path(self.node.path)).operations.values():
                recorder.add(trace.Wrote(0.0, 0, operation.id, operation.body))
                world.is_final(json.loads(operation.body), operation.place)

            async def dial(url: str) -> Client:
                return self.doors[url].connect(url)

            async def make(*seeds: Any, **options: Any) -> Any:
                if deaf:
                    options["on_liar"] = lambda accusation: None
                return mutant(await Cloud.connect(*seeds, **options))

            began = self.node.clock.seconds()
            wanderers = [
                Wanderer(
                    number, Random(number), world, recorder, self.node.clock, began, dial, make,
                    streams=[STREAMS[number], STREAMS[4]],
                )
                for number in range(CLIENTS)
            ]  # fmt: skip
            running = gatherResults([Deferred.fromCoroutine(each.run()) for each in wanderers])
            for _ in range(round(SECONDS * 2)):
                self.node.clock.pump([0.05] * 10)
            if slander:
                recorder.add(trace.Named(1.0, 0, 1, "ws://c:1", "ab" * 32, "no reason", False))
            world.is_over = True
            self.result(running, 300.0)
            self.assertEqual(world.counts["errors of clients"], 0)
        return Judge(read_log(Path(self.node.path)), liar).judge(trace.read(path))

    def assert_caught(self, kind: str, verdict: Verdict) -> None:
        self.assertIn(kind, {fault.kind for fault in verdict.faults}, [str(fault) for fault in verdict.faults[:5]])

    def test_sound(self) -> None:
        """A client that does all right passes, and has done a good deal of everything."""
        verdict = self.run_clients()
        self.assertEqual([str(fault) for fault in verdict.faults], [])
        for name, least in {"items": 60, "answers": 30, "hops": 5, "sessions": 2, "operations told final": 10}.items():
            self.assertGreater(verdict.counts[name], least, name)
        self.assertEqual(verdict.counts["streams"], 2 * CLIENTS)

    def test_sound_with_a_liar(self) -> None:
        """Where a node lies, the sessions that it lied to name it, and nothing else is wrong."""
        verdict = self.run_clients(lie=True)
        self.assertEqual([str(fault) for fault in verdict.faults], [])
        self.assertGreater(verdict.counts["lies"], 0)
        self.assertGreater(verdict.counts["sessions lied to that named the liar"], 0)

    def test_drops(self) -> None:
        """An item that never came is found."""
        self.assert_caught("lost", self.run_clients(Dropping))

    def test_doubles(self) -> None:
        """An item that came twice is found."""
        self.assert_caught("doubled", self.run_clients(Doubling))

    def test_swaps(self) -> None:
        """An item that came too late is found."""
        self.assert_caught("backward", self.run_clients(Swapping))

    def test_goes_back(self) -> None:
        """An answer that is older than what was shown before is found."""
        self.assert_caught("backward", self.run_clients(GoingBack))

    def test_accepts_lies(self) -> None:
        """An answer that is not so is found."""
        self.assert_caught("wrong", self.run_clients(Credulous))

    def test_checks_nothing(self) -> None:
        """An answer that was believed without the proof which was promised is found."""
        self.assert_caught("unchecked", self.run_clients(Unchecking))

    def test_loses_writes(self) -> None:
        """A write that was told final and is nowhere is found."""
        self.assert_caught("lost", self.run_clients(Forgetting))

    def test_names_no_liar(self) -> None:
        """A liar that goes unnamed is found."""
        self.assert_caught("unnamed", self.run_clients(lie=True, deaf=True))

    def test_slanders(self) -> None:
        """An honest node that is named a liar is found."""
        self.assert_caught("slander", self.run_clients(slander=True))


def false_version(message: bytes) -> bytes:
    """Every record has a version too many."""
    told = json.loads(message)
    if not isinstance(told.get("result"), dict) or "version" not in told["result"]:
        return message
    if not isinstance(told["result"]["version"], int):
        return message
    told["result"]["version"] += 1
    return json.dumps(told, separators=(",", ":")).encode()
