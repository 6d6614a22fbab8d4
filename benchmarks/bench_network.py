"""A network of node processes under the load of clients at all of them, until everything is final on every node.

Every node verifies, executes and stores every operation. The clients are processes of their own; what they send is
made and signed before the clock starts, in the shape of a MovieLens data set: films first, then ratings by many
accounts, the popular films rated most. A client's operations all go to one node and are answered when they are final
there.

What else the machine does makes the rate smaller, and to a lesser part the processor time greater. So the table has the
time of a verification besides, taken meanwhile on the same cores: the ratio tells two states of the program apart.
"""

from __future__ import annotations

import subprocess
import time
from bisect import bisect
from collections.abc import Iterator, Sequence
from itertools import accumulate
from pathlib import Path
from random import Random

import attrs
import msgspec

from benchmarks.load import Plan, Result
from benchmarks.network import Network, Spent
from benchmarks.operations import make_key
from benchmarks.options import parse_options
from benchmarks.processes import module
from benchmarks.servers import Workshop, make_envelope, request, submission, workshop
from benchmarks.tables import Goal, print_table
from cloudnode.formats.genesis import build_genesis
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import (
    Envelope,
    build_put,
    build_rate,
    decode_operation,
    sign_operation,
    signatures_valid,
)

NODES = 7
VALIDATORS = 4
CLIENTS = 20
OUTSTANDING = 64
GOAL = 1_500.0

_RATINGS_OF_AN_ACCOUNT = 165
_RATINGS_OF_A_FILM = 10.3
"""As in the data set ml-latest-small: 610 accounts, 9,742 films, 100,836 ratings."""
_SECONDS_MAX = 300.0


@attrs.frozen
class Phase:
    """What was measured of one part of the load.

    :ivar seconds: From the first request until all is final on all nodes. :ivar results: Of the clients.
    :ivar spent: By each node. :ivar verification: Microseconds of processor time that one signature took meanwhile.
    """

    name: str
    operations: int
    seconds: float
    results: Sequence[Result]
    spent: Sequence[Spent]
    verification: float

    @property
    def rate(self) -> float:
        """Operations a second."""
        return self.operations / self.seconds

    def percentile(self, percent: int) -> float:
        """Milliseconds from a request until its answer."""
        ordered = sorted(each for result in self.results for each in result.each)
        return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]

    @property
    def client_cost(self) -> float:
        """Microseconds of processor time of all clients for an operation."""
        return sum(result.cpu_seconds for result in self.results) / self.operations * 1e6

    def node_cost(self, node: int) -> float:
        """Microseconds of a node's processor time for an operation."""
        return self.spent[node].cpu / self.operations * 1e6


class Films:
    """The load: who publishes and rates what, the same in every run but for heights and signatures."""

    def __init__(self, operations: int) -> None:
        """:param operations: How many in all."""
        random = Random(1)
        self.films = max(10, round(operations / (1 + _RATINGS_OF_A_FILM)))
        ratings = operations - self.films
        self.publisher = make_key(0)
        raters = max(10, round(ratings / _RATINGS_OF_AN_ACCOUNT))
        self._keys = [make_key(1 + number) for number in range(raters)]
        weights = list(accumulate(1 / (rank + 20) for rank in range(self.films)))
        self.ratings: list[tuple[SigningKey, int, int]] = []
        given: set[tuple[int, int]] = set()
        while len(self.ratings) < ratings:
            rater, film = random.randrange(raters), bisect(weights, random.random() * weights[-1])
            if (rater, film) not in given:
                given.add((rater, film))
                self.ratings.append((self._keys[rater], film, random.randint(1, 5)))

    def puts(self, envelope: Envelope) -> Iterator[tuple[SigningKey, bytes]]:
        """Bodies that publish the films, with their signers."""
        key = self.publisher
        envelope = msgspec.structs.replace(envelope, account=key.public)
        for number in range(self.films):
            data = {
                "title": f"The Film of Number {number} (19{number % 100:02})",
                "genres": ["Adventure", "Animation", "Children", "Comedy"][: 1 + number % 4],
                "imdb": f"tt{number:07}",
                "tmdb": number,
            }
            yield key, build_put(envelope, "film", str(number), data)

    def rates(self, envelope: Envelope) -> Iterator[tuple[SigningKey, bytes]]:
        """Bodies that rate them."""
        account = self.publisher.public.hex()
        for key, film, stars in self.ratings:
            body = build_rate(msgspec.structs.replace(envelope, account=key.public), f"{account}/film/{film}", stars)
            yield key, body


def run_phase(shop: Workshop, network: Network, clients: int, name: str, films: Films, done: int) -> Phase:
    """Load all nodes and wait until everything is final on all of them.

    :param name: ``puts`` or ``ratings``. :param done: Ratings that are there before.
    :raises RuntimeError: A client failed, or the nodes do not agree in time.
    """
    envelope = make_envelope(network.nodes[0], films.publisher)
    make = films.puts if name == "puts" else films.rates
    lines: list[list[bytes]] = [[] for _ in range(clients)]
    count = 0
    for count, (key, body) in enumerate(make(envelope), 1):
        lines[count % clients].append(request("submit", submission(key, body), count))
    waiting = []
    for number, messages in enumerate(lines):
        port = network.nodes[number % len(network.nodes)].ports["websocket"]
        file = shop.write(f"{name}-{number}", b"\n".join(messages))
        plan = Plan("websocket", port, str(file), 1, OUTSTANDING, _SECONDS_MAX, 0.0, '"result":"ok"', held=True)
        waiting.append(
            subprocess.Popen(
                module("load", msgspec.json.encode(plan).decode()),
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
            )
        )  # fmt: skip
    for client in waiting:
        assert client.stdout is not None
        client.stdout.readline()
    network.wait_until_same(0 if name == "puts" else films.films, done)
    before = network.spent()
    began = time.monotonic()
    for client in waiting:
        assert client.stdin is not None
        client.stdin.write(b"\n")
        client.stdin.flush()
    verification = verification_cost()
    results = []
    for client in waiting:
        out, err = client.communicate(timeout=_SECONDS_MAX)
        if client.returncode:
            raise RuntimeError(f"a client failed: {err.decode(errors='replace')[-2000:]}")
        results.append(msgspec.json.decode(out, type=Result))
    ended = network.wait_until_same(films.films, done if name == "puts" else done + count)
    spent = [after.since(start) for after, start in zip(network.spent(), before, strict=True)]
    return Phase(name, count, ended - began, results, spent, verification)


def verification_cost() -> float:
    """Microseconds of processor time that the verification of one signature takes on a machine as busy as it is now."""
    key = make_key(0)
    genesis = build_genesis(name="bench", time=0, validators=[key.public])
    body = build_rate(Envelope(genesis.network, key.public, 0, 1, 2), f"{key.public.hex()}/film/1", 5)
    operations = [decode_operation(body, sign_operation(key, body), genesis)] * 2_000
    began = time.process_time()
    signatures_valid(operations)
    return (time.process_time() - began) / len(operations) * 1e6


def main() -> None:
    """Measure and print."""
    description = (__doc__ or "").partition("\n")[0]
    options = parse_options(
        description, operations=20_000, nodes=NODES, validators=VALIDATORS, connections=CLIENTS, profile=True
    )
    phases: list[Phase] = []
    films = Films(options.operations)
    profile: Path | None = options.profile
    with workshop() as shop:
        network = Network(shop, options.nodes, options.validators, profile=profile)
        links = network.wait_until_linked()
        for name in ("puts", "ratings"):
            phases.append(run_phase(shop, network, options.connections, name, films, 0))
        names = network.names()
    print(f"{options.nodes} nodes of {links} links, {options.validators} of them validators")
    print(f"{options.connections} clients with {OUTSTANDING} outstanding each")
    print(f"{films.films:,} films, {len(films.ratings):,} ratings; ratio: of a node's cost to that of a verification\n")
    print_table(
        [
            "until final", "operations/s", "CPU us each", "of clients", "of a node", "a verification", "ratio",
            "p50 ms", "p95 ms",
        ],
        [_row(phase) for phase in phases],
    )  # fmt: skip
    rows = []
    for node, name in enumerate(names):
        row: list[object] = [name]
        for phase in phases:
            spent = phase.spent[node]
            row += [phase.node_cost(node), spent.received / phase.operations, spent.sent / phase.operations]
        rows.append(row)
    headings = ["node"] + [
        f"{phase.name}: {what}" for phase in phases for what in ("CPU us each", "bytes in", "bytes out")
    ]
    total = sum(phase.operations for phase in phases) / sum(phase.seconds for phase in phases)
    print_table(headings, rows, [Goal("operations until final on all nodes", total, GOAL, "/s")])


def _row(phase: Phase) -> list[object]:
    nodes = len(phase.spent)
    of_nodes = sum(phase.node_cost(node) for node in range(nodes))
    return [
        phase.name, phase.rate, of_nodes + phase.client_cost, phase.client_cost, of_nodes / nodes,
        phase.verification, of_nodes / nodes / phase.verification, phase.percentile(50), phase.percentile(95),
    ]  # fmt: skip


if __name__ == "__main__":
    main()
