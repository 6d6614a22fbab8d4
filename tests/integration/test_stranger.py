"""examples/stranger.mjs, a verifier that shares no code with this project, asks real nodes, true and lying ones."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from cloudnode.formats.operation import build_delete, build_put
from tests.integration.conftest import ROOT, NodeProcess, wait_until
from tests.integration.npm import need_node, run
from tests.integration.test_peers import AUTHOR, envelope, height, put, rate, submit

ADDRESS = f"{AUTHOR.public.hex()}/film/"
ODD = '{"title":  "Caf\\u00e9 \\"\\\\{,]\\"", "year":1999, "data": [1, {"data":null}] }'


def ask_as_stranger(node: NodeProcess, address: str, network: str | None = None) -> str:
    """What the verifier says of a record. Skips where there is no Node.js, but never on a build server."""
    need_node()
    network = network or node.call("getnodeinfo")["network"]
    command = ["node", str(ROOT / "examples/stranger.mjs"), node.http_url, network, address]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode == 0) == done.stdout.startswith("PROVEN"), done
    return done.stdout + done.stderr


def test_vectors() -> None:
    """The other reading of docs/protocol.md finds every vector file to be as that says."""
    need_node()
    told = run("node", "tests/vectors/check.mjs", directory=".")
    assert told.count("\nok ") > 90 and "FAILED" not in told


def has_records(node: NodeProcess, number: int) -> bool:
    with contextlib.suppress(OSError):
        return bool(node.call("getdatahash")["records"] == number)
    return False


@pytest.fixture(scope="module")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> Iterator[NodeProcess]:
    """A node with enough records for a trie of several levels, one that is rated, one deleted, one oddly written."""
    node = NodeProcess(tmp_path_factory.mktemp("furnished"))
    try:
        node.start()
        for number in range(40):
            put(node, f"film{number}", "accepted")
        put(node, "rated")
        rate(node, "rated", 4)
        submit(node, AUTHOR, build_put(envelope(node, AUTHOR), "film", "odd", ODD.encode()))
        put(node, "gone")
        submit(node, AUTHOR, build_delete(envelope(node, AUTHOR), "film", "gone"))
        newest = height(node)
        # The proof takes the block after.
        wait_until(lambda: node.call("getnodeinfo")["sync"]["provable_height"] >= newest, 60, "the proof of all")
        yield node
    finally:
        node.close()


def test_true_answers(furnished: NodeProcess) -> None:
    """What there is, what there is not, what is deleted, and a text that no parser keeps as it was."""
    assert "version 1, 1 ratings, sum 4" in ask_as_stranger(furnished, ADDRESS + "rated")
    assert "version 1, 0 ratings" in ask_as_stranger(furnished, ADDRESS + "film7")
    odd = json.dumps(json.loads(ODD), separators=(",", ":"), ensure_ascii=False)
    assert odd in ask_as_stranger(furnished, ADDRESS + "odd")
    assert "version 2" in ask_as_stranger(furnished, ADDRESS + "gone")
    assert "there is no such record" in ask_as_stranger(furnished, ADDRESS + "never")
    assert "the genesis of another network" in ask_as_stranger(furnished, ADDRESS + "rated", "00" * 32)


def test_false_answer(furnished: NodeProcess) -> None:
    """A node that tells of a true record another version than it has is not believed."""
    furnished.stop()
    liar = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("lying_node.py")), "record", *furnished.options],
        env={"PYTHONPATH": str(ROOT), "PATH": os.defpath, "HOME": str(furnished.home)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: has_records(furnished, 42), 60, "the liar's start")
        told = [ask_as_stranger(furnished, ADDRESS + "rated") for _ in range(4)]
    finally:
        liar.terminate()
        liar.wait(60)
    assert sum(each.startswith("NOT PROVEN: proof_row_wrong") for each in told) == 2
    assert sum("version 1, 1 ratings, sum 4" in each for each in told) == 2
