"""The JavaScript module: its types, its own tests, and that what is made from it and committed is fresh."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from cloudnode.formats.block import Header
from cloudnode.formats.keys import SigningKey
from cloudnode.ledger.items import block_item, operation_item
from cloudnode.ledger.reading import Cursor, LoggedOperation
from tests.integration.conftest import NodeProcess
from tests.integration.npm import MODULE, need_npm, run


@pytest.fixture(autouse=True, scope="module")
def npm() -> None:
    """Node.js with what the module's tests need."""
    need_npm()


def test_types() -> None:
    """The compiler finds nothing to say of the sources and of their tests."""
    run("npm", "run", "--silent", "lint")


def test_module() -> None:
    """Its own tests, by Node.js's runner, pass; a run of none would pass as well, so they are counted."""
    files = sorted(str(path.relative_to(MODULE)) for path in MODULE.glob("test/*.test.js"))  # as in `npm test`
    told = run("node", "--test", "--test-reporter=tap", *files)
    counts = {name: int(count) for name, count in re.findall(r"^# (tests|pass|fail) (\d+)$", told, re.MULTILINE)}
    assert counts["tests"] >= 110
    assert (counts["pass"], counts["fail"]) == (counts["tests"], 0), told


def test_install(tmp_path: Path) -> None:
    """npm installs the module from the tree, with nothing to fetch, and a program imports it by its name."""
    (tmp_path / "package.json").write_text('{"name": "user", "private": true, "type": "module"}')
    run("npm", "install", "--silent", "--offline", "--install-links", str(MODULE), directory=str(tmp_path))
    assert sorted(path.name for path in (tmp_path / "node_modules").iterdir() if path.name[0] != ".") == ["cloudnode"]
    program = "import {SigningKey} from 'cloudnode'; console.log((await SigningKey.fromSeed('07'.repeat(32))).account)"
    told = run("node", "--input-type=module", "--eval", program, directory=str(tmp_path))
    assert told.strip() == SigningKey(b"\7" * 32).public.hex()


def test_real_answers(node: NodeProcess) -> None:
    """What a real node takes, signs, proves and would tell its subscribers is what the module writes and verifies."""
    network = node.call("getnodeinfo")["network"]
    lines = run("node", "test/live/answers.js", node.http_url, network).strip().split("\n")
    told = [json.loads(line) for line in lines]
    assert [each for each in told if each[0] != "items"] == [
        ["epoch", 0],
        ["put", "ok"],
        ["rate", "ok"],
        ["withdraw", "ok"],
        ["put", "ok"],
        ["delete", "ok"],
        ["rate", "ok"],
        ["rate", "rating_own"],
        ["getrecord", "proof"],
        ["data", True],
        ["getratings", "partly"],
        ["getratings", "proof"],
        ["getratings", "proof"],
        ["getaccount", "partly"],
        ["getdatahash", "proof"],
        ["listrecords", "partly"],
        ["search", "partly"],
        ["no getrecord", "proof"],
        ["no getaccount", "proof"],
        ["weighed", [None, 1]],
    ]
    items = [tuple(each[1]) for each in told if each[0] == "items"]
    assert len(items) == 7
    for height, texts in items:
        assert texts == subscribers_are_told(node, height)


def subscribers_are_told(node: NodeProcess, height: int) -> list[str]:
    """The items of a block's records and ratings and of the block, as the node makes them."""
    block = node.call("getblock", {"height": height})
    logged = [
        LoggedOperation(
            Cursor(height, each["index"]), bytes.fromhex(each["id"]), each["operation"].encode(), b"",
            0 if each["result"] == "ok" else 1,
        )
        for each in block["operations"]
    ]  # fmt: skip
    items = [operation_item(topic, each) for topic in ("records", "ratings") for each in logged]
    items.append(block_item(Header.decode(bytes.fromhex(block["header"]))))
    return [item.text.decode() for item in items if item is not None]
