"""A validator that is killed at any call on its journal or its database: nothing is lost, nothing is signed twice.

The points are counted in a run without a crash. Then runs follow in each of which the validator is killed at one of
them, in one of the ways there are, while the others go on; and is started again on what is on its disk. As many points
are tried as a unit test has time for, of every kind some; ``make crashpoints`` tries all.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import groupby

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.consensus.journal import Record
from cloudnode.ledger.reading import Outcome
from cloudnode.node import journalfile
from cloudnode.node.journalfile import JournalFile
from tests.unit.peers.crashes import Crash, Way, ways
from tests.unit.peers.network import LIFETIME, MemoryNetwork, MemoryNode
from tests.unit.peers.votes import VotesThatLeft

ALL = "CLOUDNODE_ALL_CRASHPOINTS" in os.environ
SECONDS = 4.0
DOWN_SECONDS = (0.02, 0.3)
"""A node is away for so long by turns: back in the same view, or in a later one."""


class Run:
    """A network of so many validators, of which the last one is killed.

    The second of four is down meanwhile, so that nothing becomes final without the victim, which comes back into the
    view that it was killed in.

    :ivar final: What was answered final, by operation id and expiry.
    """

    def __init__(self, test: SynchronousTestCase, validators: int, crash: Crash, down: float = 0.0) -> None:
        self.down = down
        self.network = MemoryNetwork(test, validators)
        self.crash = crash
        self.votes = VotesThatLeft()
        self.final: dict[tuple[bytes, int], Outcome] = {}
        self.victim_at = validators - 1
        first = self.network.add(start=False)
        # A lone validator has a follower, which would notice if it were told two histories.
        self.nodes = [first] + [self.network.add(first.host, start=False) for _ in range(max(1, validators - 1))]
        for node in self.nodes[:validators]:
            self.votes.watch(node)
        crash.watch(self.victim)
        for node in self.nodes:
            if validators == 1 or node is not self.nodes[1]:
                node.start()
        self._number = 0

    @property
    def victim(self) -> MemoryNode:
        """The node that is killed, or what it came back as."""
        return self.nodes[self.victim_at]

    def put(self, node: MemoryNode) -> Deferred[None]:
        self._number += 1
        expiry = node.ledger.head.height + LIFETIME
        final = node.put(f"r{self._number}")
        # What is under way when its node dies is answered by nobody.
        return final.addCallbacks(self._remember, lambda failure: None, callbackArgs=(expiry,))

    def _remember(self, outcome: object, expiry: int) -> None:
        assert isinstance(outcome, Outcome)
        if not self.crash.is_dead:
            self.final[outcome.id, expiry] = outcome

    def play(self) -> None:
        """Let all of them write for some seconds, and the victim be killed and come back."""
        down = 0.0
        step = 0
        while step < SECONDS * 50 or self.crash.is_dead or not self.victim.is_up:
            step += 1
            self.network.clock.advance(0.02)
            if self.crash.is_dead:
                self.crash.bury()
                down = self.down
            elif not self.victim.is_up:
                down -= 0.02
                if down <= 0:
                    self.nodes[self.victim_at] = self.network.restart(self.victim)
                    self.votes.watch(self.victim)
            if step % 15 == 0:
                node = self.nodes[step // 15 % len(self.nodes)]
                if node.is_up:
                    self.put(node)

        if not self.nodes[1].is_up:
            self.nodes[1].start()

    def stop(self) -> None:
        for node in self.nodes:
            node.stop()


class CrashPointTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.patch(journalfile, "COMPACT_BYTES", 2_000)

    def check(self, run: Run, what: str) -> None:
        """All agree, nothing that was final is missing, nobody contradicted itself, and the victim votes."""
        again = run.put(run.victim)
        for _ in range(80):
            run.network.advance(0.1)
            if again.called and len({node.ledger.head for node in run.nodes}) == 1:
                break
        what += f": {run.victim.ledger.ordering_trouble}"
        self.assertTrue(run.victim.is_up, what)
        self.assertTrue(again.called, what)
        validator = run.victim.ledger.validator
        assert validator is not None
        self.assertTrue(validator.is_voting, what)
        self.assertEqual(run.votes.contradictions(), [], what)
        for node in run.nodes:
            self.assertEqual(node.rows, run.nodes[0].rows, what)
            for (operation_id, expiry), outcome in run.final.items():
                self.assertEqual(node.ledger.outcome(operation_id, expiry), outcome, what)

    def count(self, validators: int) -> list[str]:
        """The points of a run in which nobody is killed."""
        run = Run(self, validators, Crash(self))
        run.play()
        points = list(run.crash.points)
        self.check(run, "nobody was killed")
        run.stop()
        self.assertGreater(len(run.final), 5)
        kinds = {"ftruncate", "pwrite", "fsync", "rename", "BEGIN", "COMMIT"}
        self.assertEqual({*points}, kinds | {"send"} if validators > 1 else kinds)
        # Two votes and a block are written at each height, or it is not what this test takes it for.
        heights = run.nodes[0].ledger.head.height
        self.assertGreater(points.count("COMMIT"), 3)
        self.assertGreaterEqual(points.count("pwrite"), points.count("COMMIT"))
        self.assertGreaterEqual(heights, points.count("COMMIT"))
        return points

    def choose(self, points: list[str], each: int) -> list[tuple[int, Way]]:
        """All points in all ways; or of each kind and way so many, spread over the run."""
        tried = [(number, way) for number, point in enumerate(points) for way in ways(point)]
        if ALL:
            return tried
        chosen = []
        for _, group in groupby(sorted(tried, key=lambda a: (points[a[0]], a[1])), lambda a: (points[a[0]], a[1])):
            kind = list(group)
            chosen += kind[len(kind) // 3 :: max(1, len(kind) // each)][:each]
        return chosen

    def enumerate(self, validators: int, each: int) -> None:
        points = self.count(validators)
        chosen = self.choose(points, each)
        for turn, (number, way) in enumerate(chosen):
            down = DOWN_SECONDS[turn % 2]
            what = f"{validators} validators, killed at point {number} ({points[number]}), {way}, for {down} s"
            run = Run(self, validators, Crash(self, number, way), down)
            run.play()
            self.assertEqual(run.crash.points, points[: number + 1], what)
            self.check(run, what)
            run.stop()
        tried = {number for number, _ in chosen}
        self.assertEqual({points[number] for number in tried}, set(points))
        self.assertTrue(not ALL or len(tried) == len(points))
        print(f"{len(chosen)} runs, killed at {len(tried)} of {len(points)} points ... ", end="")

    def test_forgetful(self) -> None:
        """A validator without a journal contradicts itself when it is killed: the check bites."""

        def forget(journal: JournalFile, records: Sequence[Record]) -> Deferred[None]:
            journal.records.extend(records)
            return succeed(None)

        self.patch(JournalFile, "append", forget)
        for number in range(40):
            run = Run(self, 4, Crash(self, number, "lost"), DOWN_SECONDS[0])
            run.play()
            run.stop()
            if run.votes.contradictions():
                return
        self.fail("no contradiction was found")

    def test_lone(self) -> None:
        """A network of one, with a follower."""
        self.enumerate(1, each=2)

    def test_one_of_four(self) -> None:
        """One of four validators, while the others go on."""
        self.enumerate(4, each=1)
