"""A client that reads from a node at one of its mapped endpoints, as a process on a host of a lab.

``python -m tests.integration.mapped_reader NODE TRANSPORT URL OBSERVER``: for each line on standard input it lists the
records of the collection ``film``, and prints how many there are and where the node was reached. Where it has no
connection, or loses it, it asks the node at URL for the STUN data of the node NODE, takes an endpoint of it, one that
the node OBSERVER saw if there is one, and goes on: whoever answers there has to show one of the certificates that the
data names.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.stdio import StandardIO
from twisted.internet.task import deferLater
from twisted.protocols.basic import LineReceiver

from cloudnode.client.client import Client
from cloudnode.client.connecting import connect
from cloudnode.client.errors import ClientError
from cloudnode.formats.stundata import read_stun_data

CALL_SECONDS = 2.0
ATTEMPTS = 60


class Reader:
    """One session with one node."""

    def __init__(self, reactor: Any, node: str, transport: str, other: str, observer: str) -> None:
        self._reactor = reactor
        self._node = node
        self._transport = transport
        self._other = other
        self._observer = bytes.fromhex(observer)
        self._client: Client | None = None
        self._place = ""

    async def read(self) -> dict[str, Any]:
        """List the records, over whatever connection it takes."""
        trouble = None
        for attempt in range(ATTEMPTS):
            try:
                if self._client is None:
                    await self._connect()
                assert self._client is not None
                records = (await self._client.call("listrecords", {"collection": "film"}, timeout=CALL_SECONDS)).result
                count = len(records["records"])
                return {"records": count, "place": self._place, "attempts": attempt, "trouble": trouble}
            except (ClientError, LookupError) as error:
                trouble = str(error)
                if self._client is not None:
                    client, self._client = self._client, None
                    client.close()
                await deferLater(self._reactor, 0.25)
        return {"records": -1, "place": self._place, "attempts": ATTEMPTS, "trouble": trouble}

    async def _connect(self) -> None:
        asked = await connect(self._other, self._reactor, timeout=CALL_SECONDS)
        try:
            info = (await asked.call("getstuninfo", {"node": self._node})).result
            network = (await asked.call("getnodeinfo")).result["network"]
        finally:
            asked.close()
        for told in info["nodes"]:
            data = read_stun_data(bytes.fromhex(told["record"]), bytes.fromhex(network)).data
            for each in sorted(data.endpoints, key=lambda each: each.observer != self._observer):
                if each.protocol == self._transport:
                    scheme = "wss" if each.protocol == "tcp" else "ws+udp"
                    place = f"{each.address}:{each.port}"
                    self._client = await connect(
                        f"{scheme}://{place}", self._reactor, certificate_hash=data.certificates[-1].hash,
                        connect_timeout=CALL_SECONDS,
                    )  # fmt: skip
                    self._place = place
                    return
        raise LookupError("no endpoint is told")


class Lines(LineReceiver):
    """One reading for each line."""

    delimiter = b"\n"

    def __init__(self, reactor: Any, reader: Reader) -> None:
        self._reactor = reactor
        self._reader = reader

    def lineReceived(self, line: bytes) -> None:
        """Read, and tell."""
        Deferred.fromCoroutine(self._reader.read()).addCallbacks(
            lambda found: print(json.dumps(found), flush=True),
            lambda failure: (failure.printTraceback(sys.stderr), print(json.dumps({"records": -2}), flush=True)),
        )

    def connectionLost(self, reason: object = None) -> None:
        """The test is over."""
        self._reactor.stop()


def main() -> None:
    """Read until standard input ends."""
    from twisted.internet import reactor as installed

    reactor: Any = installed
    StandardIO(Lines(reactor, Reader(reactor, *sys.argv[1:])))
    reactor.run()


if __name__ == "__main__":
    main()
