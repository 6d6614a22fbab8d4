"""First steps with a node: write a record, rate it as somebody else, read it back, see the sums.

    python examples/first_steps.py [URL]
"""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import react

from cloudnode.client.connecting import connect
from cloudnode.client.writer import Writer, submit_final
from cloudnode.formats.keys import SigningKey


async def first_steps(reactor: Any, url: str) -> None:
    """Everything that most applications need."""
    client = await connect(url, reactor)
    try:
        # A key is an account; there is nothing to sign up to.
        author, reader = SigningKey.generate(), SigningKey.generate()
        print(f"The author is {author.public.hex()}.")

        writing = await Writer.open(client, author)
        put = await submit_final(client, writing.put("post", "first", {"text": "Hello"}), reactor, timeout=30)
        print(f"The post is final: operation {put.cursor} of the log, the same on every node.")

        address = f"{author.public.hex()}/post/first"
        rating = await Writer.open(client, reader)
        await submit_final(client, rating.rate(address, 5), reactor, timeout=30)

        params = {"account": author.public.hex(), "collection": "post", "key": "first"}
        answer = await client.call("getrecord", params)
        record = answer.result
        print(f"{record['data']} has {record['ratings_sum']} stars by {record['ratings_count']} reader.")

        state = (await client.call("getdatahash")).result
        print(f"All data up to height {state['height']} has the root {state['root']}.")
    finally:
        await client.close()


if __name__ == "__main__":
    node = sys.argv[1] if len(sys.argv) > 1 else "ws://127.0.0.1:38082"
    react(lambda reactor: Deferred.fromCoroutine(first_steps(reactor, node)))
