"""The command ``cloudnode`` against a real node, over all transports."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conftest import ROOT, NodeProcess, NodeStarter, find_free_ports, wait_until
from tests.integration.test_honesty import judged_offline, start_liar
from tests.integration.test_peers import height, node_id

TRANSPORTS = ("http", "ws", "wss", "ws_udp")


class Command:
    """The command with a key and a node of its own."""

    def __init__(self, home: Path, url: str) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.environment = {
            "HOME": str(home),
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "CLOUDNODE_URL": url,
            "CLOUDNODE_KEY": str(home / "key"),
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start it without waiting."""
        return subprocess.Popen(
            [sys.executable, "-m", "cloudnode", *arguments],
            env=self.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    def run(self, *arguments: str, status: int = 0, stdin: str = "") -> str:
        """Run it; its output. Fails unless it ends with the status, and one line of error where it is not 0."""
        process = self.start(*arguments)
        out, err = process.communicate(stdin, timeout=120)
        assert process.returncode == status, (arguments, out, err)
        if status:
            assert out == ""
            assert err.count("\n") == 1, err
            assert err.startswith(("cloudnode: ", '{"error":')), err
        return out if not status else err

    def json(self, *arguments: str) -> Any:
        """Run it with ``--json``; its output as a value."""
        return json.loads(self.run("--json", *arguments))


@pytest.fixture(scope="module")
def author(module_node: NodeProcess, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Somebody with a key."""
    command = Command(tmp_path_factory.mktemp("author"), module_node.http_url)
    command.run("key", "new")
    return command


@pytest.fixture(scope="module")
def reader(module_node: NodeProcess, tmp_path_factory: pytest.TempPathFactory) -> Command:
    """Somebody else."""
    command = Command(tmp_path_factory.mktemp("reader"), module_node.http_url)
    command.run("key", "new")
    return command


def url(node: NodeProcess, transport: str) -> str:
    value: str = getattr(node, f"{transport}_url")
    return value


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_write_and_read(transport: str, module_node: NodeProcess, author: Command, reader: Command) -> None:
    """Over each transport: put, list, rate, read back with the sums, withdraw, delete."""
    author.environment["CLOUDNODE_URL"] = reader.environment["CLOUDNODE_URL"] = url(module_node, transport)
    account = author.run("key", "show").strip()
    address = f"{account}/{transport}/first"
    assert author.run("put", transport, "first", "-", stdin='{"é": [1, null]}\n') == f"put {address}\n"
    rated = reader.json("rate", address, "4")
    assert rated["result"] == "ok"
    assert reader.run("get", address, "--data") == '{"é": [1, null]}\n'
    record = reader.json("get", address)
    assert (record["ratings_sum"], record["ratings_count"], record["version"]) == (4, 1, 1)
    listed = reader.json("list", "--account", account, "--collection", transport)
    assert [each["key"] for each in listed["records"]] == ["first"]
    assert "4.00 (1)" in reader.run("list", "--account", account, "--best")
    reader.run("rate", address, "--withdraw")
    author.run("delete", transport, "first")
    reader.run("get", address, status=4)


def test_byte_identical(module_node: NodeProcess, author: Command) -> None:
    """The same call at the same height gives the same bytes over every transport."""
    author.environment["CLOUDNODE_URL"] = module_node.http_url
    author.run("put", "same", "1", '{"a": "ü"}')
    height = author.json("call", "getdatahash")["height"]
    words = ("--json", "call", "listrecords", "collection=same", "--at", str(height))
    answers = {author.run("--node", url(module_node, transport), *words) for transport in TRANSPORTS}
    assert len(answers) == 1
    assert '"ü"' in answers.pop()


def test_exit_statuses(module_node: NodeProcess, author: Command) -> None:
    """Each kind of failure has its status and one line on standard error."""
    author.environment["CLOUDNODE_URL"] = module_node.ws_url
    account = author.run("key", "show").strip()
    author.run("put", "film", "1", "1")
    assert "rating_own" in author.run("rate", f"{account}/film/1", "5", status=1)
    assert "version_mismatch" in author.run("put", "film", "1", "2", "--if-version", "0", status=1)
    assert "record_unknown" in author.run("rate", f"{'00' * 32}/film/1", "5", status=1)
    assert "not JSON" in author.run("put", "film", "1", "nonsense", status=2)
    assert "json_number" in author.run("put", "film", "1", "1.5", status=2)
    assert "data_too_large" in author.run("put", "film", "1", "-", status=2, stdin='"' + "x" * 70_000 + '"')
    assert "names no node" in author.run("--node", "gopher://x", "status", status=2)
    assert "method_unknown" in author.run("call", "nix", status=2)
    assert "record_unknown" in author.run("get", "film/none", status=4)
    error = json.loads(author.run("--json", "get", "film/none", status=4))["error"]
    assert (error["code"], error["status"]) == ("record_unknown", 4)
    assert "A node runs on" in author.run("audit", str(module_node.datadir), status=2)


@pytest.mark.parametrize("scheme", ["http", "https", "ws", "wss", "ws+udp"])
def test_nobody_listens(scheme: str, tmp_path: Path) -> None:
    """A node that is not there is status 3, soon."""
    (port,) = find_free_ports(1)
    command = Command(tmp_path, f"{scheme}://127.0.0.1:{port}")
    began = time.monotonic()
    assert "nobody listens there" in command.run("status", status=3)
    assert time.monotonic() - began < 25  # not the 30 s that it waits for an answer


@pytest.mark.parametrize("transport", ["wss", "ws_udp"])
def test_certificate_hash(transport: str, module_node: NodeProcess, reader: Command) -> None:
    """The right hash is taken, the wrong one refused with the right one named."""
    (certificate, *_) = module_node.call("getnodeinfo")["certificates"]
    words = ("--node", url(module_node, transport))
    assert reader.run(*words, "--cert-hash", certificate["hash"], "call", "ping") == '"pong"\n'
    refusal = reader.run(*words, "--cert-hash", "00" * 32, "call", "ping", status=3)
    assert certificate["hash"] in refusal and "--cert-hash" in refusal


def test_status(module_node: NodeProcess, reader: Command) -> None:
    """The picture has the node's height, root and interfaces."""
    reader.environment["CLOUDNODE_URL"] = module_node.ws_udp_url
    told = reader.json("status")
    picture = reader.run("status")
    assert told["node"]["node"] in picture
    assert len(told["state"]["root"]) == 64
    for port in (module_node.http_port, module_node.ws_port, module_node.ws_udp_port):
        assert str(port) in picture


def test_call(module_node: NodeProcess, reader: Command) -> None:
    """A call by name, by JSON and from standard input gives the same; proof and context come when asked for."""
    reader.environment["CLOUDNODE_URL"] = module_node.ws_url
    words = ("--json", "call", "getlastblocks")
    by_name = reader.run(*words, "limit=1", "before=2")
    assert by_name == reader.run(*words, '{"limit": 1, "before": 2}') == reader.run(*words, "[1, 2]")
    assert by_name == reader.run(*words, "-", stdin='{"before": 2, "limit": 1}')
    answer = reader.json("call", "getdatahash", "--proof")
    assert answer["context"]["network"] == module_node.call("getgenesis")["network"]
    assert answer["context"]["proof"]
    assert answer["result"]["height"] == answer["context"]["height"]


@pytest.fixture
def watching() -> Iterator[list[subprocess.Popen[str]]]:
    """Processes that are killed at the end, should they still run."""
    started: list[subprocess.Popen[str]] = []
    yield started
    for process in started:
        process.kill()
        process.wait()


def test_watch_everything(module_node: NodeProcess, author: Command) -> None:
    """From the beginning on, a watch tells each change once, in order; by HTTP it finds the WebSocket itself."""
    author.environment["CLOUDNODE_URL"] = module_node.http_url
    for number in range(3):
        author.run("put", "watched", str(number), str(number))
    words = ("--json", "watch", "records", "--collection", "watched", "--after", "0:0", "--count", "3")
    told = [json.loads(line) for line in author.run(*words).splitlines()]
    assert [item["key"] for item in told] == ["0", "1", "2"]
    cursors = [(item["cursor"]["height"], item["cursor"]["index"]) for item in told]
    assert cursors == sorted(set(cursors))
    after = ":".join(map(str, cursors[0]))
    line = author.run("watch", "--collection", "watched", "--after", after, "--count", "1")
    assert line.startswith(":".join(map(str, cursors[1])))
    assert author.run("watch", "blocks", "--after", "0:0", "--count", "1").split()[0] == "1:0"


def test_watch_through_a_crash(
    start_node: NodeStarter, tmp_path: Path, watching: list[subprocess.Popen[str]]
) -> None:
    """A watch outlives ``kill -9`` of the only node: it waits for it and misses nothing; Ctrl-C ends it well."""
    node = start_node()
    command = Command(tmp_path / "user", node.ws_url)
    command.run("key", "new")
    process = command.start("--json", "watch", "records", "--after", "0:0")
    watching.append(process)
    assert process.stdout is not None
    command.run("put", "film", "1", "1")
    assert json.loads(process.stdout.readline())["key"] == "1"
    next_note(process, "node_watched")
    node.kill()
    next_note(process, "node_lost")
    node.start()
    command.run("put", "film", "2", "2")
    assert json.loads(process.stdout.readline())["key"] == "2"
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 0


def test_watch_goes_elsewhere(
    start_node: NodeStarter, tmp_path: Path, watching: list[subprocess.Popen[str]]
) -> None:
    """A watch whose node is killed goes on at another that it learned of; one that is killed itself goes on, when it is
    started again, after the last item that it showed.
    """
    validator = start_node()
    follower = start_node("--join", validator.ws_url)
    wait_until(lambda: validator.call("getpeerinfo") != [], 60, "the link")
    author = Command(tmp_path / "author", validator.ws_url)
    author.run("key", "new")
    watcher = Command(tmp_path / "watcher", follower.ws_url)
    process = watcher.start("--json", "watch", "--resume", "--collection", "film")
    watching.append(process)
    assert process.stdout is not None
    assert next_note(process, "node_watched")["url"] == follower.ws_url
    author.run("put", "film", "1", "1")
    shown = [json.loads(process.stdout.readline())["key"]]
    follower.kill()
    author.run("put", "film", "2", "2")
    second = json.loads(process.stdout.readline())
    shown.append(second["key"])
    next_note(process, "node_lost")
    assert next_note(process, "node_watched")["url"] == validator.ws_url
    wait_until(lambda: marked(watcher) == second["cursor"], 60, "the note of the second item")
    process.kill()
    for key in ("3", "4"):
        author.run("put", "film", key, key)
    words = ("--node", validator.http_url, "--json", "watch", "--resume", "--collection", "film", "--count", "2")
    shown += [json.loads(line)["key"] for line in watcher.run(*words).splitlines()]
    assert shown == ["1", "2", "3", "4"]


def next_note(process: subprocess.Popen[str], code: str) -> dict[str, Any]:
    """The next remark of a kind that a command with ``--json`` makes."""
    assert process.stderr is not None
    while True:
        note: dict[str, Any] = json.loads(process.stderr.readline())["note"]
        if note["code"] == code:
            return note


def marked(command: Command) -> Any:
    """The cursor that a resumable watch has come to."""
    (path,) = Path(command.environment["HOME"]).glob(".local/state/cloudnode/watch/*.json")
    return json.loads(path.read_text())["cursor"]


def test_liar(
    start_node: NodeStarter, make_node: NodeStarter, tmp_path: Path, watching: list[subprocess.Popen[str]]
) -> None:
    """Of a node that answers falsely nothing is shown: another answers, and the liar is named."""
    honest = start_node()
    author = Command(tmp_path / "author", honest.ws_url)
    author.run("key", "new")
    author.run("put", "film", "1", '{"title": "Ran"}')
    liar = make_node("--join", honest.ws_url)
    start_liar(liar, "record")
    wait_until(lambda: height(liar) >= height(honest), 60, "the liar's catching up")
    words = ("--json", "--node", liar.ws_url, "--node", honest.ws_url, "get", "film/1")
    # Who answers first is asked first: that is the liar, until it was found out.
    os.kill(honest.pid, signal.SIGSTOP)
    try:
        for _ in range(2):  # every other answer is false
            process = author.start(*words)
            watching.append(process)
            assert process.stderr is not None
            if line := process.stderr.readline():
                break
            out, _ = process.communicate(timeout=60)
            assert (process.returncode, json.loads(out)["version"]) == (0, 1)
    finally:
        os.kill(honest.pid, signal.SIGCONT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, json.loads(out)["version"]) == (0, 1), line + err
    note = json.loads(line)["note"]
    assert (note["code"], note["node"]) == ("node_lied", node_id(liar))
    assert judged_offline(honest, note["evidence"]).culprit.hex() == node_id(liar)


def test_audit(start_node: NodeStarter, tmp_path: Path) -> None:
    """A stopped node's database is all sound; after a change behind the node's back it is not, and it says where."""
    import sqlite3

    node = start_node()
    command = Command(tmp_path / "user", node.http_url)
    command.run("key", "new")
    command.run("put", "film", "1", '{"a": 1}')
    root = command.json("call", "getdatahash")["root"]
    node.stop()
    report = command.json("audit", str(node.datadir))
    assert (report["ok"], report["records"], report["findings"]) == (True, 1, [])
    assert report["root"] == root
    assert "all sound" in command.run("audit", str(node.datadir))
    with sqlite3.connect(node.datadir / "ledger.sqlite3") as connection:
        connection.execute("UPDATE records SET data = ?", (b'{"a": 2}',))
    connection.close()
    process = command.start("--json", "audit", str(node.datadir))
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 5
    assert json.loads(out)["findings"]
    command.run("audit", str(tmp_path), status=4)


def test_interrupted_call(module_node: NodeProcess, reader: Command, watching: list[subprocess.Popen[str]]) -> None:
    """Ctrl-C in the middle of a call ends it with status 130 and without a traceback."""
    reader.environment["CLOUDNODE_URL"] = module_node.ws_url
    process = reader.start("call", "getdatahash", "--min-height", "1000000")
    watching.append(process)
    wait_until(lambda: has_connection(process), 60, "its connection")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out, err) == (130, "", "")


def has_connection(process: subprocess.Popen[str]) -> bool:
    """Whether a process has a socket."""
    for descriptor in Path(f"/proc/{process.pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it was closed meanwhile
            if os.readlink(descriptor).startswith("socket:"):
                return True
    return False


def test_closed_pipe(module_node: NodeProcess, reader: Command, watching: list[subprocess.Popen[str]]) -> None:
    """A reader that has had enough ends the command without a traceback."""
    reader.environment["CLOUDNODE_URL"] = module_node.ws_url
    process = reader.start("watch", "blocks", "--after", "0:0")
    watching.append(process)
    assert process.stdout is not None and process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    wait_until(lambda: process.poll() is not None, 60, "noticing the closed pipe")
    assert process.returncode == 141
    assert "Traceback" not in process.stderr.read()


def test_quick_start(author: Command) -> None:
    """What needs no node imports no Twisted, and takes less of a processor than ten starts of Python alone."""
    script = (
        "import sys\nfrom cloudnode.cli.main import main\n"
        "try: main(['key', 'show'])\nexcept SystemExit: assert 'twisted' not in sys.modules\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", script], env=author.environment, capture_output=True, text=True, check=False
    )
    assert (process.returncode, process.stderr) == (0, "")
    # On any machine it is less than five; seconds of a processor are longer where others use its caches.
    least = {words: min(processor_seconds(author, *words) for _ in range(3)) for words in (BARE, KEY_SHOW)}
    assert least[KEY_SHOW] < 10 * least[BARE], least


BARE, KEY_SHOW = ("-c", "pass"), ("-m", "cloudnode", "key", "show")


def processor_seconds(command: Command, *words: str) -> float:
    """What a run of Python takes of a processor."""
    process = subprocess.Popen([sys.executable, *words], env=command.environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, words
    return used.ru_utime + used.ru_stime
