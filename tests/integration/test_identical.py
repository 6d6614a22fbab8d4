"""The same bytes for the same call on every transport of a real node, proved from the genesis and signed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import attrs
import pytest

from cloudnode.formats.canonical import canonical
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.errors import RESULTS
from cloudnode.formats.genesis import Genesis, decode_genesis
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import build_delete, build_put, build_rate, sign_operation
from cloudnode.formats.receipt import Answer, Receipt, verify_answer, verify_receipt
from cloudnode.formats.verify import ProvenState, verify_header, verify_state
from tests.integration.callers import TRANSPORTS, Author, Caller, open_caller, request
from tests.integration.conftest import NodeProcess, wait_until

Raw = tuple[bytes, bytes]
"""The exact text of ``result`` or ``error``, and that of ``context``."""


@attrs.frozen
class World:
    """A node with something in it.

    :ivar height: Everything was written at or below it, and it can be proved. :ivar callers: One of each transport.
    :ivar film: The address of a rated record. :ivar operation: The id and expiry of an operation.
    """

    node: NodeProcess
    genesis: Genesis
    height: int
    callers: dict[str, Caller]
    author: str
    rater: str
    film: str
    operation: tuple[str, int]

    def raw(self, transport: str, method: str, params: object, context: object = None) -> Raw:
        """A call's answer, taken apart without decoding it."""
        answer = self.callers[transport].ask(request(method, params, context))
        assert answer.startswith(b'{"jsonrpc":"2.0","id":1,"'), answer[:200]
        body, found, context_text = answer.rpartition(b',"context":')
        if not found:  # an error that holds at no height
            body, context_text = answer[:-1], b"{}}"
        name = b'"result":' if b'"result":' in body[:40] else b'"error":'
        return body.partition(name)[2], context_text[:-1]

    def same(self, method: str, params: object, context: object = None) -> Raw:
        """The answer that all transports give; fails if they differ."""
        answers = {transport: self.raw(transport, method, params, context) for transport in self.callers}
        assert len(set(answers.values())) == 1, answers
        return answers["http"]


@pytest.fixture(scope="module")
def world(module_node: NodeProcess) -> Iterator[World]:
    """Records of two accounts (enough for inner nodes of the trie), ratings, a tombstone."""
    author, rater = Author(module_node, SigningKey(b"\1" * 32)), Author(module_node, SigningKey(b"\2" * 32))
    film = f"{author.account}/film/metropolis"
    bodies = [
        (author, build_put(author.envelope(), "film", "metropolis", b'{"title": "Metropolis", "jahr": [1927]}')),
        (author, build_put(author.envelope(), "film", "münchen 🎬", b'"\\u00fc"', ref=film)),
        (author, build_put(author.envelope(), "film", "gone", 1)),
        (author, build_delete(author.envelope(), "film", "gone")),
        (rater, build_rate(rater.envelope(), film, 5)),
        (rater, build_rate(rater.envelope(), f"{author.account}/film/münchen 🎬", 2)),
    ]
    bodies += [(rater, build_put(rater.envelope(), "note", f"{number}", number)) for number in range(60)]
    last: dict[str, Any] = {}
    batch = [author.submission(body) for author, body in bodies]
    for submission in batch[:-1]:
        module_node.call("submit", submission)
    last = module_node.call("submit", batch[-1] | {"wait": "final"})
    for submission in batch[:-1]:
        assert module_node.call("submit", submission | {"wait": "final"})["result"] == "ok"
    height = last["cursor"]["height"]
    wait_until(lambda: module_node.call("getnodeinfo")["sync"]["provable_height"] >= height, 60, "the proof")
    opened = {transport: open_caller(module_node, transport) for transport in TRANSPORTS}
    put = author.envelope()
    operation = sha256(bodies[0][1]).hexdigest(), put.expiry
    yield World(module_node, author.genesis, height, opened, author.account, rater.account, film, operation)
    for each in opened.values():
        each.close()


def data_calls(world: World) -> list[tuple[str, dict[str, Any]]]:
    """Every data and validation method that reads, with what it answers and what it refuses."""
    film = {"account": world.author, "collection": "film"}
    nobody = "ab" * 32
    return [
        ("getrecord", film | {"key": "metropolis"}),
        ("getrecord", film | {"key": "münchen 🎬"}),
        ("getrecord", film | {"key": "gone"}),
        ("getrecord", film | {"key": "none"}),
        ("listrecords", {}),
        ("listrecords", {"account": world.rater, "limit": 7}),
        ("listrecords", {"collection": "film", "order": "best"}),
        ("listrecords", {"ref": world.film}),
        ("getratings", {"record": world.film}),
        ("getratings", {"account": world.rater}),
        ("getratings", {"record": world.film, "account": world.rater}),
        ("getratings", {"record": world.film, "account": world.author}),
        ("getratings", {"record": f"{world.author}/film/none"}),
        ("getratings", {}),
        ("getaccount", {"account": world.author}),
        ("getaccount", {"account": nobody}),
        ("search", {"text": "metrop"}),
        ("getdatahash", {}),
        ("getproof", {"of": "record", "record": world.film}),
        ("getproof", {"of": "ratings", "record": world.film}),
        ("getproof", {"of": "account", "account": world.rater}),
        ("getproof", {"of": "datahash"}),
        ("getheader", {"height": world.height}),
        ("getblock", {"height": world.height, "limit": 3}),
        ("getblock", {"height": 2**40}),
        ("getlastblocks", {"limit": 5}),
        ("getcertificate", {"height": world.height}),
    ]


STATIC = [("getepochs", {}), ("getgenesis", {}), ("getevidence", {})]


def test_at_a_height(world: World) -> None:
    """Every reading method gives the same result (or error) and context on all transports, at one height."""
    for method, params in data_calls(world):
        result, context = world.same(method, params, {"at": world.height})
        if context != b"{}":
            assert json.loads(context)["height"] == world.height, (method, params, result)


def test_at_the_newest_height(world: World) -> None:
    """Without a height given, answers that name the same height in their context are the same."""
    for method, params in [*data_calls(world), *STATIC]:
        for _ in range(5):
            answers = {world.raw(transport, method, params) for transport in world.callers}
            if len(answers) == 1:
                break
            heights = {json.loads(context)["height"] for _, context in answers}
            assert len(heights) > 1, (method, answers)  # a block came between two calls: ask again
        else:
            pytest.fail(f"{method} never held still")


def test_by_position(world: World) -> None:
    """Parameters by position give the bytes that those by name give."""
    for method, params in data_calls(world):
        if method in ("getrecord", "getaccount", "getdatahash", "getheader", "getcertificate"):
            context = {"at": world.height}
            assert world.same(method, list(params.values()), context) == world.same(method, params, context)


def test_batches_and_dialect(world: World) -> None:
    """A batch, and Pocketnet's dialect, are the same bytes everywhere too."""
    single = request("getrecord", {"account": world.author, "collection": "film", "key": "metropolis"})
    at = b'"context":{"at":%d}' % world.height
    asked = single[:-1] + b"," + at + b"}"
    dialect = asked.replace(b'"jsonrpc": "2.0", ', b"")
    for message in (b"[" + asked + b"," + asked + b"]", dialect):
        answers = {caller.ask(message) for caller in world.callers.values()}
        assert len(answers) == 1
        assert b"Metropolis" in answers.pop()


def test_submit(world: World) -> None:
    """Whoever submits an operation again, on any transport, is told the same place and result; receipts verify."""
    author = Author(world.node, SigningKey(b"\1" * 32))
    body = build_put(author.envelope(), "film", "again", 1)
    for wait in ("final", "accepted"):
        texts = set()
        for caller in world.callers.values():
            answer = json.loads(caller.ask(request("submit", author.submission(body, wait))))["result"]
            receipt = answer.pop("receipt", None)
            texts.add(json.dumps(answer))
            assert (receipt is None) == (wait == "final")
            if receipt is not None:
                keys = [bytes.fromhex(receipt[name]) for name in ("network", "id", "node")]
                told = Receipt(*keys, receipt["height"], receipt["expiry"])
                verify_receipt(told, bytes.fromhex(receipt["signature"]))
                assert told.id == sha256(body).digest()
        assert len(texts) == 1, texts


def prove(world: World, proof: dict[str, Any]) -> ProvenState:
    """Open a proof, trusting the text of the genesis and nothing else."""
    texts = {world.raw(transport, "getgenesis", {})[0] for transport in TRANSPORTS}
    assert len(texts) == 1
    text = json.loads(texts.pop())["genesis"].encode()
    epoch = Epoch.of_genesis(decode_genesis(text))
    assert epoch.network == world.genesis.network
    header = verify_header(
        epoch,
        bytes.fromhex(proof["header"]),
        bytes.fromhex(proof["certificate"]),
        [bytes.fromhex(each) for each in proof["descendants"]],
    )
    return verify_state(header, proof["height"], bytes.fromhex(proof["root"]), map(bytes.fromhex, proof["nodes"]))


def proved(world: World, method: str, params: dict[str, Any]) -> tuple[bytes, Any, ProvenState]:
    """The exact result or error, the same decoded, and the proven state that came with it."""
    text, context_text = world.same(method, params, {"at": world.height, "proof": True})
    context = json.loads(context_text)
    assert context["proof"]["height"] == context["height"] == world.height
    return text, json.loads(text), prove(world, context["proof"])


@pytest.mark.parametrize("key", ["metropolis", "münchen 🎬", "gone"])
def test_proved_record(world: World, key: str) -> None:
    """A record (a tombstone too) and its ratings' sums are what the state root says, to the data's exact bytes."""
    text, record, state = proved(world, "getrecord", {"account": world.author, "collection": "film", "key": key})
    data = text.partition(b'"data":')[2].partition(b',"ref":')[0]
    state.check_record(
        bytes.fromhex(world.author),
        "film",
        key,
        record["version"],
        (record["created"]["height"], record["created"]["index"]),
        (record["updated"]["height"], record["updated"]["index"]),
        record["time"],
        not record["deleted"],
        record["ref"],
        b"" if record["deleted"] else data,
    )
    state.check_ratings(f"{world.author}/film/{key}", record["ratings_sum"], record["ratings_count"])


def test_proved_absence(world: World) -> None:
    """That there is no such record, account or rating is proved as well."""
    params = {"account": world.author, "collection": "film", "key": "none"}
    _, error, state = proved(world, "getrecord", params)
    assert error["data"]["code"] == "record_unknown"
    assert state.record(f"{world.author}/film/none") is None
    _, error, state = proved(world, "getaccount", {"account": "ab" * 32})
    assert error["data"]["code"] == "account_unknown"
    assert state.account(b"\xab" * 32) is None
    _, page, state = proved(world, "getratings", {"record": world.film, "account": world.author})
    assert page["ratings"] == []
    assert state.rating(world.film, bytes.fromhex(world.author)) is None


def test_proved_ratings_account_and_state(world: World) -> None:
    """Ratings, one rating, an account and the sums of everything are proved."""
    _, page, state = proved(world, "getratings", {"record": world.film})
    assert (page["sum"], page["count"]) == (5, 1)
    state.check_ratings(world.film, page["sum"], page["count"])
    _, page, state = proved(world, "getratings", {"record": world.film, "account": world.rater})
    rating = state.rating(world.film, bytes.fromhex(world.rater))
    assert rating is not None
    given = page["ratings"][0]["given"]
    assert (rating.stars, rating.height, rating.index) == (5, given["height"], given["index"])
    _, account, state = proved(world, "getaccount", {"account": world.rater})
    row = state.account(bytes.fromhex(world.rater))
    assert row is not None
    assert (row.height, row.index) == (account["first"]["height"], account["first"]["index"])
    _, told, state = proved(world, "getdatahash", {})
    totals = attrs.asdict(state.totals())
    assert totals | {"root": totals["root"].hex()} == told


def test_getproof(world: World) -> None:
    """getproof alone proves an operation's place and result, besides what the others prove."""
    identity, expiry = world.operation
    params = {"of": "operation", "id": identity, "expiry": expiry}
    state = prove(world, json.loads(world.same("getproof", params, {"at": world.height})[0]))
    row = state.operation(bytes.fromhex(identity), expiry)
    assert row is not None
    assert RESULTS[row.result].code == "ok"
    page = {"height": row.height, "after": row.index - 1 if row.index else None}
    block = json.loads(world.same("getblock", page, {"at": world.height})[0])
    assert block["operations"][0]["id"] == identity
    params = {"of": "operation", "id": "00" * 32, "expiry": expiry}
    state = prove(world, json.loads(world.same("getproof", params, {"at": world.height})[0]))
    assert state.operation(bytes(32), expiry) is None


def test_header_and_certificate(world: World) -> None:
    """getheader and getcertificate together are final by the genesis' validators."""
    # At one height: a block may come between the calls.
    at = {"at": world.height}
    header = json.loads(world.same("getheader", {"height": world.height}, at)[0])
    certificate = json.loads(world.same("getcertificate", {"height": world.height}, at)[0])
    epoch = Epoch.of_genesis(world.genesis)
    read = verify_header(epoch, bytes.fromhex(header["header"]), bytes.fromhex(certificate["certificate"]))
    assert (read.height, read.hash.hex()) == (world.height, header["hash"])


def test_signed_answers(world: World) -> None:
    """Signed answers are the same bytes everywhere, verify, and bind method, parameters, height, root and text."""
    root = bytes.fromhex(json.loads(world.same("getdatahash", {}, {"at": world.height})[0])["root"])
    signed_methods = set()
    for method, params in data_calls(world):
        text, context_text = world.same(method, params, {"at": world.height, "sign": True})
        context = json.loads(context_text)
        if "signature" not in context:
            name = json.loads(text)["data"]["code"]
            assert name in ("signature_not_offered", "parameters_conflict"), (method, text)
            continue
        signed_methods.add(method)
        given = context["signature"]
        answer = Answer(
            network=world.genesis.network,
            node=bytes.fromhex(given["node"]),
            method=method,
            params_hash=sha256(given["params"].encode()).digest(),
            height=world.height,
            root=root,
            answer_hash=sha256(text).digest(),
        )
        verify_answer(answer, bytes.fromhex(given["signature"]), text)
        assert params.items() <= json.loads(given["params"]).items()
        assert canonical(json.loads(given["params"])) == given["params"].encode()
        assert given["node"] == world.node.call("getnodeinfo")["node"]
    assert signed_methods == {
        "getrecord",
        "listrecords",
        "getratings",
        "getaccount",
        "getdatahash",
        "getheader",
        "getlastblocks",
    }


def test_rest(world: World) -> None:
    """A record read by GET is the text of getrecord's result."""
    import http.client
    from urllib.parse import quote

    connection = http.client.HTTPConnection("127.0.0.1", world.node.http_port, timeout=30)
    for key in ("metropolis", "münchen 🎬", "gone"):
        connection.request("GET", f"/records/{world.author}/film/{quote(key)}?at={world.height}")
        response = connection.getresponse()
        params = {"account": world.author, "collection": "film", "key": key}
        assert response.read() == world.same("getrecord", params, {"at": world.height})[0]
        assert response.headers["Cloudnode-Height"] == str(world.height)
    connection.close()


def test_signature_of_an_operation_is_anyones_to_send(world: World) -> None:
    """The transport that took an operation leaves no trace: the log has body and signature as they were sent."""
    author = Author(world.node, SigningKey(b"\3" * 32))
    for transport, caller in world.callers.items():
        body = build_put(author.envelope(), "log", transport, [transport])
        answer = json.loads(caller.ask(request("submit", author.submission(body, "final"))))["result"]
        cursor = answer["cursor"]
        page = {"height": cursor["height"], "after": cursor["index"] - 1 if cursor["index"] else None, "limit": 1}
        # At one height: the next block is on its way.
        operation = json.loads(world.same("getblock", page, {"at": cursor["height"]})[0])["operations"][0]
        assert operation["operation"] == body.decode()
        assert operation["signature"] == sign_operation(author.key, body).hex()
        assert operation["result"] == "ok"
