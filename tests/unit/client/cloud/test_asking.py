"""One question to many places: elsewhere when it fails, at two when it is slow, again when all failed."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.client.cloud.asking import FIRST_PAUSE, Asking
from cloudnode.client.cloud.directory import Place
from cloudnode.client.errors import ConnectionFailed, RemoteError, TimedOut


class AskingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.places = [Place("ws://a:1"), Place("ws://b:1"), Place("ws://c:1")]
        self.asked: list[tuple[str, Deferred[str]]] = []
        self.cancelled: list[str] = []

    def ask(self, **options: Any) -> Asking[str]:
        options = {"timeout": 10.0} | options
        return Asking(self.ask_place, self.choose, self.clock, **options)

    def ask_place(self, place: Place) -> Deferred[str]:
        answered: Deferred[str] = Deferred(lambda _: self.cancelled.append(place.url))
        self.asked.append((place.url[5], answered))
        return answered

    def choose(self, without: Collection[Place]) -> Place | None:
        return next((place for place in self.places if place not in without), None)

    def names(self) -> str:
        return "".join(name for name, _ in self.asked)

    def refuse(self, number: int, name: str, code: int = -26) -> None:
        self.asked[number][1].errback(RemoteError(code, name, "no"))

    def lose(self, number: int) -> None:
        self.asked[number][1].errback(ConnectionFailed("it broke"))

    def tearDown(self) -> None:
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_no_place_left(self) -> None:
        """Who has time waits for a place where there is none left; who has not is told at once."""
        patient, hurried = self.ask(timeout=None), self.ask()
        places, self.places = self.places, []
        self.lose(0)
        self.lose(1)
        self.clock.pump([0.1] * 50)
        self.assertNoResult(patient.done)
        self.failureResultOf(hurried.done, ConnectionFailed)
        self.places = places
        self.clock.pump([0.1] * 30)
        self.asked[-1][1].callback("yes")
        self.assertEqual(self.successResultOf(patient.done)[0], "yes")

    def test_gone_everywhere(self) -> None:
        """What no node keeps any more is not waited for."""
        asking = self.ask(timeout=None)
        for number in range(3):
            self.refuse(number, "block_pruned", -5)
        self.assertEqual(self.failureResultOf(asking.done, RemoteError).value.name, "block_pruned")

    def test_answer(self) -> None:
        """The best place is asked, and it alone."""
        asking = self.ask(hedge_after=1.0)
        self.asked[0][1].callback("yes")
        self.assertEqual(self.successResultOf(asking.done), ("yes", self.places[0]))
        self.assertEqual(self.names(), "a")

    def test_elsewhere(self) -> None:
        """When a place fails, the next is asked at once; so is it when it is busy."""
        asking = self.ask()
        self.lose(0)
        self.refuse(1, "node_syncing", -28)
        self.asked[2][1].callback("yes")
        self.assertEqual(self.successResultOf(asking.done), ("yes", self.places[2]))

    def test_hedge(self) -> None:
        """A slow place is not waited for alone; who answers first counts, and the other is given up."""
        asking = self.ask(hedge_after=0.5)
        self.clock.advance(0.4)
        self.assertEqual(self.names(), "a")
        self.clock.advance(0.2)
        self.clock.advance(5)
        self.assertEqual(self.names(), "ab")
        self.asked[1][1].callback("yes")
        self.assertEqual(self.successResultOf(asking.done), ("yes", self.places[1]))
        self.assertEqual(self.cancelled, ["ws://a:1"])

    def test_no_hedge(self) -> None:
        """What is slow by its nature is waited for."""
        asking = self.ask()
        self.clock.advance(9)
        self.assertEqual(self.names(), "a")
        asking.stop()

    def test_again(self) -> None:
        """When all have failed they are asked again, after pauses that grow."""
        asking = self.ask()
        for number in range(3):
            self.lose(number)
        self.assertEqual(self.names(), "abc")
        self.clock.advance(FIRST_PAUSE)
        for number in range(3, 6):
            self.lose(number)
        self.clock.advance(FIRST_PAUSE)
        self.assertEqual(self.names(), "abcabc")
        self.clock.advance(FIRST_PAUSE)
        self.asked[6][1].callback("yes")
        self.assertEqual(self.successResultOf(asking.done), ("yes", self.places[0]))

    def test_time_is_over(self) -> None:
        """The last failure is told, or that nobody answered."""
        asking, other = self.ask(timeout=1.0), self.ask(timeout=1.0)
        for number in (0, 2, 3):
            self.lose(number)
        self.clock.advance(1.0)
        self.assertEqual(self.failureResultOf(asking.done, ConnectionFailed).value.message, "it broke")
        self.failureResultOf(other.done, TimedOut)

    def test_no_end(self) -> None:
        """Without a time-out it goes on as long as it takes."""
        asking = self.ask(timeout=None)
        self.clock.advance(1_000_000)
        self.asked[0][1].callback("yes")
        self.successResultOf(asking.done)

    def test_refusal(self) -> None:
        """A refusal is an answer."""
        asking = self.ask()
        self.refuse(0, "rating_own")
        self.assertEqual(self.failureResultOf(asking.done, RemoteError).value.name, "rating_own")
        self.assertEqual(self.names(), "a")

    def test_refusal_to_be_confirmed(self) -> None:
        """One that nothing proves is believed when a second place says the same."""
        asking = self.ask(confirms=lambda refusal: True)
        self.refuse(0, "rating_own")
        self.lose(1)
        self.assertNoResult(asking.done)
        self.refuse(2, "rating_own")
        self.failureResultOf(asking.done, RemoteError)

    def test_refusal_by_one_node(self) -> None:
        """Another place of the node that refused confirms nothing, be it asked already, and is not asked for it."""
        options: dict[str, Any] = {"confirms": lambda refusal: True, "same_node": lambda place: self.places[:2]}
        asking = self.ask(**options)
        self.refuse(0, "rating_own")
        self.assertEqual(self.names(), "ac")
        self.asked[1][1].callback("yes")
        self.assertEqual(self.successResultOf(asking.done), ("yes", self.places[2]))
        asking = self.ask(hedge_after=0.5, **options)
        self.clock.advance(0.5)
        self.refuse(2, "rating_own")
        self.refuse(3, "rating_own")
        self.asked[4][1].callback("yes")
        self.assertEqual(self.successResultOf(asking.done), ("yes", self.places[2]))

    def test_refusal_by_one_alone(self) -> None:
        """What the others answer counts; where no other answers, the refusal does."""
        asking = self.ask(confirms=lambda refusal: True)
        self.refuse(0, "rating_own")
        self.asked[1][1].callback("yes")
        self.assertEqual(self.successResultOf(asking.done), ("yes", self.places[1]))
        asking = self.ask(confirms=lambda refusal: True)
        self.refuse(2, "rating_own")
        self.lose(3)
        self.lose(4)
        self.failureResultOf(asking.done, RemoteError)

    def test_kept_elsewhere(self) -> None:
        """What no node keeps any more is not asked for again; while one can't say, it is."""
        asking = self.ask()
        for number in range(3):
            self.refuse(number, "cursor_pruned", -8)
        self.failureResultOf(asking.done, RemoteError)
        asking = self.ask()
        self.refuse(3, "cursor_pruned", -8)
        self.lose(4)
        self.refuse(5, "cursor_pruned", -8)
        self.assertNoResult(asking.done)
        asking.stop()

    def test_cancelled(self) -> None:
        """Whoever gives up gives all of it up."""
        asking = self.ask(hedge_after=0.1)
        self.clock.advance(0.1)
        asking.done.cancel()
        self.failureResultOf(asking.done, CancelledError)
        self.assertEqual(self.cancelled, ["ws://a:1", "ws://b:1"])
