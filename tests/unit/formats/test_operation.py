"""Operations."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from cloudnode.formats.errors import LocalError
from cloudnode.formats.genesis import Genesis, decode_genesis
from cloudnode.formats.operation import (
    Appoint,
    Approval,
    Delete,
    Envelope,
    Invite,
    Operation,
    Put,
    Rate,
    Withdraw,
    build_appoint,
    build_delete,
    build_invite,
    build_put,
    build_rate,
    build_withdraw,
    check_window,
    decode_operation,
    is_plain_rating,
    sign_operation,
    signatures_valid,
    verify_signature,
)
from cloudnode.formats.strictjson import INTEGER_MAX, decode_strict
from tests.unit.formats.support import FormatTestCase, damaged, load
from tests.vectors.make_genesis import genesis, key
from tests.vectors.make_operations import shown
from tests.vectors.spelling import unspelled

GENESIS = genesis()
AUTHOR = key(11)
RECORD = f"{key(12).public.hex()}/film/x"
APPOINT = Appoint(3, (key(13).public,), (Approval(1, bytes(64)), Approval(4, b"s" * 64)))
ENVELOPE = Envelope(GENESIS.network, AUTHOR.public, 1_790_000_000_123, 7, 1007)

_bodies = [body for case in load("operations.json")["accepted"] if len(body := unspelled(case["body"])) < 2000]
_json = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-INTEGER_MAX, INTEGER_MAX)
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab\u00e4", max_size=3), inner, max_size=3),
    max_leaves=10,
)
_members = [
    "network", "account", "type", "time", "from", "expiry", "collection", "key", "data", "ref", "if_version", "record",
    "stars", "invited", "epoch", "validators", "approvals", "extra",
]  # fmt: skip


def read(body: bytes) -> Operation:
    return decode_operation(body, sign_operation(AUTHOR, body), GENESIS)


def arguments(operation: Operation) -> dict[str, Any]:
    """An action's arguments as the vectors spell them."""
    members = msgspec.structs.asdict(operation.action)
    return {name: value if name == "data" else shown(value) for name, value in members.items()}


class DecodeTests(FormatTestCase):
    def setUp(self) -> None:
        self.cases = load("operations.json")
        self.genesis = decode_genesis(self.cases["genesis"].encode())

    def _verdict(self, case: dict[str, Any], of: Genesis) -> Operation:
        return decode_operation(unspelled(case["body"]), bytes.fromhex(case["signature"]), of)

    def test_accepted_vectors(self) -> None:
        """All that the vectors say is read from their operations."""
        for case in self.cases["accepted"]:
            operation = self._verdict(case, self.genesis)
            self.assertEqual(operation.id.hex(), case["id"])
            self.assertEqual(operation.account.hex(), case["account"])
            self.assertEqual(operation.network, self.genesis.network)
            self.assertEqual(operation.body, unspelled(case["body"]))
            self.assertEqual(
                (operation.time, operation.valid_from, operation.expiry), (case["time"], case["from"], case["expiry"])
            )
            self.assertEqual(type(operation.action).__name__.lower(), case["type"])
            wanted = case["arguments"]
            if "data" in wanted:
                wanted = wanted | {"data": unspelled(wanted["data"])}
            self.assertEqual(arguments(operation), wanted, case["name"])
            self.assertTrue(verify_signature(operation))

    def test_refused_vectors(self) -> None:
        """The vectors' bad operations are refused with their codes, and their signatures are good."""
        for case in self.cases["refused"]:
            self.assert_refused(case["code"], self._verdict, case, self.genesis, name=case["name"])

    def test_vectors_of_work(self) -> None:
        """Where genesis asks for work, accounts without it are refused."""
        cases = self.cases["work"]
        of = decode_genesis(cases["genesis"].encode())
        for case in cases["accepted"]:
            self.assertTrue(verify_signature(self._verdict(case, of)))
        for case in cases["refused"]:
            self.assert_refused(case["code"], self._verdict, case, of)

    def test_vectors_of_signatures(self) -> None:
        """A wrong signature is refused for its length at once, or else by verification."""
        for case in self.cases["wrong_signatures"]:
            if len(case["signature"]) != 128:
                self.assert_refused(case["code"], self._verdict, case, self.genesis, name=case["name"])
            else:
                self.assertFalse(verify_signature(self._verdict(case, self.genesis)), case["name"])

    @given(damaged(*_bodies))
    def test_any_bytes(self, body: bytes) -> None:
        """Any bytes give an operation whose id is their hash, or an error."""
        operation = self.assert_value_or_refused(decode_operation, body, bytes(64), GENESIS)
        if operation is not None:
            self.assertEqual((operation.body, operation.id), (body, sha256(body).digest()))

    @given(
        st.sampled_from(_bodies),
        st.dictionaries(st.sampled_from(_members), _json, max_size=2),
        st.sets(st.sampled_from(_members), max_size=1),
    )
    def test_any_members(self, body: bytes, changed: dict[str, Any], removed: set[str]) -> None:
        """Any values in any members give an operation or an error; one whose message is the parser's own is a type."""
        value = {name: member for name, member in (json.loads(body) | changed).items() if name not in removed}
        self.assert_value_or_refused(decode_operation, json.dumps(value).encode(), bytes(64), GENESIS)

    def test_plain_ratings_are_strict_json(self) -> None:
        """Of a rating and all that differs by one byte, what is taken for strict JSON unread is just that."""
        body = build_rate(ENVELOPE, RECORD, 4)
        self.assertTrue(is_plain_rating(body))
        plain = 0
        for at in range(len(body)):
            for byte in b'\x00\t \n"\\/{}[],:-+.0123456789aefEnt\x7f\x80\xc3\xff':
                one = bytes([byte])
                rest = body[at + 1 :]
                for changed in (body[:at] + one + body[at:], body[:at] + one + rest, body[:at] + rest):
                    if is_plain_rating(changed):
                        plain += 1
                        decode_strict(changed)
        self.assertGreater(plain, 5_000)
        for odd in (body + b" ", b" " + body, body.replace(b'"expiry"', b'"from":7,"expiry"')):
            self.assertFalse(is_plain_rating(odd))

    @given(_json, st.booleans())
    def test_data_is_kept_to_the_byte(self, data: Any, spaced: bool) -> None:
        """An operation's data is the text of the value as written, without the white space around it."""
        text = json.dumps(data, indent=1 if spaced else None).encode()
        body = build_put(ENVELOPE, "post", "k", None).replace(b'"data":null', b'"data" : \n' + text + b" \t")
        action = read(body).action
        assert isinstance(action, Put)
        self.assertEqual(action.data, text)


class BuildTests(FormatTestCase):
    def test_what_is_built_is_read(self) -> None:
        """Each builder writes what decoding gives back, in compact JSON."""
        for body, action in (
            (build_put(ENVELOPE, "post", "k\u00e4y", {"a": [1]}), Put("post", "k\u00e4y", b'{"a":[1]}')),
            (build_put(ENVELOPE, "post", "k", None), Put("post", "k", b"null")),
            (
                build_put(ENVELOPE, "post", "k", b'{ "a":1}', ref=RECORD, if_version=0),
                Put("post", "k", b'{ "a":1}', RECORD, 0),
            ),
            (build_delete(ENVELOPE, "post", "k"), Delete("post", "k")),
            (build_delete(ENVELOPE, "post", "k", if_version=3), Delete("post", "k", 3)),
            (build_rate(ENVELOPE, RECORD, 5), Rate(RECORD, 5)),
            (build_withdraw(ENVELOPE, RECORD), Withdraw(RECORD)),
            (build_invite(ENVELOPE, key(12).public), Invite(key(12).public)),
            (build_appoint(ENVELOPE, APPOINT), APPOINT),
        ):
            operation = read(body)
            self.assertEqual(operation.action, action)
            self.assertEqual(operation.account, AUTHOR.public)
            self.assertEqual((operation.time, operation.valid_from, operation.expiry), (ENVELOPE.time, 7, 1007))
            self.assertTrue(verify_signature(operation))

    def test_what_would_be_refused_is_not_built(self) -> None:
        """A builder refuses what no node would take, as the caller's own mistake."""
        for call, arguments in (
            (build_put, ("Post", "k", 1)),
            (build_put, ("post", "a/b", 1)),
            (build_put, ("post", "k", 1.5)),
            (build_put, ("post", "k", b"{")),
            (build_put, ("post", "k", b'1,"ref":2')),
            (build_put, ("post", "k", b'1,"key":"other"')),
            (build_put, ("post", "k", "x" * 65_535)),
            (build_put, ("post", "k", "\ud800")),
            (build_put, ("post", "k", object())),
            (build_rate, (RECORD, 6)),
            (build_rate, ("no address", 5)),
            (build_invite, (b"short",)),
            (build_appoint, (msgspec.structs.replace(APPOINT, validators=()),)),
            (build_appoint, (msgspec.structs.replace(APPOINT, validators=APPOINT.validators * 2),)),
            (build_appoint, (msgspec.structs.replace(APPOINT, approvals=APPOINT.approvals[::-1]),)),
        ):
            self.assertRaises(LocalError, call, ENVELOPE, *arguments)


class CheckTests(FormatTestCase):
    def test_window(self) -> None:
        """An operation may be in blocks from its first to its last height, both included."""
        operation = read(build_withdraw(ENVELOPE, RECORD))
        check_window(operation, 7)
        check_window(operation, 1007)
        self.assert_refused("operation_future", check_window, operation, 6)
        self.assert_refused("operation_expired", check_window, operation, 1008)

    def test_many_signatures(self) -> None:
        """Signatures are judged one by one, in order."""
        good = read(build_withdraw(ENVELOPE, RECORD))
        bad = msgspec.structs.replace(good, signature=bytes(64))
        other = msgspec.structs.replace(good, account=key(12).public)
        self.assertEqual(signatures_valid([good, bad, good, other]), [True, False, True, False])
        self.assertEqual(signatures_valid([]), [])
