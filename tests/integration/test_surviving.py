"""A session of the client library with a node behind a NAT, through all that happens to the path between them."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from cloudnode.formats.operation import build_put, build_rate
from tests.integration.conftest import ROOT, wait_until
from tests.integration.film_network import choose_films
from tests.integration.test_mappings import HomeNode, Start, identity, starting, told
from tests.integration.test_peers import AUTHOR, RATER, envelope, height, peers, submit
from tests.natlab import natlab
from tests.natlab.nodes import LabNode, isolate

FILMS = 8
LIFETIME = 4
"""Seconds for which routers keep a mapping without traffic: a fifth of 20."""

SILENCE = float(os.environ.get("CLOUDNODE_SILENCE", "2.5")) * LIFETIME
"""Seconds in which nothing is read. 10 minutes are 30 lifetimes of 20 s; builds have no two minutes for that."""


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts a node on a host, which joins others."""
    with starting(tmp_path) as begin:
        yield begin


@attrs.define
class Session:
    """The reading process, and the node that is given events which it has to be told of.

    :ivar events: Those so far. :ivar seen: What it told last.
    """

    process: subprocess.Popen[str]
    validator: LabNode
    events: list[str] = attrs.field(factory=list)
    seen: dict[str, Any] = attrs.field(factory=dict)

    def ask(self, line: str = "tell") -> dict[str, Any]:
        """What there was up to now."""
        assert self.process.stdin is not None and self.process.stdout is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()
        self.seen = json.loads(self.process.stdout.readline())
        return self.seen

    def goes_on(self, what: str, *, at: Callable[[str], bool] = lambda route: True, seconds: float = 90.0) -> None:
        """See that it reads on, is told of a new event, and has a direct path."""
        begun = time.monotonic()
        event = f"{len(self.events)}-{what}"
        submit(self.validator, AUTHOR, build_put(envelope(self.validator, AUTHOR), "event", event, what))
        self.events.append(event)
        before, longest = self.seen.get("reads", 0), 0.0

        def is_on() -> bool:
            nonlocal longest
            seen = self.ask()
            longest = max(longest, seen["longest"])
            assert seen["troubles"] == [], (what, seen)
            is_direct = seen["route"].startswith(("ws+udp://", "wss://")) and at(seen["route"])
            return seen["reads"] >= before + 10 and seen["told"] == self.events and is_direct

        wait_until(is_on, seconds, lambda: f"reading {what} ({self.seen}, told were to be {self.events})")
        took = time.monotonic() - begun
        print(f"{what}: {took:.1f} s, longest read {longest:.2f} s, {self.seen['route']}, others {self.seen['others']}")


def fill(validator: LabNode, directory: Path) -> Path:
    """Publish some films, of MovieLens if it is at hand, with a rating each; a file of what they are for the reader."""
    films = []
    with choose_films(directory, FILMS, FILMS).movies.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            key, stars = row["movieId"], int(row["movieId"]) % 5 + 1
            value = {"title": row["title"], "year": int(row["year"]), "genres": row["genres"]}
            submit(validator, AUTHOR, build_put(envelope(validator, AUTHOR), "film", key, value))
            address = f"{AUTHOR.public.hex()}/film/{key}"
            submit(validator, RATER, build_rate(envelope(validator, RATER), address, stars))
            films.append({"key": key, "value": value, "sum": stars})
    expected = directory / "expected.json"
    expected.write_text(json.dumps(films), encoding="utf-8")
    return expected


@pytest.fixture
def begin() -> Iterator[Callable[..., Session]]:
    """Starts the reading process on a host."""
    processes: list[subprocess.Popen[str]] = []

    def one(host: natlab.Host, node: str, films: Path, validator: LabNode, *seeds: LabNode) -> Session:
        command = [sys.executable, "-m", "tests.integration.surviving_reader", node, str(films)]
        process = host.popen(
            [*command, *(seed.ws_url for seed in seeds)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            cwd=str(ROOT), env={"PYTHONPATH": str(ROOT), "PATH": os.defpath, "HOME": "/nonexistent"},
        )  # fmt: skip
        processes.append(process)
        return Session(process, validator)

    yield one
    for each in processes:
        each.kill()
        each.wait()


def last_coordinated(node: LabNode, target: str) -> float:
    """When a node last brought somebody together with another one; 0 for never."""
    told_of = [punch for peer in node.call("getpeerinfo") if peer["id"] == target for punch in peer["punches"]]
    times = [punch["began"] for punch in told_of if (punch["role"], punch["outcome"]) == ("coordinator", "told")]
    return max(times, default=0.0)


@attrs.define
class World:
    """A network of three nodes on the Internet and one at home.

    :ivar networks: Where node and client are or go: ``home`` and ``office``, ``cafe`` and ``train``.
    :ivar key: That of the node at home.
    """

    lab: natlab.Lab
    networks: dict[str, natlab.Router]
    validator: LabNode
    first: LabNode
    second: LabNode
    node: LabNode
    key: str
    client: natlab.Host
    session: Session

    def lose_coordinator(self) -> None:
        """Kill the node that brought both together the last time."""
        coordinator = max((self.first, self.second), key=lambda each: last_coordinated(each, self.key))
        assert last_coordinated(coordinator, self.key) > 0
        coordinator.kill()

    def is_at(self, network: str) -> Callable[[str], bool]:
        """Whether a route leads to a network."""
        return lambda route: self.networks[network].public_address in route


@pytest.fixture
def open_world(
    lab: natlab.Lab, tmp_path: Path, start: Start, begin: Callable[..., Session]
) -> Callable[..., World]:
    """Starts the nodes and the session, which has read something when it returns."""

    def build(mappings: int, nodes_kind: str = "port-restricted", **options: Any) -> World:
        """:param mappings: Of the node, by both peers. :param nodes_kind: Of the routers that the node is behind."""
        validator = start(lab.public_host("validator"))
        films = fill(validator, tmp_path)
        first = start(lab.public_host("first"), validator)
        second = start(lab.public_host("second"), validator)
        kinds = {"home": nodes_kind, "office": nodes_kind, "cafe": "port-restricted", "train": "port-restricted"}
        networks = {
            name: lab.nat(name, kind=kind, udp_lifetime=LIFETIME, tcp_lifetime=LIFETIME, **options)
            for name, kind in kinds.items()
        }
        node = start(networks["home"].host("node"), first, second, kind=HomeNode)
        key = identity(node)
        wait_until(lambda: {identity(first), identity(second)} <= peers(node), 60, "links with both")
        wait_until(lambda: len(told(first, key)) >= mappings, 60, "mappings by both")
        wait_until(lambda: height(node) == height(validator), 60, "the films")
        # Clients reach the other two alone: one of these has to bring both together.
        isolate(validator.host, [networks["cafe"], networks["train"]])
        client = networks["cafe"].host("client")
        session = begin(client, key, films, validator, first, second)
        wait_until(lambda: session.ask()["reads"] > 0 or session.seen["troubles"], 60, "the first read")
        return World(lab, networks, validator, first, second, node, key, client, session)

    return build


def test_session_survives(open_world: Callable[..., World]) -> None:
    """Client and node behind NATs that filter: reads and a subscription go on through all that ends the path.

    Times are a fifth of the usual ones: mappings live for 4 s, keep-alives go out each second.
    """
    world = open_world(mappings=4)
    session = world.session
    session.goes_on("at first", at=world.is_at("home"))
    # That is one of the ports which the node's STUN-Client sockets keep open.
    mapped = {f"{each['address']}:{each['port']}" for each in told(world.first, world.key)}
    assert session.seen["route"].partition("://")[2] in mapped

    session.ask("silent")
    time.sleep(SILENCE)
    session.goes_on("after silence")
    session.process.send_signal(signal.SIGSTOP)
    time.sleep(2.5 * LIFETIME)
    session.process.send_signal(signal.SIGCONT)
    session.goes_on("after sleep")
    world.lab.reboot(world.networks["home"], downtime=1.0)
    session.goes_on("after a restart of the node's router")
    world.lab.reboot(world.networks["cafe"], downtime=1.0)
    session.goes_on("after a restart of the client's router")
    world.node.host.change_network(world.networks["office"])
    session.goes_on("with the node elsewhere", at=world.is_at("office"))
    world.client.change_network(world.networks["train"])
    session.goes_on("with the client elsewhere")
    world.lose_coordinator()
    session.goes_on("without the node that coordinated")
    world.node.host.change_network(world.networks["home"])
    session.goes_on("by another coordinator", at=world.is_at("home"))
    assert session.ask()["told"] == session.events


def changes(world: World, scheme: str) -> None:
    """The changes that a path does not outlive, each over the same transport again."""
    session = world.session

    def goes_on(what: str, network: str) -> None:
        is_there = world.is_at(network)
        session.goes_on(what, at=lambda route: route.startswith(scheme) and is_there(route))

    goes_on("at first", "home")
    session.ask("silent")
    time.sleep(SILENCE)
    goes_on("after silence", "home")
    world.lab.reboot(world.networks["home"], downtime=1.0)
    goes_on("after a restart of the node's router", "home")
    world.node.host.change_network(world.networks["office"])
    goes_on("with the node elsewhere", "office")
    world.client.change_network(world.networks["train"])
    goes_on("with the client elsewhere", "office")
    world.lose_coordinator()
    goes_on("without the node that coordinated", "office")
    assert session.ask()["told"] == session.events


def test_over_tcp(open_world: Callable[..., World]) -> None:
    """The same where no router forwards UDP: the path is a TCP connection that both sides opened."""
    changes(open_world(mappings=2, block_udp=True), "wss://")


def test_behind_symmetric_nat(open_world: Callable[..., World]) -> None:
    """The same for a node whose NATs give each of its packets' targets another port, at random."""
    changes(open_world(mappings=4, nodes_kind="symmetric"), "ws+udp://")
