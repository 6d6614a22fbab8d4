"""The blocks of code in the documents, executed as a reader would: see :mod:`tests.documents`."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cloudnode.api.examples import EXAMPLES
from cloudnode.formats.genesis import build_genesis
from cloudnode.formats.keys import dump_key
from cloudnode.formats.operation import build_put, build_rate
from cloudnode.service.config import make_config
from tests.documents import ROOT, Block, documents, read_blocks
from tests.integration.callers import WebSocketSocket
from tests.integration.conftest import NodeProcess, NodeStarter, wait_until
from tests.integration.npm import MODULE, need_npm
from tests.integration.test_peers import envelope, height, submit
from tests.unit.api.network import TIME, make_key

SECONDS = 120.0

UNLIKE = {
    "requestpunch": "punch_unlinked",  # there is no other node here; tests/integration/test_punching.py has two
}
"""Methods whose examples can't be had of a lone node, with the error that it answers instead."""


def blocks_of(*kinds: str) -> list[Any]:
    """The documents that have blocks of these kinds, for the tests below."""
    found = []
    for path in documents():
        blocks = list(read_blocks(path))
        if any(block.kind in kinds for block in blocks):
            found.append(pytest.param(blocks, id=path.stem))
    return found


def outputs(blocks: list[Block]) -> Iterator[tuple[Block, str | None]]:
    """Each block with the text that it is to print; None if it does not matter."""
    for block, after in zip(blocks, [*blocks[1:], None], strict=True):
        yield block, after.text if after is not None and after.mark == "output" else None


def comparable(text: str) -> str:
    """A text without what differs from run to run: ids and keys, places in the log, the widths of columns."""
    text = re.sub(r"\bheight \d+", "height N", re.sub(r"[0-9a-f]{64}", "HASH", text))
    return re.sub(r" +", " ", re.sub(r"\b\d+:\d+\b", "PLACE", text)).strip()


class Reader:
    """Somebody who tries what a document says, with a node of their own on the usual ports of another machine.

    :ivar home: Their home, in which they are.
    """

    def __init__(self, node: NodeProcess, home: Path) -> None:
        self.home = home
        home.mkdir()
        (home / "tmp").mkdir()
        (home / "examples").symlink_to(ROOT / "examples")
        self._node = node
        self._places = {
            "64 hex digits, from somebody whom you trust": node.call("getnodeinfo")["network"],
            "38081": str(node.http_port),
            "38082": str(node.ws_port),
            "38083": str(node.ws_udp_port),
            "/var/lib/cloudnode": str(node.datadir),
            "/safe/place": str(home),
            "/tmp/": f"{home}/tmp/",
        }
        self.environment = {
            "HOME": str(home),
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "PYTHONPATH": str(ROOT),
            "CLOUDNODE_URL": node.http_url,
            "COLUMNS": "200",
        }

    def here(self, text: str) -> str:
        """The text with this node's ports and this reader's directories."""
        usual = "|".join(map(re.escape, self._places))
        return re.sub(usual, lambda found: self._places[found[0]], text)

    def start(self, *command: str) -> subprocess.Popen[str]:
        """Start a command."""
        return subprocess.Popen(
            command, cwd=self.home, env=self.environment, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip

    def run(self, *command: str) -> str:
        """Run a command, which must end well, and give what it printed."""
        return self.end(self.start(*command))

    def interrupt(self, *command: str) -> str:
        """Run a command until it says something, and end it by Ctrl-C."""
        process = self.start(*command)
        assert process.stderr is not None
        process.stderr.readline()
        process.send_signal(signal.SIGINT)
        return self.end(process)

    def end(self, process: subprocess.Popen[str]) -> str:
        """What a command printed that ends well."""
        try:
            out, err = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
        assert process.returncode == 0, (process.args, out, err)
        assert "Traceback" not in err, err
        return out

    def shell(self, block: Block) -> str:
        """Execute a block of commands."""
        script = self.here(block.text)
        if block.words == ["until", "Ctrl-C"]:
            return self.interrupt("bash", "-c", f"exec {script}")
        return self.run("bash", "-euo", "pipefail", "-c", script)

    def console(self, block: Block) -> None:
        """Execute the commands of a block and compare what each prints."""
        for part in re.split(r"^\$ ", block.text, flags=re.MULTILINE)[1:]:
            command, _, expected = part.partition("\n")
            printed = self.run("bash", "-euo", "pipefail", "-c", self.here(command))
            assert comparable(printed) == comparable(expected), (str(block), command)


@pytest.fixture
def reader(node: NodeProcess, tmp_path: Path) -> Reader:
    """Somebody with a node."""
    return Reader(node, tmp_path / "reader")


@pytest.mark.parametrize("blocks", blocks_of("shell", "console"))
def test_commands(blocks: list[Block], reader: Reader) -> None:
    """The commands of a document, one after the other."""
    if any(block.text.startswith("curl ") for block in blocks) and shutil.which("curl") is None:
        if os.environ.get("CI"):
            pytest.fail("there is no curl: a build server must have it")
        pytest.skip("there is no curl on this machine")
    for block, expected in outputs(blocks):
        if block.kind == "console":
            reader.console(block)
        elif block.kind == "shell":
            printed = reader.shell(block)
            assert expected is None or comparable(printed) == comparable(expected), str(block)


@pytest.mark.parametrize("blocks", blocks_of("python"))
def test_python(blocks: list[Block], reader: Reader) -> None:
    """The programs of a document."""
    for block, expected in outputs(blocks):
        for _ in range((block.kind == "python") + (block.words == ["twice"])):
            printed = reader.run(sys.executable, "-c", reader.here(block.text))
            assert expected is None or comparable(printed) == comparable(expected), (str(block), printed)


@pytest.mark.parametrize("blocks", blocks_of("javascript"))
def test_javascript(blocks: list[Block], reader: Reader) -> None:
    """The same in Node.js, beside the module as a node serves it."""
    need_npm()
    shutil.copy(ROOT / "cloudnode" / "page" / "files" / "cloudnode.js", reader.home)
    (reader.home / "package.json").write_text('{"type": "module"}')
    websocket = (MODULE / "node_modules" / "ws" / "wrapper.mjs").as_uri()
    # Before version 22 Node.js has none of its own.
    (reader.home / "websocket.js").write_text(f'import ws from "{websocket}"; globalThis.WebSocket ??= ws;')
    for block, expected in outputs(blocks):
        if block.kind == "javascript":
            (reader.home / "example.js").write_text('import "./websocket.js";\n' + reader.here(block.text))
            printed = reader.run("node", "example.js")
            assert expected is None or comparable(printed) == comparable(expected), (str(block), printed)


@pytest.mark.parametrize("blocks", blocks_of("configuration"))
def test_configuration(blocks: list[Block], tmp_path: Path) -> None:
    """A node takes the settings."""
    for block in blocks:
        if block.kind == "configuration":
            file = tmp_path / "node.toml"
            file.write_text(block.text)
            assert make_config({}, {}, tmp_path, file).join


# The API


@pytest.fixture
def example_node(make_node: NodeStarter, tmp_path: Path) -> NodeProcess:
    """A node of the very network whose calls the reference shows, with what is written there."""
    validator = make_key(1)
    node = make_node()
    genesis = build_genesis(name="test", time=TIME, validators=[validator.public])
    genesis_path = tmp_path / "genesis.json"
    genesis_path.write_bytes(genesis.text)
    command = [sys.executable, "-m", "cloudnode", "init", str(node.datadir), "--genesis", str(genesis_path)]
    node.datadir.mkdir(parents=True, mode=0o700)
    for name, key in (("validator.key", validator), ("node.key", make_key(2))):
        (node.datadir / name).touch(mode=0o600)
        (node.datadir / name).write_text(dump_key(key))
    environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    subprocess.run(command, env=environment, check=True, capture_output=True)
    node.start()
    _write_films(node)
    wait_until(lambda: height(node) >= 6, 60, "the height at which the reference's operation is valid")
    return node


def _write_films(node: NodeProcess) -> None:
    """What :mod:`tests.unit.api.scenario` has in its node."""
    author, rater = make_key(100), make_key(101)
    film = f"{author.public.hex()}/film/metropolis"
    put = partial(build_put, envelope(node, author), "film")
    submit(node, author, put("metropolis", {"title": "Metropolis", "year": 1927}))
    submit(node, author, put("nosferatu", {"title": "Nosferatu", "year": 1922}, ref=film))
    submit(node, rater, build_rate(envelope(node, rater), film, 5))


def test_calls(example_node: NodeProcess) -> None:
    """Each call in the documents is answered as it is shown: word for word where it is shown as JSON-RPC, else with
    the same members of the same types.
    """
    blocks = [block for path in documents() for block in read_blocks(path) if block.kind == "calls"]
    called = set()
    connection = WebSocketSocket(example_node).upgrade()
    for block in blocks:
        sent, *received = _turns(block.text)
        if sent.startswith("{"):
            connection.send(sent.encode())
            for expected in received:
                answer = connection.receive().decode()
                assert re.fullmatch(_pattern(expected), answer, re.DOTALL), (str(block), expected, answer)
            continue
        method, _, params = sent.partition(" ")
        called.add(method)
        request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": json.loads(params)}
        answered = _ask(connection, request)
        if method in UNLIKE:
            assert answered["error"]["data"]["code"] == UNLIKE[method]
            continue
        assert "result" in answered, (method, answered)
        shown, result = json.loads(EXAMPLES[method][1]), answered["result"]
        assert _fits(result, shown), (method, result, shown)
    connection.close()
    assert called == set(EXAMPLES)


def _ask(connection: WebSocketSocket, request: Mapping[str, Any]) -> Any:
    """The answer to a request; notifications of earlier examples' subscriptions are left out."""
    connection.send(json.dumps(request).encode())
    while True:
        answer = json.loads(connection.receive())
        if "method" not in answer:
            return answer


def _turns(text: str) -> list[str]:
    """What is sent, and what comes; a line that is indented goes on with the one before."""
    turns = re.split(r"^(?:->|<-) ", re.sub(r"\n +", " ", text), flags=re.MULTILINE)[1:]
    return [re.sub(r"(?<=[,:{\[]) (?=[\"{\[])", "", turn.strip()) if turn[0] == "{" else turn.strip() for turn in turns]


def _pattern(shown: str) -> str:
    """What an answer has to be like: ``...`` stands for anything, a number for any, hex digits before ``...`` too."""
    shown = re.sub(r'"[0-9a-f]{4}\.\.\."', '"..."', shown)
    parts = re.split(r"(\.\.\.|\b\d+\b)", shown)
    return "".join(".*" if part == "..." else r"\d+" if part.isdecimal() else re.escape(part) for part in parts)


def _fits(value: Any, shown: Any) -> bool:
    """Whether a value has the form of one that is shown, where a list may be empty and a value null in either."""
    if value is None or shown is None:
        return True
    if isinstance(shown, dict):
        return isinstance(value, dict) and value.keys() == shown.keys() and all(
            _fits(value[name], shown[name]) for name in shown
        )
    if isinstance(shown, list):
        return isinstance(value, list) and (not value or not shown or _fits(value[0], shown[0]))
    if isinstance(shown, int | float) and not isinstance(shown, bool):
        return isinstance(value, int | float) and not isinstance(value, bool)
    return type(value) is type(shown)
