"""Which network a node is of: what its data directory holds, or on a first start that of the nodes it joins."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger

from cloudnode.formats.genesis import Genesis
from cloudnode.peers.joining import JoinFailed, Newcomer, find_link_port
from cloudnode.peers.places import JoinAddress
from cloudnode.service.shutdown import Shutdown, StartAbandoned, StartError

ASK_SECONDS = 5.0
_POLL_SECONDS = 0.05

_log = Logger(namespace="cloudnode.service")


async def unless_stopped(work: Deferred[Any], shutdown: Shutdown, reactor: Any) -> Any:
    """Wait for something, but no longer when the node is to stop.

    :raises StartAbandoned: It is.
    """
    while not work.called:
        if shutdown.requested:
            work.addErrback(lambda failure: None)
            work.cancel()
            raise StartAbandoned
        await deferLater(reactor, _POLL_SECONDS)
    return await work


async def resolve_joins(joins: Sequence[JoinAddress], reactor: Any) -> list[JoinAddress]:
    """Find out where those nodes take links that were named by their HTTP addresses; who does not answer is left."""
    resolved = []
    for join in joins:
        try:
            resolved.append(await find_link_port(join, reactor, ASK_SECONDS))
        except JoinFailed as error:
            _log.warn("{error}", error=error)
    return resolved


async def learn_genesis(joins: Sequence[JoinAddress], newcomer: Newcomer, reactor: Any) -> tuple[Genesis, JoinAddress]:
    """The genesis of the network to be joined, from the first node that tells it.

    :raises StartError: None does.
    """
    reasons = []
    for join in joins:
        try:
            place = await find_link_port(join, reactor, ASK_SECONDS)
            genesis = await newcomer.fetch_genesis(place)
        except JoinFailed as error:
            reasons.append(str(error))
            continue
        return genesis, join
    raise StartError("; ".join(reasons))


async def check_joins(
    joins: Sequence[JoinAddress], genesis: Genesis, newcomer: Newcomer, source: Path | JoinAddress, reactor: Any
) -> list[JoinAddress]:
    """See that the nodes to be joined are of one network, as far as they answer.

    :param source: From where the genesis is: the data directory, or on a first start the node that told it.
    :return: Where those take links that are known to.
    :raises StartError: One is of another network.
    """
    for join in joins:
        if join.network not in (None, genesis.network):
            raise _other_network(join, join.network or b"", genesis, source)
    resolved = await resolve_joins(joins, reactor)
    asking = [Deferred.fromCoroutine(newcomer.ask_network(join)) for join in resolved]
    for join, asked in zip(resolved, asking, strict=True):
        try:
            network = await asked
        except JoinFailed as error:
            _log.warn("{error}; the address book may know others", error=error)
            continue
        if network != genesis.network:
            raise _other_network(join, network, genesis, source)
    return resolved


def _other_network(join: JoinAddress, network: bytes, genesis: Genesis, source: Path | JoinAddress) -> StartError:
    told = f"{join.text} is of network {network.hex()}, but"
    if isinstance(source, Path):
        return StartError(
            f"{told} {source} holds network {genesis.network_hex}: "
            "a node that joins another network needs another data directory"
        )
    return StartError(
        f"{told} {source.text} is of network {genesis.network_hex}: find out which one you want, and name its nodes "
        "alone; nothing was written"
    )
