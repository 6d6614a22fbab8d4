"""JSON-RPC 2.0 and Pocketnet's dialect of it, as bytes."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from cloudnode.api.limits import Limits
from tests.unit.api.network import NodeTestCase


class RequestTests(NodeTestCase):
    """Single requests."""

    def answer(self, message: str | bytes) -> Any:
        raw = self.node.answer(message)
        assert raw is not None
        return json.loads(raw)

    def check(self, message: str | bytes, number: int, name: str, request_id: Any = None) -> None:
        """A message is answered with this error."""
        answer = self.answer(message)
        self.assertEqual(
            (answer["error"]["code"], answer["error"]["data"]["code"], answer["id"]), (number, name, request_id)
        )
        self.assertTrue(answer["error"]["message"])

    def test_answer(self) -> None:
        """A request is answered with its id, its result and the place in the log where it holds."""
        answer = self.answer('{"jsonrpc":"2.0","id":"a","method":"ping"}')
        head = self.node.ledger.head
        self.assertEqual(
            answer,
            {
                "jsonrpc": "2.0",
                "id": "a",
                "result": "pong",
                "context": {
                    "network": self.node.genesis.network_hex,
                    "height": head.height,
                    "hash": head.hash.hex(),
                    "time": head.time,
                },
            },
        )

    def test_ids(self) -> None:
        """An id comes back as it was: an integer, a string of any characters, or null."""
        for given_id in (0, -1, 2**53 - 1, "", 'é"\\\n😀', None):
            request = json.dumps({"jsonrpc": "2.0", "id": given_id, "method": "ping"})
            self.assertEqual(self.answer(request)["id"], given_id)

    def test_invalid_ids(self) -> None:
        """An id of another type, too long or too large makes an invalid request, answered with id null."""
        for bad in ("1.5", "true", "[]", "{}", "9007199254740992", "1e5", "9" * 5000, json.dumps("x" * 129)):
            self.check(f'{{"jsonrpc":"2.0","method":"ping","id":{bad}}}', -32600, "request_invalid")

    def test_malformed(self) -> None:
        """Bytes that are not JSON in UTF-8 are a parse error."""
        for bad in (b"", b" ", b"{", b"nonsense", b'{"method":"ping"} x', b'\xef\xbb\xbf{"method":"ping"}',
                    b'{"method":"\xff"}', b'{"method":"\\ud800"}', b'{"method":"ping","params":{"a":01}}',
                    b"[1,", b"[", b"\x00", b'{"method":"ping","params":NaN}'):  # fmt: skip
            self.check(bad, -32700, "json_malformed")

    def test_too_deep(self) -> None:
        """Deep nesting is a parse error wherever it is, and no crash."""
        deep = "[" * 100_000 + "]" * 100_000
        self.check(deep, -32700, "json_too_deep")
        self.check(f'{{"jsonrpc":"2.0","id":1,"method":"ping","params":{deep}}}', -32700, "json_too_deep")
        self.check('{"method":' * 50_000, -32700, "json_too_deep")

    def test_not_a_request(self) -> None:
        """JSON that is not a request is refused, with its id if it has a good one."""
        for bad in ('"ping"', "1", "null", "true", '{"jsonrpc":"2.0"}', '{"jsonrpc":"3.0","method":"ping"}',
                    '{"jsonrpc":"2.0","method":1}', '{"jsonrpc":"2.0","method":"ping","more":1}',
                    '{"jsonrpc":"2.0","method":"ping","context":{"height":1}}',
                    '{"jsonrpc":"2.0","method":"ping","context":{"at":-1}}'):  # fmt: skip
            self.check(bad, -32600, "request_invalid")
        self.check('{"jsonrpc":"2.0","id":7,"method":1}', -32600, "request_invalid", 7)

    def test_unknown_method(self) -> None:
        """A method that the table lacks is named as unknown."""
        self.check('{"jsonrpc":"2.0","id":1,"method":"nothing"}', -32601, "method_unknown", 1)

    def test_params(self) -> None:
        """Parameters may come by name, by position, or not at all where none is needed."""
        self.node.put("1")
        named = self.node.call("getrecord", self.node.name("1"))
        listed = self.node.call("getrecord", list(self.node.name("1").values()))
        self.assertEqual(named, listed)
        for params in ("{}", "[]", "null"):
            self.assertEqual(
                self.answer(f'{{"jsonrpc":"2.0","id":1,"method":"ping","params":{params}}}')["result"], "pong"
            )

    def test_wrong_params(self) -> None:
        """Parameters that the method does not declare, lacks, or that have another type are named."""
        account = "ab" * 32
        for params, name in (
            ({"account": account, "collection": "film"}, "member_missing"),
            ([account], "member_missing"),
            ({"account": account, "collection": "film", "key": "1", "more": 1}, "member_unknown"),
            ([account, "film", "1", 2], "member_unknown"),
            ({"account": account, "collection": "film", "key": 1}, "member_type"),
            ({"account": account.upper(), "collection": "film", "key": "1"}, "member_type"),
            ({"account": account + "\n", "collection": "film", "key": "1"}, "member_type"),
            ({"account": account, "collection": "film\n", "key": "1"}, "member_type"),
            ({"account": account, "collection": "Film", "key": "1"}, "member_type"),
            ({"account": account, "collection": "film", "key": ""}, "member_type"),
            ({"account": account, "collection": "film", "key": "a/b"}, "member_type"),
            ({"account": account, "collection": "film", "key": "a\n"}, "member_type"),
            ("text", "member_type"),
            (5, "member_type"),
        ):
            error = self.node.error("getrecord", params)
            self.assertEqual((error["code"], error["data"]["code"]), (-32602, name), params)

    def test_huge_numbers(self) -> None:
        """Numbers beyond their range are refused as parameters, whatever their length."""
        for number in ("1" + "0" * 400, "-1", "1.0", "1e2", "1e999", "18446744073709551616"):
            self.check(
                f'{{"jsonrpc":"2.0","id":1,"method":"getheader","params":{{"height":{number}}}}}',
                -32602, "member_type", 1,
            )  # fmt: skip

    def test_duplicates(self) -> None:
        """An object that names a member twice is refused, however the name is written."""
        record = json.dumps(self.node.name("1"))
        for bad in (
            '{"jsonrpc":"2.0","id":1,"method":"ping","method":"ping"}',
            '{"jsonrpc":"2.0","id":1,"method":"ping","meth\\u006fd":"ping"}',
            '{"jsonrpc":"2.0","id":1,"id":1,"method":"ping"}',
            f'{{"jsonrpc":"2.0","id":1,"method":"getrecord","params":{record[:-1]},"key":"2"}}}}',
            '{"jsonrpc":"2.0","id":1,"method":"getnodeinfo","context":{"at":1,"at":2}}',
            '{"jsonrpc":"2.0","id":1,"method":"listrecords","params":{"order":"best","order":"best"}}',
            '{"jsonrpc":"2.0","id":1,"method":"listrecords","params":{"limit":50,"limit":50}}',
            r'{"jsonrpc":"2.0","id":"\":\":","id":1,"method":"ping"}',
            r'{"jsonrpc":"2.0","id":1,"method":"submit","params":{"operation":"{\"a\":1}","signature":"","signature":""}}',
        ):
            self.check(bad, -32600, "json_duplicate_key", 1)

    def test_backslashes_hide_nothing(self) -> None:
        """A name that ends with a backslash, whose colon looks like one in a text, is unknown."""
        self.check(r'{"jsonrpc":"2.0","id":1,"id\\":2,"method":"ping"}', -32600, "request_invalid", 1)
        named = r'{"jsonrpc":"2.0","id":1,"method":"listrecords","params":{"limit":50,"limit\\":50}}'
        self.check(named, -32602, "member_unknown", 1)

    def test_colons_are_no_duplicates(self) -> None:
        """Texts with colons, and requests with fewer members than usual, are read all the same."""
        self.node.put("a:b")
        self.assertEqual(self.node.call("getrecord", self.node.name("a:b"))["key"], "a:b")
        self.assertEqual(self.answer('{"method":"ping","id":":::"}')["id"], ":::")

    def test_notification(self) -> None:
        """A request without an id is carried out and not answered, even if it fails."""
        for message in ('{"jsonrpc":"2.0","method":"ping"}', '{"jsonrpc":"2.0","method":"nothing"}',
                        '{"jsonrpc":"2.0","method":"getrecord"}'):  # fmt: skip
            self.assertIsNone(self.node.answer(message))
        body = self.node.put_body("1")
        self.node.answer(json.dumps({"jsonrpc": "2.0", "method": "submit", "params": self.node.params(body)}))
        self.node.pass_time(1)
        self.assertEqual(self.node.call("getrecord", self.node.name("1"))["version"], 1)


class DialectTests(NodeTestCase):
    """Pocketnet's dialect."""

    def test_result(self) -> None:
        """Without jsonrpc the answer is result, error and id, in any case."""
        for message, request_id in (
            ('{"method":"ping"}', None),
            ('{"jsonrpc":"1.0","id":"curl","method":"ping"}', "curl"),
        ):
            answer = json.loads(self.node.answer(message) or b"")
            self.assertEqual(answer, {"result": "pong", "error": None, "id": request_id})

    def test_error(self) -> None:
        """Errors have the same members as in JSON-RPC 2.0."""
        answer = json.loads(self.node.answer('{"method":"nothing","params":[],"id":3}') or b"")
        self.assertEqual(sorted(answer), ["error", "id", "result"])
        self.assertEqual((answer["result"], answer["error"]["code"], answer["id"]), (None, -32601, 3))

    def test_malformed(self) -> None:
        """A request that can be told to be of the dialect is refused in it."""
        answer = json.loads(self.node.answer('{"method":"ping","more":1,"id":3}') or b"")
        self.assertEqual((answer["result"], answer["error"]["code"], answer["id"]), (None, -32600, 3))

    def test_context(self) -> None:
        """Whoever asks for a context gets it."""
        answer = json.loads(self.node.answer('{"method":"getdatahash","id":3,"context":{"at":1}}') or b"")
        self.assertEqual((answer["result"]["height"], answer["context"]["height"]), (1, 1))


class BatchTests(NodeTestCase):
    """Batches."""

    limits = Limits(batch_length=10, message_bytes=100_000)

    def answer(self, message: str) -> Any:
        raw = self.node.answer(message)
        return None if raw is None else json.loads(raw)

    def test_mixed(self) -> None:
        """Each request of a batch has its answer, in its order, but for notifications."""
        batch = [
            {"jsonrpc": "2.0", "id": 1, "method": "ping"},
            {"jsonrpc": "2.0", "method": "ping"},
            {"jsonrpc": "2.0", "id": 2, "method": "nothing"},
            {"jsonrpc": "2.0", "id": 3, "method": "submit",
             "params": self.node.params(self.node.put_body("1"), wait="final")},
            {"method": "ping", "id": 4},
            5,
        ]  # fmt: skip
        answers = self.answer(json.dumps(batch))
        self.assertEqual([answer["id"] for answer in answers], [1, 2, 3, 4, None])
        self.assertEqual(answers[0]["result"], "pong")
        self.assertEqual(answers[2]["result"]["result"], "ok")
        self.assertEqual(answers[4]["error"]["data"]["code"], "request_invalid")

    def test_only_notifications(self) -> None:
        """A batch of notifications is not answered."""
        self.assertIsNone(self.answer(json.dumps([{"jsonrpc": "2.0", "method": "ping"}] * 3)))

    def test_empty(self) -> None:
        """An empty batch is an invalid request."""
        self.assertEqual(self.answer(" []")["error"]["data"]["code"], "batch_empty")

    def test_too_long(self) -> None:
        """A batch over the limit is refused as a whole, however short its items are."""
        for batch in ("[" + ",".join(['{"jsonrpc":"2.0","method":"ping"}'] * 11) + "]", "[" + "0," * 40_000 + "0]"):
            error = self.answer(batch)["error"]
            self.assertEqual((error["code"], error["data"]), (-32600, {"code": "batch_too_long", "longest": 10}))

    def test_many_commas(self) -> None:
        """A batch within the limit is taken however many commas its texts have."""
        params = {"text": "word", "collection": None}
        request = json.dumps({"jsonrpc": "2.0", "id": "x", "method": "search", "params": params})
        long = '{{"jsonrpc":"2.0","id":"y","method":"ping","params":[{}]}}'.format(",".join(["0"] * 20_000))
        answers = self.answer(f"[{request},{long}]")
        self.assertEqual([answer.get("error", {}).get("code") for answer in answers], [None, -32602])

    def test_too_large(self) -> None:
        """A message over the limit is refused unread."""
        error = self.answer(" " * 100_001)["error"]
        self.assertEqual(error["data"], {"code": "message_too_large", "longest": 100_000})


_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=12,
)
_methods = st.sampled_from(
    ["ping", "getrecord", "listrecords", "getratings", "search", "getblock", "submit", "subscribe", "getproof", "x"]
)
_requests = st.fixed_dictionaries(
    {"method": _methods | _json},
    optional={
        "jsonrpc": st.sampled_from(["2.0", "1.0"]) | _json,
        "id": _json,
        "params": _json,
        "context": st.dictionaries(
            st.sampled_from(["at", "min_height", "proof", "sign"]), st.integers(0, 2) | st.booleans()
        ),
    },
)


class AnyBytesTests(NodeTestCase):
    """Whatever is sent, the answer is well-formed or there is none, and the next request is answered."""

    limits = Limits(wait_seconds=0.5)

    def check(self, message: bytes) -> None:
        raw = self.node.answer(message)
        if raw is None:
            return
        answers = json.loads(raw)
        for answer in answers if isinstance(answers, list) else [answers]:
            self.check_answer(answer)

    def check_answer(self, answer: dict[str, Any]) -> None:
        if answer.get("jsonrpc") == "2.0":
            self.assertEqual(len({"result", "error"} & answer.keys()), 1)
        else:
            self.assertLessEqual(answer.keys() - {"context"}, {"result", "error", "id"})
        self.assertIsInstance(answer["id"], int | str | None)
        error = answer.get("error")
        if error is not None:
            self.assertNotEqual(error["data"]["code"], "internal_error")
            self.assertIsInstance(error["code"], int)

    @settings(max_examples=150, deadline=None)
    @given(st.binary(max_size=300) | st.text(max_size=200).map(str.encode))
    def test_any_bytes(self, message: bytes) -> None:
        """Any bytes."""
        self.check(message)

    @settings(max_examples=200, deadline=None)
    @given(_requests | st.lists(_requests | _json, max_size=4) | _json)
    def test_any_json(self, value: Any) -> None:
        """Any JSON, most of it nearly a request."""
        self.check(json.dumps(value).encode())
        self.assertEqual(self.node.call("ping"), "pong")
