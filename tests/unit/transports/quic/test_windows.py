"""What a peer can make a connection keep, whatever frames it sends."""

from __future__ import annotations

import gc
import tracemalloc

import attrs
from aioquic.buffer import encode_uint_var
from aioquic.quic.packet import QuicErrorCode
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.transports.quic.limits import KIB, MIB, QuicLimits
from tests.unit.transports.quic.ends import EchoServer, RawClient, mask_frame, stream_frame
from tests.unit.transports.quic.network import MemoryNetwork

STREAM_LIMIT, CONNECTION_LIMIT = QuicLimits().stream_window, QuicLimits().connection_window


class WindowTestCase(SynchronousTestCase):
    """A node and a client whose frames are made by hand."""

    limits = QuicLimits()

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.server = EchoServer(self.network, self.limits)
        self.client = RawClient(self.network).connect()
        self.websocket = self.client.open_websocket()

    def granted(self) -> tuple[int, int]:
        """What the client may send: on its WebSocket's stream, and in all."""
        quic = self.client.quic
        return quic._streams[self.websocket].max_stream_data_remote, quic._remote_max_data


class GapTests(WindowTestCase):
    """Bytes at high offsets with nothing before them."""

    def test_flood_of_gaps(self) -> None:
        """A peer that follows every window to its end, a byte at a time, has next to nothing allocated for it."""
        start = self.client.quic._streams[self.websocket].sender._buffer_stop
        gc.collect()
        tracemalloc.start()
        sent = 0
        for round_ in range(200):
            limit, _ = self.granted()
            self.client.send_frames(stream_frame(self.websocket, limit - 1 - round_ % 7, b"x"))
            sent += 40
            self.network.settle(0.2)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        self.assertIsNone(self.client.termination)
        self.assertLess(peak, STREAM_LIMIT + MIB, f"{sent} bytes sent")
        limit, in_all = self.granted()
        self.assertLess(limit, start + 2 * STREAM_LIMIT)
        self.assertLess(in_all, 2 * CONNECTION_LIMIT)

    def test_flood_on_all_streams(self) -> None:
        """The connection's window bounds all streams together: the gaps of 60 cost no more than those of two."""
        gc.collect()
        tracemalloc.start()
        for number in range(1, 60):
            self.client.send_frames(stream_frame(self.websocket + 4 * number, STREAM_LIMIT - 1, b"x"))
        self.network.settle(0.5)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        self.assertLess(peak, CONNECTION_LIMIT + MIB)
        assert self.client.termination is not None
        self.assertEqual(self.client.termination.error_code, QuicErrorCode.FLOW_CONTROL_ERROR)
        self.assertEqual(self.server.counters.connections, 0)

    def test_beyond_the_window(self) -> None:
        """A byte beyond the window closes the connection, and nothing is allocated for it."""
        limit, _ = self.granted()
        self.client.send_frames(stream_frame(self.websocket, limit, b"x"))
        self.network.settle(0.2)
        assert self.client.termination is not None
        self.assertEqual(self.client.termination.error_code, QuicErrorCode.FLOW_CONTROL_ERROR)

    def test_many_runs(self) -> None:
        """Separate bytes all over a window, which cost a search each, close the connection at the limit."""
        base = self.client.quic._streams[self.websocket].sender._buffer_stop
        for run in range(QuicLimits().gap_ranges + 20):
            self.client.send_frames(stream_frame(self.websocket, base + 2 + 2 * run, b"x"))
        self.network.settle(0.2)
        assert self.client.termination is not None
        self.assertEqual(self.client.termination.reason_phrase, "too many gaps in a stream")

    def test_handshake_bytes_ahead(self) -> None:
        """Handshake bytes far ahead of the others close the connection."""
        far = encode_uint_var(QuicLimits().crypto_window) + encode_uint_var(1) + b"x"
        self.client.send_frames((0x06, far))
        self.network.settle(0.2)
        assert self.client.termination is not None
        self.assertEqual(self.client.termination.error_code, QuicErrorCode.CRYPTO_BUFFER_EXCEEDED)


class SharedBudgetTests(WindowTestCase):
    """What all connections together keep for gaps."""

    limits = attrs.evolve(QuicLimits(), gap_bytes=300 * KIB)

    def test_largest_holder_pays(self) -> None:
        """When the budget is exceeded the connection that holds the most is closed, and no other."""
        greedy, modest = RawClient(self.network, "192.0.2.2").connect(), self.client
        base = modest.quic._streams[self.websocket].sender._buffer_stop
        greedy.send_frames(stream_frame(0, 200 * KIB, b"x"))
        self.network.settle(0.2)
        modest.send_frames(stream_frame(self.websocket, base + 150 * KIB, b"x"))
        self.network.settle(0.2)
        self.assertIsNone(modest.termination)
        assert greedy.termination is not None
        self.assertEqual(self.server.counters.gap_evictions, 1)
        self.assertEqual(self.server.counters.connections, 1)
        modest.vanish()
        self.network.advance(60, 0.5)
        self.assertEqual(self.server.socket.endpoint._gaps.total, 0, "what was held is given back")


class SlidingTests(WindowTestCase):
    """Windows that follow what is taken."""

    def test_windows_slide(self) -> None:
        """Far more than a window goes through, in both directions, and no window ever grows."""
        message = mask_frame(b"m" * 100_000)
        before_stream, before_all = self.granted()
        for _ in range(40):
            assert self.client.h3 is not None
            self.client.h3.send_data(self.websocket, message, False)
            self.client.go()
        self.assertEqual(len(self.server.opener.session.events), 40)
        echoed = len(self.client.body(self.websocket))
        self.assertEqual(echoed, 40 * (100_000 + 10))
        consumed = 40 * len(message)
        stream, in_all = self.granted()
        self.assertLess(stream - consumed, before_stream + 2 * KIB)
        self.assertLess(in_all - consumed, before_all + 2 * KIB)
        self.assertGreater(stream, consumed)

    def test_reset_streams_give_back(self) -> None:
        """Bytes that are never taken, because their streams were reset, do not use up the connection's window."""
        for _ in range(12):
            session = self.client.request((b":protocol", b"websocket"))
            self.client.go()
            self.client.quic.send_stream_data(session, bytes(1000))
            stream = self.client.quic._streams[session]
            self.client.send_frames(stream_frame(session, stream.max_stream_data_remote - 2, b"x"))
            final = encode_uint_var(stream.max_stream_data_remote)
            self.client.send_frames((0x04, encode_uint_var(session) + encode_uint_var(0) + final))
            self.network.settle(0.3)
        self.assertIsNone(self.client.termination)
        self.assertGreater(self.granted()[1], 12 * STREAM_LIMIT)
