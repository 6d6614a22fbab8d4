"""How far, how fast, how long still."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.peers.progress import Progress, ProgressMeter


class ProgressTests(SynchronousTestCase):
    def test_steady(self) -> None:
        """At a steady pace the rest takes as long as the pace says."""
        meter = ProgressMeter()
        for second in range(11):
            meter.mark(100.0 + second, second * 5)
            meter.wrote(1000)
        self.assertEqual(meter.progress(50, 100), Progress(50, 100, 1000.0, 10.0))

    def test_only_lately(self) -> None:
        """What counts is the pace of the last seconds."""
        meter = ProgressMeter()
        for second in range(100):
            meter.wrote(1000 if second < 50 else 10)
            meter.mark(float(second), second)
        self.assertEqual(meter.progress(99, 99), Progress(99, 99, 10.0, 0.0))

    def test_standing(self) -> None:
        """A node that does not move, or has just started, says no time; one that is there says none is left."""
        meter = ProgressMeter()
        self.assertEqual(meter.progress(5, 10).seconds_left, None)
        self.assertEqual(meter.progress(5, 3), Progress(5, 5, 0.0, 0.0))
        meter.mark(1.0, 5)
        meter.mark(2.0, 5)
        self.assertEqual(meter.progress(5, 10).seconds_left, None)
