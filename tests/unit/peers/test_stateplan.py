"""The decisions of state sync: everything is had once, in order, and nothing is lost."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.nodes import EMPTY_ENTRY, RATINGS
from cloudnode.ledger.chunks import make_nodes
from cloudnode.ledger.trie import InnerNode
from cloudnode.peers import stateplan
from cloudnode.peers.stateplan import StatePlan
from cloudnode.store.loading import Slot
from tests.unit.ledger.test_chunks import make_ratings


class StatePlanTests(SynchronousTestCase):
    """A plan for a table of some thousand rows."""

    def setUp(self) -> None:
        self.patch(stateplan, "CHUNK_ROWS", 100)
        self.rows = make_ratings(3_000)
        self.entry, self.nodes = make_nodes(RATINGS, "", self.rows)

    def plan(self, *, is_fresh: bool) -> StatePlan:
        return StatePlan([Slot(RATINGS, "", self.entry), Slot(3, "", EMPTY_ENTRY)], is_fresh)

    def bring_nodes(self, plan: StatePlan) -> int:
        taken = plan.next_nodes()
        for slot in taken:
            plan.node_came(InnerNode.decode(self.nodes[slot.slot]))
        return len(taken)

    def test_all_rows_in_order(self) -> None:
        """Into an empty database come all rows, each once, in the order of their keys, in questions of bounded size."""
        plan = self.plan(is_fresh=True)
        self.assertEqual(plan.total, 3_000)
        slots: list[str] = []
        while not plan.is_done:
            self.bring_nodes(plan)
            self.assertEqual(plan.next_comparison(), [])
            taken = plan.next_chunks()
            self.assertLessEqual(sum(slot.rows for slot in taken), 100)
            for slot in taken:
                slots.append(slot.slot)
                plan.loaded(slot)
        self.assertEqual((plan.done, slots), (3_000, sorted(slots)))

    def test_nothing_is_lost(self) -> None:
        """Whatever is given back comes again."""
        random = Random(1)
        plan = self.plan(is_fresh=True)
        loaded: list[str] = []
        for _ in range(10_000):
            if plan.is_done:
                break
            nodes = plan.next_nodes()
            if random.random() < 0.5:
                plan.give_back_nodes(nodes)
            else:
                for slot in nodes:
                    plan.node_came(InnerNode.decode(self.nodes[slot.slot]))
            chunks = plan.next_chunks()
            kept = random.randrange(len(chunks) + 1)
            for slot in chunks[:kept]:
                plan.loaded(slot)
                loaded.append(slot.slot)
            self.assertFalse(plan.is_done and kept < len(chunks))
            plan.give_back_chunks(chunks[kept:])
        self.assertEqual((plan.done, len(loaded)), (3_000, len(set(loaded))))

    def test_compares_first(self) -> None:
        """Where something is there already, only what differs is fetched, by slots as small as is sensible."""
        plan = self.plan(is_fresh=False)
        differs = self.rows[1234][0].hex()
        fetched: list[Slot] = []
        while not plan.is_done:
            self.bring_nodes(plan)
            taken = plan.next_comparison()
            for slot in taken:
                plan.compared(slot, "other" if differs.startswith(slot.slot) and slot.table == RATINGS else "same")
            for slot in plan.next_chunks():
                fetched.append(slot)
                plan.loaded(slot)
        self.assertEqual(len(fetched), 1)
        self.assertTrue(differs.startswith(fetched[0].slot))
        self.assertEqual(plan.done, 3_000)

    def test_comparison_given_back(self) -> None:
        """A comparison that failed is made again."""
        plan = self.plan(is_fresh=False)
        taken = plan.next_comparison()
        plan.give_back_comparison(taken)
        self.assertEqual(plan.next_comparison(), taken)
        self.assertFalse(plan.is_done)

    def test_too_long(self) -> None:
        """Rows too long for an answer are had by the slots below."""
        self.patch(stateplan, "CHUNK_ROWS", 5_000)
        plan = self.plan(is_fresh=True)
        [whole] = plan.next_chunks()
        self.assertFalse(plan.is_done)
        plan.too_long(whole)
        self.assertEqual(self.bring_nodes(plan), 1)
        self.assertEqual(sum(slot.rows for slot in plan.next_chunks()), 3_000)

    def test_nothing_to_have(self) -> None:
        """A state without rows is had at once."""
        self.assertTrue(StatePlan([Slot(3, "", EMPTY_ENTRY)], True).is_done)
