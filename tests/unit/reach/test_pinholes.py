"""An IPv6 firewall that is opened by UPnP: the search, the requests, what routers answer, and what is kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.defer import CancelledError, Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.stundata import Protocol
from cloudnode.reach.portmapping import ways
from cloudnode.reach.portmapping.exchange import FIRST_SECONDS, SENDINGS
from cloudnode.reach.portmapping.firewallcontrol import FirewallControl, find_firewall_control
from cloudnode.reach.portmapping.gateway import Gateway
from cloudnode.reach.portmapping.leases import Lease
from cloudnode.reach.portmapping.packets import PortMappingError
from cloudnode.reach.portmapping.pinholes import FIND_SECONDS, LEASE_MOST, ControlsFirewall, PinholeClient
from cloudnode.reach.portmapping.routerhttp import ANSWER_BYTES_MAX, REQUEST_SECONDS, SAID_LONGEST, RouterHttp
from cloudnode.reach.portmapping.searching import FIREWALL_CONTROL, SEARCHED, Search
from cloudnode.reach.portmapping.ssdp import ANSWER_BYTES_MAX as SSDP_BYTES_MAX
from cloudnode.reach.portmapping.ssdp import EVERYBODY, make_search, read_location

ROUTER, CLIENT = "fe80::1%eth0", "2001:db8:100::2"
URL = "http://[2001:db8:100::1]:5000/rootDesc.xml"


def found(location: str = URL) -> bytes:
    """A router's answer to a search."""
    return f"HTTP/1.1 200 OK\r\nCACHE-CONTROL: max-age=120\r\nST: x\r\nLocation: {location}\r\n\r\n".encode()


class SsdpTest(SynchronousTestCase):
    def test_search(self) -> None:
        """UPnP Device Architecture 1.1, section 1.3.2: the host goes without the link's name."""
        self.assertEqual(
            make_search("ff02::c%eth0", "urn:x"),
            b'M-SEARCH * HTTP/1.1\r\nHOST: [ff02::c]:1900\r\nMAN: "ssdp:discover"\r\nMX: 1\r\nST: urn:x\r\n\r\n',
        )

    def test_location(self) -> None:
        for told, read in {
            URL: URL,
            "http://[fe80::1%25eth0]:5000/a?b": "http://[fe80::1]:5000/a?b",
            "http://192.168.1.1": "http://192.168.1.1:80/",
            " http://user:secret@[2001:DB8::1]:1/x#y ": "http://[2001:db8::1]:1/x",
        }.items():
            self.assertEqual(read_location(found(told)), read)
        self.assertEqual(read_location(found().replace(b"\r\n", b"\n")), URL)

    def test_what_is_no_answer_is_malformed(self) -> None:
        for data in (
            b"", b"\0" * 100, b"HTTP/1.1 200 ", b"HTTP/1.1 404 Not Found\r\nLocation: " + URL.encode(),
            found("https://[2001:db8::1]/"), found("http://router.example/"), found("http://[::1"), found(""),
            found("http://[2001:db8::1]:99999/"), found("http://[2001:db8::1]/ü"), found("http://[2001:db8::1]/\x00"),
            found("http://[2001:db8::1]/" + "a" * 300), found() + bytes(SSDP_BYTES_MAX), found("file:///etc/passwd"),
        ):  # fmt: skip
            with self.assertRaises(PortMappingError, msg=repr(data)) as caught:
                read_location(data)
            self.assertEqual(caught.exception.name, "malformed")


class Datagrams:
    """A UDP port that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, tuple[str, int]]] = []
        self.is_open = True

    def write(self, data: bytes, address: tuple[str, int]) -> None:
        self.sent.append((data, address))

    def stopListening(self) -> None:
        self.is_open = False


class SearchTest(SynchronousTestCase):
    def search(self, router: str = ROUTER) -> Search:
        self.clock, self.port = Clock(), Datagrams()
        search = Search(self.clock, router)
        search.transport = self.port
        search.startProtocol()
        return search

    def test_the_router_and_its_link_are_asked(self) -> None:
        search = self.search()
        self.assertEqual(
            [(each[1], kind in each[0].decode()) for each, kind in zip(self.port.sent, SEARCHED * 2, strict=True)],
            [((ROUTER, 1900), True)] * 2 + [((f"{EVERYBODY}%eth0", 1900), True)] * 2,
        )
        search.datagramReceived(found(), ("fe80::1", 1900))
        self.assertEqual(self.successResultOf(search.answered), URL)
        self.assertFalse(self.port.is_open)
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_without_a_link_the_router_alone(self) -> None:
        self.search("2001:db8::1")
        self.assertEqual({each[1] for each in self.port.sent}, {("2001:db8::1", 1900)})

    def test_nobody_elses_answer_is_taken(self) -> None:
        search = self.search()
        search.datagramReceived(found(), ("fe80::2", 1900))
        search.datagramReceived(found(), ("2001:db8:100::1", 1900))
        search.datagramReceived(b"\xff" * 60_000, ("fe80::1", 1900))
        self.assertNoResult(search.answered)

    def test_given_up(self) -> None:
        search = self.search()
        self.clock.pump([FIRST_SECONDS] * 2**SENDINGS)
        self.assertEqual(self.failureResultOf(search.answered, PortMappingError).value.name, "no_router")
        self.assertEqual(len(self.port.sent), 4 * SENDINGS)
        search.datagramReceived(found(), ("fe80::1", 1900))
        self.assertFalse(self.port.is_open)

    def test_cancelled(self) -> None:
        search = self.search()
        search.answered.cancel()
        self.failureResultOf(search.answered, CancelledError)
        self.assertEqual((self.port.is_open, self.clock.getDelayedCalls()), (False, []))


def service(kind: str, name: str, host: str = "") -> str:
    """A service in a description."""
    return (
        f"<service><serviceType>{kind}</serviceType><serviceId>urn:upnp-org:serviceId:{name}</serviceId>"
        f"<SCPDURL>{host}/{name}.xml</SCPDURL><controlURL>{host}/ctl/{name}</controlURL>"
        f"<eventSubURL>{host}/evt/{name}</eventSubURL></service>"
    )


def described(*services: str) -> str:
    """The description of an Internet gateway with such services, where they are: two devices further in."""
    device = "<deviceType>urn:schemas-upnp-org:device:{}:2</deviceType><friendlyName>router</friendlyName>"
    return (
        '<?xml version="1.0"?><root xmlns="urn:schemas-upnp-org:device-1-0"><device>'
        + device.format("InternetGatewayDevice")
        + "<serviceList>" + service("urn:schemas-upnp-org:service:Layer3Forwarding:1", "L3F") + "</serviceList>"
        + "<deviceList><device>" + device.format("WANDevice")
        + "<deviceList><device>" + device.format("WANConnectionDevice")
        + "<serviceList>" + "".join(services) + "</serviceList>"
        + "</device></deviceList></device></deviceList></device></root>\0"
    )  # fmt: skip


ARGUMENTS = {
    "GetFirewallStatus": ">FirewallEnabled >InboundPinholeAllowed",
    "AddPinhole": "<RemoteHost <RemotePort <InternalClient <InternalPort <Protocol <LeaseTime >UniqueID",
    "UpdatePinhole": "<UniqueID <NewLeaseTime",
    "DeletePinhole": "<UniqueID",
}
TYPES = {"FirewallEnabled": "boolean", "InboundPinholeAllowed": "boolean", "RemoteHost": "string",
         "InternalClient": "string", "LeaseTime": "ui4", "NewLeaseTime": "ui4"}  # fmt: skip


def actions() -> str:
    """The description of the service."""
    told, variables = "", dict.fromkeys(" ".join(ARGUMENTS.values()).translate({60: None, 62: None}).split())
    for action, arguments in ARGUMENTS.items():
        told += f"<action><name>{action}</name><argumentList>"
        for each in arguments.split():
            direction = {"<": "in", ">": "out"}[each[0]]
            told += (
                f"<argument><name>{each[1:]}</name><direction>{direction}</direction>"
                f"<relatedStateVariable>{each[1:]}</relatedStateVariable></argument>"
            )
        told += "</argumentList></action>"
    table = "".join(
        f'<stateVariable sendEvents="no"><name>{each}</name>'
        f'<dataType>{TYPES.get(each, "ui2")}</dataType></stateVariable>'
        for each in variables
    )
    return (
        f'<scpd xmlns="urn:schemas-upnp-org:service-1-0"><actionList>{told}</actionList>'
        f"<serviceStateTable>{table}</serviceStateTable></scpd>"
    )


ENVELOPE = '<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>{}</s:Body></s:Envelope>'


def answer(action: str, **arguments: object) -> str:
    """A router's answer to an action."""
    told = "".join(f"<{name}>{value}</{name}>" for name, value in arguments.items())
    return ENVELOPE.format(f'<u:{action}Response xmlns:u="{FIREWALL_CONTROL}">{told}</u:{action}Response>')


def refusal(code: object, text: str) -> str:
    """A router's error."""
    return ENVELOPE.format(
        "<s:Fault><faultcode>s:Client</faultcode><faultstring>UPnPError</faultstring><detail>"
        f'<UPnPError xmlns="urn:schemas-upnp-org:control-1-0"><errorCode>{code}</errorCode>'
        f"<errorDescription>{text}</errorDescription></UPnPError></detail></s:Fault>"
    )


class Router(RouterHttp):
    """Answers as it is told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self.bodies: list[str] = []
        self.answers: dict[str, tuple[int, str]] = {
            "/rootDesc.xml": (200, described(service("urn:x:service:None:1", "None"), service(FIREWALL_CONTROL, "FC"))),
            "/FC.xml": (200, actions()),
            "GetFirewallStatus": (200, answer("GetFirewallStatus", FirewallEnabled=1, InboundPinholeAllowed=1)),
            "AddPinhole": (200, answer("AddPinhole", UniqueID=7)),
            "UpdatePinhole": (200, answer("UpdatePinhole")),
            "DeletePinhole": (200, answer("DeletePinhole")),
        }

    async def request(self, method: str, url: str, headers: Mapping[str, str], body: str | None) -> tuple[int, str]:
        self.asked.append((method, url))
        self.bodies.append(body or "")
        assert url.startswith("http://[2001:db8:100::1]:5000/"), url
        what = headers.get("SOAPAction", "").strip('"').partition("#")[2] or url.removeprefix(URL[:-13])
        return self.answers.get(what, (404, "<html>Not Found"))


class FirewallControlTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.router = Router()

    def find(self) -> FirewallControl:
        control: FirewallControl = self.successResultOf(self.finding())
        return control

    def finding(self) -> Deferred[FirewallControl]:
        return Deferred.fromCoroutine(find_firewall_control(self.router, URL))

    def fail_to_find(self) -> PortMappingError:
        error: PortMappingError = self.failureResultOf(self.finding(), PortMappingError).value
        return error

    def test_opened_kept_and_closed(self) -> None:
        control = self.find()
        base = "http://[2001:db8:100::1]:5000"
        # The services that are not needed are not asked for: one of them is broken.
        self.assertEqual(
            self.router.asked, [("GET", URL), ("GET", f"{base}/FC.xml"), ("POST", f"{base}/ctl/FC")]
        )
        number = self.successResultOf(Deferred.fromCoroutine(control.add(CLIENT, "udp", 38_083, 7_200)))
        self.assertEqual(number, 7)
        for told in (
            "<RemoteHost></RemoteHost>", "<RemotePort>0</RemotePort>", f"<InternalClient>{CLIENT}</InternalClient>",
            "<InternalPort>38083</InternalPort>", "<Protocol>17</Protocol>", "<LeaseTime>7200</LeaseTime>",
        ):  # fmt: skip
            self.assertIn(told, self.router.bodies[-1])
        self.successResultOf(Deferred.fromCoroutine(control.update(7, 60)))
        self.assertIn("<NewLeaseTime>60</NewLeaseTime>", self.router.bodies[-1])
        self.successResultOf(Deferred.fromCoroutine(control.delete(7)))
        self.assertIn("<UniqueID>7</UniqueID>", self.router.bodies[-1])

    def test_refused(self) -> None:
        control = self.find()
        for status in (500, 200):
            self.router.answers["AddPinhole"] = status, refusal(606, "Action\x85 not\nauthorized " + "!" * 9_999)
            adding = Deferred.fromCoroutine(control.add(CLIENT, "tcp", 38_082, 60))
            error = self.failureResultOf(adding, PortMappingError).value
            self.assertEqual(error.name, "refused")
            self.assertIn("606 Action  not authorized", str(error))
            self.assertTrue(str(error).isprintable())
            self.assertLess(len(str(error)), SAID_LONGEST + 50)

    def test_no_use(self) -> None:
        for name, enabled, allowed in (("firewall_off", 0, 1), ("firewall_off", 0, 0), ("no_pinholes", 1, 0)):
            self.router.answers["GetFirewallStatus"] = 200, answer(
                "GetFirewallStatus", FirewallEnabled=enabled, InboundPinholeAllowed=allowed
            )
            self.assertEqual(self.fail_to_find().name, name)
        self.router.answers["/rootDesc.xml"] = 200, described(service("urn:x:service:Other:1", "Other"))
        self.assertEqual(self.fail_to_find().name, "no_pinholes")

    def test_another_host(self) -> None:
        for host in ("http://[2001:db8:100::9]:5000", "http://169.254.169.254", "https://[2001:db8:100::1]", "//[::1]"):
            self.router.answers["/rootDesc.xml"] = 200, described(service(FIREWALL_CONTROL, "FC", host))
            error = self.fail_to_find()
            self.assertEqual(error.name, "malformed")
            self.assertIn("another host", str(error))
        self.router.answers["/rootDesc.xml"] = 200, described(
            service(FIREWALL_CONTROL, "FC", "http://[2001:db8:100::1]:5000")
        )
        self.find()

    def test_whatever_else_a_router_says_is_malformed(self) -> None:
        laughs = "".join(f'<!ENTITY l{n + 1} "{f"&l{n};" * 10}">' for n in range(9))
        hostile = {
            "nothing": "",
            "no XML": "\0\xff<html>",
            "entities": f'<!DOCTYPE r [<!ENTITY l0 "ha">{laughs}]><r>&l9;</r>',
            "an entity from elsewhere": '<!DOCTYPE r [<!ENTITY f SYSTEM "file:///etc/passwd">]><r>&f;</r>',
            "depth": "<device>" * 2_000,
            "closed depth": "<a>" * 2_000 + "</a>" * 2_000,
            "another document": "<root/>",
            "length": "<a>" + "<b/>" * 5_000 + "</a>",
        }
        whole = dict(self.router.answers)
        for where in self.router.answers:
            for what, body in hostile.items():
                self.router.answers = {**whole, where: (200, body)}
                self.failing(f"{what} for {where}")
        within = "<a>" * 2_000 + "</a>" * 2_000
        for where, (_, body) in whole.items():
            last = body.rindex("</")
            self.router.answers = {**whole, where: (200, body[:last] + within + body[last:])}
            self.using(f"depth within {where}")

    def using(self, what: str) -> PortMappingError | None:
        """Do all that there is; the error, if there is one."""

        async def use() -> None:
            control = await find_firewall_control(self.router, URL)
            await control.add(CLIENT, "udp", 38_083, 60)
            await control.update(7, 60)
            await control.delete(7)

        ended: list[Any] = []
        Deferred.fromCoroutine(use()).addBoth(ended.append)
        self.assertEqual(len(ended), 1, what)
        if ended[0] is None:
            return None
        self.assertIsInstance(ended[0].value, PortMappingError, what)
        error: PortMappingError = ended[0].value
        return error

    def failing(self, what: str) -> None:
        error = self.using(what)
        assert error is not None, what
        self.assertIn(error.name, ("malformed", "no_pinholes"), what)
        self.assertTrue(str(error).isprintable(), what)
        self.assertLess(len(str(error)), SAID_LONGEST + 100, what)

    def test_a_number_that_is_none(self) -> None:
        control = self.find()
        for number in ("", "x", "-1", "65536", "9" * 5_000):
            self.router.answers["AddPinhole"] = 200, answer("AddPinhole", UniqueID=number)
            adding = Deferred.fromCoroutine(control.add(CLIENT, "tcp", 38_082, 60))
            self.assertEqual(self.failureResultOf(adding, PortMappingError).value.name, "malformed", number)
        for code in ("x", "9" * 5_000, ""):
            self.router.answers["AddPinhole"] = 500, refusal(code, "?")
            adding = Deferred.fromCoroutine(control.add(CLIENT, "tcp", 38_082, 60))
            self.assertIn(self.failureResultOf(adding, PortMappingError).value.name, ("malformed", "refused"))


class RouterHttpTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = MemoryReactorClock()
        self.http = RouterHttp(self.reactor, Gateway(ROUTER, CLIENT))

    def ask(self, body: str | None = None) -> Deferred[tuple[int, str]]:
        return Deferred.fromCoroutine(self.http.request("GET" if body is None else "POST", URL, {}, body))

    def connected(self) -> tuple[Any, StringTransport]:
        protocol = self.reactor.tcpClients[-1][2].buildProtocol(None)
        transport = StringTransport()
        transport.abortConnection = lambda: setattr(transport, "disconnecting", True)  # type: ignore[method-assign]
        protocol.makeConnection(transport)
        self.reactor.advance(0)
        return protocol, transport

    def test_the_router_is_asked_from_the_address_that_is_opened(self) -> None:
        """Whoever the URL names."""
        asking = self.ask("question")
        host, port, _, _, source = self.reactor.tcpClients[-1]
        self.assertEqual((host, port, source), (ROUTER, 5000, (CLIENT, 0)))
        protocol, transport = self.connected()
        asked = transport.value()
        self.assertTrue(asked.startswith(b"POST /rootDesc.xml HTTP/1.1\r\n"), asked)
        self.assertIn(b"Host: [2001:db8:100::1]:5000\r\n", asked)
        self.assertTrue(asked.endswith(b"\r\n\r\nquestion"), asked)
        protocol.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nanswer")
        self.assertEqual(self.successResultOf(asking), (200, "answer"))
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_no_connection(self) -> None:
        asking = self.ask()
        self.reactor.advance(REQUEST_SECONDS)
        self.assertEqual(self.failureResultOf(asking, PortMappingError).value.name, "no_answer")

    def test_no_http(self) -> None:
        asking = self.ask()
        protocol, _ = self.connected()
        protocol.dataReceived(b"SSH-2.0-\x1b[31m router\r\n")
        protocol.connectionLost(Failure(ConnectionDone()))
        error = self.failureResultOf(asking, PortMappingError).value
        self.assertEqual(error.name, "no_answer")
        self.assertIn("SSH", str(error))
        self.assertTrue(str(error).isprintable())

    def test_too_slow(self) -> None:
        asking = self.ask()
        protocol, transport = self.connected()
        protocol.dataReceived(b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n")
        for _ in range(20):
            protocol.dataReceived(b"a")
            self.reactor.advance(REQUEST_SECONDS / 20)
        self.assertEqual(self.failureResultOf(asking, PortMappingError).value.name, "no_answer")
        self.assertTrue(transport.disconnecting)

    def test_too_much(self) -> None:
        for head in (b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\n\r\n", b""):
            asking = self.ask()
            protocol, transport = self.connected()
            protocol.dataReceived(head)
            for _ in range(ANSWER_BYTES_MAX // 1_000 + 2):
                protocol.dataReceived(b"a" * 998 + b"\r\n")
            self.assertTrue(transport.disconnecting)
            self.reactor.advance(REQUEST_SECONDS)
            self.assertEqual(self.failureResultOf(asking, PortMappingError).value.name, "no_answer")

    def test_cancelled(self) -> None:
        asking = self.ask()
        _, transport = self.connected()
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assertTrue(transport.disconnecting)
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class Firewall(ControlsFirewall):
    """Opens, and counts from one again when it is restarted."""

    def __init__(self) -> None:
        self.open: dict[int, tuple[str, Protocol, int]] = {}
        self.lifetimes: list[int] = []
        self.adds_twice = True
        self.updated: list[int] = []
        self.refuses: PortMappingError | None = None

    async def add(self, client: str, protocol: Protocol, port: int, lifetime: int) -> int:
        if self.refuses is not None:
            raise self.refuses
        self.lifetimes.append(lifetime)
        pinhole = client, protocol, port
        for number, each in self.open.items():
            if each == pinhole:
                if not self.adds_twice:
                    raise PortMappingError("refused", "UPnP error 501")
                return number
        self.open[len(self.open) + 1] = pinhole
        return len(self.open)

    async def update(self, number: int, lifetime: int) -> None:
        if number not in self.open:
            raise PortMappingError("refused", "UPnP error 704 NoSuchEntry")
        self.updated.append(number)

    async def delete(self, number: int) -> None:
        del self.open[number]


class PinholeClientTest(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.firewall = Clock(), Firewall()
        self.searches = 0
        self.find: Callable[[], Deferred[ControlsFirewall]] = lambda: succeed(self.firewall)
        self.client = PinholeClient(self.clock, CLIENT, self.found)

    async def found(self) -> ControlsFirewall:
        self.searches += 1
        return await self.find()

    def map(self, protocol: Protocol, port: int, lifetime: int = 60) -> Deferred[Lease]:
        return Deferred.fromCoroutine(self.client.map(protocol, port, port, lifetime))

    def test_opened_renewed_and_closed(self) -> None:
        for _ in range(3):
            for protocol, port in (("udp", 38_083), ("tcp", 38_082)):
                lease = self.successResultOf(self.map(protocol, port))  # type: ignore[arg-type]
                self.assertEqual(lease, Lease(CLIENT, port, 60, "upnp"))
        self.assertEqual(self.firewall.open, {1: (CLIENT, "udp", 38_083), 2: (CLIENT, "tcp", 38_082)})
        self.assertEqual((self.searches, self.clock.getDelayedCalls()), (1, []))
        self.successResultOf(Deferred.fromCoroutine(self.client.unmap("udp", 38_083, 38_083)))
        self.assertEqual(self.firewall.open, {2: (CLIENT, "tcp", 38_082)})
        # What is closed is not closed again: its number may be another one's.
        self.successResultOf(Deferred.fromCoroutine(self.client.unmap("udp", 38_083, 38_083)))

    def test_no_longer_than_there_is(self) -> None:
        self.assertEqual(self.successResultOf(self.map("udp", 1, 10**9)).lifetime, LEASE_MOST)
        self.assertEqual(self.firewall.lifetimes, [LEASE_MOST])

    def test_a_router_that_opens_nothing_twice(self) -> None:
        self.firewall.adds_twice = False
        for _ in range(2):
            self.successResultOf(self.map("udp", 38_083))
        self.assertEqual(self.firewall.updated, [1])

    def test_a_router_that_was_restarted_and_gave_the_number_to_another(self) -> None:
        self.successResultOf(self.map("udp", 38_083))
        self.firewall.open = {1: (CLIENT, "tcp", 6_881)}
        self.successResultOf(self.map("udp", 38_083))
        self.assertEqual(self.firewall.open[2], (CLIENT, "udp", 38_083))
        self.successResultOf(Deferred.fromCoroutine(self.client.unmap("udp", 38_083, 38_083)))
        self.assertEqual(self.firewall.open, {1: (CLIENT, "tcp", 6_881)})

    def test_looked_for_again_when_it_fails(self) -> None:
        self.successResultOf(self.map("udp", 38_083))
        gone, self.firewall = self.firewall, Firewall()
        gone.refuses = PortMappingError("no_answer", "")
        self.successResultOf(self.map("udp", 38_083))
        self.assertEqual(self.searches, 2)
        self.firewall.refuses = PortMappingError("refused", "606")
        for searches in (3, 4):
            self.assertEqual(self.failureResultOf(self.map("tcp", 38_082), PortMappingError).value.name, "refused")
            self.assertEqual(self.searches, searches)

    def test_what_never_ends_is_given_up(self) -> None:
        cancelled: list[object] = []
        self.find = lambda: Deferred(cancelled.append)
        asking = self.map("udp", 38_083)
        self.clock.advance(FIND_SECONDS)
        self.assertEqual(self.failureResultOf(asking, PortMappingError).value.name, "no_answer")
        self.assertEqual((len(cancelled), self.clock.getDelayedCalls()), (1, []))

    def test_cancelled(self) -> None:
        self.find = Deferred
        asking = self.map("udp", 38_083)
        asking.cancel()
        self.failureResultOf(asking, CancelledError)
        self.assertEqual(self.clock.getDelayedCalls(), [])


class ServedTest(SynchronousTestCase):
    def test_the_same_while_the_router_is_the_same(self) -> None:
        """A node that serves one address has that one opened; a private one is none of a firewall's."""
        gateways = [Gateway(ROUTER, CLIENT)] * 2 + [Gateway("fe80::2%eth0", CLIENT), Gateway(ROUTER, "fd00::2"), None]
        for address, expected in ((None, [2, 2, 2, 0, 0]), ("2001:db8:100::7", [2, 2, 2, 2, 0])):
            answers = iter(gateways)
            self.patch(ways, "find_gateway6", lambda answers=answers: next(answers))
            find = ways.FirewallWays(Clock(), lambda function, *arguments: succeed(None), bytes, address)
            found = [find() for _ in gateways]
            self.assertEqual([len(each) for each in found], expected)
            self.assertIs(found[0], found[1])
            self.assertIsNot(found[1], found[2])

    def test_public_addresses_alone(self) -> None:
        for address, is_served in {
            "::": True, "2001:db8:100::2": True, "": False, "0.0.0.0": False, "203.0.113.1": False, "::1": False,
            "fe80::2%eth0": False, "fd00::2": False,
        }.items():  # fmt: skip
            self.assertEqual(ways.served_by_firewall(address), is_served, address)
