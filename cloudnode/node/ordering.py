"""Where a node's blocks come from: the seam between the shared ledger and whoever orders."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, Protocol

from twisted.internet.interfaces import IReactorTime

from cloudnode.formats.genesis import Genesis
from cloudnode.formats.keys import SigningKey
from cloudnode.node.following import Follower
from cloudnode.node.lone import LoneValidator
from cloudnode.node.pool import Pool
from cloudnode.node.writing import BlockWriting
from cloudnode.store.sqlite import SqliteStore

Role = Literal["validator", "follower"]


class Ordering(Protocol):
    """What decides which block comes next and has it written.

    It writes by the ledger's one :class:`~cloudnode.node.writing.BlockWriting`, which tells of each final block.
    """

    def start(self) -> None:
        """Begin, or begin again after :meth:`halt`."""

    def halt(self) -> None:
        """Write no further block: the database can't be trusted."""

    async def stop(self) -> None:
        """Write no further block, once the one under way is on disk."""

    def wake(self) -> None:
        """The pool is no longer empty."""


def choose_role(genesis: Genesis, validator_key: SigningKey) -> Role:
    """What a node with this key is in the network: a validator if genesis names the key, else a follower."""
    return "validator" if validator_key.public in genesis.validators else "follower"


def make_ordering(
    reactor: IReactorTime,
    writing: BlockWriting,
    store: SqliteStore,
    pool: Pool,
    genesis: Genesis,
    validator_key: SigningKey,
    wall_time: Callable[[], float],
) -> LoneValidator | Follower:
    """The ordering part of a node with this validator key."""
    if choose_role(genesis, validator_key) == "follower":
        return Follower(reactor, writing, store)
    return LoneValidator(reactor, writing, store, pool, genesis, validator_key, wall_time)
