"""Opening what is on the disk when a node starts: data directory, network, ledger, evidence, certificates.

Whatever can't be used ends the start with one line that says why and what to do
(:class:`~cloudnode.service.shutdown.StartError`).
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.internet.threads import deferToThreadPool
from twisted.logger import Logger

from cloudnode import __version__
from cloudnode.formats.block import quorum
from cloudnode.formats.keys import TLS
from cloudnode.node.datadir import Datadir, DatadirError, PreparedDatadir, lone_genesis
from cloudnode.node.evidence import EvidenceStore
from cloudnode.node.journalfile import JournalError, JournalFile
from cloudnode.node.ledger import Ledger, LedgerConfig
from cloudnode.node.ordering import ValidatorIdentity
from cloudnode.node.pool import PoolLimits
from cloudnode.node.threads import RunInThread
from cloudnode.peers.joining import Newcomer
from cloudnode.peers.places import JoinAddress
from cloudnode.service.config import Config
from cloudnode.service.joining import check_joins, learn_genesis
from cloudnode.service.links import Dialler
from cloudnode.service.shutdown import StartError
from cloudnode.store.aside import set_aside
from cloudnode.store.audit.worker import start_audit_process
from cloudnode.store.connection import DatabaseDamaged
from cloudnode.store.creation import WrongDatabase
from cloudnode.store.sqlite import SqliteStore
from cloudnode.transports.certificates import CertificateError, CertificateKeeper

SOFTWARE = f"cloudnode {__version__}"

_log = Logger(namespace="cloudnode.service")


def prepare_datadir(config: Config) -> PreparedDatadir:
    """Lock the data directory and read what is in it.

    :raises StartError: It can't be used.
    """
    try:
        return Datadir.prepare(config.datadir)
    except DatadirError as error:
        raise StartError(str(error)) from None


async def choose_network(
    config: Config, prepared: PreparedDatadir, reactor: Any, wall_time: Callable[[], float]
) -> tuple[Datadir, list[JoinAddress]]:
    """The data directory with its network: the one that it holds, that of a node to join, or a new one of its own.

    :return: Also the nodes to join.
    :raises StartError: There is none, or not the one that was asked for.
    """
    dial = Dialler(reactor, config.peers.dial_timeout)
    newcomer = Newcomer(reactor, dial, prepared.node_key, os.urandom, wall_time, SOFTWARE)
    try:
        if prepared.genesis is not None:
            joins = await check_joins(config.join, prepared.genesis, newcomer, prepared.path, reactor)
            datadir = prepared.complete(prepared.genesis)
        elif config.join:
            genesis, teller = await learn_genesis(config.join, newcomer, reactor)
            joins = await check_joins(config.join, genesis, newcomer, teller, reactor)
            datadir = prepared.complete(genesis)
            _log.info(
                'Joining network {network} ("{name}"), as {join} told it: pinned in the data directory from now on',
                network=genesis.network_hex, name=genesis.name, join=teller.text,
            )  # fmt: skip
        else:
            return prepared.complete(lone_genesis(prepared.validator_key, wall_time())), []
    except DatadirError as error:
        raise StartError(str(error)) from None
    is_follower = datadir.validator_key.public not in datadir.genesis.validators
    if is_follower and not config.join and not datadir.address_book.exists():
        raise StartError(
            f"{prepared.path / 'validator.key'} is not a key of the validators in genesis.json, so this node "
            "follows them, but it knows no other node: name one with --join"
        )
    return datadir, joins


def open_ledger(config: Config, datadir: Datadir, reactor: Any) -> Ledger:
    """The ledger on its database, not started yet.

    :raises StartError: The database or the validator's journal can't be used.
    """
    settings = config.ledger
    run_in_thread = partial(deferToThreadPool, reactor, reactor.getThreadPool())
    store = _open_store(config, datadir, time.time())
    try:
        return Ledger(
            reactor,
            run_in_thread,
            store,
            datadir.genesis,
            datadir.node_key,
            _open_identity(datadir, store, run_in_thread),
            LedgerConfig(
                pool=PoolLimits(settings.pool_operations, settings.pool_bytes),
                audit_interval=settings.audit_interval,
                audit_share=settings.audit_share,
                checkpoint=config.checkpoint,
            ),
            make_audit=start_audit_process,
        )
    except BaseException:
        store.close()
        raise


def _open_store(config: Config, datadir: Datadir, now: float) -> SqliteStore:
    """The database; if it is damaged so that it can't be opened, a new one, for which other nodes have the content.

    :param now: Unix seconds, for the name of the damaged one.
    """
    path = str(datadir.database)
    try:
        try:
            return SqliteStore.open(path, datadir.genesis, config.keep)
        except DatabaseDamaged as error:
            if not config.join and not datadir.address_book.exists():
                raise
            aside = set_aside(path, now)
            _log.critical(
                "{error}: it is put aside as {aside}, and made anew from other nodes; look whether the disk or the "
                "memory of this machine is failing", error=error, aside=aside,
            )  # fmt: skip
            return SqliteStore.open(path, datadir.genesis, config.keep)
    except (WrongDatabase, DatabaseDamaged) as error:
        raise StartError(f"{error}; docs/operations.md says what to do") from None
    except (sqlite3.Error, OSError) as error:
        raise StartError(f"cannot open {path}: {error}") from None


def _open_identity(datadir: Datadir, store: SqliteStore, run_in_thread: RunInThread) -> ValidatorIdentity | None:
    """What this node votes with; None if it has no vote now and lacks what it would need to get one."""
    key, genesis = datadir.validator_key, datadir.genesis
    try:
        journal = JournalFile.open(
            datadir.journal, run_in_thread, genesis.network, key.public, genesis.parameters.max_block_operations
        )
    except JournalError as error:
        if key.public in store.epoch.validators:
            raise StartError(str(error)) from None
        _log.warn("{error}", error=error)
        return None
    tolerated = len(store.epoch.validators) - quorum(len(store.epoch.validators))
    if key.public in store.epoch.validators and len(store.epoch.validators) > 1 and not tolerated:
        _log.warn(
            "This network's {count} validators tolerate no fault: when one of them is down, nothing becomes final",
            count=len(store.epoch.validators),
        )
    return ValidatorIdentity(key, journal)


def open_evidence(
    datadir: Datadir, ledger: Ledger, reactor: Any, wall_time: Callable[[], float]
) -> EvidenceStore:
    """What is known of lies, as far as the file can be read."""
    return EvidenceStore(
        datadir.evidence,
        ledger.network,
        ledger.find_epoch,
        partial(deferToThreadPool, reactor, reactor.getThreadPool()),
        wall_time,
    )


def open_certificates(config: Config, datadir: Datadir, reactor: Any) -> CertificateKeeper:
    """The node's certificates.

    :raises StartError: They can't be read or written.
    """
    key = datadir.node_key
    # Names are for clients which check them; those which know the certificate by its hash do not.
    names = [str(address.host) for address in config.ws_udp if address.host not in ("0.0.0.0", "::")]
    try:
        # The keeper's messages have the purpose tag already, which the key would put before them.
        return CertificateKeeper(datadir.tls, names, reactor, lambda text: key.sign(TLS, text.removeprefix(TLS)))
    except CertificateError as error:
        raise StartError(str(error)) from None
