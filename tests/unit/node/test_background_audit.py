"""When background audits work, and when they rest."""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.genesis import build_genesis
from cloudnode.node.background_audit import PAUSE_MOST, BackgroundAudit
from cloudnode.node.ledger import LedgerConfig
from cloudnode.store.audit.worker import Portion
from tests.unit.store.network import TIME, make_key


class PausingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.bursts: list[Deferred[Any]] = []

    def run_later(self, *_: object) -> Deferred[Any]:
        self.bursts.append(Deferred())
        return self.bursts[-1]

    def test_share(self) -> None:
        """However long a step takes, the pause after it makes up the share; no pause is longer than an hour."""
        genesis = build_genesis(name="test", time=TIME, validators=[make_key(1).public])
        audit = BackgroundAudit(
            self.clock, self.run_later, "", genesis, LedgerConfig(audit_share=0.2), lambda *_: self.fail("in a thread")
        )
        audit.start(lambda: 0)
        self.clock.advance(0)
        for step in (0.01, 30.0, 5_000.0):
            bursts = len(self.bursts)
            self.clock.advance(step)
            self.bursts[-1].callback(Portion(0.5, 1, [], [], False))
            pause = min(PAUSE_MOST, 4 * step)
            self.clock.advance(pause - 0.001)
            self.assertEqual(len(self.bursts), bursts)
            self.clock.advance(0.002)
            self.assertEqual(len(self.bursts), bursts + 1)
