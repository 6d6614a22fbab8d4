"""When a mapping is asked for again, and what is known of it."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.reach.mapping import FAILURES_MAX, RETRY_SECONDS, Changed, External, Mapping

HERE, THERE = External("203.0.113.7", 40_001), External("203.0.113.7", 40_002)


class MappingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.mapping = Mapping(100.0, 15.0)

    def ask(self, now: float, external: External | None) -> Changed | None:
        """One request, answered at once, or failed."""
        deadline = self.mapping.deadline()
        assert deadline is not None and deadline <= now, deadline
        self.mapping.asking(now)
        self.assertIsNone(self.mapping.deadline())
        return self.mapping.failed(now) if external is None else self.mapping.answered(external, now)

    def test_kept(self) -> None:
        """It is asked for at once, and then from request to request at the interval; the same answer is no change."""
        self.assertEqual(self.ask(100, HERE), Changed(None, HERE, 100))
        self.assertEqual(self.mapping.deadline(), 115)
        self.assertIsNone(self.ask(115, HERE))
        self.assertEqual((self.mapping.first_seen, self.mapping.last_seen, self.mapping.changes), (100, 115, 0))

    def test_changed(self) -> None:
        """Another port or address is noticed with the answer that tells it."""
        self.ask(100, HERE)
        self.assertEqual(self.ask(115, THERE), Changed(HERE, THERE, 100))
        self.assertEqual((self.mapping.first_seen, self.mapping.changes), (115, 1))

    def test_lost(self) -> None:
        """A request without an answer is followed by the next soon; after some the mapping is gone, until an answer."""
        self.ask(100, HERE)
        now = 115.0
        for _ in range(FAILURES_MAX - 1):
            self.assertIsNone(self.ask(now, None))
            now += RETRY_SECONDS
            self.assertEqual(self.mapping.deadline(), now)
        self.assertEqual(self.ask(now, None), Changed(HERE, None, 100))
        self.assertEqual(self.mapping.deadline(), now + RETRY_SECONDS)
        self.assertIsNone(self.ask(now + RETRY_SECONDS, None))
        # Then there is no hurry any more.
        self.assertEqual(self.mapping.deadline(), now + RETRY_SECONDS + 15)
        self.assertEqual(self.ask(now + RETRY_SECONDS + 15, HERE), Changed(None, HERE, 100))

    def test_router_restarts(self) -> None:
        """A restart at any time is noticed within two keep-alives, however long nothing gets through."""
        for down in (0.1, 3.0, 14.0, 29.0, 45.0, 100.0):
            mapping, now = Mapping(0.0, 15.0), 0.0
            mapping.asking(now)
            mapping.answered(HERE, now)
            back = 20.0 + down
            while True:
                deadline = mapping.deadline()
                assert deadline is not None
                now = deadline
                mapping.asking(now)
                if 20.0 <= now < back - 5.5:
                    now += 5.5
                    mapping.failed(now)
                    continue
                now = max(now, back)
                changed = mapping.answered(HERE if now < 20.0 else THERE, now)
                if changed is not None:
                    break
            self.assertLessEqual(now - back, 30.0, down)

    def test_disturbed(self) -> None:
        """It can be asked for at once; a request that is under way is enough."""
        self.ask(100, HERE)
        self.mapping.disturb(103)
        self.assertEqual(self.mapping.deadline(), 103)
        self.mapping.asking(103)
        self.mapping.disturb(104)
        self.assertIsNone(self.mapping.deadline())

    def test_shorter_interval(self) -> None:
        """An interval that has become shorter holds at once, a longer one from the next answer on."""
        self.ask(100, HERE)
        self.mapping.interval = 5.0
        self.assertEqual(self.mapping.deadline(), 105)
        self.mapping.interval = 60.0
        self.assertEqual(self.mapping.deadline(), 115)
        self.ask(115, HERE)
        self.assertEqual(self.mapping.deadline(), 175)
