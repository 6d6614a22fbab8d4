"""Who is let in, how packets find their connection, and how connections live and end."""

from __future__ import annotations

import attrs
from aioquic.quic.packet import QuicErrorCode, QuicProtocolVersion
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.transports.quic.limits import QuicLimits
from cloudnode.transports.quic.link import Loss
from cloudnode.transports.quic.messages import encode_message
from tests.unit.transports.quic.ends import CALLER, NODE, EchoServer, RawClient, mask_frame
from tests.unit.transports.quic.network import MemoryNetwork, Weather

STRANGER = ("198.51.100.7", 5000)


class EndpointTestCase(SynchronousTestCase):
    """A node in memory."""

    limits = QuicLimits()

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.server = EchoServer(self.network, self.limits)
        self.counters = self.server.counters
        self.answers: list[bytes] = []
        self.network.spy = lambda datagram, source, target: (
            self.answers.append(datagram) if target == STRANGER else None
        )

    def throw(self, datagram: bytes) -> None:
        """Send a datagram from a stranger."""
        self.network.carry(datagram, STRANGER, NODE)
        self.network.settle()

    def first_flight(self) -> list[bytes]:
        """What a client sends first, not sent."""
        client = RawClient(MemoryNetwork())
        client.quic.connect(NODE, 1000.0)
        return [datagram for datagram, _ in client.quic.datagrams_to_send(1000.0)]

    def converse(self, client: RawClient, stream: int, count: int = 1) -> None:
        """Have messages echoed."""
        assert client.h3 is not None
        for number in range(count):
            before = client.body(stream)
            client.h3.send_data(stream, mask_frame(b"message %d" % number), False)
            client.go()
            text = b"message %d" % number
            self.assertEqual(client.body(stream), before + bytes([0x81, len(text)]) + text)


class AdmissionTests(EndpointTestCase):
    """First packets."""

    limits = attrs.evolve(QuicLimits(), retry_above=2, unfinished_handshakes=3, connections=5, connections_by_address=3)

    def test_version_negotiation(self) -> None:
        """A version that is not spoken is answered with those that are, if the packet is a full one."""
        unknown = b"\xc0\x1a\x2a\x3a\x4a\x08" + b"d" * 8 + b"\x08" + b"s" * 8
        self.throw(unknown.ljust(1200, b"\0"))
        self.assertEqual(len(self.answers), 1)
        answer = self.answers[0]
        self.assertEqual(answer[1:5], bytes(4))
        self.assertEqual(answer[5:23], b"\x08" + b"s" * 8 + b"\x08" + b"d" * 8)
        self.assertIn(QuicProtocolVersion.VERSION_1.to_bytes(4, "big"), answer[23:])
        self.throw(unknown.ljust(1199, b"\0"))
        self.assertEqual(len(self.answers), 1, "a small packet is not worth a larger answer")

    def test_version_negotiation_is_not_answered(self) -> None:
        """A Version Negotiation packet gets no answer, or two servers could be set on each other."""
        self.throw((b"\x80" + bytes(4) + b"\x08" + b"d" * 8 + b"\x08" + b"s" * 8).ljust(1200, b"\x1a"))
        self.assertEqual(self.answers, [])

    def test_client_negotiates(self) -> None:
        """A client that begins with QUIC version 2 is served as well."""
        client = RawClient(self.network, original_version=QuicProtocolVersion.VERSION_2).connect()
        self.converse(client, client.open_websocket())

    def test_garbage(self) -> None:
        """A packet that looks like a first one but can't be decrypted leaves nothing behind."""
        datagram = bytearray(self.first_flight()[0])
        datagram[100] ^= 0xFF
        self.throw(bytes(datagram))
        self.assertEqual((self.counters.connections, self.counters.handshakes_dropped), (0, 0))
        self.assertEqual(self.server.socket.endpoint.links, [])

    def test_unroutable(self) -> None:
        """A packet of no known connection is dropped and counted, without an answer."""
        self.throw(b"\x40" + bytes(60))
        self.throw(b"\xe0\x00\x00\x00\x01\x08" + b"d" * 8 + b"\x08" + b"s" * 8 + b"\x10" + bytes(1200))
        self.assertEqual((self.counters.unroutable_dropped, self.answers), (2, []))

    def test_unfinished_handshakes(self) -> None:
        """Strangers who begin and go no further are asked to prove their address, and dropped in time."""
        for number in range(10):
            for datagram in self.first_flight():
                self.network.carry(datagram, (f"198.51.100.{number}", 5000), NODE)
            self.network.settle(0.1)
        self.assertEqual(self.counters.connections, 2)
        self.assertGreaterEqual(self.counters.retries_sent, 8)
        self.network.advance(self.limits.handshake_seconds + 0.1, 0.02)
        self.assertEqual((self.counters.connections, self.counters.handshakes_dropped), (0, 2))

    def test_retry(self) -> None:
        """Under load an honest client proves its address and is let in."""
        for number in range(2):
            for datagram in self.first_flight():
                self.network.carry(datagram, (f"198.51.100.{number}", 5000), NODE)
        self.network.settle(0.1)
        client = RawClient(self.network).connect()
        self.assertEqual(client.quic._retry_count, 1)
        self.converse(client, client.open_websocket())
        self.assertGreaterEqual(self.counters.retries_sent, 1)

    def test_stolen_token(self) -> None:
        """A token proves only the address that it was given to."""
        for number in range(2):
            for datagram in self.first_flight():
                self.network.carry(datagram, (f"198.51.100.{number}", 5000), NODE)
        honest = RawClient(self.network)
        flights: list[bytes] = []
        self.network.spy = lambda datagram, source, target: (
            flights.append(datagram) if source == honest.port.address else None
        )
        honest.connect()
        proven = [flight for flight in flights if honest.quic._peer_token in flight]
        self.assertNotEqual(proven, [])
        self.assertEqual(self.counters.accepted, 3)
        honest.vanish()
        before = self.counters.retries_sent
        # To a connection id of its own, or it would be taken for the honest one's repetition.
        endpoint = self.server.socket.endpoint
        endpoint._by_id.clear()
        self.throw(proven[0])
        self.assertEqual((self.counters.accepted, self.counters.retries_sent), (3, before + 1))

    def test_too_many_handshakes(self) -> None:
        """Beyond the limit even those with a token are dropped, not refused: they come again by themselves."""
        self.server.socket.endpoint.limits = attrs.evolve(self.limits, unfinished_handshakes=0)
        client = RawClient(self.network)
        client.quic.connect(NODE, self.network.clock.seconds())
        client.transmit()
        self.network.advance(0.3)
        self.assertGreater(self.counters.overload_dropped, 0)
        self.assertEqual(self.counters.accepted, 0)
        self.server.socket.endpoint.limits = self.limits
        self.network.advance(2.0)
        self.assertEqual(self.counters.handshakes_completed, 1)

    def test_limits_of_connections(self) -> None:
        """One address has so many connections and all together so many; the next is refused by name."""
        one = [RawClient(self.network).connect() for _ in range(3)]
        refused = RawClient(self.network).connect()
        assert refused.termination is not None
        self.assertEqual(refused.termination.error_code, QuicErrorCode.CONNECTION_REFUSED)
        others = [RawClient(self.network, f"192.0.2.{number}").connect() for number in (2, 3)]
        too_many = RawClient(self.network, "192.0.2.4").connect()
        assert too_many.termination is not None
        self.assertEqual((self.counters.refused, self.counters.connections), (2, 5))
        one[0].quic.close()
        one[0].go()
        self.assertEqual(self.counters.connections, 4)
        self.assertIsNone(RawClient(self.network).connect().termination)
        self.assertTrue(all(client.termination is None for client in others))

    def test_no_early_data(self) -> None:
        """No session ticket is given out, so that no request can come before its handshake, and again."""
        tickets: list[object] = []
        client = RawClient(self.network)
        client.quic._session_ticket_handler = tickets.append  # type: ignore[assignment]
        client.connect()
        self.converse(client, client.open_websocket())
        self.assertEqual(tickets, [])

    def test_stun_beside(self) -> None:
        """STUN on the same socket goes to its handler, and QUIC goes on."""
        client = RawClient(self.network).connect()
        request = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + bytes(12)
        self.throw(request)
        self.assertEqual(self.server.stun, [(request, STRANGER)])
        self.converse(client, client.open_websocket())


class LifeTests(EndpointTestCase):
    """Connections that live and end."""

    def test_migration(self) -> None:
        """A client that comes from another address goes on, by any of the ids that it was given."""
        client = RawClient(self.network).connect()
        stream = client.open_websocket()
        for number in range(5):
            client.port.move((f"203.0.113.{number}", 6000 + number))
            if number % 2:
                client.quic.change_connection_id()
            self.converse(client, stream, 2)
        self.assertEqual(self.counters.connections, 1)
        [session] = self.server.opener.sessions
        self.assertEqual(session.connection.caller.address, CALLER, "the limits go by where it began")

    def test_keep_alive(self) -> None:
        """A connection with an open stream is kept alive, for as long as its peer answers."""
        client = RawClient(self.network).connect()
        stream = client.open_message_stream(client.open_session())
        client.quic.send_stream_data(stream, encode_message(b"hello"))
        client.go()
        self.server.opener.session.events.clear()
        self.network.advance(200, 0.1)
        self.assertEqual(self.counters.connections, 1)
        client.vanish()
        self.network.advance(self.limits.idle_seconds + self.limits.keep_alive_seconds + 2, 0.1)
        self.assertEqual(self.counters.connections, 0)
        self.assertEqual(self.server.opener.session.events, ["lost"])

    def test_idle(self) -> None:
        """A connection without a stream is gone after the idle time-out."""
        RawClient(self.network).connect()
        self.network.advance(self.limits.idle_seconds + 3, 0.1)
        self.assertEqual(self.counters.connections, 0)

    def test_closed_by_peer(self) -> None:
        """A connection that its peer closes is forgotten at once, and its sessions are told."""
        client = RawClient(self.network).connect()
        client.open_websocket()
        client.quic.close(error_code=0x100)
        client.go()
        self.assertEqual(self.server.opener.session.events, ["lost"])
        endpoint = self.server.socket.endpoint
        self.assertEqual((endpoint.links, endpoint._by_id, endpoint._by_address), ([], {}, {}))

    def test_stop(self) -> None:
        """A node that stops tells its peers, ends its sessions, and leaves no timer."""
        client = RawClient(self.network).connect()
        client.open_websocket()
        self.successResultOf(self.server.socket.stop())
        self.assertEqual(self.server.opener.session.events, ["lost"])
        self.network.settle()
        assert client.termination is not None
        self.assertEqual(client.termination.error_code, 0x100)
        client.vanish()
        self.network.advance(10, 0.1)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_stop_in_every_phase(self) -> None:
        """Stopping is clean at any moment of a handshake and a conversation."""
        for steps in range(30):
            network = MemoryNetwork()
            server = EchoServer(network)
            client = RawClient(network)
            client.quic.connect(NODE, network.clock.seconds())
            client.transmit()
            network.advance(0.001 * steps, 0.001)
            self.successResultOf(server.socket.stop())
            client.vanish()
            network.advance(1.0, 0.1)
            self.assertEqual(network.clock.getDelayedCalls(), [], steps)
            self.assertEqual(server.counters.connections, 0)

    def test_failing_connection(self) -> None:
        """An error inside one connection drops that one, logged, and no other."""
        client, other = RawClient(self.network).connect(), RawClient(self.network, "192.0.2.2").connect()
        stream = other.open_websocket()
        link = next(link for link in self.server.socket.endpoint.links if link.peer_address[0] == CALLER)

        def fail(events: object) -> None:
            raise ZeroDivisionError

        link.application.events_received = fail  # type: ignore[union-attr, assignment, method-assign]
        client.request((b":protocol", b"websocket"))
        client.go()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.assertEqual((self.counters.connections, self.counters.failures), (1, 1))
        self.converse(other, stream)

    def test_dropped_in_its_own_turn(self) -> None:
        """A connection that its application drops while it is told something is gone, and the others' turns go on."""
        client, other = RawClient(self.network).connect(), RawClient(self.network, "192.0.2.2").connect()
        stream = other.open_websocket()
        endpoint = self.server.socket.endpoint
        link = next(link for link in endpoint.links if link.peer_address[0] == CALLER)
        link.application.events_received = (  # type: ignore[union-attr, method-assign]
            lambda events: endpoint.drop(link, Loss("local"))
        )
        client.request((b":protocol", b"websocket"))
        client.go()
        self.assertEqual((self.counters.connections, self.counters.failures), (1, 0))
        self.converse(other, stream)

    def test_one_timer_a_link(self) -> None:
        """However busy, a connection has one timer, and a turn at most is waiting."""
        client = RawClient(self.network).connect()
        stream = client.open_websocket()
        self.converse(client, stream, 50)
        timers = self.server.socket._timers
        self.assertEqual(len(timers), 1)
        ours = [call for call in self.network.clock.getDelayedCalls() if "QuicSocket" in str(call.func)]
        self.assertEqual(len(ours), 1)

    def test_bad_weather(self) -> None:
        """Datagrams that are lost, doubled and reordered cost time and nothing else."""
        for seed in range(5):
            weather = Weather(delay=0.02, jitter=0.03, loss=0.1, doubling=0.05)
            network = MemoryNetwork(seed, weather)
            server = EchoServer(network)
            client = RawClient(network, congestion_control_algorithm="cubic")
            client.connect()
            network.advance(5, 0.01)
            stream = client.request((b":protocol", b"websocket"))
            assert client.h3 is not None
            for number in range(20):
                client.h3.send_data(stream, mask_frame(b"%d" % number * 1000), False)
            client.go()
            network.advance(20, 0.01)
            received = [event for event in server.opener.session.events if isinstance(event, bytes)]
            self.assertEqual(received, [b"%d" % number * 1000 for number in range(20)], seed)
            frames = b"".join(bytes([0x81, 126]) + len(text).to_bytes(2, "big") + text for text in received)
            self.assertEqual(client.body(stream), frames, seed)


class FuzzTests(EndpointTestCase):
    """Any bytes leave the endpoint as it was: the next client is served."""

    @settings(max_examples=100, deadline=None)
    @given(st.data())
    def test_any_datagram(self, data: st.DataObject) -> None:
        """Any datagram, also one like a first packet, is dropped or answered, and nothing fails."""
        network = MemoryNetwork()
        server = EchoServer(network)
        first = data.draw(st.sampled_from([0xC0, 0xC3, 0xD0, 0xE0, 0xF0, 0x40, 0x7F, 0xFF]))
        version = data.draw(st.sampled_from([1, 0x6B3343CF, 0, 0x1A2A3A4A]))
        ids = data.draw(st.sampled_from([0, 1, 7, 8, 20, 21, 255]))
        rest = data.draw(st.binary(max_size=200))
        datagram = bytes([first]) + version.to_bytes(4, "big") + bytes([ids]) + rest
        for padded in (datagram, datagram.ljust(1200, data.draw(st.sampled_from([b"\0", b"\xff"])))):
            network.carry(padded, STRANGER, NODE)
        network.settle(0.2)
        self.assertEqual((server.counters.failures, server.counters.connections), (0, 0))

    @settings(max_examples=60, deadline=None)
    @given(st.data())
    def test_flipped_first_flight(self, data: st.DataObject) -> None:
        """A first flight with a byte changed anywhere makes no state that stays."""
        network = MemoryNetwork()
        server = EchoServer(network)
        for flight in self.first_flight():
            datagram = bytearray(flight)
            datagram[data.draw(st.integers(0, len(datagram) - 1))] ^= data.draw(st.integers(1, 255))
            network.carry(bytes(datagram), STRANGER, NODE)
        network.settle(0.2)
        network.advance(QuicLimits().handshake_seconds + 0.5, 0.1)
        self.assertEqual((server.counters.failures, server.counters.connections), (0, 0))
