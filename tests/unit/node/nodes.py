"""A real ledger on a temporary database, driven by a clock and without threads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, execute
from twisted.internet.task import Clock

from cloudnode.consensus.journal import journal_head
from cloudnode.formats.genesis import Genesis, Parameters, build_genesis
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import Envelope, build_put, build_rate, sign_operation
from cloudnode.ledger.reading import Accepted
from cloudnode.node.journalfile import JournalFile
from cloudnode.node.ledger import Ledger, LedgerConfig
from cloudnode.node.ordering import ValidatorIdentity
from cloudnode.store.sqlite import SqliteStore
from tests.unit.store.network import TIME, make_key


def run_at_once(function: Callable[..., Any], *arguments: Any) -> Deferred[Any]:
    """What :func:`twisted.internet.threads.deferToThread` does, without a thread."""
    return execute(function, *arguments)


def open_identity(path: Path, genesis: Genesis, key: SigningKey) -> ValidatorIdentity:
    """A validator's key with its journal, begun if there is none."""
    if not path.exists():
        path.write_bytes(journal_head(genesis.network, key.public))
    journal = JournalFile.open(path, run_at_once, genesis.network, key.public, 2_000)
    return ValidatorIdentity(key, journal)


class LedgerOnClock:
    """A lone validator's ledger.

    :ivar clock: Moves when told to. :ivar ledger: Not started yet.
    """

    def __init__(self, path: str, config: LedgerConfig | None = None, parameters: Parameters | None = None) -> None:
        self.clock = Clock()
        self.clock.advance(TIME / 1000)
        self.validator = make_key(1)
        self.author, self.rater = make_key(100), make_key(101)
        self.genesis: Genesis = build_genesis(
            name="test", time=TIME, validators=[self.validator.public], parameters=parameters
        )
        self.store = SqliteStore.open(path, self.genesis)
        self.ledger = Ledger(
            self.clock, run_at_once, self.store, self.genesis, make_key(2),
            open_identity(Path(f"{path}.journal"), self.genesis, self.validator),
            config or LedgerConfig(audit_interval=0), wall_time=self.clock.seconds,
        )  # fmt: skip

    def envelope(self, key: SigningKey, lifetime: int = 50) -> Envelope:
        height = self.ledger.head.height + 1
        return Envelope(self.genesis.network, key.public, TIME, height, height + lifetime)

    def put(self, name: str, lifetime: int = 50) -> tuple[bytes, bytes]:
        """A signed put by the author: body and signature."""
        body = build_put(self.envelope(self.author, lifetime), "film", name, {"title": name})
        return body, sign_operation(self.author, body)

    def rate(self, name: str, stars: int) -> tuple[bytes, bytes]:
        """A signed rating of one of the author's films."""
        body = build_rate(self.envelope(self.rater), f"{self.author.public.hex()}/film/{name}", stars)
        return body, sign_operation(self.rater, body)

    def submit(self, signed: tuple[bytes, bytes]) -> Deferred[Accepted]:
        """Submit an operation and have its signature checked."""
        submitting = self.ledger.submit(*signed)
        self.clock.advance(0)
        return submitting

    def advance(self, seconds: float, step: float = 0.05) -> None:
        """Let time pass in small steps."""
        for _ in range(round(seconds / step)):
            self.clock.advance(step)
            for _ in range(20):
                self.clock.advance(0)
