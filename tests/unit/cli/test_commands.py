"""What the commands ask of a node, print, and end with."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.cli.commands import call, delete, get, put, rate, status, watch
from cloudnode.cli.commands import list as list_command
from cloudnode.cli.exits import Exit
from tests.unit.cli.fakes import ACCOUNT, Method, Refusal, Result, run_command

OTHER = "ab" * 32
UNCHECKED = "Not checked: http://127.0.0.1:38081 says so.\n"


def record(key: str = "1", **changes: Any) -> dict[str, Any]:
    return {
        "account": OTHER, "collection": "film", "key": key, "data": {"title": "Ran"}, "ref": None, "version": 1,
        "deleted": False, "created": {"height": 2, "index": 0}, "updated": {"height": 3, "index": 1},
        "time": 1_700_000_000_000, "ratings_sum": 9, "ratings_count": 2,
    } | changes  # fmt: skip


def id_of(params: dict[str, Any]) -> str:
    """The id of an operation that is submitted."""
    return sha256(params["operation"].encode()).hexdigest()


def refuse(name: str, code: int, **data: Any) -> Method:
    def method(params: dict[str, Any]) -> Any:
        raise Refusal(name, code, **data)

    return method


class CommandCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.home = Path(self.mktemp())
        self.home.mkdir()

    def run_(self, module: Any, *arguments: str, **options: Any) -> Result:
        return run_command(module, list(arguments), options.pop("methods", None), home=self.home, **options)


class WritingTests(CommandCase):
    """put, delete and rate."""

    def final(self, result: str = "ok") -> dict[str, Method]:
        return {
            "submit": lambda params: {"id": id_of(params), "cursor": {"height": 9, "index": 4}, "result": result}
        }

    def operation(self, result: Result) -> dict[str, Any]:
        """The operation that was submitted."""
        (submitted,) = result.asked("submit")
        body: dict[str, Any] = json.loads(submitted["params"]["operation"])
        return body

    def test_put(self) -> None:
        """A put tells the address, and where it became final."""
        result = self.run_(put, "put", "film", "1", '{"a":1}', "--ref", f"{OTHER}/film/1", methods=self.final())
        self.assertEqual((result.status, result.out), (Exit.OK, f"put {ACCOUNT}/film/1\n"))
        self.assertIn("9:4", result.err)
        operation = self.operation(result)
        self.assertEqual((operation["data"], operation["ref"]), ({"a": 1}, f"{OTHER}/film/1"))

    def test_put_own_ref(self) -> None:
        """A ref of two parts is a record of one's own."""
        result = self.run_(put, "put", "comment", "1", '""', "--ref", "film/1", methods=self.final())
        self.assertEqual(self.operation(result)["ref"], f"{ACCOUNT}/film/1")

    def test_put_file(self) -> None:
        """Data comes from a file, its text kept but for the white space around it."""
        (self.home / "data.json").write_text(' {"a" : 1}\n')
        result = self.run_(put, "put", "film", "1", f"@{self.home / 'data.json'}", methods=self.final())
        (submitted,) = result.asked("submit")
        self.assertIn('"data":{"a" : 1}', submitted["params"]["operation"])

    def test_accepted(self) -> None:
        """Without waiting, the receipt is what there is."""
        methods: dict[str, Method] = {"submit": lambda params: {"id": id_of(params), "receipt": {"node": OTHER}}}
        result = self.run_(put, "put", "film", "1", "1", "--wait", "accepted", "--json", methods=methods)
        (submitted,) = result.asked("submit")
        told = json.loads(result.out)
        self.assertEqual(told.pop("id"), id_of(submitted["params"]))
        self.assertEqual(told, {"address": f"{ACCOUNT}/film/1", "receipt": {"node": OTHER}, "checked": "none"})

    def test_rejected(self) -> None:
        """A rule's no is status 1 and names the rule."""
        result = self.run_(put, "put", "film", "1", "1", "--if-version", "3", methods=self.final("version_mismatch"))
        self.assertEqual((result.status, result.out), (Exit.REFUSED, ""))
        self.assertIn("cloudnode: version_mismatch: ", result.err)

    def test_not_json(self) -> None:
        """Data that is no JSON is a usage error, found without a node."""
        result = self.run_(put, "put", "film", "1", "hello")
        self.assertEqual((result.status, result.requests), (Exit.USAGE, []))
        self.assertIn("needs quotes", result.err)

    def test_float(self) -> None:
        """Data that no node would take is refused here."""
        result = self.run_(put, "put", "film", "1", "1.5")
        self.assertEqual(result.status, Exit.USAGE)
        self.assertIn("json_number", result.err)

    def test_no_key(self) -> None:
        """Without a key there is advice."""
        (self.home / "key-missing").touch()
        result = self.run_(put, "put", "film", "1", "1")
        self.assertEqual(result.status, Exit.USAGE)
        self.assertIn("cloudnode key new", result.err)

    def test_delete(self) -> None:
        """A delete is of one's own record."""
        result = self.run_(delete, "delete", "film", "1", methods=self.final())
        self.assertEqual(result.out, f"deleted {ACCOUNT}/film/1\n")
        self.assertEqual(self.operation(result)["type"], "delete")

    def test_rate(self) -> None:
        """A rating has stars; a withdrawal has none."""
        result = self.run_(rate, "rate", f"{OTHER}/film/1", "4", methods=self.final())
        self.assertEqual(result.out, f"rated 4 {OTHER}/film/1\n")
        self.assertEqual(self.operation(result)["stars"], 4)
        result = self.run_(rate, "rate", f"{OTHER}/film/1", "--withdraw", methods=self.final())
        self.assertEqual(self.operation(result)["type"], "withdraw")

    def test_rate_usage(self) -> None:
        """Stars and --withdraw exclude each other, and one is needed."""
        for words in (("4", "--withdraw"), ()):
            result = self.run_(rate, "rate", f"{OTHER}/film/1", *words)
            self.assertEqual(result.status, Exit.USAGE)


class GetTests(CommandCase):
    """Reading one record."""

    def get(self, *words: str, **changes: Any) -> Result:
        return self.run_(get, "get", f"{OTHER}/film/1", *words, methods={"getrecord": lambda _: record(**changes)})

    def test_people(self) -> None:
        """People see what is known of it, then the data laid out."""
        result = self.get()
        self.assertIn(f"address  {OTHER}/film/1\n", result.out)
        self.assertIn("rating   4.50 (2)\n", result.out)
        self.assertTrue(result.out.endswith('\n\n{\n  "title": "Ran"\n}\n'))
        self.assertEqual(
            result.asked("getrecord")[0]["params"], {"account": OTHER, "collection": "film", "key": "1"}
        )

    def test_programs(self) -> None:
        """Programs get the node's answer, or the data alone."""
        self.assertEqual(json.loads(self.get("--json").out), record())
        self.assertEqual(json.loads(self.get("--data").out), {"title": "Ran"})

    def test_at(self) -> None:
        """A height is asked for by the request's context."""
        self.assertEqual(self.get("--at", "5").asked("getrecord")[0]["context"], {"at": 5})

    def test_not_found(self) -> None:
        """What never was, and what was deleted, is status 4."""
        methods = {"getrecord": refuse("record_unknown", -5)}
        result = self.run_(get, "get", f"{OTHER}/film/1", methods=methods)
        self.assertEqual((result.status, result.out), (Exit.NOT_FOUND, ""))
        result = self.get(deleted=True, data=None)
        self.assertEqual(result.status, Exit.NOT_FOUND)
        self.assertIn("deleted at 3:1", result.err)

    def test_own(self) -> None:
        """collection/key is a record of one's own."""
        result = self.run_(get, "get", "film/1", methods={"getrecord": lambda _: record()})
        self.assertEqual(result.asked("getrecord")[0]["params"]["account"], ACCOUNT)

    def test_bad_address(self) -> None:
        """Something else is no address."""
        for address in ("film", "xyz/film/1", f"{OTHER}/Film/1"):
            self.assertEqual(self.run_(get, "get", address).status, Exit.USAGE)

    def test_dangerous_data(self) -> None:
        """Characters that could play with a terminal are shown as escapes."""
        result = self.get(data="\u202e\x9b2J")
        self.assertIn('"\\u202e\\x9b2J"', result.out)

    def test_json_errors(self) -> None:
        """With --json the error is an object too."""
        methods = {"getrecord": refuse("record_unknown", -5)}
        result = self.run_(get, "--json", "get", f"{OTHER}/film/1", methods=methods)
        error = json.loads(result.err)["error"]
        self.assertEqual((error["code"], error["status"]), ("record_unknown", 4))


class ListTests(CommandCase):
    """Lists and their pages."""

    def pages(self, total: int) -> Method:
        def listrecords(params: dict[str, Any]) -> Any:
            first = params.get("after", [0, 0])[1]
            last = min(first + params["limit"], total)
            keys = range(first, last)
            return {"records": [record(str(key)) for key in keys], "next": None if last == total else [0, last]}

        return listrecords

    def test_pages(self) -> None:
        """Pages are fetched until there are enough, all at the height of the first."""
        result = self.run_(
            list_command, "list", "--limit", "120", "--best", "--collection", "film", "--json",
            methods={"listrecords": self.pages(1000)},
        )  # fmt: skip
        page = json.loads(result.out)
        self.assertEqual([each["key"] for each in page["records"]], [str(key) for key in range(120)])
        self.assertEqual(page["next"], [0, 120])
        asked = result.asked("listrecords")
        self.assertEqual([request["params"]["limit"] for request in asked], [50, 50, 20])
        self.assertEqual([request.get("context") for request in asked], [None, {"at": 7}, {"at": 7}])
        self.assertEqual(asked[0]["params"], {"collection": "film", "order": "best", "limit": 50})

    def test_table(self) -> None:
        """People see a table that fits their terminal, and how it goes on."""
        methods = {"listrecords": self.pages(3)}
        result = self.run_(list_command, "list", "--mine", "--limit", "2", methods=methods, tty=True)
        lines = result.out.splitlines()
        self.assertEqual(len(lines), 3)
        self.assertTrue(lines[0].startswith("\x1b[1mADDRESS"))
        self.assertLessEqual(max(map(len, lines[1:])), 100)
        self.assertIn("--after 0,2", result.err)
        self.assertEqual(result.asked("listrecords")[0]["params"]["account"], ACCOUNT)

    def test_nothing(self) -> None:
        """An empty list is no error."""
        result = self.run_(list_command, "list", methods={"listrecords": self.pages(0)})
        self.assertEqual((result.status, result.out, result.err), (Exit.OK, "", "No records.\n" + UNCHECKED))


class CallTests(CommandCase):
    """Any method."""

    def test_call(self) -> None:
        """Words become parameters of the types that the method takes."""
        result = self.run_(
            call, "call", "listrecords", "collection=1", "limit=3", "after=[1,2]",
            methods={"listrecords": lambda params: params},
        )  # fmt: skip
        self.assertEqual(json.loads(result.out), {"collection": "1", "limit": 3, "after": [1, 2]})

    def test_context(self) -> None:
        """What is asked about the answer comes with it."""
        methods: dict[str, Method] = {"getdatahash": lambda params: "x"}
        result = self.run_(call, "call", "getdatahash", "--at", "7", "--proof", "--json", methods=methods)
        self.assertEqual(result.asked("getdatahash")[-1]["context"], {"at": 7, "proof": True})
        answer = json.loads(result.out)
        self.assertEqual((answer["result"], answer["context"]["height"]), ("x", 7))

    def test_describe(self) -> None:
        """A method is described, and all are listed, without a node."""
        result = self.run_(call, "call", "submit", "--describe")
        self.assertIn("accepted | final", result.out)
        self.assertIn("record_unknown", self.run_(call, "call", "getrecord", "--describe").out)
        self.assertIn("getdatahash", self.run_(call, "call").out)
        self.assertEqual(self.run_(call, "call", "nix", "--describe").status, Exit.NOT_FOUND)

    def test_errors(self) -> None:
        """Each kind of error has its status."""
        kinds = {
            ("record_unknown", -5): Exit.NOT_FOUND,
            ("member_type", -32602): Exit.USAGE,
            ("method_unknown", -32601): Exit.USAGE,
            ("height_pruned", -8): Exit.USAGE,
            ("signature_invalid", -26): Exit.REFUSED,
            ("node_starting", -28): Exit.NO_ANSWER,
            ("not_final_yet", -8): Exit.NO_ANSWER,
            ("not_provable", -8): Exit.NO_ANSWER,
            ("data_corrupt", -28): Exit.DAMAGED,
            ("too_many_requests", -32005): Exit.NO_ANSWER,
        }
        for (name, code), expected in kinds.items():
            result = self.run_(call, "call", "ping", methods={"ping": refuse(name, code)})
            self.assertEqual(result.status, expected, name)
            proven = " This is not proven." if expected is Exit.NOT_FOUND else ""
            self.assertEqual(result.err, f"cloudnode: {name}: It is {name}.{proven}\n")


class StatusTests(CommandCase):
    """The picture of a node."""

    def info(self, state: str = "serving", findings: tuple[str, ...] = ()) -> dict[str, Method]:
        info = {
            "chain": "test net", "time": 1000, "started": 100, "network": "aa" * 32, "node": "bb" * 32,
            "lastblock": {"height": 8, "hash": "cc" * 32, "time": 990, "ntx": 3},
            "software": {"name": "cloudnode", "version": "0.1.0", "api": 1},
            "sync": {
                "state": state, "role": "follower", "height": 8, "provable_height": 7, "target": 20,
                "operations_second": 1500.0, "seconds_left": 3.0, "trouble": None,
                "blocks_from": 1, "phase": "replay", "rows": 0, "total": 0,
            },
            "peers": {
                "inbound": 1, "outbound": 2, "known": 5,
                "banned": [
                    {"whom": f"198.51.100.{number}", "fault": "flooding", "count": 1, "until": 9} for number in range(5)
                ],
            },
            "audit": {
                "state": "corrupt" if findings else "ok", "height": 5, "finished": 1.0, "rows": 1234,
                "progress": 0.0, "findings": list(findings),
            },
            "repair": {
                "doing": "fetching what differs" if state == "repairing" else None, "progress": 0.5,
                "trouble": "no other node is linked" if state == "corrupt" else None, "repairs": 1,
                "last": "rows replaced: 1 of records", "finished": 1,
            },
            "interfaces": [
                {"transport": "ws", "protocol": "tcp", "address": "0.0.0.0", "port": 38082, "secure": True}
            ],
            "certificates": [{"hash": "dd" * 32, "not_before": 0, "not_after": 86400, "signature": ""}],
        }  # fmt: skip
        state_hash = {
            "height": 8, "root": "ee" * 32, "ratings_sum": 14, "ratings_count": 4, "records": 5, "accounts": 6,
        }  # fmt: skip
        return {"getnodeinfo": lambda _: info, "getdatahash": lambda _: state_hash}

    def test_serving(self) -> None:
        """Height, root, sums, audit, interfaces and certificates are shown."""
        result = self.run_(status, "status", methods=self.info())
        self.assertEqual(result.status, Exit.OK)
        for words in (
            "test net at http://127.0.0.1:38081: serving", "8, 10 s old, 3 operations, provable to 7", "ee" * 32,
            "5 of 6 accounts", "4, sum 14, 3.500 on average", "all sound; 1,234 rows sound at height 5",
            "follower, 12 blocks behind, 1,500 operations/s, 3 s left", "2 dialled, 1 dialled this node; 5 addresses",
            "for 15 min", "38082  yes", "dd" * 32, "1970-01-02 00:00 UTC",
            "banned: 198.51.100.0 (flooding), 198.51.100.1 (flooding), 198.51.100.2 (flooding) and 2 more",
        ):  # fmt: skip
            self.assertIn(words, result.out)

    def test_corrupt(self) -> None:
        """A damaged node is asked for no data; its findings are shown and the status says so."""
        result = self.run_(status, "status", methods=self.info("corrupt", ("ratings: row 1 is wrong",)))
        self.assertEqual(result.status, Exit.DAMAGED)
        self.assertIn("damage: ratings: row 1 is wrong", result.out)
        self.assertEqual([request["method"] for request in result.requests], ["getnodeinfo"])

    def test_programs(self) -> None:
        """Programs get both answers."""
        told = json.loads(self.run_(status, "status", "--json", methods=self.info()).out)
        self.assertEqual((told["node"]["chain"], told["state"]["records"]), ("test net", 5))


class WatchTests(CommandCase):
    """Following; lost connections are tested with the client's follow."""

    def test_pruned(self) -> None:
        """A pruned cursor says where to start instead."""
        methods = {"subscribe": refuse("cursor_pruned", -8, start={"height": 50, "index": 0})}
        result = self.run_(watch, "--node", "ws://h", "watch", "--after", "1:0", methods=methods)
        self.assertEqual(result.status, Exit.USAGE)
        self.assertIn("--after 50:0", result.err)
        self.assertEqual(
            result.asked("subscribe")[0]["params"], {"topic": "records", "after": {"height": 1, "index": 0}}
        )
