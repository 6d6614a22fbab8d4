"""The writing load: accounts made for it publish records and rate each other's, through nodes chosen at random."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from cloudnode.cli.demo.node import DemoNode
from cloudnode.cli.demo.watching import gather
from cloudnode.client.client import Client
from cloudnode.client.errors import ClientError
from cloudnode.client.writer import SignedOperation, Writer, fetch_genesis, submit_final
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.keys import SigningKey

ACCOUNTS = 6
BATCH = 10
"""Operations that an account has on their way at once."""

FINAL_SECONDS = 15.0
COLLECTION = "demo"
_RECORDS = 1_000
_PAUSE = 0.5


class Workload:
    """Writes while it is on.

    :ivar is_on: Whether it is. :ivar final: Operations that became final.
    :ivar failed: Those of which nobody knows, as of a node that was killed.
    """

    def __init__(
        self,
        nodes: Sequence[DemoNode],
        client_of: Callable[[DemoNode], Awaitable[Client]],
        reactor: Any,
        chance: random.Random,
    ) -> None:
        self.final = 0
        self.failed = 0
        self._nodes = nodes
        self._client_of = client_of
        self._reactor = reactor
        self._random = chance
        self._keys = [SigningKey.generate() for _ in range(ACCOUNTS)]
        self._genesis: Genesis | None = None
        self._newest = 0
        self._published = 0
        self._records: deque[tuple[str, bytes]] = deque(maxlen=_RECORDS)
        self._lines: list[Deferred[None]] = []
        self.is_on = False

    def toggle(self) -> None:
        """Begin or end writing."""
        if self.is_on:
            self.stop()
        else:
            self.is_on = True
            self._lines = [Deferred.fromCoroutine(self._write(key)) for key in self._keys]

    def stop(self) -> None:
        """End writing; what is under way is given up."""
        self.is_on = False
        lines, self._lines = self._lines, []
        for line in lines:
            line.cancel()

    def words(self) -> str:
        """What it does, for people."""
        if not self.is_on and not self.final:
            return "load: off"
        failed = f", {self.failed:,} without an answer" if self.failed else ""
        return f"load: {'on' if self.is_on else 'off'}, {self.final:,} operations final{failed}"

    async def _write(self, key: SigningKey) -> None:
        try:
            while self.is_on:
                try:
                    await self._write_some(key)
                except ClientError:
                    await self._pause()
        except CancelledError:
            return

    async def _write_some(self, key: SigningKey) -> None:
        running = [node for node in self._nodes if node.condition == "running"]
        if not running:
            await self._pause()
            return
        client = await self._client_of(self._random.choice(running))
        writer = await self._writer(client, key)
        # What any node told: one that is behind would have operations end their validity early.
        self._newest = max(self._newest, client.newest_height)
        made = [self._make(writer) for _ in range(BATCH)]
        sent = [Deferred.fromCoroutine(self._submit(client, operation, address)) for operation, address in made]
        outcomes: list[bool] = await gather(sent)
        if not any(outcomes):
            await self._pause()

    async def _writer(self, client: Client, key: SigningKey) -> Writer:
        if self._genesis is None:
            self._genesis = await fetch_genesis(client)
        return Writer(self._genesis, key, lambda: self._newest)

    def _make(self, writer: Writer) -> tuple[SignedOperation, str | None]:
        """A rating of somebody else's record, or a new record and its address."""
        others = [record for record, account in self._random.sample(self._records, min(4, len(self._records)))
                  if account != writer.account]  # fmt: skip
        if others and self._random.random() < 0.8:
            return writer.rate(others[0], self._random.randint(1, 5)), None
        self._published += 1
        name = f"{self._published}"
        address = f"{writer.account.hex()}/{COLLECTION}/{name}"
        return writer.put(COLLECTION, name, {"number": self._published}), address

    async def _submit(self, client: Client, operation: SignedOperation, address: str | None) -> bool:
        try:
            await submit_final(client, operation, self._reactor, FINAL_SECONDS)
        except ClientError:
            self.failed += 1
            return False
        self.final += 1
        if address is not None:
            self._records.append((address, bytes.fromhex(address[:64])))
        return True

    async def _pause(self) -> None:
        await deferLater(self._reactor, _PAUSE)
