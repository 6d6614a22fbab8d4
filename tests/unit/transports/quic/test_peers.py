"""Channels between nodes over QUIC: two nodes' sockets on a network in memory."""

from __future__ import annotations

import errno

import attrs
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.transports.peerchannel import LINKS, PeerChannel, PeerRefused, PeerSocketFactory
from cloudnode.transports.quic import peers
from cloudnode.transports.quic.listener import QuicSocket
from cloudnode.transports.quic.peers import OVER_QUIC, bind_certificate, choose_socket, dial_peer_quic
from cloudnode.transports.quic.serving import make_quic_server, parse_credentials
from cloudnode.transports.selfsigned import make_certificate
from tests.unit.transports.behaviour import EchoOpener
from tests.unit.transports.channels import LIMITS, ChannelBehaviour, Side
from tests.unit.transports.quic.ends import CALLER, NODE, RawClient, certificate, credentials
from tests.unit.transports.quic.network import MemoryNetwork, Weather

HERE = (CALLER, 38083)


class QuicPeerTestCase(SynchronousTestCase):
    """Two nodes, each with one socket that serves and dials."""

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.here, self.there = Side(), Side()
        self.credentials = credentials()
        self.sockets = [self.make_node(HERE, self.here), self.make_node(NODE, self.there)]

    def make_node(self, address: tuple[str, int], side: Side, peers: bool = True) -> QuicSocket:
        host = self.network.host(address[0])
        factory = PeerSocketFactory(OVER_QUIC, host, side.check_admission, side.make_end, LIMITS)  # type: ignore[arg-type]
        quic_socket = make_quic_server(
            host, lambda: self.credentials, EchoOpener(), monotonic=host.seconds,  # type: ignore[arg-type]
            peers=factory if peers else None,
        )  # fmt: skip
        quic_socket.listen(address[1])
        return quic_socket

    def dial(self, sockets: list[QuicSocket] | None = None) -> Deferred[PeerChannel]:
        """Begin a channel."""
        host = self.network.host(CALLER)
        dialling = dial_peer_quic(
            host, self.sockets[:1] if sockets is None else sockets, *NODE, self.here.make_end,
            timeout=5.0, limits=LIMITS, monotonic=host.seconds,
        )  # fmt: skip
        return Deferred.fromCoroutine(dialling)

    def advance(self, seconds: float) -> None:
        """Let time pass."""
        self.network.advance(seconds, 0.01 if seconds > 5 else 0.002)

    def leave_nothing(self) -> None:
        self.assertEqual([len(each.endpoint.links) for each in self.sockets], [0, 0])
        self.assertEqual(sorted(self.network.ports), sorted([HERE, NODE]))


class QuicPeerTests(ChannelBehaviour, QuicPeerTestCase):
    transport_name = "ws-udp"

    def test_from_the_port_that_serves(self) -> None:
        """The dialler is seen at the very port that it serves on; without one that fits, at another."""
        _, there = self.open()
        self.assertEqual(there.channel.port, HERE[1])
        dialling = self.dial([])
        self.network.settle()
        channel = self.successResultOf(dialling)
        self.assertNotEqual(self.there.ends[-1].channel.port, HERE[1])
        channel.close("enough")
        self.network.settle()
        self.assertEqual(sorted(self.network.ports), sorted([HERE, NODE]))

    def test_bad_weather(self) -> None:
        """Frames come whole and in order over a network that loses, doubles and reorders."""
        for seed in range(3):
            self.network.__init__(seed, Weather(delay=0.03, jitter=0.04, loss=0.08, doubling=0.05))  # type: ignore[misc]
            self.sockets = [self.make_node(HERE, self.here), self.make_node(NODE, self.there)]
            dialling = self.dial()
            self.network.advance(4, 0.01)
            self.successResultOf(dialling)
            here, there = self.here.ends[-1], self.there.ends[-1]
            for number in range(40):
                here.channel.send_frame(bytes([number]) * (number * 37 % 5000 + 1))
                there.channel.send_frame(bytes([number]) * (number * 91 % 5000 + 1))
            self.network.advance(20, 0.01)
            for end in (here, there):
                self.assertEqual([frame[0] for frame in end.frames], list(range(40)), seed)

    def test_two_that_dial_each_other(self) -> None:
        """Two nodes that dial each other from the ports that they serve on have two connections, which do not mix."""
        self.dial()
        host = self.network.host(NODE[0])
        Deferred.fromCoroutine(
            dial_peer_quic(host, self.sockets[1:], *HERE, self.there.make_end, timeout=5.0, monotonic=host.seconds)
        )
        self.network.settle()
        self.assertEqual([len(self.here.ends), len(self.there.ends)], [2, 2])
        for end in self.here.ends:
            end.channel.send_frame(b"to you")
        self.network.settle()
        self.assertEqual([end.frames for end in self.there.ends], [[b"to you"], [b"to you"]])

    def test_no_route(self) -> None:
        """Of a name's addresses the one is passed over at once to which the system knows no way."""
        async def resolve(reactor: object, host: str, port: int) -> list[tuple[str, int]]:
            return [("2001:db8::1", port), (NODE[0], port)]

        def check_route(quic_socket: QuicSocket, host: str) -> None:
            if ":" in host:
                raise OSError(errno.ENETUNREACH, "Network is unreachable")

        self.patch(peers, "resolve", resolve)
        self.patch(QuicSocket, "check_route", check_route)
        self.patch(peers, "choose_socket", lambda sockets, address: (sockets[0], address))
        dialling = self.dial()
        self.network.settle()
        self.successResultOf(dialling).close("enough")
        self.network.settle()
        self.leave_nothing()

    def test_nobody(self) -> None:
        """Where nobody is, the dialler is told after the time-out, or at once from a socket of its own."""
        self.successResultOf(self.sockets.pop().stop())
        dialling = self.dial()
        self.advance(5.5)
        self.failureResultOf(dialling, PeerRefused)
        dialling = self.dial([])
        self.network.settle()
        self.assertIn("nobody listens there", str(self.failureResultOf(dialling, PeerRefused).value))
        self.network.settle()
        self.assertEqual(list(self.network.ports), [HERE])

    def test_no_node(self) -> None:
        """A socket that takes no links answers as for any path that it does not serve."""
        self.successResultOf(self.sockets.pop().stop())
        self.sockets.append(self.make_node(NODE, self.there, peers=False))
        dialling = self.dial()
        self.network.settle()
        self.assertIn("404", str(self.failureResultOf(dialling, PeerRefused).value))
        self.leave_nothing()

    def test_not_for_web_pages(self) -> None:
        """A request with an Origin, without the subprotocol or for nearly the path is refused, each with its status."""
        client = RawClient(self.network).connect()
        protocol = (b"sec-websocket-protocol", LINKS.subprotocol.encode())
        websocket = (b":protocol", b"websocket")
        origin = (b"origin", b"https://site.example")
        for fields, path, status in (
            ((websocket, protocol, origin), b"/peer", 403),
            ((websocket,), b"/peer", 400),
            ((websocket, protocol), b"/peer?a=b", 404),
            ((websocket, protocol), b"/peers", 404),
            (((b":protocol", b"webtransport"), protocol), b"/peer", 404),
            ((websocket, protocol), b"/peer", 200),
        ):
            stream_id = client.request(*fields, path=path)
            client.go()
            self.assertEqual(client.status(stream_id), status, (fields, path))
        self.assertEqual(len(self.there.ends), 1)

    def test_outlives_serving(self) -> None:
        """A node that stops serving closes the rest and keeps the links between nodes until its socket stops."""
        here, there = self.open()
        caller = RawClient(self.network, "192.0.2.9").connect()
        self.sockets[1].stop_serving()
        self.network.settle()
        self.assertIsNotNone(caller.termination)
        here.channel.send_frame(b"still here")
        self.network.settle()
        self.assertEqual(there.frames, [b"still here"])
        dialling = self.dial([])
        self.advance(6)
        self.failureResultOf(dialling, PeerRefused)
        self.successResultOf(self.sockets[1].stop())
        self.network.settle()
        self.assertEqual(here.told, ["lost"])


class BindingTests(QuicPeerTestCase):
    """The binding is to the certificate that the server's side really used."""

    def test_certificate(self) -> None:
        """It is the labelled hash of the server's certificate, not the dialler's."""
        dialling = self.dial()
        self.network.settle()
        channel = self.successResultOf(dialling)
        self.assertEqual(channel.binding, bind_certificate(certificate().certificate_der))
        self.assertNotIn(certificate().hash, (channel.binding, bytes(32)))

    def test_rotation(self) -> None:
        """A channel stays bound to its own certificate when the node shows another to the next one."""
        first = self.dial()
        self.network.settle()
        following = make_certificate(["node.example"], 1_790_000_000)
        self.credentials = parse_credentials(following)
        second = self.dial()
        self.network.settle()
        for dialling, end, der in (
            (first, self.there.ends[0], certificate().certificate_der),
            (second, self.there.ends[1], following.certificate_der),
        ):
            self.assertEqual(self.successResultOf(dialling).binding, bind_certificate(der))
            self.assertEqual(end.channel.binding, bind_certificate(der))

    def test_rotation_in_the_middle(self) -> None:
        """A certificate that is replaced during the handshake makes no difference: both bind the one that was shown."""
        dialling = self.dial()
        self.network.advance(0.002)
        self.credentials = parse_credentials(make_certificate(["node.example"], 1_790_000_000))
        self.network.settle()
        self.assertEqual(self.successResultOf(dialling).binding, self.there.end.channel.binding)

    def test_copied_certificate(self) -> None:
        """Who shows a node's certificate without having its key gets no channel."""
        thief = parse_credentials(make_certificate(["node.example"], 1_790_000_000))
        self.credentials = attrs.evolve(credentials(), private_key=thief.private_key)
        dialling = self.dial()
        self.advance(6)
        self.failureResultOf(dialling, PeerRefused)
        self.assertEqual((self.here.ends, self.there.ends), ([], []))


class ChoiceTests(SynchronousTestCase):
    """Which socket an address is dialled from."""

    def test_choice(self) -> None:
        """The first that can reach it: of its family, on this machine only if it is there, closed ones never."""

        class At:
            def __init__(self, host: str) -> None:
                self.host_address = (host, 38083 if host else 0)

        closed, loopback, everywhere, six = map(At, ("", "127.0.0.1", "0.0.0.0", "2001:db8::1"))
        sockets = [closed, loopback, everywhere, six]
        for target, socket, address in (
            ("127.0.0.1", loopback, "127.0.0.1"),
            ("192.0.2.1", everywhere, "192.0.2.1"),
            ("2001:db8::9", six, "2001:db8::9"),
        ):
            self.assertEqual(choose_socket(sockets, (target, 1)), (socket, (address, 1)))  # type: ignore[arg-type]
        both = At("::")
        self.assertEqual(choose_socket([both], ("192.0.2.1", 1)), (both, ("::ffff:192.0.2.1", 1)))  # type: ignore[list-item]
        self.assertIsNone(choose_socket([closed, loopback], ("192.0.2.1", 1)))  # type: ignore[list-item]
