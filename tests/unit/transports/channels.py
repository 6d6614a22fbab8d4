"""What channels between nodes do alike over TCP and QUIC, as one mixin, and an end that remembers what it is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs
from twisted.internet.defer import CancelledError, Deferred

from cloudnode.transports.peerchannel import PeerChannel, PeerRefused, PeerSocketLimits

LIMITS = PeerSocketLimits(first_message=8 * 1024, max_message=1024 * 1024, send_buffer=2 * 1024 * 1024)


class RecordingEnd:
    """Lives on a channel (:class:`cloudnode.transports.peerchannel.PeerEnd`).

    :ivar frames: What came. :ivar told: What else happened, in order.
    """

    def __init__(self, channel: PeerChannel) -> None:
        self.channel = channel
        self.frames: list[bytes] = []
        self.told: list[str] = []
        channel.expect_long_messages()

    def frame_received(self, frame: bytes) -> None:
        if frame == b"raise":
            raise RuntimeError("an end that fails")
        self.frames.append(frame)

    def sending_paused(self) -> None:
        self.told.append("paused")

    def sending_resumed(self) -> None:
        self.told.append("resumed")

    def channel_abused(self, reason: str) -> None:
        self.told.append(f"abused: {reason}")

    def channel_lost(self, reason: str) -> None:
        self.told.append("lost")


@attrs.define
class Side:
    """One side of the channels of a test: makes their ends, or refuses.

    :ivar refusal: What :meth:`make_end` raises. :ivar admission: What is raised before a channel is taken.
    """

    ends: list[RecordingEnd] = attrs.Factory(list)
    asked: list[str] = attrs.Factory(list)
    refusal: Exception | None = None
    admission: Exception | None = None
    make: Callable[[PeerChannel], RecordingEnd] = RecordingEnd

    def make_end(self, channel: PeerChannel) -> RecordingEnd:
        if self.refusal is not None:
            raise self.refusal
        end = self.make(channel)
        self.ends.append(end)
        return end

    def check_admission(self, address: str, path: str) -> None:
        self.asked.append(address)
        if self.admission is not None:
            raise self.admission

    @property
    def end(self) -> RecordingEnd:
        """The only end."""
        [end] = self.ends
        return end


class EarlyEnd(RecordingEnd):
    """An end whose other side is not authenticated yet."""

    def __init__(self, channel: PeerChannel) -> None:
        super().__init__(channel)
        channel.maxMessagePayloadSize = channel.maxFramePayloadSize = LIMITS.first_message  # type: ignore[attr-defined]


class ChannelBehaviour:
    """Tests of one carrier of channels; mixed into a ``SynchronousTestCase``.

    The test case provides :meth:`dial`, which begins a channel between :attr:`here` and :attr:`there`, and
    :meth:`advance`.
    """

    transport_name: str
    dial: Callable[[], Deferred[PeerChannel]]
    advance: Callable[[float], None]
    leave_nothing: Callable[[], None]
    here: Side
    there: Side
    # Of SynchronousTestCase, for the type checker's and the reader's sake.
    assertEqual: Callable[..., None]
    assertNotEqual: Callable[..., None]
    assertIn: Callable[..., None]
    assertTrue: Callable[..., None]
    assertLess: Callable[..., None]
    successResultOf: Callable[..., Any]
    failureResultOf: Callable[..., Any]
    flushLoggedErrors: Callable[..., list[object]]

    def open(self) -> tuple[RecordingEnd, RecordingEnd]:
        """A channel: the dialler's end, and the other one."""
        dialling = self.dial()
        self.advance(1)
        channel = self.successResultOf(dialling)
        assert self.here.ends[-1].channel is channel
        return self.here.ends[-1], self.there.ends[-1]

    def test_both_know_it(self) -> None:
        """Both sides have the same binding of 32 bytes, know who dialled, where the other is, and over what."""
        here, there = self.open()
        self.assertEqual(here.channel.binding, there.channel.binding)
        self.assertEqual(len(here.channel.binding), 32)
        self.assertEqual((here.channel.inbound, there.channel.inbound), (False, True))
        self.assertEqual({here.channel.transport_name, there.channel.transport_name}, {self.transport_name})
        self.assertEqual((there.channel.address, self.there.asked), ("192.0.2.1", ["192.0.2.1"]))

    def test_frames(self) -> None:
        """Frames of all lengths come whole and in order, both ways."""
        here, there = self.open()
        frames = [b"f" * size for size in (1, 125, 126, 65_535, 65_536, 700_000, 2, LIMITS.max_message)]
        for source, sink in ((here, there), (there, here)):
            for frame in frames:
                source.channel.send_frame(frame)
                self.advance(1)
            self.assertEqual([len(frame) for frame in sink.frames], [len(frame) for frame in frames])

    def test_arriving(self) -> None:
        """It is seen how much there is of a frame that is just coming."""
        here, _ = self.open()
        channel: Any = here.channel
        channel.dataReceived(b"\x82\x7e\x10\x00" + b"f" * 1_000)
        self.assertEqual((channel.arriving_bytes, here.frames), (1_000, []))
        channel.dataReceived(b"f" * 3_000)
        self.assertEqual((channel.arriving_bytes, here.frames), (4_000, []))
        channel.dataReceived(b"f" * 96)
        self.assertEqual((channel.arriving_bytes, here.frames), (0, [b"f" * 4_096]))

    def test_both_send_at_once(self) -> None:
        """Two sides that both have much to send do not wait for each other."""
        here, there = self.open()
        for number in range(15):
            for end in (here, there):
                end.channel.send_frame(bytes([number]) * 100_000)
        self.advance(5)
        for end in (here, there):
            self.assertEqual([frame[0] for frame in end.frames], list(range(15)))
            self.assertEqual(end.told[-1], "resumed")

    def test_first_message(self) -> None:
        """Before the other side is authenticated, a frame is short."""
        self.there.make = EarlyEnd
        here, there = self.open()
        here.channel.send_frame(b"f" * LIMITS.first_message)
        self.advance(1)
        self.assertEqual(len(there.frames), 1)
        here.channel.send_frame(b"f" * (LIMITS.first_message + 1))
        self.advance(4)
        self.assertEqual(len(there.frames), 1)
        self.assertEqual(there.told[-1], "lost")
        self.assertTrue(there.told[0].startswith("abused"))

    def test_longest_message(self) -> None:
        """A frame that is a byte too long ends the channel, and never reaches its end."""
        here, there = self.open()
        here.channel.maxMessagePayloadSize = 0  # type: ignore[attr-defined]  # else it would not send it
        here.channel.send_frame(b"f" * (LIMITS.max_message + 1))
        self.advance(4)
        self.assertEqual((there.frames, there.told[-1]), ([], "lost"))

    def test_reads_nothing(self) -> None:
        """A side that takes nothing has the other paused, and lost when that lasts too long."""
        here, there = self.open()
        there.channel.hold_receiving()
        for _ in range(12):
            here.channel.send_frame(b"f" * 100_000)
            self.advance(0.1)
        self.assertIn("paused", here.told)
        there.channel.resume_receiving()
        self.advance(5)
        self.assertEqual((len(there.frames), here.told[-1]), (12, "resumed"))
        there.channel.hold_receiving()
        for _ in range(12):
            here.channel.send_frame(b"f" * 100_000)
            self.advance(0.1)
        self.advance(35)
        self.assertEqual(here.told[-1], "lost")

    def test_sends_on(self) -> None:
        """Who sends on while the other takes nothing fills no more than the bound."""
        here, there = self.open()
        there.channel.hold_receiving()
        for _ in range(60):
            here.channel.send_frame(b"f" * 100_000)
            self.advance(0.01)
        self.advance(1)
        self.assertEqual(here.told[-1], "lost")

    def test_close(self) -> None:
        """A close ends the channel on both sides, once, after what was sent; nothing is taken after it."""
        here, there = self.open()
        here.channel.send_frame(b"last")
        here.channel.close("enough")
        here.channel.send_frame(b"too late")
        there.channel.send_frame(b"too late as well")
        self.advance(5)
        self.assertEqual((there.frames, here.frames), ([b"last"], []))
        self.assertEqual((here.told.count("lost"), there.told.count("lost")), (1, 1))
        self.leave_nothing()

    def test_abort(self) -> None:
        """A channel that is dropped is lost on both sides."""
        here, there = self.open()
        there.channel.abort()
        self.advance(5)
        self.assertEqual((here.told, there.told), (["lost"], ["lost"]))
        self.leave_nothing()

    def test_text(self) -> None:
        """A text message ends the channel."""
        here, there = self.open()
        here.channel.sendMessage(b"hello", isBinary=False)  # type: ignore[attr-defined]
        self.advance(5)
        self.assertEqual((there.frames, there.told), ([], ["lost"]))

    def test_pings(self) -> None:
        """A flood of WebSocket's own pings is an abuse."""
        here, there = self.open()
        for _ in range(100):
            here.channel.sendPing(b"x" * 100)  # type: ignore[attr-defined]
        self.advance(5)
        self.assertEqual(there.told, ["abused: too many pings of WebSocket's came", "lost"])

    def test_failing_end(self) -> None:
        """An end that fails has its channel ended, and no other."""
        here, there = self.open()
        other, _ = self.open()
        here.channel.send_frame(b"raise")
        self.advance(1)
        self.assertEqual(there.told, ["lost"])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.assertEqual(other.told, [])

    def test_not_admitted(self) -> None:
        """A channel that is refused beforehand is never opened, and the dialler is told so."""
        self.there.admission = PeerRefused("this node has as many links as it takes")
        dialling = self.dial()
        self.advance(6)
        self.assertIn("503", str(self.failureResultOf(dialling, PeerRefused).value))
        self.assertEqual((self.here.ends, self.there.ends), ([], []))
        self.leave_nothing()

    def test_refused_late(self) -> None:
        """A channel whose end is refused when it is made is closed."""
        self.there.refusal = PeerRefused("no room any more")
        dialling = self.dial()
        self.advance(6)
        self.successResultOf(dialling)
        self.assertEqual(self.here.end.told, ["lost"])
        self.leave_nothing()

    def test_given_up(self) -> None:
        """A dialler that loses interest leaves nothing behind."""
        dialling = self.dial()
        dialling.cancel()
        self.failureResultOf(dialling, CancelledError)
        self.advance(6)
        self.assertEqual((self.here.ends, self.there.ends), ([], []))
        self.leave_nothing()
