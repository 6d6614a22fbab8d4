"""What a stranger may send to a real node: each has its documented error, or closes that connection alone.

Every test ends with the node answering the next caller soon, on every transport, with nothing unforeseen in its log.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cloudnode.formats.keys import OPERATION, SigningKey
from cloudnode.formats.operation import build_delete, build_put, build_rate, build_withdraw, sign_operation
from tests.integration.callers import (
    KEPT,
    MEGABYTE,
    PING_REQUEST,
    TRANSPORTS,
    Author,
    ClosedError,
    HttpCaller,
    assert_clean_log,
    assert_prompt,
    bounded_memory,
    caller,
    error_name,
    request,
)
from tests.integration.conftest import NodeProcess

MESSAGE_BYTES = 1_048_576
SMALL_ORDER = "01" + "00" * 31
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493

UTF8_CLOSES = {"ws": 1007, "wss": 1007, "ws-udp": 1007}
"""How a message that is not UTF-8 ends; HTTP answers it, WebTransport resets the stream."""


@pytest.fixture(autouse=True)
def still_serves(module_node: NodeProcess) -> Iterator[None]:
    """After each test the next caller is answered, and nothing unforeseen happened."""
    yield
    assert_prompt(module_node)
    assert_clean_log(module_node)


@pytest.fixture(params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Each transport in turn."""
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def author(module_node: NodeProcess) -> Author:
    """Somebody with a record, ``film/own``."""
    author = Author(module_node, SigningKey(b"\1" * 32))
    module_node.call("submit", author.submission(build_put(author.envelope(), "film", "own", 1), "final"))
    return author


@pytest.fixture(scope="module")
def rater(module_node: NodeProcess) -> Author:
    """Somebody else."""
    return Author(module_node, SigningKey(b"\2" * 32))


# Messages

KEY = '"account":"%s","collection":"film","key":"x"' % ("ab" * 32)

MESSAGES: list[tuple[str, bytes, str]] = [
    ("empty", b"", "json_malformed"),
    ("white space", b" \n\t", "json_malformed"),
    ("not JSON", b"hello", "json_malformed"),
    ("half", b'{"jsonrpc":"2.0","id":1,"meth', "json_malformed"),
    ("two values", b'{"method":"ping"}{"method":"ping"}', "json_malformed"),
    ("byte order mark", b'\xef\xbb\xbf{"method":"ping"}', "json_malformed"),
    ("comment", b'{"method":"ping"/* */}', "json_malformed"),
    ("single quotes", b"{'method':'ping'}", "json_malformed"),
    ("NaN", b'{"jsonrpc":"2.0","id":NaN,"method":"ping"}', "json_malformed"),
    ("leading zero", b'{"jsonrpc":"2.0","id":01,"method":"ping"}', "json_malformed"),
    ("control character", b'{"jsonrpc":"2.0","id":1,"method":"pi\nng"}', "json_malformed"),
    ("lone surrogate", b'{"jsonrpc":"2.0","id":1,"method":"getaccount","params":["\\ud800"]}', "json_malformed"),
    ("deep arrays", b"[" * 100_000, "json_too_deep"),
    ("deep objects", b'{"a":' * 100_000, "json_too_deep"),
    ("deep parameters", b'{"jsonrpc":"2.0","id":1,"method":"ping","params":' + b"[" * 5000 + b"]" * 5000 + b"}",
     "json_too_deep"),
    ("number", b"1", "request_invalid"),
    ("huge number", b"9" * 500_000, "request_invalid"),
    ("string", b'"ping"', "request_invalid"),
    ("null", b"null", "request_invalid"),
    ("no method", b'{"jsonrpc":"2.0","id":1}', "request_invalid"),
    ("method of another type", b'{"jsonrpc":"2.0","id":1,"method":5}', "request_invalid"),
    ("another version", b'{"jsonrpc":"3.0","id":1,"method":"ping"}', "request_invalid"),
    ("unknown member", b'{"jsonrpc":"2.0","id":1,"method":"ping","extra":1}', "request_invalid"),
    ("object as id", b'{"jsonrpc":"2.0","id":{},"method":"ping"}', "request_invalid"),
    ("fraction as id", b'{"jsonrpc":"2.0","id":1.5,"method":"ping"}', "request_invalid"),
    ("huge id", b'{"jsonrpc":"2.0","id":%s,"method":"ping"}' % (b"9" * 5000), "request_invalid"),
    ("id beyond 2^53", b'{"jsonrpc":"2.0","id":9007199254740992,"method":"ping"}', "request_invalid"),
    ("long id", b'{"jsonrpc":"2.0","id":"%s","method":"ping"}' % (b"x" * 129), "request_invalid"),
    ("unknown in context", b'{"jsonrpc":"2.0","id":1,"method":"ping","context":{"x":1}}', "request_invalid"),
    ("context of another type", b'{"jsonrpc":"2.0","id":1,"method":"ping","context":[]}', "request_invalid"),
    ("huge height", b'{"jsonrpc":"2.0","id":1,"method":"listrecords","context":{"at":1%s}}' % (b"0" * 400),
     "request_invalid"),
    ("duplicate method", b'{"jsonrpc":"2.0","id":1,"method":"ping","method":"ping"}', "json_duplicate_key"),
    ("duplicate by escape", b'{"jsonrpc":"2.0","id":1,"method":"ping","\\u006dethod":"gettime"}',
     "json_duplicate_key"),
    ("duplicate parameter", b'{"jsonrpc":"2.0","id":1,"method":"getrecord","params":{%s,"key":"y"}}' % KEY.encode(),
     "json_duplicate_key"),
    ("unknown method", request("__import__"), "method_unknown"),
    ("long method", request("x" * 100_000), "method_unknown"),
    ("unknown parameter", request("getaccount", {"account": "ab" * 32, "x": 1}), "member_unknown"),
    ("too many by position", request("getaccount", ["ab" * 32, 1]), "member_unknown"),
    ("missing parameter", request("getaccount", {}), "member_missing"),
    ("parameters of another type", request("getaccount", "ab" * 32), "member_type"),
    ("account of another type", request("getaccount", {"account": 5}), "member_type"),
    ("capitals", request("getaccount", {"account": "AB" * 32}), "member_type"),
    ("short account", request("getaccount", {"account": "ab" * 31}), "member_type"),
    ("account and newline", request("getaccount", {"account": "ab" * 32 + "\n"}), "member_type"),
    ("fraction", b'{"jsonrpc":"2.0","id":1,"method":"getheader","params":[1.5]}', "member_type"),
    ("exponent", b'{"jsonrpc":"2.0","id":1,"method":"getheader","params":[1e400]}', "member_type"),
    ("huge height of a block", b'{"jsonrpc":"2.0","id":1,"method":"getheader","params":[%s]}' % (b"9" * 4000),
     "member_type"),
    ("true for a number", request("getheader", [True]), "member_type"),
    ("text for a number", request("getheader", ["1"]), "member_type"),
    ("slash in a key", request("getrecord", ["ab" * 32, "film", "a/b"]), "member_type"),
    ("NUL in a key", request("getrecord", ["ab" * 32, "film", "a\0b"]), "member_type"),
    ("long key", request("getrecord", ["ab" * 32, "film", "ü" * 200]), "key_invalid"),
    ("traversal", request("getrecord", ["ab" * 32, "../..", "passwd"]), "member_type"),
    ("quote", request("getrecord", ["ab" * 32, "film", "' OR 1=1 --"]), "record_unknown"),
    ("page of 2^31", request("listrecords", {"limit": 2**31}), "member_type"),
    ("page of a million", request("listrecords", {"limit": 1_000_000}), "page_too_long"),
    ("page of none", request("listrecords", {"limit": 0}), "member_type"),
    ("page of fewer", request("getlastblocks", {"limit": -1}), "member_type"),
    ("block page", request("getblock", {"height": 1, "limit": 10**9}), "page_too_long"),
    ("cursor of another order", request("listrecords", {"after": [1, 2, 3]}), "cursor_invalid"),
    ("huge cursor", request("listrecords", {"after": [2**63, 1]}), "member_type"),
    ("cursor with a minus", request("search", {"text": "x", "after": {"height": -1, "index": 0}}), "member_type"),
    ("endless search", request("search", {"text": "x" * 257}), "member_type"),
    ("far height", request("listrecords", context={"at": 2**40}), "height_future"),
    ("height of ping", request("ping", context={"at": 1}), "height_not_offered"),
    ("proof of ping", request("ping", context={"proof": True}), "proof_not_offered"),
    ("subscription unknown", request("unsubscribe", {"subscription": "none"}), "subscription_unknown"),
    ("empty batch", b"[]", "batch_empty"),
    ("10,000 in a batch", b"[" + b",".join([PING_REQUEST] * 10_000) + b"]", "batch_too_long"),
    ("half a million in a batch", b"[" + b"1," * 500_000 + b"1]", "batch_too_long"),
]  # fmt: skip


def test_messages(module_node: NodeProcess, transport: str) -> None:
    """Each malformed or wrong message has its documented error; the same connection goes on."""
    with bounded_memory(module_node, 48), caller(module_node, transport) as asking:
        for what, message, expected in MESSAGES:
            if transport == "http" and expected == "subscription_unknown":
                expected = "transport_unsuited"
            answer = asking.ask(message)
            assert error_name(answer) == expected, (what, answer[:300])
            if isinstance(asking, HttpCaller):
                assert asking.status == 200
        assert json.loads(asking.ask(PING_REQUEST))["result"] == "pong"


def test_batch_of_bad_requests(module_node: NodeProcess, transport: str) -> None:
    """In a batch each bad request has its own error, and the good ones their answers."""
    bad = [(message, name) for _, message, name in MESSAGES if name in ("member_type", "request_invalid") and message]
    bad = [(message, name) for message, name in bad if len(message) < 6000][:40]
    batch = b"[" + b",".join(message for message, _ in bad) + b"," + PING_REQUEST + b"]"
    with caller(module_node, transport) as asking:
        answers = json.loads(asking.ask(batch))
    assert [answer["error"]["data"]["code"] for answer in answers[:-1]] == [name for _, name in bad]
    assert answers[-1]["result"] == "pong"


def test_notifications_are_silent(module_node: NodeProcess, transport: str) -> None:
    """A notification, even a wrong one, is not answered."""
    silent = [b'{"jsonrpc":"2.0","method":"nonsense"}', b'{"jsonrpc":"2.0","method":"getaccount","params":{"x":1}}']
    with caller(module_node, transport) as asking:
        if isinstance(asking, HttpCaller):
            for message in silent:
                assert (asking.ask(message), asking.status) == (b"", 204)
        else:
            for message in silent:
                asking.send(message)  # type: ignore[attr-defined]
        assert json.loads(asking.ask(PING_REQUEST))["result"] == "pong"


def test_invalid_utf8(module_node: NodeProcess, transport: str) -> None:
    """Bytes that are not UTF-8 are refused as JSON over HTTP, and end the connection (or stream) elsewhere."""
    for text in (b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xe2\x82"):
        message = b'{"jsonrpc":"2.0","id":1,"method":"getaccount","params":["%s"]}' % text
        with caller(module_node, transport) as asking:
            if transport == "http":
                assert error_name(asking.ask(message)) == "json_malformed"
                continue
            with pytest.raises(ClosedError) as closed:
                asking.ask(message)
            assert closed.value.code is not None
            assert transport not in UTF8_CLOSES or closed.value.code == UTF8_CLOSES[transport]


def test_oversize_message(module_node: NodeProcess, transport: str) -> None:
    """A message of one byte more than is taken is refused: with 413, 1009, or the end of the stream."""
    message = b'{"jsonrpc":"2.0","id":1,"method":"ping"' + b" " * MESSAGE_BYTES + b"}"
    fits = message.replace(b" " * (len(message) - MESSAGE_BYTES), b"", 1)
    assert len(fits) == MESSAGE_BYTES
    with bounded_memory(module_node, 32), caller(module_node, transport) as asking:
        assert json.loads(asking.ask(fits))["result"] == "pong"
        if isinstance(asking, HttpCaller):
            assert error_name(asking.ask(message)) == "message_too_large"
            assert asking.status == 413
            return
        with pytest.raises(ClosedError) as closed:
            asking.ask(message)
        assert closed.value.code is not None
        assert transport == "webtransport" or closed.value.code == 1009


# Operations


def put_body(author: Author, **members: Any) -> bytes:
    """A ``put`` with some members replaced, added, or (``...``) left out."""
    return author.members(**({"type": "put", "collection": "film", "key": "k", "data": 1} | members))


def rate_body(author: Author, stars: Any, record: str | None = None) -> bytes:
    """A ``rate`` with any stars."""
    return author.members(type="rate", record=record or f"{author.account}/film/own", stars=stars)


FORMS: list[tuple[str, Callable[[Author], bytes], str]] = [
    ("not JSON", lambda a: b"{", "json_malformed"),
    ("nothing", lambda a: b"", "json_malformed"),
    ("two values", lambda a: put_body(a) + b"1", "json_malformed"),
    ("byte order mark", lambda a: "\ufeff".encode() + put_body(a), "json_malformed"),
    ("NaN", lambda a: put_body(a, data=float("nan")), "json_malformed"),
    ("array", lambda a: b"[]", "member_type"),
    ("deep", lambda a: put_body(a)[:-1] + b',"x":' + b"[" * 60_000 + b"]" * 60_000 + b"}", "json_too_deep"),
    ("33 deep", lambda a: put_body(a).replace(b'"data": 1', b'"data":' + b"[" * 32 + b"]" * 32), "json_too_deep"),
    ("duplicate", lambda a: put_body(a)[:-1] + b',"key":"k"}', "json_duplicate_key"),
    ("duplicate within data", lambda a: put_body(a).replace(b'"data": 1', b'"data":{"a":1,"\\u0061":2}'),
     "json_duplicate_key"),
    ("lone surrogate", lambda a: put_body(a, data="\udc00"), "json_lone_surrogate"),
    ("fraction", lambda a: put_body(a, data=1.5), "json_number"),
    ("whole fraction", lambda a: put_body(a, data=1.0), "json_number"),
    ("exponent", lambda a: put_body(a).replace(b'"data": 1', b'"data": 1e400'), "json_number"),
    ("beyond 2^53", lambda a: put_body(a, data=2**53), "json_number"),
    ("thousands of digits", lambda a: put_body(a).replace(b'"data": 1', b'"data": ' + b"9" * 50_000), "json_number"),
    ("minus zero", lambda a: put_body(a).replace(b'"data": 1', b'"data": -0'), "json_number"),
    ("large body", lambda a: put_body(a) + b" " * 131_072, "operation_too_large"),
    ("large data", lambda a: put_body(a, data="x" * 65_535), "data_too_large"),
    ("unknown type", lambda a: put_body(a, type="burn"), "type_unknown"),
    ("type of another type", lambda a: put_body(a, type=["put"]), "type_unknown"),
    ("no type", lambda a: put_body(a, type=...), "member_missing"),
    ("unknown member", lambda a: put_body(a, extra=1), "member_unknown"),
    ("no data", lambda a: put_body(a, data=...), "member_missing"),
    ("null for a ref", lambda a: put_body(a, ref=None), "member_type"),
    ("time as text", lambda a: put_body(a, time="1"), "member_type"),
    ("time before 1970", lambda a: put_body(a, time=-1), "member_type"),
    ("version below 0", lambda a: put_body(a, if_version=-1), "member_type"),
    ("another network", lambda a: put_body(a, network="ab" * 32), "network_other"),
    ("this network in capitals", lambda a: put_body(a, network=a.genesis.network_hex.upper()), "network_other"),
    ("short account", lambda a: put_body(a, account="ab"), "account_invalid"),
    ("expiry before from", lambda a: put_body(a, from_=10, expiry=9), "window_invalid"),
    ("endless", lambda a: put_body(a, from_=0, expiry=1001), "window_invalid"),
    ("from below 0", lambda a: put_body(a, from_=-1, expiry=5), "window_invalid"),
    ("collection", lambda a: put_body(a, collection="Film"), "collection_invalid"),
    ("long collection", lambda a: put_body(a, collection="x" * 65), "collection_invalid"),
    ("key with slash", lambda a: put_body(a, key="a/b"), "key_invalid"),
    ("key with control", lambda a: put_body(a, key="a\x85b"), "key_invalid"),
    ("long key", lambda a: put_body(a, key="ü" * 129), "key_invalid"),
    ("empty key", lambda a: put_body(a, key=""), "key_invalid"),
    ("ref", lambda a: put_body(a, ref="film/own"), "ref_invalid"),
    ("record", lambda a: rate_body(a, 5, "nothing"), "record_invalid"),
    ("rating 0", lambda a: rate_body(a, 0), "stars_invalid"),
    ("rating 6", lambda a: rate_body(a, 6), "stars_invalid"),
    ("rating -1", lambda a: rate_body(a, -1), "stars_invalid"),
    ('rating "5"', lambda a: rate_body(a, "5"), "stars_invalid"),
    ("rating true", lambda a: rate_body(a, True), "stars_invalid"),
    ("rating null", lambda a: rate_body(a, None), "stars_invalid"),
    ("rating 1.5", lambda a: rate_body(a, 1.5), "json_number"),
    ("future", lambda a: put_body(a, from_=900_000, expiry=900_001), "operation_future"),
    ("expired", lambda a: put_body(a, from_=0, expiry=0), "operation_expired"),
]  # fmt: skip


def test_operations(module_node: NodeProcess, author: Author, transport: str) -> None:
    """Each malformed, wrong, untimely or foreign operation has its documented error, and changes nothing."""
    before = module_node.call("getdatahash")
    with caller(module_node, transport) as asking:
        for what, build, expected in FORMS:
            answer = asking.ask(request("submit", author.submission(build(author))))
            assert error_name(answer) == expected, (what, answer[:300])
            assert json.loads(answer)["error"]["code"] == -26
    after = module_node.call("getdatahash")
    assert (before["records"], before["ratings_sum"]) == (after["records"], after["ratings_sum"])


def test_signatures(module_node: NodeProcess, author: Author, rater: Author, transport: str) -> None:
    """Signatures that are wrong, cut, another's, for another purpose, or odd in Ed25519's own ways are refused."""
    body = put_body(author, key=f"signed-{transport}")
    good = sign_operation(author.key, body)
    scalar = int.from_bytes(good[32:], "little") + GROUP_ORDER
    wrong: list[tuple[str, bytes, bytes]] = [
        ("zeros", body, bytes(64)),
        ("one bit", body, bytes([good[0] ^ 1]) + good[1:]),
        ("another body", body + b" ", good),
        ("another's", body, sign_operation(rater.key, body)),
        ("without the tag", body, author.key.sign(b"", body)),
        ("another purpose", body, author.key.sign(b"cloudnode vote 1\n", body)),
        ("S above the group order", body, good[:32] + scalar.to_bytes(32, "little")),
        ("a key of small order", put_body(author, account=SMALL_ORDER), bytes.fromhex(SMALL_ORDER) + bytes(32)),
        ("a key that is no point", put_body(author, account="02" + "00" * 31), bytes(64)),
    ]
    with caller(module_node, transport) as asking:
        for what, signed, signature in wrong:
            answer = asking.ask(request("submit", author.submission(signed, "final", signature)))
            assert error_name(answer) == "signature_invalid", (what, answer[:300])
        for text in ("", good.hex()[:-2], good.hex()[:-1], good.hex() + "00", "zz" * 64, "ü" * 128):
            params = {"operation": body.decode(), "signature": text}
            assert error_name(asking.ask(request("submit", params))) == "signature_invalid", text
        assert error_name(asking.ask(request("submit", {"operation": body.decode(), "signature": "0" * 300}))) == (
            "member_type"
        )
        # What was refused was not kept: the right signature is taken.
        assert error_name(asking.ask(request("submit", author.submission(body)))) is None
    assert author.key.sign(OPERATION, body) == good


def test_rules(module_node: NodeProcess, author: Author, rater: Author, transport: str) -> None:
    """What only the state can refuse is final with its result: one's own or an unknown record, a wrong version."""
    film = f"{author.account}/film/own"
    tag = transport
    calls: list[tuple[Author, bytes, str]] = [
        (author, build_rate(author.envelope(), film, 5), "rating_own"),
        (rater, build_rate(rater.envelope(), f"{author.account}/film/none-{tag}", 5), "record_unknown"),
        (rater, build_rate(rater.envelope(), f"{'ab' * 32}/film/own", 5), "record_unknown"),
        (rater, build_withdraw(rater.envelope(), film), "rating_none"),
        (author, build_put(author.envelope(), "film", "own", tag, if_version=0), "version_mismatch"),
        (author, build_delete(author.envelope(), "film", f"none-{tag}"), "record_unknown"),
        (author, build_put(author.envelope(), "film", f"gone-{tag}", tag), "ok"),
        (author, build_delete(author.envelope(), "film", f"gone-{tag}"), "ok"),
        (rater, build_rate(rater.envelope(), f"{author.account}/film/gone-{tag}", 5), "record_deleted"),
        (rater, author.members(account=rater.account, type="invite", invited="ab" * 32), "invitation_not_used"),
    ]
    # A body is the same each time but for this member, so that each transport really writes.
    bodies = [(by, body.replace(b'"time":1,', b'"time":%d,' % (2 + TRANSPORTS.index(tag)))) for by, body, _ in calls]
    with caller(module_node, transport) as asking:
        for by, body in bodies[:-1]:
            asking.ask(request("submit", by.submission(body)))
        for (by, body), (_, _, expected) in zip(bodies, calls, strict=True):
            answer = json.loads(asking.ask(request("submit", by.submission(body, "final"))))
            assert answer["result"]["result"] == expected, answer
    assert module_node.call("getratings", {"record": film})["count"] == 0


def test_replay(module_node: NodeProcess, author: Author, rater: Author) -> None:
    """An operation sent again, even after its expiry, is told its first place on any transport and acts once."""
    height = module_node.call("getdatahash")["height"]
    bodies = [
        (author, build_put(author.envelope(height, height + 8), "film", "replayed", height)),
        (rater, build_rate(rater.envelope(height, height + 8), f"{author.account}/film/replayed", 4)),
    ]
    first = [module_node.call("submit", by.submission(body, "final")) for by, body in bodies]
    record = module_node.call("getrecord", [author.account, "film", "replayed"])
    assert (record["version"], record["ratings_sum"]) == (1, 4)
    for number in range(20):
        for (by, body), place in zip(bodies, first, strict=True):
            with caller(module_node, TRANSPORTS[number % len(TRANSPORTS)]) as asking:
                assert json.loads(asking.ask(request("submit", by.submission(body, "final"))))["result"] == place
        if module_node.call("getdatahash")["height"] > height + 8:
            break
        body = build_put(rater.envelope(height), "tick", f"{number}", height)
        module_node.call("submit", rater.submission(body, "final"))
    else:
        pytest.fail("the height never passed the expiry")
    assert module_node.call("getrecord", [author.account, "film", "replayed"]) == record


def test_many_bad_signatures(module_node: NodeProcess, author: Author) -> None:
    """A flood of operations with wrong signatures is refused one by one, while others are served."""
    with bounded_memory(module_node, 32), caller(module_node, "ws") as flooding, caller(module_node, "ws") as other:
        for number in range(2_000):
            body = put_body(author, key=f"flood{number}")
            flooding.send(request("submit", author.submission(body, signature=bytes(64)), number=number))  # type: ignore[attr-defined]
        began = time.monotonic()
        other.ask(PING_REQUEST)
        assert time.monotonic() - began < 20
        names = {error_name(flooding.receive()) for _ in range(2_000)}  # type: ignore[attr-defined]
    assert names <= {"signature_invalid", "too_many_outstanding"}


@pytest.mark.parametrize("transport", KEPT)
def test_many_that_wait(module_node: NodeProcess, transport: str) -> None:
    """A connection may have so many calls waiting; a further one is refused by name, and leaving ends them all."""
    waiting = request("getdatahash", context={"min_height": 2**39})
    with bounded_memory(module_node, 32), caller(module_node, transport) as asking:
        for _ in range(1_024):
            asking.send(waiting)  # type: ignore[attr-defined]
        assert error_name(asking.ask(waiting)) == "too_many_outstanding"


@pytest.mark.parametrize("transport", KEPT)
def test_subscriptions(module_node: NodeProcess, transport: str) -> None:
    """A connection has so many subscriptions; cursors and filters out of range are refused by name."""
    with caller(module_node, transport) as asking:
        for params, expected in (
            ({"topic": "weather"}, "member_type"),
            ({"topic": "records", "filter": {"x": 1}}, "member_unknown"),
            ({"topic": "blocks", "filter": {"account": "ab" * 32}}, "parameters_conflict"),
            ({"topic": "records", "after": {"height": 2**60, "index": 0}}, "member_type"),
            ({"topic": "records", "after": {"height": 1, "index": -1}}, "member_type"),
        ):
            assert error_name(asking.ask(request("subscribe", params))) == expected, params
        future = request("subscribe", {"topic": "records", "after": {"height": 2**40, "index": 0}})
        for _ in range(32):
            assert error_name(asking.ask(future)) is None
        assert error_name(asking.ask(future)) == "too_many_subscriptions"


def test_memory_bound_is_real(module_node: NodeProcess) -> None:
    """The measure that the other tests trust sees an allocation in the node: a batch of long answers."""
    batch = b"[" + b",".join([request("rpc.discover")] * 100) + b"]"
    with pytest.raises(AssertionError, match="memory grew"), bounded_memory(module_node, 1):
        for _ in range(3):
            with caller(module_node, "http") as asking:
                assert len(asking.ask(batch)) > 3 * MEGABYTE
