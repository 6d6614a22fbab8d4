"""What a node does for a peer that wants to know its NAT."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.error import ConnectionRefusedError, NoRouteError, TimeoutError
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.peers.messages import NatProbe, NatProbed
from cloudnode.reach.nat.trying import BY_PEER_MAX, NatTrying
from cloudnode.stun.message import Kind, decode

HOST = "203.0.113.1"
TRANSACTION = bytes(range(12))


class Reactor(MemoryReactorClock):
    """With UDP: notes what is sent."""

    def __init__(self) -> None:
        super().__init__()
        self.sent: list[tuple[bytes, tuple[str, int]]] = []
        self.closed = 0

    def listenUDP(self, port: int, protocol: object, interface: str = "", maxPacketSize: int = 8192) -> Any:
        assert port == 0
        return SimpleNamespace(write=lambda data, to: self.sent.append((data, to)), stopListening=self.close)

    def close(self) -> None:
        self.closed += 1


class TryingTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = Reactor()
        self.trying = NatTrying(self.reactor, 0.5)
        self.answers: list[NatProbed] = []
        self.peer: Any = SimpleNamespace(id=b"p" * 32, address=HOST, send=self.answers.append)

    def ask(self, way: Any, request: int = 1) -> None:
        self.trying.said(self.peer, NatProbe(request, way, 40_000, TRANSACTION))

    def test_one_indication_from_a_port_of_its_own_to_the_address_of_the_link(self) -> None:
        self.ask("udp")
        [(data, to)] = self.reactor.sent
        message = decode(data)
        self.assertEqual((message.kind, message.transaction, to), (Kind.INDICATION, TRANSACTION, (HOST, 40_000)))
        self.assertEqual(self.reactor.closed, 1)
        self.assertEqual(self.answers, [NatProbed(1, "sent", HOST)])

    def test_a_connection(self) -> None:
        for outcome, error in {
            "reset": ConnectionRefusedError(), "dropped": TimeoutError(), "failed": NoRouteError(),
        }.items():  # fmt: skip
            self.ask("tcp")
            host, port, factory, *_ = self.reactor.tcpClients.pop()
            self.assertEqual((host, port), (HOST, 40_000))
            factory.clientConnectionFailed(None, Failure(error))
            self.assertEqual(self.answers.pop().outcome, outcome)

    def test_a_connection_that_is_accepted_is_closed_at_once(self) -> None:
        self.ask("tcp")
        factory = self.reactor.tcpClients.pop()[2]
        protocol = factory.buildProtocol(None)
        aborted: list[bool] = []
        protocol.makeConnection(SimpleNamespace(abortConnection=lambda: aborted.append(True)))
        self.assertEqual((self.answers[0].outcome, aborted), ("accepted", [True]))

    def test_budget(self) -> None:
        """Too much is refused, over a new link as well, and allowed again with time."""
        for number in range(int(BY_PEER_MAX) + 1):
            self.ask("udp", number)
        self.trying.closed(self.peer)
        self.trying.opened(self.peer)
        self.ask("udp", 99)
        self.assertEqual([each.outcome for each in self.answers[-2:]], ["refused", "refused"])
        self.assertEqual((self.trying.tried, self.trying.refused), (BY_PEER_MAX, 2))
        self.reactor.advance(2)
        self.ask("udp", 100)
        self.assertEqual(self.answers[-1].outcome, "sent")
