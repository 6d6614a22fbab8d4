"""Real input through a real node: ``examples/movielens.py``, with interruptions of every kind.

The data is made up here, of the shape of MovieLens. With ``CLOUDNODE_MOVIELENS`` naming a directory that has
``movielens-movies.csv.gz`` and ``movielens-ratings.csv.gz``, the real one is published in full besides.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import attrs
import pytest

from tests.integration.conftest import ROOT, NodeProcess, NodeStarter, wait_until
from tests.movielens import Data, make_data, real_data


def matches(data: Data, node: NodeProcess) -> bool:
    """Whether the node holds just that."""
    state = node.call("getdatahash")
    found = (state["records"], state["ratings_count"], state["ratings_sum"])
    return bool(found == (data.films, data.count, data.stars))


Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def publish(tmp_path: Path) -> Iterator[Start]:
    """Starts the example, with a secret of its own."""
    started: list[subprocess.Popen[str]] = []

    def start(data: Data, url: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(ROOT / "examples" / "movielens.py"), "--node", url]
        command += ["--movies", str(data.movies), "--ratings", str(data.ratings)]
        command += ["--secret", str(tmp_path / "secret"), *arguments]
        environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            command, env=environment, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def finish(process: subprocess.Popen[str], status: int = 0, seconds: float = 300) -> str:
    """Wait for the end; what it printed."""
    out, err = process.communicate(timeout=seconds)
    assert process.returncode == status, (out, err)
    assert "Traceback" not in err, err
    return out


def some_are_there(node: NodeProcess, count: int) -> Callable[[], bool]:
    return lambda: bool(node.call("getdatahash")["ratings_count"] >= count)


@pytest.mark.parametrize("transport", ["http", "ws", "ws_udp"])
def test_over_each_transport(transport: str, node: NodeProcess, publish: Start, tmp_path: Path) -> None:
    """Everything arrives over each transport; a second run finds that nothing is missing."""
    data = make_data(tmp_path, films=60, users=20, count=500)
    url = getattr(node, f"{transport}_url")
    out = finish(publish(data, url))
    assert out.endswith("OK\n")
    assert "560 operations final" in out
    assert matches(data, node)
    root = node.call("getdatahash")["root"]
    again = finish(publish(data, url))
    assert "films: 60 of 60 are there already\nratings: 500 of 500 are there already\n" in again
    assert node.call("getdatahash")["root"] == root


def test_limit(node: NodeProcess, publish: Start, tmp_path: Path) -> None:
    """A short run, then all of it: the rest is added."""
    data = make_data(tmp_path, films=60, users=20, count=500)
    short = finish(publish(data, node.ws_url, "--limit", "100"))
    assert "ratings       100\n" in short and short.endswith("OK\n")
    assert finish(publish(data, node.ws_url)).endswith("OK\n")
    assert matches(data, node)


def test_kill_the_node(start_node: NodeStarter, publish: Start, tmp_path: Path) -> None:
    """``kill -9`` of the node, twice in the middle: the run goes on by itself and the sums come out exact."""
    data = make_data(tmp_path, films=200, users=40, count=6_000)
    node = start_node()
    process = publish(data, node.ws_url, "--window", "100")
    for count in (500, 2_500):
        wait_until(some_are_there(node, count), 120, f"publishing {count} ratings")
        node.kill()
        time.sleep(0.3)
        node.start()
    assert finish(process).endswith("OK\n")
    assert matches(data, node)


def test_kill_the_publisher(node: NodeProcess, publish: Start, tmp_path: Path) -> None:
    """``kill -9`` of the publisher and Ctrl-C: the next run goes on where it was, and the sums come out exact."""
    data = make_data(tmp_path, films=200, users=40, count=6_000)
    process = publish(data, node.ws_url, "--window", "100")
    wait_until(some_are_there(node, 500), 120, "publishing 500 ratings")
    process.kill()
    process.communicate()
    process = publish(data, node.ws_udp_url, "--window", "100")
    wait_until(some_are_there(node, 2_500), 120, "publishing 2,500 ratings")
    process.send_signal(signal.SIGINT)
    finish(process, status=130)
    out = finish(publish(data, node.ws_url))
    assert out.endswith("OK\n")
    there = re.search(r"ratings: ([\d,]+) of 6,000 are there already", out)
    assert there is not None and int(there[1].replace(",", "")) >= 2_500
    assert matches(data, node)


def test_difference(node: NodeProcess, publish: Start, tmp_path: Path) -> None:
    """Data of others on the node is told as a difference, with status 1."""
    data = make_data(tmp_path, films=20, users=5, count=50)
    finish(publish(data, node.ws_url))
    (tmp_path / "secret").unlink()
    out = finish(publish(data, node.ws_url), status=1)
    assert "records       40, expected 20: a difference of +20\n" in out
    assert "the difference is of other accounts" in out


def test_usage(publish: Start, tmp_path: Path) -> None:
    """Files that are not of that shape are status 2, a node that is not there status 3; each with one line."""
    data = make_data(tmp_path, films=5, users=2, count=5)
    for broken in ("1,1,6,1\n", "1,1,1.5,1\n", "1,99,5,1\n", "1,1,5,1\n1,1,5,1\n"):
        other = tmp_path / "other.csv"
        other.write_text("userId,movieId,stars,timestamp\n" + broken)
        process = publish(attrs.evolve(data, ratings=other), "ws://127.0.0.1:1")
        _, err = process.communicate(timeout=120)
        assert (process.returncode, err.count("\n")) == (2, 1), err
    process = publish(data, "ws://127.0.0.1:1")
    _, err = process.communicate(timeout=120)
    assert (process.returncode, err) == (3, "movielens: Cannot reach ws://127.0.0.1:1: nobody listens there.\n")


@pytest.mark.skipif("CLOUDNODE_MOVIELENS" not in os.environ, reason="CLOUDNODE_MOVIELENS names no directory")
def test_in_full(start_node: NodeStarter, publish: Start, tmp_path: Path) -> None:
    """The real data over WS TCP, with ``kill -9`` in the middle; the same root after a restart and an audit."""
    data = real_data(Path(os.environ["CLOUDNODE_MOVIELENS"]))
    node = start_node()
    process = publish(data, node.ws_url)
    wait_until(some_are_there(node, 40_000), 600, "publishing 40,000 ratings")
    node.kill()
    node.start()
    assert finish(process, seconds=900).endswith("OK\n")
    assert matches(data, node)
    root = node.call("getdatahash")["root"]
    node.stop()
    audit = subprocess.run(
        [sys.executable, "-m", "cloudnode", "audit", str(node.datadir)],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert (audit.returncode, "all sound" in audit.stdout, root in audit.stdout) == (0, True, True), audit.stdout
    node.start()
    assert node.call("getdatahash")["root"] == root
