"""The formats: JSON, operations, genesis, headers, votes, certificates, trie nodes, rows, receipts, addresses."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from hashlib import sha256
from typing import Any

from msgspec import structs
from nacl.signing import VerifyKey

from cloudnode.formats import nodes
from cloudnode.formats.addresses import format_address, parse_address
from cloudnode.formats.block import Certificate, Header, Vote
from cloudnode.formats.canonical import canonical
from cloudnode.formats.errors import CODES, RESULTS, LedgerError
from cloudnode.formats.evidence import decode_evidence, encode_evidence, first_epoch, judge
from cloudnode.formats.finality import Finality
from cloudnode.formats.genesis import decode_genesis
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import DATA_BYTES_MAX, Appoint, Put, Rate, decode_operation
from cloudnode.formats.receipt import Answer, Receipt
from cloudnode.formats.strictjson import INTEGER_MAX, decode_strict
from cloudnode.formats.stundata import StunData, is_local, read_stun_data, sign_stun_data
from tests.fuzz.target import Check, Outcome, Target
from tests.vectors.generate import DIRECTORY
from tests.vectors.spelling import unspelled

_STUN_KEY = SigningKey(b"\1" * 32)
_NAMES = {code.name for code in CODES} | {result.code for result in RESULTS}

JSON_WORDS = (
    b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\u0000", b"\\ud800", b"\\udc00", b"\\u006b", b'\\"', b"null",
    b"true", b"false", b"-", b"-0", b"0", b"1e9", b"1.0", b"NaN", b"Infinity", b"9007199254740991", b"9007199254740992",
    b"9" * 40, b"[" * 33, b"]" * 33, b"\xef\xbb\xbf", b"\xff", b"\xed\xa0\x80", b"\xc3\xa9", b"\x00", b"\n", b" ",
    b"//", b'\\\\":', b'"a":', b'"a":1,"a":2',
)  # fmt: skip


def vectors(name: str) -> Any:
    """The value of a vector file."""
    return json.loads((DIRECTORY / name).read_bytes())


def or_refused(check: Callable[[bytes], Outcome], names: set[str] = _NAMES) -> Callable[[], Check]:
    """The check, where a LedgerError with a documented code and a sentence is an outcome as well."""

    def checked(data: bytes) -> Outcome:
        try:
            return check(data)
        except LedgerError as error:
            assert error.code in names, error.code
            assert error.message
            return error.code

    return lambda: Check(checked)


def _texts(cases: Sequence[Any], member: str) -> list[bytes]:
    return [raw for case in cases if len(raw := unspelled(case[member])) < 5_000]


# JSON


def _strict_json(data: bytes) -> Outcome:
    value = decode_strict(data)
    # What passes means the same to every parser, and has one canonical text.
    assert json.loads(data) == value
    assert decode_strict(canonical(value)) == value
    for number in _numbers(value):
        assert type(number) is int and abs(number) <= INTEGER_MAX
    return type(value).__name__


def _numbers(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [number for item in value.values() for number in _numbers(item)]
    if isinstance(value, list):
        return [number for item in value for number in _numbers(item)]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else []


def _json_seeds() -> list[bytes]:
    cases = vectors("json.json")
    return _texts(cases["accepted"], "text") + _texts(cases["refused"], "text")


# Operations

_GENESIS = decode_genesis(vectors("operations.json")["genesis"].encode())


def _operation(data: bytes) -> Outcome:
    operation = decode_operation(data, bytes(64), _GENESIS)
    assert operation.body == data and operation.id == sha256(data).digest()
    members = json.loads(data)
    assert members["network"] == operation.network.hex() == _GENESIS.network_hex
    assert (members["account"], members["time"]) == (operation.account.hex(), operation.time)
    assert (members["from"], members["expiry"]) == (operation.valid_from, operation.expiry)
    assert 0 <= operation.expiry - operation.valid_from <= _GENESIS.parameters.window
    action = operation.action
    if isinstance(action, Put):
        assert action.data in data and json.loads(action.data) == members["data"]
        assert len(action.data) <= DATA_BYTES_MAX and action.data == action.data.strip()
        assert format_address(operation.account, action.collection, action.key).count("/") == 2
    elif isinstance(action, Rate):
        assert type(members["stars"]) is int and members["stars"] == action.stars
        assert 1 <= action.stars <= 5
    elif isinstance(action, Appoint):
        _appointed(action, members)
    return type(action).__name__


def _appointed(action: Appoint, told: Any) -> None:
    """What an appointment was read as is what its text says."""
    assert [key.hex() for key in action.validators] == told["validators"]
    assert 1 <= len(set(action.validators)) == len(action.validators) <= 1000
    approvals = [{"validator": each.validator, "signature": each.signature.hex()} for each in action.approvals]
    assert approvals == told["approvals"] and action.epoch == told["epoch"]
    indexes = [each.validator for each in action.approvals]
    assert indexes == sorted(set(indexes))


def _operation_seeds() -> list[bytes]:
    cases = vectors("operations.json")
    return _texts(cases["accepted"], "body") + _texts(cases["refused"], "body")


_OPERATION_WORDS = tuple(
    f'"{name}"'.encode()
    for name in (
        "network", "account", "type", "time", "from", "expiry", "collection", "key", "data", "ref", "if_version",
        "record", "stars", "invited", "epoch", "validators", "approvals", "validator", "signature",
        "put", "delete", "rate", "withdraw", "invite", "appoint",
    )
)  # fmt: skip


# Genesis


def _genesis(data: bytes) -> Outcome:
    genesis = decode_genesis(data)
    assert genesis.text == data
    assert genesis.network == sha256(b"cloudnode genesis 1\n" + data).digest()
    assert 1 <= len(set(genesis.validators)) == len(genesis.validators) <= 1000
    parameters = genesis.parameters
    assert 1 <= parameters.pace_ms <= parameters.heartbeat_ms <= 3_600_000
    assert 10 <= parameters.window <= 100_000
    assert 4096 <= parameters.max_operation_bytes <= parameters.max_block_bytes <= 67_108_864
    return parameters.admission.policy


def _genesis_seeds() -> list[bytes]:
    cases = vectors("genesis.json")
    return _texts(cases["accepted"], "text") + _texts(cases["refused"], "text")


# Blocks


def _header(data: bytes) -> Outcome:
    header = Header.decode(data)
    assert header.encode() == data and header.root_height < header.height
    return "header"


def _vote(data: bytes) -> Outcome:
    vote = Vote.decode(data)
    assert vote.encode() == data
    return f"kind {vote.kind}"


_BLOCKS = vectors("blocks.json")
_BLOCKS_GENESIS = decode_genesis(_BLOCKS["genesis"].encode())


def _certificate(data: bytes) -> Outcome:
    certificate = Certificate.decode(data)
    assert certificate.encode() == data
    indexes = [index for index, _ in certificate.signatures]
    assert indexes == sorted(set(indexes))
    validators = _BLOCKS_GENESIS.validators
    certificate.verify(_BLOCKS_GENESIS.network, validators)
    # It holds: so says chapter 11 of docs/protocol.md as well, put in other words.
    assert 3 * len(indexes) > 2 * (len(validators) - 1)
    vote = b"cloudnode vote 1\n" + _BLOCKS_GENESIS.network + data[:49]
    for index, signature in certificate.signatures:
        VerifyKey(validators[index]).verify(vote, signature)
    return f"holds with {len(indexes)}"


def _finality(data: bytes) -> Outcome:
    proof = Finality.decode(data)
    assert proof.encode() == data
    header = Header.decode(bytes.fromhex(_BLOCKS["finality"]["header"]))
    proof.verify(header, _BLOCKS_GENESIS.network, 0, _BLOCKS_GENESIS.validators)
    # It holds, so it is one of those that validators signed, whose signatures are all that may differ.
    signed = [bytes.fromhex(case["bytes"])[: -66 * 3 - 2] for case in _BLOCKS["finality"]["proofs"]]
    assert data[: -66 * len(proof.certificate.signatures) - 2] in signed
    return f"holds through {len(proof.descendants)}"


def _finality_seeds() -> list[bytes]:
    cases = _BLOCKS["finality"]
    return [bytes.fromhex(case["bytes"]) for case in (*cases["proofs"], *cases["refused"])]


def _hex_seeds(name: str, *kinds: str) -> Callable[[], list[bytes]]:
    def seeds() -> list[bytes]:
        cases = vectors(name)
        return [bytes.fromhex(case["bytes"]) for kind in kinds for case in cases[kind]]

    return seeds


# The trie


def _node(data: bytes) -> Outcome:
    if data[:1] == b"L":
        leaf = nodes.decode_leaf(data)
        assert nodes.encode_leaf(leaf.table, leaf.rows) == data
        assert 1 <= len(leaf.rows) <= nodes.PAGE_ROWS
        keys = [key for key, _ in leaf.rows]
        assert keys == sorted(set(keys))
        nodes.leaf_totals(leaf.table, leaf.rows)
        return "leaf"
    inner = nodes.decode_inner(data)
    children = {digit: entry.encode() for digit, entry in inner.children.items()}
    assert nodes.encode_inner(inner.table, inner.path, children) == data
    assert len(children) >= 2
    assert nodes.inner_totals(inner.children.values())[2] > nodes.PAGE_ROWS
    return "inner"


def _state(data: bytes) -> Outcome:
    entries = nodes.decode_state(data)
    assert nodes.encode_state([entry.encode() for entry in entries]) == data
    return "state"


_ROWS = (
    nodes.decode_record_value,
    nodes.decode_rating_value,
    nodes.decode_window_value,
    nodes.decode_account_value,
    nodes.decode_window_key,
    nodes.decode_entry,
)


def _row(data: bytes) -> Outcome:
    """The first byte says which decoder takes the rest."""
    decode = _ROWS[(data[:1] or b"\0")[0] % len(_ROWS)]
    value = decode(data[1:])
    if decode is nodes.decode_rating_value:
        assert 1 <= value.stars <= 5  # type: ignore[union-attr]
        assert nodes.encode_rating_value(value.stars, value.height, value.index) == data[1:]  # type: ignore[union-attr]
    return decode.__name__


def _row_seeds() -> list[bytes]:
    cases = vectors("rows.json")
    kinds = ("records", "ratings", "window", "accounts")
    good = [bytes([at]) + bytes.fromhex(case["value"]) for at, kind in enumerate(kinds) for case in cases[kind]]
    return [*good, b"\4" + bytes.fromhex(cases["window"][0]["key"]), b"\5" + bytes(56)]


# What nodes sign, and addresses


def _receipt(data: bytes) -> Outcome:
    assert Receipt.decode(data).encode() == data
    return "receipt"


def _answer(data: bytes) -> Outcome:
    assert Answer.decode(data).encode() == data
    return "answer"


def _stun_data(data: bytes) -> Outcome:
    content = StunData.decode(data)
    assert content.encode() == data
    assert not any(is_local(each.address) for each in content.endpoints)
    signed = sign_stun_data(_STUN_KEY, structs.replace(content, node=_STUN_KEY.public))
    assert read_stun_data(signed.encode(), content.network).data == signed.data
    return f"{len(content.endpoints)} endpoints"


def _stun_data_seeds() -> list[bytes]:
    return [seed[:-64] for seed in _hex_seeds("stundata.json", "accepted", "refused")()]


def _evidence(data: bytes) -> Outcome:
    genesis = decode_genesis(vectors("evidence.json")["genesis"].encode())
    evidence = decode_evidence(data)
    assert encode_evidence(evidence) == data
    verdict = judge(evidence, genesis.network, first_epoch(genesis))
    # Nobody but those who signed the vectors can be accused.
    assert verdict.culprit.hex() in {case["culprit"] for case in vectors("evidence.json")["accepted"]}
    return verdict.kind


def _address(data: bytes) -> Outcome:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return "not text"
    account, collection, key = parse_address(text)
    assert format_address(account, collection, key) == text
    assert len(data) <= 386 and len(key.encode()) <= 256
    return "address"


TARGETS = (
    Target("json", "any bytes give the value that every JSON parser gives, or a named error",
           or_refused(_strict_json), _json_seeds, JSON_WORDS),
    Target("operation", "any bytes give an operation that says what the JSON says, or a named error",
           or_refused(_operation), _operation_seeds, JSON_WORDS + _OPERATION_WORDS),
    Target("genesis", "any bytes give a genesis within the documented bounds, or a named error",
           or_refused(_genesis), _genesis_seeds, JSON_WORDS),
    Target("header", "any bytes give a header with these very bytes, or a named error",
           or_refused(_header), _hex_seeds("blocks.json", "headers", "refused_headers")),
    Target("vote", "any bytes give a vote with these very bytes, or a named error",
           or_refused(_vote), _hex_seeds("blocks.json", "votes")),
    Target("certificate", "a certificate that holds has signatures of validators alone, over the vote that it names",
           or_refused(_certificate), _hex_seeds("blocks.json", "certificates", "refused_certificates")),
    Target("finality", "a proof that holds leads from the block to one that validators finalized",
           or_refused(_finality), _finality_seeds),
    Target("node", "any bytes give a trie node with these very bytes, or a named error",
           or_refused(_node), _hex_seeds("nodes.json", "accepted", "refused")),
    Target("state", "any bytes give the entries of a state with these very bytes, or a named error",
           or_refused(_state), lambda: [bytes.fromhex(vectors("proofs.json")["nodes"][0])]),
    Target("row", "any bytes give the values of a row within their bounds, or a named error",
           or_refused(_row), _row_seeds),
    Target("receipt", "any bytes give a receipt with these very bytes, or a named error",
           or_refused(_receipt), _hex_seeds("receipts.json", "receipts", "refused")),
    Target("answer", "any bytes give a signed answer with these very bytes, or a named error",
           or_refused(_answer), _hex_seeds("answers.json", "answers", "refused")),
    Target("stun-data", "any bytes give STUN data with these very bytes and public addresses, or a named error",
           or_refused(_stun_data), _stun_data_seeds),
    Target("evidence", "any bytes give evidence with these very bytes against who signed it, or a named error",
           or_refused(_evidence), _hex_seeds("evidence.json", "accepted", "refused")),
    Target("address", "any text gives an account, collection and key that are written as this text, or a named error",
           or_refused(_address), lambda: [b"ab" * 32 + b"/film/1", b"ab" * 32 + "/a.b-c_d/ü 🎬".encode()],
           (b"/", b"\0", b"\x7f", b"\xc2\x85", b"A", b"x" * 260)),
)  # fmt: skip
