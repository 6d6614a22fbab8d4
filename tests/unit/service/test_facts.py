"""What a node says of its ports, certificates and process."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import cast

import attrs
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactor
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.keys import TLS, SigningKey, verify
from cloudnode.peers.neighbourhood import Neighbourhood
from cloudnode.service.compose import _port_in
from cloudnode.service.facts import ServiceFacts, make_gauges, measure_process
from cloudnode.service.listening import Listening, describe, listen_stream, serving_ipv6
from cloudnode.service.shutdown import StartError
from cloudnode.transports.certificates import CertificateKeeper

NOW = 1_790_000_000.0


class ListeningTests(SynchronousTestCase):
    def describe(self, host: IAddress, scheme: str = "http") -> Listening:
        return describe(host, ("http",), scheme, secure=False)

    def test_urls(self) -> None:
        """A URL names an address by which this machine reaches the port."""
        for host, url in (
            (IPv4Address("TCP", "192.0.2.1", 80), "http://192.0.2.1:80"),
            (IPv4Address("TCP", "0.0.0.0", 80), "http://localhost:80"),
            (IPv6Address("TCP", "::", 80), "http://localhost:80"),
            (IPv6Address("TCP", "2001:db8::1", 80), "http://[2001:db8::1]:80"),
            (IPv6Address("TCP", "fe80::1%eth0", 80), "http://[fe80::1]:80"),
            (UNIXAddress(b"/run/x"), "unix:/run/x"),
        ):
            self.assertEqual(self.describe(host).url, url)

    def test_protocols(self) -> None:
        """An address says whether it is one of TCP or UDP; a Unix socket has no port."""
        self.assertEqual(self.describe(IPv4Address("UDP", "192.0.2.1", 80)).protocol, "udp")
        self.assertEqual(self.describe(IPv4Address("TCP", "192.0.2.1", 80)).protocol, "tcp")
        self.assertIsNone(self.describe(UNIXAddress(b"/run/x")).port)

    def test_over_ipv6(self) -> None:
        """A port that is open over IPv6 too is one of all addresses; what keeps it from that ends nothing else."""
        listening = [self.describe(IPv4Address("TCP", "0.0.0.0", port)) for port in (1, 80)]
        for error in (OSError(errno.EAFNOSUPPORT, "no such family"), CannotListenError("::", 80, OSError("taken"))):
            with serving_ipv6(listening):
                raise error
            self.assertEqual([each.address for each in listening], ["0.0.0.0", "0.0.0.0"])
        with serving_ipv6(listening):
            pass
        self.assertEqual([(each.port, each.address) for each in listening], [(1, "0.0.0.0"), (80, "::")])
        self.assertEqual(listening[1].url, "http://localhost:80")

    def test_listen(self) -> None:
        """An endpoint string is listened on."""
        reactor = MemoryReactor()
        listening = Deferred.fromCoroutine(listen_stream(reactor, "tcp:80:interface=127.0.0.1", Factory(), "HTTP"))
        self.successResultOf(listening)
        [(port, _factory, _backlog, interface)] = reactor.tcpServers
        self.assertEqual((port, interface), (80, "127.0.0.1"))

    def test_taken(self) -> None:
        """An endpoint that can't be listened on is one line with the system's reason."""

        class TakenReactor(MemoryReactor):
            def listenTCP(self, port: int, *arguments: object, **options: object) -> None:  # type: ignore[override]
                raise CannotListenError("", port, OSError(98, "Address already in use"))

        listening = Deferred.fromCoroutine(listen_stream(TakenReactor(), "tcp:80", Factory(), "HTTP"))
        error = self.failureResultOf(listening, StartError)
        self.assertEqual(error.getErrorMessage(), "cannot serve HTTP at tcp:80: Address already in use")

    def test_port_in(self) -> None:
        """The port that people are told of is one that an endpoint says plainly."""
        self.assertEqual(_port_in(["unix:/x", "tcp:0", "tcp:38081:interface=::1"]), "port 38081")
        self.assertEqual(_port_in(["ssl:port=443"]), "port 443")
        self.assertIsNone(_port_in(["unix:/x", "systemd:domain=INET:index=0"]))


class FactsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.key = SigningKey(b"\1" * 32)
        self.now = NOW
        self.keeper = CertificateKeeper(
            Path(self.mktemp()), [], Clock(), lambda text: self.key.sign(b"", text), lambda: self.now
        )
        self.facts = ServiceFacts(NOW, self.keeper, self.key, cast(Neighbourhood, None), lambda: 0.0)

    def test_interfaces(self) -> None:
        """Each transport of a port is an interface; a Unix socket is none."""
        self.assertEqual(list(self.facts.interfaces()), [])
        self.facts.listening += [
            Listening(("ws-udp", "webtransport"), "ws+udp", "udp", "0.0.0.0", 38083, True),
            Listening(("http",), "http", "tcp", "/run/x", None, False),
        ]
        told = [(each.transport, each.protocol, each.port, each.secure) for each in self.facts.interfaces()]
        self.assertEqual(told, [("ws-udp", "udp", 38083, True), ("webtransport", "udp", 38083, True)])

    def test_certificates(self) -> None:
        """Certificates are told newest first, each hash signed by the node's key."""
        [first] = self.facts.certificates()
        self.assertEqual(first.hash, self.keeper.current.hash.hex())
        self.now += 8 * 86_400
        self.keeper.review()
        newest, current = self.facts.certificates()
        self.assertEqual(current, first)
        for each in (newest, current):
            self.assertTrue(verify(self.key.public, TLS, bytes.fromhex(each.hash), bytes.fromhex(each.signature)))
            self.assertLess(each.not_before, each.not_after)

    def test_gauges(self) -> None:
        """Counters of one kind are added up under their prefix, beside what the process takes."""

        @attrs.define
        class Counters:
            opened: int

        values = make_gauges({"ws": lambda: [Counters(2), Counters(3)], "none": list})()
        self.assertEqual(values["ws_opened"], 5)
        self.assertEqual(values.keys() - {"ws_opened"}, measure_process().keys())
        self.assertGreater(values["process_cpu_seconds"], 0)
