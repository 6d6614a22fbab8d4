"""Our own client: what it can do, and the names of what keeps it from connecting."""

from __future__ import annotations

from typing import Any

import attrs
from aioquic.buffer import Buffer
from aioquic.tls import Epoch, Group, pull_client_hello
from twisted.internet.defer import CancelledError, Deferred
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.transports.quic.client import Attempt, WebSocketClient, connect_websocket
from cloudnode.transports.quic.connecting import (
    AnyCertificate,
    CertificateMismatch,
    ConnectionRefused,
    ConnectTimedOut,
    PinnedCertificate,
    TrustedAuthorities,
    client_configuration,
)
from cloudnode.transports.quic.limits import QuicLimits
from cloudnode.transports.quic.listener import QuicSocket
from cloudnode.transports.quic.serving import KeptCredentials
from cloudnode.transports.seam import Refused
from tests.unit.transports.quic.ends import CALLER, NODE, EchoServer, certificate
from tests.unit.transports.quic.network import MemoryNetwork, Weather


class ClientTestCase(SynchronousTestCase):
    """A node and clients in memory."""

    def setUp(self) -> None:
        self.network = MemoryNetwork()
        self.server = EchoServer(self.network)

    def begin(self, **options: Any) -> Deferred[WebSocketClient]:
        """Begin to connect."""
        host = self.network.host(CALLER)
        options.setdefault("trust", AnyCertificate())
        coroutine = connect_websocket(host, *NODE, monotonic=host.seconds, **options)
        return Deferred.fromCoroutine(coroutine)

    def connect(self, **options: Any) -> WebSocketClient:
        """Connect."""
        connecting = self.begin(**options)
        self.network.settle()
        return self.successResultOf(connecting)


class ConnectTests(ClientTestCase):
    """Connecting, or not."""

    def fails(self, error: type[Exception], **options: Any) -> str:
        """Connect in vain; returns what is said, and leaves nothing behind."""
        connecting = self.begin(**options)
        self.network.settle()
        said = str(self.failureResultOf(connecting, error).value)
        self.assertEqual([port for port in self.network.ports if port != NODE], [])
        return said

    def test_trust(self) -> None:
        """A certificate is taken by its hash, by its authority, or as it comes."""
        for trust in (
            AnyCertificate(),
            PinnedCertificate(certificate().hash),
            TrustedAuthorities(certificate().certificate_pem),
        ):
            client = self.connect(trust=trust)
            self.assertEqual(client.peer_certificate_der, certificate().certificate_der)

    def test_mismatch(self) -> None:
        """Another certificate is a mismatch that tells both hashes; nothing was asked on such a connection."""
        said = self.fails(CertificateMismatch, trust=PinnedCertificate(bytes(32)))
        self.assertIn(certificate().hash.hex(), said)
        self.fails(CertificateMismatch, trust=TrustedAuthorities())
        self.assertEqual(self.server.opener.asked, [])

    def test_refused(self) -> None:
        """A refusal says with which status, and when to come back."""
        self.server.opener.refusal = Refused(429, "Too many connections.", 7)
        self.assertIn("429; try again after 7 s", self.fails(ConnectionRefused))
        self.server.opener.refusal = None
        self.assertIn("404", self.fails(ConnectionRefused, path="/nothing"))
        endpoint = self.server.socket.endpoint
        endpoint.limits = attrs.evolve(QuicLimits(), connections=0)
        self.fails(ConnectionRefused)

    def test_nobody_there(self) -> None:
        """A host where nobody listens refuses at once."""
        self.successResultOf(self.server.socket.stop())
        self.assertIn("nobody listens", self.fails(ConnectionRefused))

    def test_timed_out(self) -> None:
        """A host that never answers is a time-out, after the time that was given and not before."""
        self.network.weather = Weather(loss=1.0)
        connecting = self.begin(timeout=3.0)
        self.network.advance(2.9, 0.05)
        self.assertNoResult(connecting)
        self.network.advance(0.3, 0.05)
        self.failureResultOf(connecting, ConnectTimedOut)

    def test_cancelled(self) -> None:
        """Who loses interest leaves nothing behind."""
        connecting = self.begin()
        self.network.advance(0.004)
        connecting.cancel()
        self.failureResultOf(connecting, CancelledError)
        self.network.settle()
        self.assertEqual(list(self.network.ports), [NODE])


class PreparedTests(ClientTestCase):
    """A connection that is made before it is known where to."""

    def test_prepared(self) -> None:
        """Nothing is sent, or waits, until it is told where; then it connects as any other, however late."""
        host = self.network.host(CALLER)
        socket = QuicSocket(host, monotonic=host.seconds)  # type: ignore[arg-type]
        socket.listen(0)
        configuration = client_configuration(None, AnyCertificate())
        prepared = socket.prepare(configuration)
        self.network.advance(QuicLimits().idle_seconds + 1.0, 0.5)
        self.assertEqual((self.network.carried, socket.endpoint.links, host.getDelayedCalls()), (0, [], []))
        attempt = Attempt(
            host, NODE[0], f"wss://{NODE[0]}:{NODE[1]}/", NODE, PinnedCertificate(certificate().hash), QuicLimits(),
            host.seconds, socket, prepared=prepared,
        )  # fmt: skip
        self.network.settle()
        client = self.successResultOf(attempt.done)
        self.assertEqual(client.peer_certificate_der, certificate().certificate_der)
        self.assertEqual([link.quic for link in socket.endpoint.links], [prepared])
        client.close()
        self.network.settle()
        socket.stop()

    def test_keys(self) -> None:
        """A client makes keys of two groups, the first of which every node takes and the second every server."""
        host = self.network.host(CALLER)
        socket = QuicSocket(host, monotonic=host.seconds)  # type: ignore[arg-type]
        socket.listen(0)
        prepared = socket.prepare(client_configuration(None, AnyCertificate()))
        hello = pull_client_hello(Buffer(data=bytes(prepared._crypto_streams[Epoch.INITIAL].sender._buffer)))
        self.assertEqual([group for group, _ in hello.key_share], [Group.X25519, Group.SECP256R1])
        self.successResultOf(socket.stop())

    def test_forgotten(self) -> None:
        """One that is not used after all leaves nothing behind."""
        host = self.network.host(CALLER)
        socket = QuicSocket(host, monotonic=host.seconds)  # type: ignore[arg-type]
        socket.listen(0)
        socket.prepare(client_configuration(None, AnyCertificate()))
        self.successResultOf(socket.stop())
        self.assertEqual((self.network.carried, list(self.network.ports)), (0, [NODE]))


class ConversationTests(ClientTestCase):
    """Talking."""

    def test_bad_weather(self) -> None:
        """Messages come whole and in order over a network that loses, doubles and reorders."""
        for seed in range(4):
            self.network = MemoryNetwork(seed, Weather(delay=0.03, jitter=0.04, loss=0.08, doubling=0.05))
            self.server = EchoServer(self.network)
            connecting = self.begin()
            self.network.advance(4, 0.01)
            client = self.successResultOf(connecting)
            received: list[bytes] = []
            client.on_message = received.append
            messages = [b"%d " % number * (number * 37 % 5000) for number in range(40)]
            for message in messages:
                client.send_message(message)
            self.network.advance(20, 0.01)
            self.assertEqual(received, messages, seed)

    def test_close(self) -> None:
        """A closed client is told so once, and leaves no port and no timer."""
        client = self.connect()
        closes: list[tuple[int, str]] = []
        client.on_close = lambda code, reason: closes.append((code, reason))
        closed = client.close(1000, "enough")
        self.network.settle()
        self.successResultOf(closed)
        client.send_message(b"too late")
        self.assertEqual([code for code, _ in closes], [1000])
        self.assertEqual(list(self.network.ports), [NODE])
        self.successResultOf(self.server.socket.stop())
        self.network.advance(20, 0.1)
        self.assertEqual(self.network.clock.getDelayedCalls(), [])

    def test_node_vanishes(self) -> None:
        """A node that vanishes without a word is missed after the idle time-out."""
        client = self.connect(limits=attrs.evolve(QuicLimits(), idle_seconds=10.0))
        closed = client.closed
        self.network.weather = Weather(loss=1.0)
        self.network.advance(25, 0.05)
        self.successResultOf(closed)

    def test_failing_callback(self) -> None:
        """A callback of the caller's that fails is logged and is not the end of the node."""
        client = self.connect()

        def fail(message: bytes) -> None:
            raise ZeroDivisionError

        client.on_message = fail
        client.send_message(b"hello")
        self.network.settle()
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.connect().send_message(b"still here")
        self.network.settle()
        self.assertEqual(self.server.opener.sessions[-1].events, [b"still here"])


class KeptCredentialsTests(SynchronousTestCase):
    """The certificate of a new connection."""

    def test_follows_the_keeper(self) -> None:
        """A new certificate takes effect at the next connection; the same one is parsed once."""

        class Keeper:
            current = certificate()

        credentials = KeptCredentials(Keeper())  # type: ignore[arg-type]
        first = credentials()
        self.assertIs(credentials(), first)
        Keeper.current = attrs.evolve(certificate())
        self.assertIsNot(credentials(), first)
        self.assertEqual(first.certificate, credentials().certificate)
