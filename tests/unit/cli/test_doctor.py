"""``cloudnode doctor``: from what a node knows of itself to what its operator reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.cli.commands import doctor
from cloudnode.cli.diagnosis import diagnose
from tests.unit.cli.fakes import run_command

NODE, OTHER = "ab" * 32, "cd" * 32
NOW = 1_790_000_000


def info(*, links: int = 2) -> dict[str, Any]:
    interfaces = [
        {"transport": transport, "protocol": protocol, "address": "0.0.0.0", "port": port, "secure": False}
        for transport, protocol, port in (
            ("http", "tcp", 38081), ("ws", "tcp", 38082), ("ws-udp", "udp", 38083), ("webtransport", "udp", 38083),
        )
    ]  # fmt: skip
    return {"node": NODE, "time": NOW, "peers": {"inbound": 0, "outbound": links, "known": 9}, "interfaces": interfaces}


def tried(port: int, reached: bool, transport: str = "tcp") -> dict[str, Any]:
    return {
        "transport": transport, "port": port, "address": "203.0.113.9", "reached": reached, "observer": OTHER,
        "time": NOW - 300,
    }  # fmt: skip


def mapping(confirmed: bool | None = None) -> dict[str, Any]:
    return {
        "transport": "udp", "local": "192.168.1.5:40000", "address": "203.0.113.9", "port": 50_000, "observer": OTHER,
        "first_seen": NOW - 60, "last_seen": NOW, "keepalive": 15.0, "confirmed": confirmed,
    }  # fmt: skip


def stun(*tries: dict[str, Any], mappings: tuple[dict[str, Any], ...] = (), kind: str = "unknown") -> dict[str, Any]:
    nat = {
        "mapping": kind, "filtering": "unknown", "ports": "unknown", "hairpin": "unknown", "syn": "unknown",
        "meaning": "It is so.", "advice": "Try the setting." if kind == "address-and-port-dependent" else "",
    }  # fmt: skip
    return {
        "mappings": list(mappings), "nat": None if kind == "unknown" else nat, "router": [],
        "server": {"udp": 3478, "tcp": 3478}, "interfaces": list(tries),
    }  # fmt: skip


def forwarded(address: str | None = "203.0.113.9", *, confirmed: bool = False) -> dict[str, Any]:
    return {
        "transport": "tcp", "port": 38082, "address": address, "external_port": 38082, "method": "upnp",
        "confirmed": confirmed, "trouble": None if address else "it has no such protocol",
    }  # fmt: skip


class DiagnosisTests(SynchronousTestCase):
    def test_verdicts(self) -> None:
        """The best way that is known to work decides; what nobody has tried is not called good or bad."""
        shut = tried(38082, False)
        for told, verdict in (
            (stun(tried(38082, True)), "direct"),
            (stun(shut, mappings=(mapping(True),), kind="endpoint-independent"), "direct"),
            (stun(shut, mappings=(mapping(False),), kind="endpoint-independent"), "punched"),
            (stun(shut, mappings=(mapping(),), kind="address-and-port-dependent"), "punched"),
            (stun(shut, kind="address-and-port-dependent"), "relayed"),
            (stun(shut, kind="none"), "punched"),
            (stun(kind="none"), "unknown"),
            (stun() | {"router": [forwarded(None)]}, "unknown"),
            (stun(shut, mappings=(mapping(),)), "unknown"),
            (stun(shut), "relayed"),
            (stun(), "unknown"),
        ):
            self.assertEqual(diagnose(info(), told).verdict, verdict, told)
        self.assertEqual(diagnose(info(links=0), stun()).verdict, "alone")

    def test_ports(self) -> None:
        """Each port once, with the best and newest that was found of it."""
        told = stun(tried(38082, False), tried(38082, True), tried(38083, False, "udp"))
        ports = diagnose(info(), told).interfaces
        self.assertEqual([each.name for each in ports], ["http 38081/tcp", "ws 38082/tcp", "ws-udp 38083/udp"])
        self.assertEqual([each.is_reached for each in ports], [None, True, False])
        self.assertEqual(ports[1].why, "node cdcdcdcdcdcd reached it at 203.0.113.9 5 min ago")

    def test_advice(self) -> None:
        """What to do follows from what is the matter."""
        shut = stun(tried(38082, False), mappings=(mapping(),), kind="address-and-port-dependent")
        advice = " ".join(diagnose(info(), shut).advice)
        for words in ("UPnP", "this machine: 38082/tcp, 38083/udp.", "Try the setting."):
            self.assertIn(words, advice)
        [firewall] = diagnose(info(), stun(tried(38082, False), kind="none")).advice
        self.assertIn("through the firewall: 38082/tcp, 38083/udp.", firewall)
        self.assertNotIn("UPnP", firewall)
        self.assertEqual(diagnose(info(), stun(tried(38082, True))).advice, [])
        self.assertIn("firewall", diagnose(info(), stun(tried(38082, True), tried(38081, False))).advice[0])
        self.assertIn("--join", diagnose(info(links=0), stun()).advice[0])
        off = stun(tried(38082, True)) | {"server": {"udp": 0, "tcp": 0}}
        self.assertIn("--stun", diagnose(info(), off).advice[0])

    def test_neighbours(self) -> None:
        """What a neighbour in the private network reached is not what anybody reaches."""
        inner = tried(38082, True) | {"address": "10.0.0.2"}
        alone = diagnose(info(), stun(inner))
        self.assertEqual((alone.verdict, alone.interfaces[1].is_reached), ("inside", None))
        self.assertIn("at 10.0.0.2, from inside its own network, 5 min ago", alone.interfaces[1].why)
        self.assertIn("--join", alone.advice[0])
        inner_mapping = mapping(True) | {"address": "100.64.0.9"}
        self.assertEqual(diagnose(info(), stun(inner, mappings=(inner_mapping,))).verdict, "inside")
        both = diagnose(info(), stun(inner, tried(38082, False), mappings=(mapping(),), kind="endpoint-independent"))
        self.assertEqual((both.verdict, both.interfaces[1].is_reached), ("punched", False))
        self.assertNotIn("10.0.0.2", both.interfaces[1].why)

    def test_families(self) -> None:
        """A port is told of over IPv4 and over IPv6."""
        told = stun(tried(38082, False), tried(38082, True) | {"address": "2001:db8::9"})
        port = diagnose(info(), told).interfaces[1]
        self.assertTrue(port.is_reached)
        self.assertEqual(port.why, "node cdcdcdcdcdcd reached it at 2001:db8::9 5 min ago; "
                                   "node cdcdcdcdcdcd tried in vain at 203.0.113.9 5 min ago")  # fmt: skip

    def test_not_dialled(self) -> None:
        """Of ports that no node dials nothing is promised."""
        told = info()
        told["interfaces"].append({"transport": "stun", "protocol": "udp", "address": "0.0.0.0", "port": 3478})
        others = [each for each in diagnose(told, stun()).interfaces if not each.is_dialled]
        self.assertEqual([each.name for each in others], ["http 38081/tcp", "stun 3478/udp"])
        self.assertEqual({each.why for each in others}, {"other nodes try the ports for WebSocket alone"})

    def test_lifetimes(self) -> None:
        """How long mappings live is told of each protocol as far as it is known, and by older nodes of UDP alone."""
        told = stun(kind="endpoint-independent")
        self.assertFalse([each for each in diagnose(info(), told).nat if "mappings:" in each])
        told["nat"] |= {"lifetime_held": 60.0, "lifetime_lost": 75.0}
        self.assertEqual(diagnose(info(), told).nat[-1], "UDP mappings: kept for 60 s of silence, gone after 75 s")
        told["nat"] |= {"lifetime_held_tcp": None, "lifetime_lost_tcp": 30.0}
        self.assertEqual(diagnose(info(), told).nat[-1], "TCP mappings: gone after 30 s")

    def test_router(self) -> None:
        """A port that the router forwards counts once somebody came in by it."""
        self.assertEqual(diagnose(info(), stun() | {"router": [forwarded(confirmed=True)]}).verdict, "direct")
        told = diagnose(info(), stun(tried(38082, False)) | {"router": [forwarded(), forwarded(None)]})
        self.assertNotEqual(told.verdict, "direct")
        self.assertIn("forwards 203.0.113.9:38082 to 38082/tcp (upnp)", told.mappings[0])
        self.assertIn("it has no such protocol", told.mappings[1])


class DoctorTests(SynchronousTestCase):
    def run_(self, *arguments: str) -> str:
        home = Path(self.mktemp())
        home.mkdir()
        told = stun(tried(38082, False), mappings=(mapping(False),), kind="endpoint-independent")
        methods = {"getnodeinfo": lambda _: info(), "getstuninfo": lambda _: told}
        return run_command(doctor, ["doctor", *arguments], methods, home=home).out

    def test_text(self) -> None:
        """People read a summary first, then why, then what to do."""
        out = self.run_()
        self.assertIn("this node is reached directly with the help of a node that both know", out.splitlines()[0])
        self.assertLess(out.index("ports"), out.index("what to do"))
        self.assertIn("203.0.113.9:50000/udp for 192.168.1.5:40000", out)
        self.assertIn("a port is mapped once, for everybody", out)

    def test_json(self) -> None:
        """Programs get the same as one object."""
        told = json.loads(self.run_("--json"))
        self.assertEqual((told["verdict"], told["interfaces"][1]["is_reached"]), ("punched", False))
