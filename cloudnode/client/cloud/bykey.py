"""A node that is named by its key: reached through any node that has a link with it, directly in the end if there is a
way.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferTimeoutError

from cloudnode.client.client import Client
from cloudnode.client.errors import ClientError, ConnectionFailed

ASK_SECONDS = 2.0
"""Seconds that a node may take to tell how it can help: a connection that hangs, as after a change of network, shall
not keep the others from being asked."""


async def connect_by_key(node: bytes, through: Sequence[Client], reactor: Any) -> Client:
    """Connect to a node by its key.

    :param node: Its key. :param through: Connections with nodes that may have a link with it.
    :returns: A client that proved itself by a certificate which the key vouches for. Where a relay carries it, it moves
        to a direct path by itself.
    :raises ConnectionFailed: None of them could help; the message has what each said.
    """
    from cloudnode.client.punching import connect_node, find_coordinator

    troubles = []
    for client in through:
        try:
            mutual = await Deferred.fromCoroutine(find_coordinator(client, reactor)).addTimeout(ASK_SECONDS, reactor)
            return (await connect_node(node, mutual, reactor)).client
        except ClientError as error:
            troubles.append(f"{client.url}: {error}")
        except DeferTimeoutError:
            troubles.append(f"{client.url}: It does not answer.")
    raise ConnectionFailed(
        f"No way to the node {node.hex()}: {'; '.join(troubles) or 'there is no other node to go through'}."
    )
