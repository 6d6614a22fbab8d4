"""Ports that the router forwards: bytes, leases, and what keeps them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.stundata import Protocol
from cloudnode.node.threads import RunInThread
from cloudnode.peers.messages import DialBack, DialledBack
from cloudnode.reach.portmapping.gateway import read_default_gateway, read_default_gateway6
from cloudnode.reach.portmapping.keeping import CONFIRM_AGAIN_SECONDS, CONFIRM_SECONDS, LOOK_SECONDS, PortMapper
from cloudnode.reach.portmapping.leases import RETRY_FIRST, Lease, WantedPort
from cloudnode.reach.portmapping.packets import (
    Granted,
    PortMappingError,
    make_pcp_map,
    make_pmp_map,
    read_pcp_map,
    read_pmp_address,
    read_pmp_map,
)
from cloudnode.reach.portmapping.upnp import UpnpClient

NONCE = bytes(range(12))
MAPPED = bytes(10) + b"\xff\xff"


def pcp_response(result: int = 0, *, nonce: bytes = NONCE, protocol: int = 17, lifetime: int = 120) -> bytes:
    """RFC 6887, sections 7.2 and 11.1, written out."""
    head = bytes((2, 0x81, 0, result)) + lifetime.to_bytes(4, "big") + (77).to_bytes(4, "big") + bytes(12)
    ports = (40_000).to_bytes(2, "big") + (41_000).to_bytes(2, "big")
    return head + nonce + bytes((protocol, 0, 0, 0)) + ports + MAPPED + bytes((203, 0, 113, 1))


class PacketsTest(SynchronousTestCase):
    def test_pcp_request(self) -> None:
        request = make_pcp_map("192.168.1.5", NONCE, "udp", 40_000, 41_000, 7_200)
        self.assertEqual(
            request,
            b"\x02\x01\0\0" + (7_200).to_bytes(4, "big") + MAPPED + bytes((192, 168, 1, 5))
            + NONCE + b"\x11\0\0\0" + b"\x9c\x40\xa0\x28" + MAPPED + bytes(4),
        )  # fmt: skip
        self.assertEqual(len(make_pcp_map("fd00::5", NONCE, "tcp", 1, 1, 0)), 60)

    def test_pcp_response(self) -> None:
        granted = read_pcp_map(pcp_response(), NONCE, "udp")
        self.assertEqual(granted, Granted(40_000, 41_000, 120, 77, "203.0.113.1"))

    def test_pcp_response_to_something_else(self) -> None:
        self.assertIsNone(read_pcp_map(pcp_response(nonce=bytes(12)), NONCE, "udp"))
        self.assertIsNone(read_pcp_map(pcp_response(), NONCE, "tcp"))

    def test_pcp_trouble(self) -> None:
        for name, data in {
            "refused": pcp_response(2),
            "unsupported_version": b"\0\x81\0\x01" + bytes(4),
            "malformed": pcp_response()[:50],
        }.items():
            with self.assertRaises(PortMappingError) as caught:
                read_pcp_map(data, NONCE, "udp")
            self.assertEqual(caught.exception.name, name)
        self.assertIn("NOT_AUTHORIZED", str(self.raised(read_pcp_map, pcp_response(2), NONCE, "udp")))

    def raised(self, function: Any, *arguments: object) -> Exception:
        with self.assertRaises(PortMappingError) as caught:
            function(*arguments)
        return caught.exception

    def test_nat_pmp(self) -> None:
        self.assertEqual(make_pmp_map("tcp", 40_000, 41_000, 60), bytes.fromhex("000200009c40a0280000003c"))
        self.assertEqual(make_pmp_map("udp", 40_000, 41_000, 0), bytes.fromhex("000100009c40000000000000"))
        response = bytes.fromhex("0082000000000007" "9c40a028" "0000003c")
        self.assertEqual(read_pmp_map(response, "tcp"), Granted(40_000, 41_000, 60, 7))
        self.assertIsNone(read_pmp_map(response, "udp"))
        self.assertEqual(read_pmp_address(bytes.fromhex("0080000000000007cb007101")), "203.0.113.1")
        self.assertIn("not authorized", str(self.raised(read_pmp_map, bytes.fromhex("0082000200000007"), "tcp")))

    def test_any_bytes_give_a_named_error_or_nothing(self) -> None:
        for size in range(70):
            for fill in (b"\0", b"\x80", b"\x02\x81", b"\xff"):
                data = (fill * 70)[:size]
                for read in (
                    lambda data: read_pcp_map(data, NONCE, "udp"),
                    lambda data: read_pmp_map(data, "udp"),
                    read_pmp_address,
                ):
                    try:
                        read(data)
                    except PortMappingError as error:
                        self.assertIn(error.name, ("malformed", "refused", "unsupported_version"))


class GatewayTest(SynchronousTestCase):
    def test_the_default_route_with_the_lowest_metric(self) -> None:
        lines = [
            "eth1\t00000000\t0102000A\t0003\t0\t0\t600\t00000000\t0\t0\t0",
            "eth0\t00000000\t0101000A\t0003\t0\t0\t100\t00000000\t0\t0\t0",
            "eth0\t0001000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0",
            "ppp0\t00000000\t00000000\t0001\t0\t0\t0\t00000000\t0\t0\t0",
            "cut",
        ]
        self.assertEqual(read_default_gateway(lines), "10.0.1.1")
        self.assertIsNone(read_default_gateway(lines[2:]))

    def test_over_ipv6(self) -> None:
        """Routes to a network, and to nowhere, are none; a gateway on the link has the link's name."""
        anywhere, link = "0" * 32, "fe80000000000000020000fffe000001"
        network, router = "20010db8010000000000000000000000", "20010db8010000000000000000000001"
        lines = [
            f"{network} 40 {anywhere} 00 {anywhere} 00000100 00000002 00000000 00000001     eth0",
            f"{anywhere} 00 {anywhere} 00 {link} 00000400 00000001 00000000 00000003     wlan0",
            f"{anywhere} 00 {anywhere} 00 {router} 00000100 00000001 00000000 00000003     eth0",
            f"{anywhere} 00 {anywhere} 00 {anywhere} ffffffff 00000001 00000000 00200200       lo",
            "cut",
        ]
        self.assertEqual(read_default_gateway6(lines), "2001:db8:100::1")
        self.assertEqual(read_default_gateway6(lines[:2]), "fe80::200:ff:fe00:1%wlan0")
        self.assertIsNone(read_default_gateway6([lines[0], *lines[3:]]))


class LeasesTest(SynchronousTestCase):
    def test_renewed_after_half_of_the_lifetime_and_lost_at_its_end(self) -> None:
        port = WantedPort("udp", 38_083, 0.0)
        self.assertTrue(port.granted(Lease("203.0.113.1", 1, 80, "pcp"), 0.0))
        self.assertEqual(port.due, 40)
        self.assertFalse(port.failed("no answer", 40))
        self.assertEqual(port.due, 50)
        self.assertFalse(port.granted(Lease("203.0.113.1", 1, 80, "pcp"), 50))
        self.assertFalse(port.failed("no answer", 125))
        self.assertEqual(port.due, 130)
        self.assertTrue(port.failed("no answer", 130))
        self.assertIsNone(port.lease)

    def test_what_never_was_granted_is_asked_for_ever_more_seldom(self) -> None:
        port = WantedPort("udp", 38_083, 0.0)
        waits = []
        for _ in range(8):
            at = port.due
            port.failed("no answer", at)
            waits.append(port.due - at)
        self.assertEqual(waits, [60, 120, 240, 480, 960, 1_920, 3_600, 3_600])
        port.disturb(7.0)
        self.assertEqual(port.due, 7.0)


class Router:
    """A way to ask, that grants or refuses at once."""

    def __init__(self) -> None:
        self.address = "203.0.113.1"
        self.refuses = False
        self.asked: list[tuple[Protocol, int, int]] = []
        self.deleted: list[tuple[Protocol, int, int]] = []

    async def map(self, protocol: Protocol, port: int, wished: int, lifetime: int) -> Lease:
        self.asked.append((protocol, port, wished))
        if self.refuses:
            raise PortMappingError("refused", "no")
        return Lease(self.address, port + 1, lifetime, "pcp")

    async def unmap(self, protocol: Protocol, port: int, external: int) -> None:
        self.deleted.append((protocol, port, external))


class Friend(SimpleNamespace):
    """A peer that dials back."""

    id = b"f" * 32
    address = "203.0.113.9"
    transport = "ws"
    inbound = False
    host = "203.0.113.1"
    outcome: Any = "reached"

    def ask(self, question: type[DialBack], *arguments: object) -> Deferred[DialledBack]:
        self.questions.append((question, *arguments))
        return succeed(DialledBack(1, self.outcome, self.host))


class KeepingTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.refusing, self.router = Router(), Router()
        self.refusing.refuses = True
        self.friend = Friend(questions=[])
        self.changes = 0
        self.mapper = PortMapper(
            self.clock, lambda: [self.refusing, self.router], lambda: [self.friend], lambda: [b"c" * 32], self.change,
            100,
        )  # fmt: skip

    def change(self) -> None:
        self.changes += 1

    def pass_time(self, seconds: float) -> None:
        self.clock.pump([LOOK_SECONDS] * round(seconds / LOOK_SECONDS))

    def test_the_first_way_that_forwards_is_kept_and_told_once_a_peer_reached_it(self) -> None:
        self.friend.outcome = "failed"
        self.mapper.start([("udp", 38_083), ("tcp", 38_082)])
        self.assertEqual(self.mapper.endpoints(), [])
        self.friend.outcome = "reached"
        self.pass_time(CONFIRM_SECONDS + 1)
        told = {(each.protocol, each.address, each.port, each.source) for each in self.mapper.endpoints()}
        self.assertEqual(
            told, {("udp", "203.0.113.1", 38_084, "router"), ("tcp", "203.0.113.1", 38_083, "router")}
        )
        self.assertEqual(self.friend.questions[-1][3], (b"c" * 32,))
        self.pass_time(40)
        # Renewals go to the way that worked, and wish for the port that was granted.
        self.assertEqual(self.router.asked[2:], [("udp", 38_083, 38_084), ("tcp", 38_082, 38_083)])
        self.assertEqual(len(self.refusing.asked), 2)

    def test_without_a_router(self) -> None:
        """Where it is usual that there is none, nothing is told of it until there is one."""
        ways: list[Any] = []
        mapper = PortMapper(
            self.clock, lambda: list(ways), lambda: [self.friend], lambda: [b"c" * 32], self.change, 100,
            is_optional=True,
        )  # fmt: skip
        mapper.start([("tcp", 38_082)])
        self.assertTrue(mapper.is_silent)
        ways.append(self.router)
        self.pass_time(3_600)
        self.assertFalse(mapper.is_silent)
        self.assertEqual(len(mapper.endpoints()), 1)
        self.mapper.start([("tcp", 38_082)])
        self.assertFalse(self.mapper.is_silent)
        self.successResultOf(Deferred.fromCoroutine(mapper.stop()))

    def test_a_peer_that_sees_another_address_confirms_nothing(self) -> None:
        self.friend.host = "198.51.100.9"
        self.mapper.start([("tcp", 38_082)])
        self.pass_time(60)
        self.assertEqual(self.mapper.endpoints(), [])

    def test_a_peer_that_was_dialled_from_the_udp_port_is_not_asked_about_it(self) -> None:
        self.friend.transport = "ws-udp"
        self.mapper.start([("udp", 38_083)])
        self.pass_time(60)
        self.assertEqual(self.friend.questions, [])

    def test_a_peer_over_the_other_family_is_not_asked(self) -> None:
        self.friend.address = "2001:db8::9"
        self.mapper.start([("tcp", 38_082)])
        self.pass_time(60)
        self.assertEqual(self.friend.questions, [])

    def test_another_address_is_told_and_confirmed_anew(self) -> None:
        self.mapper.start([("tcp", 38_082)])
        self.pass_time(1)
        self.router.address = self.friend.host = "203.0.113.2"
        self.mapper.disturb()
        self.pass_time(1)
        self.assertEqual([each.address for each in self.mapper.endpoints()], ["203.0.113.2"])

    def test_lost_after_its_lifetime(self) -> None:
        self.mapper.start([("tcp", 38_082)])
        self.pass_time(1)
        self.router.refuses = True
        self.pass_time(101)
        self.assertEqual(self.mapper.endpoints(), [])
        self.assertIn("refused", self.mapper.ports[0].trouble or "")
        self.router.refuses = False
        self.pass_time(RETRY_FIRST + 1)
        self.assertEqual(len(self.mapper.endpoints()), 1)

    def test_forgotten_by_the_router(self) -> None:
        self.mapper.start([("tcp", 38_082)])
        self.pass_time(1)
        self.friend.outcome = "failed"
        self.pass_time(CONFIRM_AGAIN_SECONDS + CONFIRM_SECONDS / 2)
        # One peer's failure may be its own.
        self.assertEqual(len(self.mapper.endpoints()), 1)
        asked = len(self.router.asked)
        self.pass_time(CONFIRM_SECONDS)
        self.assertEqual(self.mapper.endpoints(), [])
        self.assertGreater(len(self.router.asked), asked)
        self.friend.outcome = "reached"
        self.pass_time(CONFIRM_SECONDS)
        self.assertEqual(len(self.mapper.endpoints()), 1)

    def test_deleted_on_stop(self) -> None:
        self.mapper.start([("udp", 38_083)])
        self.pass_time(1)
        self.successResultOf(Deferred.fromCoroutine(self.mapper.stop()))
        self.assertEqual(self.router.deleted, [("udp", 38_083, 38_084)])
        self.assertEqual(self.clock.getDelayedCalls(), [])


class Library:
    """What is used of miniupnpc, as a router with one port taken and permanent leases alone."""

    lanaddr = "192.168.1.5"

    def __init__(self) -> None:
        self.added: list[tuple[Any, ...]] = []

    def discover(self) -> int:
        return 1

    def selectigd(self) -> str:
        return "http://192.168.1.1/"

    def externalipaddress(self) -> str:
        return "203.0.113.1"

    def addportmapping(self, *arguments: Any) -> bool:
        if arguments[0] == 38_083:
            raise Exception("ConflictInMappingEntry")
        if arguments[-1]:
            raise Exception("OnlyPermanentLeasesSupported")
        self.added.append(arguments)
        return True


def at_once(function: Any, *arguments: Any) -> Deferred[Any]:
    """Call it in this thread."""
    try:
        return succeed(function(*arguments))
    except Exception:
        return fail()


class UpnpTest(SynchronousTestCase):
    def make(self, make_library: Any) -> UpnpClient:
        run: RunInThread = at_once
        return UpnpClient(run, make_library, lambda: 50_000)

    def test_another_port_and_a_permanent_lease_where_it_must_be(self) -> None:
        library = Library()
        client = self.make(lambda: library)
        lease = self.successResultOf(Deferred.fromCoroutine(client.map("udp", 38_083, 38_083, 7_200)))
        self.assertEqual(lease, Lease("203.0.113.1", 50_000, 0, "upnp"))
        self.assertEqual(library.added, [(50_000, "UDP", "192.168.1.5", 38_083, "cloudnode", "", 0)])

    def test_no_library_and_no_router(self) -> None:
        def missing() -> Any:
            raise ImportError("No module named 'miniupnpc'")

        class Silent(Library):
            def selectigd(self) -> str:
                raise Exception("No UPnP device discovered")

        class Failing(Library):
            def selectigd(self) -> str:
                raise Exception("Success")  # errno's text for 0

        failed = Deferred.fromCoroutine(self.make(Failing).map("udp", 1, 1, 1))
        self.assertNotIn("Success", str(self.failureResultOf(failed, PortMappingError).value))
        for name, make_library in {"no_library": missing, "no_router": Silent}.items():
            asking = Deferred.fromCoroutine(self.make(make_library).map("udp", 1, 1, 1))
            self.assertEqual(self.failureResultOf(asking, PortMappingError).value.name, name)
