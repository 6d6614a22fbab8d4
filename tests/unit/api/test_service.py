"""What a node says of itself, and what it still says when its ledger can't be read."""

from __future__ import annotations

from cloudnode.api.limits import Limits
from cloudnode.store.connection import DatabaseDamaged
from tests.unit.api.network import MemoryNode, NodeTestCase


class NodeInfoTests(NodeTestCase):
    """``getnodeinfo`` and its relatives."""

    def test_pocketnet_fields(self) -> None:
        """The fields that Pocketnet's tools read are there, with their types."""
        self.node.put("1")
        info = self.node.call("getnodeinfo")
        head = self.node.ledger.head
        self.assertEqual(
            info["lastblock"],
            {"height": head.height, "hash": head.hash.hex(), "time": head.time // 1000, "ntx": 1},
        )
        self.assertEqual(
            info["ports"], {"node": 38082, "api": 38081, "rest": 38081, "wss": 38082, "http": 38081, "https": 0}
        )
        for name, kind in (
            ("version", str),
            ("time", int),
            ("chain", str),
            ("proxy", bool),
            ("netstakeweight", int),
            ("proxies", list),
        ):
            self.assertIs(type(info[name]), kind, name)

    def test_our_fields(self) -> None:
        """Identity, interfaces, certificates, audit, sync and limits are there."""
        info = self.node.call("getnodeinfo")
        self.assertEqual(info["node"], self.node.ledger.node_key.public.hex())
        self.assertEqual([interface["port"] for interface in info["interfaces"]], [38081, 38082])
        self.assertEqual(info["certificates"][0]["hash"], "ab" * 32)
        self.assertEqual(info["audit"]["findings"], [])
        self.assertEqual((info["sync"]["state"], info["sync"]["role"]), ("serving", "validator"))
        self.assertEqual(info["sync"]["target"], max(5, info["sync"]["height"]))
        ban = {"whom": "198.51.100.7", "fault": "wrong_block", "count": 2, "until": 1_790_000_240}
        self.assertEqual(info["peers"], {"inbound": 0, "outbound": 1, "known": 3, "banned": [ban]})
        self.assertEqual(info["limits"]["batch_length"], Limits().batch_length)

    def test_stun(self) -> None:
        """How this node is reached is told with the STUN data of all nodes, or of one alone."""
        info = self.node.call("getstuninfo")
        own = self.node.call("getnodeinfo")["stun"]
        self.assertEqual({name: info[name] for name in ("mappings", "nat", "server", "interfaces")},
                         {name: own[name] for name in ("mappings", "nat", "server", "interfaces")})  # fmt: skip
        self.assertEqual([each["node"] for each in info["nodes"]], ["aa" * 32, "ef" * 32])
        self.assertEqual(info["nodes"][0], own["data"])
        self.assertEqual([each["port"] for each in info["seen"]], [40_007])
        one = self.node.call("getstuninfo", {"node": "aa" * 32})
        self.assertEqual(([each["node"] for each in one["nodes"]], one["seen"]), (["aa" * 32], []))

    def test_peers(self) -> None:
        """A peer is told of with the fields that Pocketnet's tools read, and those of our own."""
        [peer] = self.node.call("getpeerinfo")
        self.assertEqual((peer["addr"], peer["pingtime"], peer["inbound"]), ("192.0.2.9:38082", 21_500, False))
        self.assertEqual((peer["bytessent"], peer["interfaces"][0]["port"]), (2_048, 38082))

    def test_punch(self) -> None:
        """The caller's address goes to whoever coordinates, and the refusal's name comes back."""
        params = {"node": "ef" * 32, "username": "3f1c9a07d2b84e65", "key": "5a" * 32, "strategy": "opener"}
        granted = self.node.call("requestpunch", params)
        self.assertEqual((granted["strategy"], granted["many"]), ("opener", None))
        self.assertEqual(granted["candidates"], [{"address": "192.0.2.9", "port": 40_007, "kind": "observed"}])
        [(asked, address)] = self.node.facts.punches
        self.assertEqual((asked.transport, asked.mapping, address), ("udp", "unknown", "127.0.0.1"))
        error = self.node.error("requestpunch", params | {"node": "aa" * 32})
        self.assertEqual((error["code"], error["data"]["code"]), (-5, "punch_unlinked"))
        for wrong in ({"username": "with space"}, {"key": "5a"}, {"local": [{"address": "10.0.0.1", "port": 0}]}):
            error = self.node.error("requestpunch", params | wrong)
            self.assertEqual(error["data"]["code"], "member_type", wrong)

    def test_time(self) -> None:
        """The clock is told in seconds and in milliseconds."""
        self.assertEqual(self.node.call("gettime"), {"time": 1_790_000_001, "milliseconds": 1_790_000_001_500})


class NotServingTests(NodeTestCase):
    """A node whose ledger can't answer."""

    def check_refused(self, node: MemoryNode, name: str) -> None:
        for method, params in (
            ("getrecord", node.name("1")),
            ("getdatahash", {}),
            ("submit", node.params(node.put_body("2"))),
        ):
            error = node.error(method, params)
            self.assertEqual((error["code"], error["data"]["code"]), (-28, name))
        session, connection = node.connect()
        session.message_received(b'{"jsonrpc":"2.0","id":1,"method":"subscribe","params":{"topic":"records"}}')
        self.assertEqual(connection.take()[0]["error"]["data"]["code"], name)
        for method in ("getnodeinfo", "gettime", "ping", "rpc.discover", "getgenesis"):
            self.assertIn("result", node.ask(method))

    def test_corrupt(self) -> None:
        """A node that found damage serves no data from then on, and says what it found."""
        self.node.put("1")
        self.node.ledger.report_damage("Record x is not what its hash says.")
        self.check_refused(self.node, "data_corrupt")
        info = self.node.call("getnodeinfo")
        self.assertEqual(info["sync"]["state"], "corrupt")
        self.assertEqual(info["audit"]["findings"], ["Record x is not what its hash says."])

    def test_starting(self) -> None:
        """A node that is starting says so."""
        node = MemoryNode(self.mktemp(), start=False)
        self.addCleanup(node.stop)
        self.check_refused(node, "node_starting")

    def test_damage_found_by_a_read(self) -> None:
        """A read that finds the file damaged is answered by a named error, and is the last one."""
        self.node.put("1")
        self.node.store._at_head = DamagedReading()  # type: ignore[assignment]
        error = self.node.error("getrecord", self.node.name("1"))
        self.assertEqual((error["code"], error["data"]["code"]), (-28, "data_corrupt"))
        self.check_refused(self.node, "data_corrupt")
        self.assertIn("page 7", self.node.call("getnodeinfo")["audit"]["findings"][0])

    def test_getnodeinfo_finds_damage(self) -> None:
        """getnodeinfo answers even where it is itself what finds the damage."""
        self.node.put("1")
        self.node.store._at_head = DamagedReading()  # type: ignore[assignment]
        info = self.node.call("getnodeinfo")
        self.assertEqual((info["lastblock"]["ntx"], info["sync"]["state"]), (0, "corrupt"))

    def test_other_failures(self) -> None:
        """A failure of ours is logged, told without its details, and does no harm to others."""
        self.node.put("1")
        self.node.store._write.execute("DROP TABLE scores")
        error = self.node.error("getrecord", self.node.name("1"))
        self.assertEqual((error["code"], error["data"]["code"]), (-32603, "internal_error"))
        self.assertNotIn("scores", error["message"])
        self.assertEqual(len(self.flushLoggedErrors()), 1)
        self.assertEqual(self.node.call("ping"), "pong")


class DamagedReading:
    """A reading of a file that SQLite stumbles over."""

    height = 2

    def get_record(self, *name: object) -> None:
        raise DatabaseDamaged("page 7 is malformed")

    def block(self, height: int) -> None:
        raise DatabaseDamaged("page 7 is malformed")
