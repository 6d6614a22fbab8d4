"""A network of seven real nodes with films and their ratings inside: four validators, three that follow.

The films are those of MovieLens where the data set is at hand (the most rated ones, so that a test knows what to find),
and made up else. Everything is published by ``examples/movielens.py``, through one of the nodes.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import attrs
import pytest

from cloudnode.cli.demo.plan import NodePlan, prepare
from tests.integration.conftest import ROOT, NodeProcess, wait_until
from tests.integration.test_peers import height
from tests.movielens import Data, find_real_data, make_data

NODES = 7
VALIDATORS = 4
FILMS = 100
RATINGS = 800


def choose_films(directory: Path, films: int = FILMS, ratings: int = RATINGS) -> Data:
    """Two files: of the real data set its most rated films and so many of their ratings, or made-up ones."""
    real = find_real_data()
    if real is None:
        return make_data(directory, films=films, users=60, count=ratings)
    with gzip.open(real.ratings, "rt", encoding="utf-8", newline="") as file:
        given = list(csv.reader(file))
    often = Counter(row[1] for row in given[1:])
    chosen = {film for film, _ in often.most_common(films)}
    kept = [row for row in given[1:] if row[1] in chosen][:: max(1, sum(often[film] for film in chosen) // ratings)]
    with gzip.open(real.movies, "rt", encoding="utf-8", newline="") as file:
        listed = list(csv.reader(file))
    movies, rated = directory / "movies.csv", directory / "ratings.csv.gz"
    with movies.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([listed[0], *(row for row in listed[1:] if row[0] in chosen)])
    with gzip.open(rated, "wt", encoding="utf-8", newline="") as packed:
        csv.writer(packed).writerows([given[0], *kept])
    return Data(movies, rated, films, len(kept), sum(int(row[2]) for row in kept))


@attrs.frozen
class FilmNetwork:
    """The network. :ivar nodes: The validators first. :ivar data: What was published."""

    nodes: Sequence[NodeProcess]
    data: Data

    def wait_for_all(self) -> None:
        """Wait until each node has what any of them has now."""
        newest = max(map(height, self.nodes))
        wait_until(lambda: min(map(height, self.nodes)) >= newest, 30, "the same height everywhere")


@contextlib.contextmanager
def open_film_network(home: Path, *arguments: str) -> Iterator[FilmNetwork]:
    """Start it, publish, and stop it all in the end. The nodes join along a ring with one chord each.

    :param arguments: More options of ``twistd cloudnode``, for all nodes.
    """
    nodes = [NodeProcess(home / f"node-{number + 1}") for number in range(NODES)]
    for number, node in enumerate(nodes):
        others = sorted({(number + 1) % NODES, (number + 3) % NODES} - {number})
        node.arguments[:] = [*arguments, *(word for other in others for word in ("--join", nodes[other].ws_url))]
    prepare([
        NodePlan(number + 1, node.home, node.http_port, node.ws_port, node.ws_udp_port, (), number < VALIDATORS)
        for number, node in enumerate(nodes[:VALIDATORS])
    ])  # fmt: skip
    with contextlib.ExitStack() as stack:
        for node in nodes:
            stack.callback(node.close)
        start_together(nodes[:VALIDATORS])
        start_together(nodes[VALIDATORS:])
        data = choose_films(home)
        publish(data, nodes[0], home)
        wait_until(lambda: all(has(node, data) for node in nodes), 60, "the same data everywhere")
        yield FilmNetwork(nodes, data)


def start_together(nodes: Sequence[NodeProcess]) -> None:
    """Start several at once, which takes hardly longer than one."""
    for node in nodes:
        node.spawn()
    wait_until(lambda: all(node.notify.told("READY", "1") for node in nodes), 60, "the start of the nodes")


def publish(data: Data, node: NodeProcess, home: Path) -> None:
    """Publish films and ratings, each rater with a key of their own."""
    command = [sys.executable, str(ROOT / "examples" / "movielens.py"), "--node", node.ws_url]
    command += ["--movies", str(data.movies), "--ratings", str(data.ratings), "--secret", str(home / "secret")]
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=120, check=False)
    if done.returncode:
        pytest.fail(f"publishing ended with status {done.returncode}: {done.stdout}{done.stderr}\n{node.log}")


def has(node: NodeProcess, data: Data) -> bool:
    """Whether a node holds all that was published, and proves it: the proof takes the block after the last one."""
    state = node.call("getdatahash", context={"proof": True})
    return bool(state["ratings_count"] >= data.count and state["records"] >= data.films)
