"""One example call of each method, on a small network that is the same in every run.

``python -m tests.unit.api.scenario`` records the calls and their results into ``cloudnode/api/examples.py``, from
where the OpenRPC document and the reference have them.
"""

from __future__ import annotations

import json
import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Any

from cloudnode.formats.evidence import SignedAnswer, answers_evidence, encode_evidence
from cloudnode.formats.operation import build_rate
from cloudnode.formats.receipt import Answer, sign_answer
from tests.unit.api.network import MemoryNode, make_key

LIAR = make_key(66)

EXAMPLES_FILE = Path(__file__).parents[3] / "cloudnode" / "api" / "examples.py"

# The document would hold itself.
WITHOUT_EXAMPLE = {"rpc.discover"}


def contradiction(node: MemoryNode) -> str:
    """Two answers that a node signed and that no correct node signs both."""
    signed = []
    for text in (b'{"height":1}', b'{"height":2}'):
        params_hash, root = sha256(b"{}").digest(), sha256(b"root").digest()
        answer = Answer(
            node.genesis.network, LIAR.public, "getdatahash", params_hash, 1, root, sha256(text).digest()
        )  # fmt: skip
        signed.append(SignedAnswer(answer, sign_answer(LIAR, answer)))
    return encode_evidence(answers_evidence(*signed)).hex()


def example_params(node: MemoryNode, final: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Parameters by method; ``final`` is what became of the first put."""
    account, rater, record = node.account.public.hex(), node.other.public.hex(), node.address("metropolis")
    rating = build_rate(node.envelope(node.other), record, 4)
    return {
        "getnodeinfo": {},
        "getpeerinfo": {},
        "getstuninfo": {},
        "requestpunch": {"node": "ef" * 32, "username": "3f1c9a07d2b84e65", "key": "5a" * 32},
        "gettime": {},
        "ping": {},
        "getrecord": node.name("metropolis"),
        "listrecords": {"collection": "film", "order": "best", "limit": 1},
        "getratings": {"record": record},
        "getaccount": {"account": account},
        "search": {"text": "metrop"},
        "getdatahash": {},
        "getproof": {"of": "rating", "record": record, "account": rater},
        "getheader": {"height": 2},
        "getblock": {"height": 2},
        "getlastblocks": {"limit": 2},
        "getcertificate": {"height": 2},
        "getepochs": {},
        "getgenesis": {},
        "compare": {"count": 2},
        "getevidence": {},
        "submitevidence": {"evidence": contradiction(node)},
        "subscribe": {"topic": "records", "filter": {"collection": "film"}, "after": final["cursor"]},
        "unsubscribe": {"subscription": "1"},
        "submit": node.params(rating, node.other, wait="final"),
    }


def record_examples(path: str) -> dict[str, tuple[dict[str, Any], Any]]:
    """Parameters and results by method, in the table's order.

    :param path: Where to make a database.
    """
    node = MemoryNode(path)
    try:
        final = node.put("metropolis", b'{"title":"Metropolis","year":1927}')
        node.put("nosferatu", b'{"title":"Nosferatu","year":1922}', ref=node.address("metropolis"))
        node.rate("metropolis", 5)
        node.pass_time(1)
        session, connection = node.connect("127.0.0.1")
        recorded = {}
        for method, params in example_params(node, final).items():
            request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
            session.message_received(json.dumps(request).encode())
            for _ in range(100):
                if connection.sent:
                    break
                node.clock.advance(0.01)
            answer = connection.take()[0]
            assert "result" in answer, (method, answer)
            recorded[method] = (params, answer["result"])
        session.connection_lost()
        return {name: recorded[name] for name in node.served.table if name not in WITHOUT_EXAMPLE}
    finally:
        node.stop()


def write_examples() -> None:
    """Write the examples' module anew."""
    lines = [
        '"""Example calls and their results, recorded by ``python -m tests.unit.api.scenario``: do not edit."""',
        "",
        "# ruff: noqa: E501",
        "",
        "from __future__ import annotations",
        "",
        "EXAMPLES: dict[str, tuple[str, str]] = {",
    ]
    with tempfile.TemporaryDirectory() as directory:
        for method, (params, result) in record_examples(f"{directory}/ledger.sqlite3").items():
            lines += [
                f'    "{method}": (',
                f"        {json.dumps(params)!r},",
                f"        {json.dumps(result)!r},",
                "    ),",
            ]
    lines += ["}", '"""Parameters and result of one call of each method, JSON texts."""', ""]
    EXAMPLES_FILE.write_text("\n".join(lines))


if __name__ == "__main__":
    write_examples()
