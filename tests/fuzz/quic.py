"""Datagrams: first packets, and, once a connection is there, any frames and any bytes on its streams."""

from __future__ import annotations

from aioquic.buffer import encode_uint_var

from cloudnode.transports.quic.messages import encode_message
from tests.fuzz.target import Check, Outcome, Target
from tests.unit.transports.quic.ends import NODE, EchoServer, RawClient, mask_frame, stream_frame
from tests.unit.transports.quic.network import MemoryNetwork

_STRANGER = ("192.0.2.66", 5_000)


def _settle(network: MemoryNetwork, seconds: float = 0.02) -> None:
    network.advance(seconds, 0.005)


class _Node:
    """A node in memory with a well-behaved caller, who has to be answered after every input."""

    def __init__(self) -> None:
        self.network = MemoryNetwork()
        self.server = EchoServer(self.network)
        self.friend = RawClient(self.network, "192.0.2.2").connect()
        self.stream = self.friend.open_websocket()
        self._echoed = 0

    def check(self) -> None:
        """Nothing failed in the node, and the friend is answered."""
        assert self.server.counters.failures == 0
        self._echoed += 1
        before = len(self.friend.body(self.stream))
        h3 = self.friend.h3
        assert h3 is not None
        h3.send_data(self.stream, mask_frame(b"%d" % self._echoed), False)
        self.friend.go()
        assert self.friend.body(self.stream)[before:].endswith(b"%d" % self._echoed), "the friend is not answered"
        self.friend.messages.clear()


class _Datagrams(_Node):
    """Datagrams of strangers."""

    def receive(self, data: bytes) -> Outcome:
        """One datagram of any bytes."""
        counters = self.server.counters
        before = (counters.accepted, counters.unknown_dropped, counters.stun_received, counters.versions_sent)
        self.server.socket.demultiplexer.datagramReceived(data, _STRANGER)
        _settle(self.network)
        after = (counters.accepted, counters.unknown_dropped, counters.stun_received, counters.versions_sent)
        assert counters.failures == 0
        names = ("accepted", "unknown", "stun", "versions")
        outcome = next((name for name, one, two in zip(names, before, after, strict=True) if one != two), "dropped")
        if outcome == "accepted":
            self.network.advance(8, 0.5)
            assert counters.connections == 1, "a forged first packet is not forgotten"
            self.check()
        return outcome


class _Frames(_Node):
    """What a caller with a connection of its own may send on it, encrypted and all."""

    def receive(self, data: bytes) -> Outcome:
        """The first byte says where the others go: as frames in a packet, or on a stream of one of three kinds."""
        client = RawClient(self.network, "192.0.2.3").connect()
        where, rest = (data[:1] or b"\0")[0] % 4, data[1:1_101]
        quic = client.quic
        if where == 0:
            client.send_frames((rest[0] if rest else 0, rest[1:]))
        elif where == 1:
            quic.send_stream_data(quic.get_next_available_stream_id(), rest)
        elif where == 2:
            quic.send_stream_data(quic.get_next_available_stream_id(is_unidirectional=True), rest)
        else:
            stream = client.request((b":protocol", b"webtransport"))
            client.go()
            quic.send_stream_data(client.open_message_stream(stream), rest)
        client.transmit()
        _settle(self.network)
        ended = client.termination
        client.vanish()
        for link in self.server.socket.endpoint.links:
            if link.peer_address[0] == "192.0.2.3":
                link.close(0, "")
        _settle(self.network, 0.1)
        self.check()
        return f"{('frames', 'stream', 'one-way', 'webtransport')[where]} {'closed' if ended else 'open'}"


def _first_packets() -> list[bytes]:
    """Good first datagrams of a client, of which nothing else is ever heard."""
    network = MemoryNetwork()
    sent: list[bytes] = []
    network.spy = lambda datagram, source, target: sent.append(datagram)
    for _ in range(2):
        client = RawClient(network)
        client.quic.connect(NODE, network.clock.seconds())
        client.transmit()
        client.vanish()
    version = b"\xc3\xba\xba\xba\xba" + sent[0][5:]
    return [*sent, version, b"\x40" + bytes(40), bytes.fromhex("000100002112a442") + bytes(12), b""]


def _frame_seeds() -> list[bytes]:
    frames = [
        b"\x01",  # PING
        b"\x06" + encode_uint_var(0) + encode_uint_var(4) + b"\x01\x00\x00\x00",  # CRYPTO
        b"\x0e" + stream_frame(0, 0, b"x")[1],
        b"\x0e" + stream_frame(0, 1_000, b"x")[1],
        b"\x0e" + stream_frame(3, 0, b"x")[1],
        b"\x02" + bytes(5),  # ACK
        b"\x04" + encode_uint_var(0) * 3,  # RESET_STREAM
        b"\x05" + encode_uint_var(0) * 2,  # STOP_SENDING
        b"\x10" + encode_uint_var(2**60),  # MAX_DATA
        b"\x18" + encode_uint_var(1) + encode_uint_var(0) + b"\x08" + bytes(24),  # NEW_CONNECTION_ID
        b"\x19" + encode_uint_var(0),  # RETIRE_CONNECTION_ID
        b"\x1a" + bytes(8),  # PATH_CHALLENGE
        b"\x1c" + encode_uint_var(0) * 3,  # CONNECTION_CLOSE
        b"\x1e",  # HANDSHAKE_DONE, which only servers send
        b"\x30" + b"datagram",
    ]
    http3 = [
        encode_uint_var(0) + encode_uint_var(3) + b"abc",  # DATA
        encode_uint_var(1) + encode_uint_var(4) + b"\0\0\xd1\xc1",  # HEADERS
        encode_uint_var(4) + encode_uint_var(2) + b"\x01\x00",  # SETTINGS
        encode_uint_var(7) + encode_uint_var(1) + b"\0",  # GOAWAY
        encode_uint_var(0x41) + encode_uint_var(0) + b"x",
    ]
    one_way = [b"\0" + http3[2], b"\2\x3f\xe1\x1f", b"\3\0", b"\x40\x54\0x"]
    messages = [encode_message(b"one") + encode_message(b"two"), b"\xff\xff\xff\xff", encode_message(b"\xff")]
    kinds = (frames, http3, one_way, messages)
    return [bytes([kind]) + seed for kind, seeds in enumerate(kinds) for seed in seeds]


def _open(kind: type[_Datagrams] | type[_Frames]) -> Check:
    return Check(kind().receive)


TARGETS = (
    Target("datagrams", "any datagram is dropped or answered, and forged connections are forgotten within seconds",
           lambda: _open(_Datagrams), _first_packets, (b"\0\0\0\1", bytes.fromhex("2112a442"), b"\xc3", b"\x08")),
    Target("http3", "any frames and stream bytes close their own connection at most; other callers are answered",
           lambda: _open(_Frames), _frame_seeds, (b"\x40\x41", b"\x40\x54", b"\x80\0\x28\x43", b"\xff" * 8)),
)  # fmt: skip
