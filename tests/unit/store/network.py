"""A small network in one process: keys, a genesis, a store, and operations made and stored block by block."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from cloudnode.formats.appointment import appointed_by, sign_approval
from cloudnode.formats.block import (
    FINALIZE,
    Certificate,
    Header,
    operations_hash,
    sign_vote,
    signatures_hash,
    validators_hash,
)
from cloudnode.formats.finality import Finality
from cloudnode.formats.genesis import Genesis, Parameters, build_genesis
from cloudnode.formats.keys import SigningKey
from cloudnode.formats.operation import (
    Appoint,
    Envelope,
    Operation,
    build_appoint,
    build_delete,
    build_invite,
    build_put,
    build_rate,
    build_withdraw,
    decode_operation,
    sign_operation,
)
from cloudnode.ledger.reading import Block
from cloudnode.store.sqlite import SqliteStore
from cloudnode.store.writer import Run

TIME = 1_790_000_000_000


def make_key(seed: int) -> SigningKey:
    """A key that is the same in every run."""
    return SigningKey(seed.to_bytes(32, "big"))


class SmallNetwork:
    """A store with one validator and as many accounts as asked for.

    :ivar accounts: Signing keys. :ivar store: The database.
    """

    def __init__(self, path: str, accounts: int = 4, parameters: Parameters | None = None) -> None:
        self.validator = make_key(1)
        self.signers = {self.validator.public: self.validator}
        self.genesis: Genesis = build_genesis(
            name="test", time=TIME, validators=[self.validator.public], parameters=parameters
        )
        self.accounts = [make_key(100 + number) for number in range(accounts)]
        self.path = path
        self.store = SqliteStore.open(path, self.genesis)
        self.time = TIME
        self.lifetime = 50

    def reopen(self) -> None:
        """Close the database and open it again."""
        self.store.close()
        self.store = SqliteStore.open(self.path, self.genesis)

    def sign(self, key: SigningKey, body: bytes) -> Operation:
        """An operation as the node has it after the checks of its form."""
        return decode_operation(body, sign_operation(key, body), self.genesis)

    def _envelope(self, key: SigningKey) -> Envelope:
        self.time += 1
        height = self.store.head.height + 1
        return Envelope(self.genesis.network, key.public, self.time, height, height + self.lifetime)

    def put(
        self, key: SigningKey, collection: str, name: str, data: bytes = b"{}", ref: str | None = None,
        if_version: int | None = None,
    ) -> Operation:  # fmt: skip
        body = build_put(self._envelope(key), collection, name, data, ref=ref, if_version=if_version)
        return self.sign(key, body)

    def delete(self, key: SigningKey, collection: str, name: str, if_version: int | None = None) -> Operation:
        return self.sign(key, build_delete(self._envelope(key), collection, name, if_version=if_version))

    def rate(self, key: SigningKey, record: str, stars: int) -> Operation:
        return self.sign(key, build_rate(self._envelope(key), record, stars))

    def withdraw(self, key: SigningKey, record: str) -> Operation:
        return self.sign(key, build_withdraw(self._envelope(key), record))

    def invite(self, key: SigningKey, invited: bytes) -> Operation:
        return self.sign(key, build_invite(self._envelope(key), invited))

    def appoint(self, *keys: SigningKey, sender: SigningKey | None = None) -> Operation:
        """What makes these keys the validators, approved by a quorum of the present ones."""
        self.signers |= {key.public: key for key in keys}
        epoch = self.store.epoch
        validators = [key.public for key in keys]
        approvals = tuple(
            sign_approval(self.signers[key], index, epoch.network, epoch.number, validators)
            for index, key in enumerate(epoch.validators[: epoch.quorum])
        )
        appoint = Appoint(epoch.number, tuple(validators), approvals)
        sender = sender or self.accounts[0]
        return self.sign(sender, build_appoint(self._envelope(sender), appoint))

    def make_block(self, operations: Sequence[Operation]) -> Block:
        """The next block with these operations, final."""
        head, before, epoch = self.store.head, self.store.header, self.store.epoch
        validators = appointed_by(operations)
        ids = tuple(operation.id for operation in operations)
        header = Header(
            network=self.genesis.network,
            epoch=epoch.number,
            view=0 if before is None or before.ends_epoch else before.view + 1,
            height=head.height + 1,
            time=head.time + 1,
            parent=head.hash,
            operations_hash=operations_hash(ids),
            operations_count=len(ids),
            root_height=head.height,
            root=head.root,
            signatures_hash=signatures_hash(operation.signature for operation in operations),
            next_validators=validators_hash(validators),
        )
        signatures = tuple(
            (index, sign_vote(self.signers[key], header.network, FINALIZE, epoch.number, header.view, header.hash))
            for index, key in enumerate(epoch.validators[: epoch.quorum])
        )
        certificate = Certificate(FINALIZE, epoch.number, header.view, header.hash, signatures)
        return Block(header.height, header.hash, header.encode(), Finality(certificate).encode(), ids, validators)

    def block(self, *operations: Operation) -> list[int]:
        """Make and store a block and return the operations' results."""
        return write_run(self.store, [(self.make_block(operations), operations)])


def write_run(store: SqliteStore, run: Run, root: bytes | None = None) -> list[int]:
    """Store blocks in one go and return the operations' results."""
    steps = store.write_in_steps(run, root)
    try:
        while True:
            next(steps)
    except StopIteration as done:
        return list(done.value[1])


def random_operation(network: SmallNetwork, random: Random) -> Operation:
    """One of all kinds of operations, on few enough records that they meet."""
    key = random.choice(network.accounts)
    name = f"r{random.randrange(12)}"
    collection = random.choice(["post", "film"])
    owner = random.choice(network.accounts)
    record = f"{owner.public.hex()}/{collection}/{name}"
    kind = random.random()
    if kind < 0.35:
        data = b'{"title":"word%d common"}' % random.randrange(5)
        ref = record if random.random() < 0.3 else None
        version = random.randrange(3) if random.random() < 0.2 else None
        return network.put(key, collection, name, data, ref, version)
    if kind < 0.42:
        return network.delete(key, collection, name)
    if kind < 0.88:
        return network.rate(key, record, random.randint(1, 5))
    if kind < 0.97:
        return network.withdraw(key, record)
    return network.invite(key, owner.public)
