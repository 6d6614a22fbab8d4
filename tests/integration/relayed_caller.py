"""A caller who reaches a node through a relay, as a program of its own: prints what the node answers, one JSON a line.

``python -m tests.integration.relayed_caller RELAY_HOST RELAY_PORT NODE_KEY CERTIFICATE_HASH [METHOD…]``
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from cloudnode.client.errors import ClientError
from cloudnode.client.relayed import connect_relayed


async def call(reactor: Any, host: str, port: str, node: str, certificate: str, *methods: str) -> None:
    begin = time.monotonic()
    try:
        certificates = frozenset((bytes.fromhex(certificate),))
        client = await connect_relayed(host, int(port), bytes.fromhex(node), certificates, reactor)
    except ClientError as error:
        print(json.dumps({"error": str(error)}))
        return
    for method in methods:
        answer = await client.call(method)
        seconds = time.monotonic() - begin
        print(json.dumps({"seconds": seconds, "result": answer.decode(object)}), flush=True)
    await client.close()


if __name__ == "__main__":
    react(lambda reactor: Deferred.fromCoroutine(call(reactor, *sys.argv[1:])))
