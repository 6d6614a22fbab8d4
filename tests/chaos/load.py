"""The clients: publish a MovieLens-shaped data set through all nodes at once, in a process of their own.

They keep on whatever happens to the nodes: what was not answered with certainty is sent again, with the very same
bytes, over a new connection to the node that has the fewest. Each operation that a node answered final is written into
a file with the place in the log that it was told, for the verdict. How far it is goes to standard output, an object a
line.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import IO, Any

from movielens import COLLECTION, Keys
from movielens_data import DataSet, Film, Rating, read_files
from movielens_publish import Publisher
from twisted.internet.task import LoopingCall, deferLater

from cloudnode.cli.running import Interrupted, run_in_reactor
from cloudnode.client.client import Client
from cloudnode.client.connecting import connect
from cloudnode.client.errors import ClientError
from cloudnode.client.writer import SignedOperation, Submitted, Writer, fetch_genesis

CALL_SECONDS = 20.0
"""Longer than a node waits for an operation to become final (15 s), so that only a node that hangs is given up."""

CONNECT_SECONDS = 2.0
SHUNNED_SECONDS = 2.0
"""A node that a connection failed to is not tried again for so long, as long as there are others."""

BALANCE_SECONDS = 4.0
TELL_SECONDS = 1.0


class Spread:
    """Connections to all nodes, as evenly as they let it be."""

    def __init__(self, urls: Sequence[str], reactor: Any, window: int) -> None:
        self.failures: Counter[str] = Counter()
        self._urls = urls
        self._reactor = reactor
        self._window = window
        self._clients: list[Client] = []
        self._connecting: Counter[str] = Counter()
        self._shunned: dict[str, float] = {}
        self._newest = 0

    def counts(self) -> dict[str, int]:
        """How many connections each node has."""
        self._clients = [client for client in self._clients if client.is_connected]
        counted = Counter(client.url for client in self._clients)
        return {url: counted[url] for url in self._urls}

    def newest_height(self) -> int:
        """The newest height that any node told."""
        self._newest = max(self._newest, *(client.newest_height for client in self._clients), 0)
        return self._newest

    async def connect(self) -> Client:
        """A connection to the node with the fewest; goes on until there is one."""
        while True:
            url = self._choose()
            if url is None:
                await deferLater(self._reactor, 0.2)
                continue
            self._connecting[url] += 1
            try:
                client = await connect(
                    url, self._reactor, outstanding=self._window, timeout=CALL_SECONDS, connect_timeout=CONNECT_SECONDS
                )
            except ClientError:
                self.failures[url] += 1
                self._shunned[url] = self._reactor.seconds() + SHUNNED_SECONDS
                continue
            finally:
                self._connecting[url] -= 1
            self.newest_height()  # before a client that knew it is forgotten
            self._clients.append(client)
            return client

    def lost(self, error: ClientError) -> None:
        """A connection did not do."""
        self.failures["lost"] += 1

    def balance(self) -> None:
        """Have one client of the node with the most go to another, where a node has come back."""
        now = self._reactor.seconds()
        counts = {url: count for url, count in self.counts().items() if self._shunned.get(url, 0) < now}
        if counts and max(counts.values()) - min(counts.values()) > 1:
            most = max(counts, key=counts.__getitem__)
            next(client for client in self._clients if client.url == most).close()

    def _choose(self) -> str | None:
        now = self._reactor.seconds()
        counts = self.counts()
        usable = [url for url in self._urls if self._shunned.get(url, 0) <= now]
        return min(usable, key=lambda url: counts[url] + self._connecting[url]) if usable else None


class Load:
    """Everything that is published."""

    def __init__(self, data: DataSet, options: argparse.Namespace, reactor: Any, finals: IO[str]) -> None:
        self.phase = "films"
        self.final = 0
        self._data = data
        self._options = options
        self._reactor = reactor
        self._finals = finals
        self._spread = Spread(options.nodes, reactor, options.window)
        self._keys = Keys(Random(options.seed).randbytes(32))
        self._began = reactor.seconds()

    async def run(self) -> None:
        """Publish films, then ratings."""
        client = await self._spread.connect()
        genesis = await fetch_genesis(client)
        await client.close()
        publisher = Writer(genesis, self._keys.publisher, self._spread.newest_height)
        account = self._keys.publisher.public.hex()
        users = {user: self._keys.rater(user) for user in self._data.users}
        raters = {user: Writer(genesis, key, self._spread.newest_height) for user, key in users.items()}

        def put(film: Film) -> SignedOperation:
            return publisher.put(COLLECTION, film.id, film.data(), if_version=0)

        def rate(rating: Rating) -> SignedOperation:
            address = f"{account}/{COLLECTION}/{rating.film}"
            return raters[rating.user].rate(address, rating.stars, time_ms=rating.time * 1000)

        loops = [LoopingCall(self.tell), LoopingCall(self._spread.balance)]
        for loop, seconds in zip(loops, (TELL_SECONDS, BALANCE_SECONDS), strict=True):
            loop.clock = self._reactor
            loop.start(seconds)
        await self._publish(self._data.films, put, frozenset({"version_mismatch"}))
        self.phase = "ratings"
        await self._publish(self._data.ratings, rate, frozenset())
        self.phase = "done"
        for loop in loops:
            loop.stop()
        self.tell()

    async def _publish(
        self, items: Sequence[Any], sign: Callable[[Any], SignedOperation], settled: frozenset[str]
    ) -> None:
        publisher: Publisher[Any] = Publisher(
            self._spread.connect,
            self._reactor,
            sign,
            connections=self._options.clients,
            window=self._options.window,
            settled=settled,
            on_final=self._note,
            on_trouble=self._spread.lost,
        )
        await publisher.publish(items)

    def _note(self, item: Any, told: Submitted) -> None:
        assert told.cursor is not None
        self.final += 1
        self._finals.write(f"{told.id} {told.cursor.height} {told.cursor.index}\n")

    def tell(self) -> None:
        """Say how far it is."""
        told = {
            "phase": self.phase,
            "seconds": round(self._reactor.seconds() - self._began, 2),
            "final": self.final,
            "connections": list(self._spread.counts().values()),
            "failures": self._spread.failures.total(),
        }
        print(json.dumps(told), flush=True)


def main() -> int:
    """:returns: 0 when all is final."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("nodes", nargs="+", help="URLs of nodes")
    parser.add_argument("--movies", type=Path, required=True)
    parser.add_argument("--ratings", type=Path, required=True)
    parser.add_argument("--finals", type=Path, required=True, help="where to write what was answered final")
    parser.add_argument("--clients", type=int, required=True)
    parser.add_argument("--window", type=int, required=True, help="operations on their way of each client")
    parser.add_argument("--seed", type=int, required=True, help="decides the keys")
    options = parser.parse_args()
    data = read_files(options.movies, options.ratings)

    from twisted.internet import reactor

    with options.finals.open("w", buffering=1) as finals:
        try:
            run_in_reactor(reactor, Load(data, options, reactor, finals).run())
        except Interrupted:
            return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
