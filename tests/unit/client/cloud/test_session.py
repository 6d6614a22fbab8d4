"""Read your writes, never go back; and what ``verify`` may say."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.client.cloud.policy import Policy
from cloudnode.client.cloud.session import Session, goes_back


class SessionTests(SynchronousTestCase):
    def test_beginning(self) -> None:
        """Nothing was seen: nothing is asked for."""
        self.assertEqual(Session().context("getrecord", None), {})

    def test_never_back(self) -> None:
        """What was seen is the least for what comes, and stays so."""
        session = Session()
        session.saw(7)
        session.saw(5)
        self.assertEqual(session.context("getrecord", None), {"min_height": 7})
        self.assertEqual(session.context("getrecord", {"min_height": 5, "sign": True}), {"min_height": 7, "sign": True})
        self.assertEqual(session.context("getrecord", {"min_height": 9}), {"min_height": 9})

    def test_goes_on(self) -> None:
        """A session can begin where another one was."""
        self.assertEqual(Session(3).context("search", None), {"min_height": 3})

    def test_chosen_height(self) -> None:
        """The caller's own height is left alone; so are methods that hold at none."""
        session = Session(7)
        self.assertEqual(session.context("getrecord", {"at": 3}), {"at": 3})
        self.assertEqual(session.context("getnodeinfo", None), {})

    def test_goes_back(self) -> None:
        """An answer below what was asked for, or at another height than that."""
        self.assertFalse(goes_back({}, 0))
        self.assertFalse(goes_back({"min_height": 3}, 3))
        self.assertTrue(goes_back({"min_height": 3}, 2))
        self.assertTrue(goes_back({"at": 3}, 4))
        self.assertFalse(goes_back({"at": 3}, 3))

    def test_policies(self) -> None:
        """The four kinds, and nothing else."""
        self.assertEqual(Policy.parse("proof"), Policy(True, True))
        self.assertEqual(Policy.parse("certificate"), Policy(True, False))
        self.assertEqual(Policy.parse("quorum:3"), Policy(True, True, 3))
        self.assertEqual(Policy.parse("none"), Policy(False, False))
        for wrong in ("", "quorum", "quorum:", "quorum:1", "quorum:-2", "quorum:65", "proofs"):
            self.assertRaises(ValueError, Policy.parse, wrong)
