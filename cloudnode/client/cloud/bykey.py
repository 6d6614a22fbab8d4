"""A node that is named by its key: dialled where it says that strangers reach it, else through any node that has a link
with it, directly in the end if there is a way.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.defer import TimeoutError as DeferTimeoutError
from twisted.internet.task import deferLater

from cloudnode.client.address import NodeAddress
from cloudnode.client.client import Client
from cloudnode.client.cloud.stunbook import NODES_MAX, Sighting, StunBook
from cloudnode.client.connecting import connect_vouched
from cloudnode.client.errors import ClientError, ConnectionFailed

ASK_SECONDS = 2.0
"""Seconds that a node may take to tell how it can help: a connection that hangs, as after a change of network, shall
not keep the others from being asked."""

DIRECT_SECONDS = 2.0
"""Seconds that dialling a node where it says it is may take in all, before it is sought through another one."""

STAGGER = 0.3
"""Seconds after which the next of a node's endpoints is dialled as well."""


class ByKey:
    """Connects to nodes by their keys.

    :ivar book: Where they say that they are.
    """

    def __init__(self, network: Callable[[], bytes | None], reactor: Any) -> None:
        """:param network: The network's id, as soon as it is known."""
        self.book = StunBook()
        self._network = network
        self._reactor = reactor
        self._failed: deque[Sighting] = deque(maxlen=NODES_MAX)

    def told(self, told: Any) -> list[Sighting]:
        """Take in a node's ``getstuninfo``; see :meth:`StunBook.told`."""
        network = self._network()
        return [] if network is None else self.book.told(told, network, time.time())

    async def connect(self, node: bytes, helpers: Callable[[], Awaitable[Sequence[Client]]]) -> Client:
        """Connect to a node by its key.

        :param node: Its key. :param helpers: Gives connections with nodes that may know of it, or have a link with it.
        :returns: A client that proved itself by a certificate which the key vouches for. Where a relay carries it, it
            moves to a direct path by itself.
        :raises ConnectionFailed: There is no way to it; the message has what was tried.
        """
        troubles: list[str] = []
        client = await self._dial(node, troubles)
        if client is not None:
            return client
        for helper in await helpers():
            if await self._ask_for(node, helper):
                client = await self._dial(node, troubles)
                if client is not None:
                    return client
            client = await self._through(node, helper, troubles)
            if client is not None:
                return client
        raise ConnectionFailed(
            f"No way to the node {node.hex()}: {'; '.join(troubles) or 'there is no other node to go through'}."
        )

    async def _dial(self, node: bytes, troubles: list[str]) -> Client | None:
        """Dial it where strangers reach it, if it says that they do anywhere."""
        sighting = self.book.find(node, time.time())
        addresses = [] if sighting is None else sighting.open_to_strangers()
        if sighting is None or not addresses or sighting in self._failed:
            return None
        dialled = Deferred.fromCoroutine(dial_first(addresses, sighting.certificates, self._reactor))
        try:
            return await dialled.addTimeout(DIRECT_SECONDS, self._reactor)
        except ClientError as error:
            troubles.append(error.message)
        except DeferTimeoutError:
            troubles.append(f"Nobody answers in time at {', '.join(map(str, addresses))}.")
        # Not again until the node says something else: its router may have restarted, or its network changed.
        self._failed.append(sighting)
        return None

    async def _ask_for(self, node: bytes, helper: Client) -> bool:
        """Ask for a node's newest record. :returns: Whether there is news."""
        asked = helper.call("getstuninfo", {"node": node.hex()}, timeout=ASK_SECONDS)
        try:
            return bool(self.told((await asked).result))
        except ClientError:
            return False

    async def _through(self, node: bytes, helper: Client, troubles: list[str]) -> Client | None:
        from cloudnode.client.punching import connect_node, find_coordinator

        finding = Deferred.fromCoroutine(find_coordinator(helper, self._reactor))
        try:
            mutual = await finding.addTimeout(ASK_SECONDS, self._reactor)
            return (await connect_node(node, mutual, self._reactor)).client
        except ClientError as error:
            troubles.append(f"{helper.url}: {error}")
        except DeferTimeoutError:
            troubles.append(f"{helper.url}: It does not answer.")
        return None


async def dial_first(
    addresses: Sequence[NodeAddress],
    certificates: frozenset[bytes],
    reactor: Any,
    connect: Callable[[NodeAddress, frozenset[bytes], Any], Awaitable[Client]] = connect_vouched,
) -> Client:
    """Dial several addresses of one node, each a little after the one before; the first that answers is taken.

    :param certificates: What it has to show one of.
    :raises ConnectionFailed: None answers; the message has what each did instead.
    """

    async def dial(address: NodeAddress, delay: float) -> Client:
        if delay:
            await deferLater(reactor, delay)
        return await connect(address, certificates, reactor)

    attempts = [
        Deferred.fromCoroutine(dial(address, number * STAGGER)) for number, address in enumerate(addresses)
    ]
    outcome: Any = await DeferredList(attempts, fireOnOneCallback=True, consumeErrors=True)
    if isinstance(outcome, tuple):
        client: Client
        client, chosen = outcome
        for number, attempt in enumerate(attempts):
            if number != chosen:
                attempt.addCallbacks(_close, lambda _: None)
                attempt.cancel()
        return client
    for _, failure in outcome:
        failure.trap(ClientError)
    raise ConnectionFailed(" ".join(failure.value.message for _, failure in outcome))


def _close(client: Client | None) -> None:
    if client is not None:
        client.close()
