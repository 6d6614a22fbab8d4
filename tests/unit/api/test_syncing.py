"""What callers meet while the node fetches a state, and on a log that begins in the middle."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.api.facts import SyncFacts
from cloudnode.api.subscriptions import Subscription
from cloudnode.ledger.chunks import read_chunk
from cloudnode.ledger.reading import Cursor
from cloudnode.store.loading import Slot, StateLoader
from cloudnode.store.parts import PartLimits, StateParts
from tests.unit.api.network import MemoryNode
from tests.unit.api.test_subscriptions import Subscriber


def copy_state(node: MemoryNode, path: str) -> None:
    """Make another database of a node's newest state, as state sync does."""
    loader, parts = StateLoader.open(path, node.genesis), StateParts(node.path)
    state = node.store.state
    slots = [Slot(table, "", entry) for table, entry in enumerate(state.entries)]
    for slot in slots:
        sent = parts.rows(state.height, [slot.name], PartLimits(4096, 1 << 20, 1 << 20))
        assert sent is not None and sent[0] is not None
        loader.put([read_chunk(slot.table, slot.slot, slot.entry, sent[0])])
    block = node.store.reading().block(state.height)
    assert block is not None and not block.operation_ids
    for _ in loader.finish_in_steps(state, block, []):
        pass
    parts.close()


class SyncingTests(SynchronousTestCase):
    """A node with some records, whose database is replaced."""

    def setUp(self) -> None:
        self.node = MemoryNode(self.mktemp())
        self.addCleanup(self.node.stop)
        for name in "abc":
            self.node.put(name)
        self.node.pass_time(1.0)

    def begin(self) -> None:
        beginning = Deferred.fromCoroutine(self.node.ledger.begin_syncing())
        self.node.pass_time(0.1)
        self.assertTrue(beginning.called)

    def adopt(self) -> None:
        path = self.mktemp()
        copy_state(self.node, path)
        adopting = Deferred.fromCoroutine(self.node.ledger.adopt(path))
        self.node.pass_time(0.1)
        self.assertTrue(adopting.called)

    def test_refused_meanwhile(self) -> None:
        """Data calls are refused by name, with how far it is; the service calls answer."""
        self.begin()
        told = SyncFacts(9, 0.0, 4.5, None, "state", 500, 2_000)
        self.patch(self.node.facts, "sync", lambda: told)
        error = self.node.error("getrecord", self.node.name("a"))
        self.assertEqual((error["code"], error["data"]["code"]), (-28, "node_syncing"))
        self.assertEqual([error["data"][name] for name in ("rows", "total", "seconds_left")], [500, 2_000, 4.5])
        sync: dict[str, Any] = self.node.call("getnodeinfo")["sync"]
        self.assertEqual((sync["state"], sync["phase"], sync["rows"], sync["total"]), ("syncing", "state", 500, 2_000))

    def test_log_in_the_middle(self) -> None:
        """Afterwards the same is answered as before; older blocks are said to be gone, by name and from where on."""
        before = self.node.call("getrecord", self.node.name("a"))
        height = self.node.store.head.height
        self.begin()
        self.adopt()
        self.assertEqual(self.node.call("getrecord", self.node.name("a")), before)
        self.assertEqual(self.node.call("getnodeinfo")["sync"]["blocks_from"], height)
        self.assertEqual(self.node.call("getblock", {"height": height})["height"], height)
        for method in ("getblock", "getheader", "getcertificate"):
            error = self.node.error(method, {"height": 1})
            self.assertEqual((error["code"], error["data"]["code"]), (-5, "block_pruned"))
            self.assertEqual(error["data"]["blocks_from"], height)
        self.assertEqual(self.node.error("getblock", {"height": 99})["data"]["code"], "block_unknown")
        self.node.put("d")
        self.node.pass_time(1.0)
        self.assertEqual(self.node.call("getrecord", self.node.name("d"))["version"], 1)

    def test_subscriber(self) -> None:
        """Who was told all up to a block that is gone now is told so, rather than that nothing happened between."""
        subscriber = Subscriber(self.node)
        self.node.pass_time(0.1)
        self.begin()
        self.adopt()
        # As if the node had been further behind than it was.
        self.node.served.feeds._last -= 5
        subscription = next(iter(self.node.served.feeds._live["records"]))
        assert isinstance(subscription, Subscription)
        subscription.cursor = Cursor(1, 0)
        self.node.put("d")
        self.node.pass_time(1.0)
        self.assertEqual(subscriber.read(), [])
        self.assertEqual((subscriber.error or {})["data"]["code"], "cursor_pruned")
