"""A session whose node is killed, as a process on a host of a laboratory: how soon another node answers.

``python -m benchmarks.failing_over NETWORK CERTIFICATES URL URL SEED...`` asks the two places alone (CERTIFICATES: an
object of the hashes of those that nobody vouches for, by URL). For each line on standard input, a process id, it sees
that it asks the first place, begins a read, kills the process while the read is on its way, and prints one object, with
milliseconds: of a read before (``read``), from the kill until the session noticed, which is null if it did not until
then (``noticed``), and until the read was answered by the second place (``answered``); and of a read by a new
connection to that one, without a session (``anew``).
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.stdio import StandardIO
from twisted.internet.task import LoopingCall, deferLater
from twisted.protocols.basic import LineReceiver

from cloudnode.client.client import Client
from cloudnode.client.cloud import Cloud
from cloudnode.client.connecting import connect
from cloudnode.client.errors import ClientError

WARM = 12
"""Reads before each kill, so that latencies are known and both places have a connection."""

PATIENCE = 40.0

LOOK = 0.002
"""Seconds between two looks at whether the session has noticed."""


class Session:
    """The session, and what it notices."""

    def __init__(
        self, reactor: Any, network: str, certificates: dict[str, str], urls: list[str], seeds: list[str]
    ) -> None:
        self._reactor = reactor
        self._network = network
        self._certificates = certificates
        self._urls = urls
        self._seeds = seeds
        self._cloud: Cloud | None = None
        self._noticed: float | None = None

    async def _connect(self, url: str) -> Client:
        trusted = self._certificates.get(url)
        return await connect(url, self._reactor, certificate_hash=None if trusted is None else bytes.fromhex(trusted))

    async def measure(self, pid: int) -> dict[str, Any]:
        """Kill the process behind the first place while a read is on its way there."""
        if self._cloud is None:
            self._cloud = await Cloud.connect(
                [*self._urls, *self._seeds], self._reactor, network=self._network, connect=self._connect,
                random_fraction=lambda: 0.0,
            )  # fmt: skip
        cloud, (url, other) = self._cloud, self._urls
        cloud.pin(other)
        await cloud.call("getdatahash", timeout=PATIENCE)
        cloud.pin(url)
        took = []
        for _ in range(WARM):
            began = time.monotonic()
            await cloud.call("getdatahash", timeout=PATIENCE)
            took.append(time.monotonic() - began)
            await deferLater(self._reactor, 0.1)
        read = sorted(took)[WARM // 2]
        self._noticed = None
        looking = LoopingCall(self._look, cloud, url)
        asked = Deferred.fromCoroutine(cloud.call("getdatahash", timeout=PATIENCE))
        cloud.pin(*self._urls)
        await deferLater(self._reactor, read / 8)
        looking.start(LOOK)
        killed = time.monotonic()
        os.kill(pid, signal.SIGKILL)
        answer = await asked
        answered = time.monotonic()
        looking.stop()
        noticed = None if self._noticed is None else (self._noticed - killed) * 1e3
        anew = await self._read_anew(other)
        return {
            "read": read * 1e3, "noticed": noticed, "answered": (answered - killed) * 1e3, "by": answer.url,
            "anew": anew * 1e3,
        }  # fmt: skip

    def _look(self, cloud: Cloud, url: str) -> None:
        if self._noticed is None and (
            url not in cloud.routes or any(place.failures for place in cloud.places if place.url == url)
        ):
            self._noticed = time.monotonic()

    async def _read_anew(self, url: str) -> float:
        """Seconds of what a program does that has no session."""
        began = time.monotonic()
        client = await self._connect(url)
        await client.call("getdatahash", {}, {"proof": True})
        took = time.monotonic() - began
        await client.close()
        return took


class Lines(LineReceiver):
    """One measurement for each line."""

    delimiter = b"\n"

    def __init__(self, reactor: Any, session: Session) -> None:
        self._reactor = reactor
        self._session = session

    def lineReceived(self, line: bytes) -> None:
        """Measure."""
        Deferred.fromCoroutine(self._session.measure(int(line))).addCallbacks(tell, self._failed)

    def _failed(self, failure: Any) -> None:
        tell({"error": str(failure.value) if failure.check(ClientError) else failure.getTraceback()})

    def connectionLost(self, reason: object = None) -> None:
        """The benchmark is over."""
        if self._reactor.running:
            self._reactor.stop()


def tell(measured: dict[str, Any]) -> None:
    """One line."""
    print(json.dumps(measured), flush=True)


def main(network: str, certificates: str, first: str, second: str, *seeds: str) -> None:
    """Measure until standard input ends."""
    from twisted.internet import reactor as installed

    reactor: Any = installed
    StandardIO(Lines(reactor, Session(reactor, network, json.loads(certificates), [first, second], list(seeds))))
    reactor.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
