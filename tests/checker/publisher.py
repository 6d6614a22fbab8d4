"""Those who write much, so that subscribers have something to be told: they believe what honest nodes say."""

from __future__ import annotations

import json
import sys
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater

from cloudnode.client.client import Client
from cloudnode.client.cloud.cloud import Cloud
from cloudnode.client.errors import ClientError, Rejected
from cloudnode.client.writer import SignedOperation, Writer
from cloudnode.formats.keys import SigningKey
from tests.checker import trace
from tests.checker.client import World

TURN_SECONDS = 1.0
WRITE_SECONDS = 60.0
MOST_SECONDS = 20.0
"""So many seconds' worth of operations may be under way."""

ACCOUNTS = 16
RECORDS_EACH = 8
COLLECTIONS = ("film", "note")


class Publisher:
    """Writes so many operations a second, by some accounts."""

    def __init__(
        self,
        number: int,
        random: Random,
        world: World,
        recorder: trace.Recorder,
        clock: Any,
        began: float,
        connect: Callable[[str], Awaitable[Client]],
        rate: float,
    ) -> None:
        """:param number: As of a client, above all of these. :param rate: Operations a second."""
        self._number = number
        self._random = random
        self._world = world
        self._recorder = recorder
        self._clock = clock
        self._began = began
        self._connect = connect
        self._rate = rate
        self._under_way = 0

    async def run(self) -> None:
        """Until the world is over, and what was written is known to be final."""
        honest = [url for url in self._world.seeds if url not in self._world.liar]
        cloud = await Cloud.connect(
            honest, self._clock, network=self._world.network, verify="none", timeout=WRITE_SECONDS,
            connect=self._connect,
        )  # fmt: skip
        cloud.pin(*honest)
        keys = [SigningKey(self._random.randbytes(32)) for _ in range(ACCOUNTS)]
        writers = [await cloud.writer(key) for key in keys]
        due, at = 0.0, self._clock.seconds()
        while not self._world.is_over:
            before, at = at, self._clock.seconds()
            # By the time that passed: on a busy machine a turn takes longer.
            due = min(due + self._rate * (at - before), MOST_SECONDS * self._rate)
            while due >= 1 and self._under_way < MOST_SECONDS * self._rate:
                due -= 1
                self._under_way += 1
                work = self._write(cloud, self._operation(self._random.choice(writers)))
                Deferred.fromCoroutine(work).addErrback(lambda failure: failure.printTraceback(sys.stderr))
            await deferLater(self._clock, TURN_SECONDS)
        while self._under_way:
            await deferLater(self._clock, 0.1)
        await cloud.close()

    def _operation(self, writer: Writer) -> SignedOperation:
        random, records = self._random, self._world.records
        if random.random() < 0.3 or len(records) < RECORDS_EACH:
            own = random.choice(COLLECTIONS), str(random.randrange(RECORDS_EACH))
            return writer.put(*own, {"title": f"by a publisher, {own[1]}", "turn": random.randrange(1 << 30)})
        return writer.rate(random.choice(records), random.randint(1, 5))

    async def _write(self, cloud: Cloud, operation: SignedOperation) -> None:
        name = operation.id.hex()
        self._add(trace.Wrote, name, operation.body.decode())
        try:
            while True:
                try:
                    submitted = await cloud.submit(operation)
                except Rejected as rejected:
                    self._add(trace.Final, 0, name, None, rejected.name)
                except ClientError as error:
                    if getattr(error, "name", "") != "operation_expired":
                        continue
                    self._add(trace.Unanswered, 0, 0.0, "submit", ["?"], str(error))
                else:
                    assert submitted.cursor is not None
                    place = (submitted.cursor.height, submitted.cursor.index)
                    self._add(trace.Final, 0, name, place, submitted.result)
                    self._world.is_final(json.loads(operation.body), place)
                return
        finally:
            self._under_way -= 1

    def _add(self, kind: type[trace.Event], *what: Any) -> None:
        self._recorder.add(kind(self._clock.seconds() - self._began, self._number, *what))
