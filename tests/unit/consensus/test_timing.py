"""Estimates of delay, and the record of missing leaders."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.consensus.epoch import Epoch
from cloudnode.consensus.seams import Settings
from cloudnode.consensus.timing import BACKOFF_MOST, Attendance, Delay

SETTINGS = Settings(pace=0.2, heartbeat=10.0, delta_first=0.1, delta_least=0.01, delta_most=1.0, timeout_most=4.0)


class DelayTests(SynchronousTestCase):
    def test_follows_the_network(self) -> None:
        """Steady delays bring the estimate near them; slower ones raise it at once; it stays within its bounds."""
        delay = Delay(SETTINGS)
        self.assertEqual(delay.value, 0.1)
        for _ in range(100):
            delay.measured(0.05)
        self.assertAlmostEqual(delay.value, 0.05, 3)
        delay.measured(0.3)
        self.assertGreater(delay.value, 0.3)
        delay.measured(60.0)
        self.assertEqual(delay.value, 1.0)
        for _ in range(300):
            delay.measured(0.0)
        self.assertEqual(delay.value, 0.01)

    def test_patience_grows_and_is_capped(self) -> None:
        """Each unfinished view makes the time-out longer, up to a bound, whatever their number."""
        delay = Delay(SETTINGS)
        self.assertAlmostEqual(delay.patience(0), 0.3)
        self.assertAlmostEqual(delay.patience(1), 0.375)
        self.assertEqual(delay.patience(10**9), 4.0)


class AttendanceTests(SynchronousTestCase):
    def test_backs_off(self) -> None:
        """A leader that keeps missing gets a chance after 1, 2, 4 ... of its turns, and after 32 at last."""
        attendance = Attendance(4, 1)
        attendance.missed(2)
        self.assertFalse(attendance.is_skipped(2))
        attendance.missed(2)
        turns = [attendance.is_skipped(2) for _ in range(200)]
        chances = [at for at, skipped in enumerate(turns) if not skipped]
        self.assertEqual(chances[:4], [0, 2, 6, 14])
        self.assertEqual(chances[-1] - chances[-2], BACKOFF_MOST)
        attendance.proposed(2)
        self.assertFalse(attendance.is_skipped(2))

    def test_a_quorum_is_always_waited_for(self) -> None:
        """However many leaders missed, at most as many as may be faulty are skipped at once."""
        attendance = Attendance(7, 2)
        for leader in range(7):
            for _ in range(leader + 2):
                attendance.missed(leader)
        turns = {leader for leader in range(7) for _ in range(2) if attendance.is_skipped(leader)}
        self.assertLessEqual(turns, {5, 6})

    def test_epoch(self) -> None:
        """Quorum, leaders and tolerance of the sizes that matter."""
        for count, quorum, tolerated in ((1, 1, 0), (2, 2, 0), (3, 3, 0), (4, 3, 1), (7, 5, 2), (10, 7, 3)):
            epoch = Epoch.of(bytes(32), 0, tuple(bytes([index]) * 32 for index in range(count)))
            self.assertEqual((epoch.quorum, epoch.tolerated), (quorum, tolerated))
            self.assertEqual(epoch.leader(count + 1), 1 % count)
        self.assertIsNone(epoch.index(None))
