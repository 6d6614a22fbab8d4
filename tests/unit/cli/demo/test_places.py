"""Where the nodes of a demo are: plans, data directories, the workplace."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.cli.demo.plan import PlanError, make_plans, prepare
from cloudnode.cli.demo.workplace import Workplace, WorkplaceTaken, remove_leftovers
from cloudnode.formats.genesis import decode_genesis


class PlanTests(SynchronousTestCase):
    def test_joins(self) -> None:
        """Nobody joins itself, and everybody somebody; a node alone nobody."""
        plans = make_plans(Path("x"), 7, 4, range(1, 22))
        ports = {f"ws://127.0.0.1:{plan.ws}": plan.number for plan in plans}
        joined = [[ports[url] for url in plan.joins] for plan in plans]
        self.assertEqual(joined, [[2], [1], [1, 2], [1, 3], [1, 4], [1, 5], [1, 6]])
        self.assertEqual([plan.is_prepared for plan in plans], [True] * 4 + [False] * 3)
        self.assertEqual(make_plans(Path("x"), 1, 1, range(3))[0].joins, ())
        self.assertEqual(len({port for plan in plans for port in (plan.http, plan.ws, plan.ws_udp)}), 21)

    def test_prepared(self) -> None:
        """All validators have one genesis, which names them; others have nothing. A second time all is kept."""
        home = Path(self.mktemp())
        plans = make_plans(home, 3, 2, range(9))
        prepare(plans, lambda: 1_700_000_000)
        texts = {(plan.datadir / "genesis.json").read_bytes() for plan in plans[:2]}
        self.assertEqual(len(texts), 1)
        self.assertEqual(len(decode_genesis(texts.copy().pop()).validators), 2)
        self.assertFalse(plans[2].datadir.exists())
        prepare(plans)
        self.assertEqual({(plan.datadir / "genesis.json").read_bytes() for plan in plans[:2]}, texts)

    def test_other_network(self) -> None:
        """Directories of another shape of network are refused and left alone."""
        home = Path(self.mktemp())
        prepare(make_plans(home, 3, 1, range(9)))
        with self.assertRaises(PlanError) as caught:
            prepare(make_plans(home, 5, 4, range(15)))
        self.assertIn("--datadir", str(caught.exception))
        self.assertFalse((home / "node-2" / "data" / "genesis.json").exists())


class WorkplaceTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.parent = Path(self.mktemp())
        self.parent.mkdir()

    def test_removed(self) -> None:
        """A temporary directory goes with all that is in it; one that was named stays."""
        temporary = Workplace(None, self.parent)
        (temporary.path / "node-1").mkdir()
        temporary.close()
        self.assertFalse(temporary.path.exists())
        named = Workplace(self.parent / "mine")
        named.close()
        self.assertTrue((self.parent / "mine").is_dir())

    def test_taken(self) -> None:
        """Two demos do not share a directory."""
        first = Workplace(self.parent / "mine")
        self.addCleanup(first.close)
        with self.assertRaises(WorkplaceTaken):
            Workplace(self.parent / "mine")

    def test_leftovers(self) -> None:
        """What a killed demo left is removed by the next; what is in use, or somebody else's, is not."""
        used = Workplace(None, self.parent)
        self.addCleanup(used.close)
        left = self.parent / "cloudnode-demo-left"
        left.mkdir()
        (left / "in-use").touch()
        other = self.parent / "cloudnode-demo-other"
        other.mkdir()
        remove_leftovers(self.parent)
        self.assertEqual((used.path.exists(), left.exists(), other.exists()), (True, False, True))
