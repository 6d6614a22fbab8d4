"""The parts that keep a connection cheap and bounded: timers, frames, the send gate."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.transports.backpressure import SendGate
from cloudnode.transports.frames import find_text_message, make_text_header, unmask
from cloudnode.transports.timers import CALLS_A_PORTION, TimerWheel, WheelCall
from tests.unit.transports.memory import TEXT, make_frame, parse_frames


class TimerWheelTests(SynchronousTestCase):
    """Rough timers for many."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.clock.advance(1_000.1)
        self.wheel = TimerWheel(self.clock, 0.25)
        self.made: list[tuple[object, float]] = []

    def note(self, name: object) -> None:
        self.made.append((name, self.clock.seconds()))

    @given(st.lists(st.floats(0, 50), min_size=1, max_size=20))
    def test_lateness(self, delays: list[float]) -> None:
        """A call comes never early, and at most one slot late."""
        self.setUp()
        for delay in delays:
            self.wheel.call_later(delay, self.note, self.clock.seconds() + delay)
        for _ in range(60 * 20):
            self.clock.advance(0.05)
        self.assertEqual(len(self.made), len(delays))
        for due, came in self.made:
            self.assertGreaterEqual(came - due, -1e-6)
            self.assertLessEqual(came - due, 0.25 + 0.05 + 1e-6)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancel(self) -> None:
        """A cancelled call is not made; cancelling again, or after it was made, does no harm."""
        kept = self.wheel.call_later(1, self.note, "kept")
        dropped = self.wheel.call_later(1, self.note, "dropped")
        dropped.cancel()
        dropped.cancel()
        self.clock.advance(2)
        kept.cancel()
        self.assertEqual([name for name, _ in self.made], ["kept"])

    def test_cancel_all(self) -> None:
        """When all calls of a slot are cancelled the reactor has nothing left to do."""
        for call in [self.wheel.call_later(1, self.note, number) for number in range(3)]:
            call.cancel()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_cancel_from_a_call(self) -> None:
        """A call may cancel others of its slot, and file new ones for the same moment."""
        calls: list[WheelCall] = []

        def cancel_all() -> None:
            for call in calls:
                call.cancel()
            self.wheel.call_later(0, self.note, "new")

        calls += [self.wheel.call_later(1, cancel_all) for _ in range(5)]
        self.clock.advance(1.25)
        self.clock.advance(0.25)
        self.assertEqual([name for name, _ in self.made], ["new"])
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_portions(self) -> None:
        """A crowded slot is worked off in portions, and between them the reactor does other work."""
        calls: list[WheelCall] = []

        def cancel_rest() -> None:
            made_before.append(len(self.made))
            for call in calls:
                call.cancel()

        made_before: list[int] = []
        calls += [self.wheel.call_later(1, self.note, number) for number in range(CALLS_A_PORTION * 2 + 5)]
        # Other work of the same moment, but later than the slot: it comes between the first two portions.
        self.clock.callLater(1.2, cancel_rest)
        self.clock.advance(1.3)
        self.assertEqual(made_before, [CALLS_A_PORTION])
        self.assertEqual(len(self.made), CALLS_A_PORTION)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_failing_call(self) -> None:
        """A call that raises is logged and harms no other."""

        def fail() -> None:
            raise RuntimeError("a timed call")

        for _ in range(3):
            self.wheel.call_later(1, fail)
            self.wheel.call_later(1, self.note, "fine")
        self.clock.advance(2)
        self.assertEqual(len(self.made), 3)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 3)

    def test_few_reactor_calls(self) -> None:
        """Ten thousand calls of one moment are one call of the reactor."""
        for number in range(10_000):
            self.wheel.call_later(30, self.note, number)
        self.assertEqual(len(self.clock.getDelayedCalls()), 1)


class FrameTests(SynchronousTestCase):
    """The short way of ordinary frames."""

    @settings(deadline=None)
    @given(st.binary(max_size=20), st.text(max_size=3000), st.binary(max_size=20))
    def test_round_trip(self, before: bytes, text: str, after: bytes) -> None:
        """A whole text frame is found where it begins, and where it ends."""
        frame = make_frame(TEXT, text.encode())
        found = find_text_message(before + frame + after, len(before), 65_536)
        self.assertEqual(found, (text.encode(), len(before) + len(frame)))

    @given(st.text(max_size=300), st.data())
    def test_incomplete(self, text: str, data: st.DataObject) -> None:
        """A frame that is not here in full is left alone."""
        frame = make_frame(TEXT, text.encode())
        cut = data.draw(st.integers(0, len(frame) - 1))
        self.assertIsNone(find_text_message(frame[:cut], 0, 65_536))

    @settings(max_examples=300)
    @given(st.binary(max_size=300))
    def test_any_bytes(self, stream: bytes) -> None:
        """Any bytes are either a valid frame or left alone."""
        found = find_text_message(stream, 0, 200)
        if found is not None:
            found.payload.decode()
            self.assertLessEqual(found.end, len(stream))
            self.assertLessEqual(len(found.payload), 200)

    def test_limit(self) -> None:
        """A frame over the limit is left alone."""
        self.assertIsNone(find_text_message(make_frame(TEXT, b"x" * 101), 0, 100))
        self.assertIsNotNone(find_text_message(make_frame(TEXT, b"x" * 100), 0, 100))

    @given(st.binary(min_size=4, max_size=4), st.binary(max_size=3000))
    def test_unmask(self, mask: bytes, data: bytes) -> None:
        """Both ways of unmasking do the same as doing it byte by byte."""
        self.assertEqual(unmask(mask, data), bytes(byte ^ mask[at % 4] for at, byte in enumerate(data)))

    def test_headers(self) -> None:
        """A header is as short as its length allows."""
        for length, size in ((0, 2), (125, 2), (126, 4), (65_535, 4), (65_536, 10)):
            header = make_text_header(length)
            self.assertEqual(len(header), size)
            [frame], rest = parse_frames(header + b"x" * length)
            self.assertEqual((frame.opcode, len(frame.payload), frame.final, rest), (TEXT, length, True, b""))


class GatedConnection:
    """Notes what a gate tells."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def sending_paused(self) -> None:
        self.told.append("paused")

    def sending_resumed(self) -> None:
        self.told.append("resumed")

    def sending_stalled(self, reason: str) -> None:
        self.told.append("stalled")


class SendGateTests(SynchronousTestCase):
    """The send gate alone."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.connection = GatedConnection()
        self.gate = SendGate(self.connection, TimerWheel(self.clock), 10, 1000)

    def test_pause_and_resume(self) -> None:
        """Each change is told once, and the deadline ends with the pause."""
        for _ in range(2):
            self.gate.pauseProducing()
            self.gate.pauseProducing()
            self.gate.resumeProducing()
            self.gate.resumeProducing()
        self.assertEqual(self.connection.told, ["paused", "resumed"] * 2)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_stall(self) -> None:
        """A pause that lasts too long is a stall."""
        self.gate.pauseProducing()
        self.clock.advance(11)
        self.assertEqual(self.connection.told, ["paused", "stalled"])

    def test_excess(self) -> None:
        """So is writing too much during one pause; each pause counts anew."""
        for _ in range(3):
            self.gate.pauseProducing()
            self.gate.count(1000)
            self.gate.resumeProducing()
        self.assertNotIn("stalled", self.connection.told)
        self.gate.pauseProducing()
        self.gate.count(1001)
        self.assertEqual(self.connection.told[-1], "stalled")

    def test_release(self) -> None:
        """A gate that is released waits for nothing."""
        self.gate.pauseProducing()
        self.gate.stopProducing()
        self.assertFalse(self.gate.is_closed)
        self.assertEqual(self.clock.getDelayedCalls(), [])
