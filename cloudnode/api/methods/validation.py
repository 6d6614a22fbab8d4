"""Methods by which nodes and light clients check each other: hashes, proofs, blocks, certificates."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from cloudnode.api.calls import Call
from cloudnode.api.errors import ApiError
from cloudnode.api.limits import PAGE_DEFAULT
from cloudnode.api.table import Method, NoParams
from cloudnode.api.types import (
    AccountId,
    Address,
    Descendants,
    Height,
    Hex,
    Hex32,
    Hex64,
    Milliseconds,
    PageLimit,
    ValidatorId,
    finality_texts,
)
from cloudnode.formats.addresses import parse_address
from cloudnode.formats.block import Header
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.errors import result_code
from cloudnode.ledger.reading import Block, Proof, Reading
from cloudnode.store.epochs import EpochEnd

PAGE_BYTES = 1_048_576
"""A page of a block's operations ends once their bodies add up to this; a constant of the protocol."""

# The state


class DataHashAnswer(Struct, frozen=True):
    """The state at one height in one value: ``root`` binds all the others.

    :ivar ratings_sum: Of the stars of all ratings. :ivar ratings_count: Of all ratings.
    :ivar records: How many live records there are. :ivar accounts: How many accounts have written anything.
    """

    height: Height
    root: Hex32
    ratings_sum: int
    ratings_count: int
    records: int
    accounts: int


def _getdatahash(reading: Reading, params: NoParams) -> DataHashAnswer:
    state = reading.data_hash()
    return DataHashAnswer(
        state.height,
        state.root.hex(),
        state.ratings_sum,
        state.ratings_count,
        state.records,
        state.accounts,
    )


def _prove_data_hash(reading: Reading, params: NoParams, answer: DataHashAnswer | None) -> Proof:
    return reading.prove_data_hash()


# Proofs


class GetProof(Struct, frozen=True, forbid_unknown_fields=True):
    """:ivar record: The record's address. :ivar account: The account, or who rated. :ivar id: The operation's id.
    :ivar expiry: The last height at which the operation is valid."""

    of: Annotated[
        Literal["record", "ratings", "rating", "account", "operation", "datahash"],
        Meta(
            description="What to prove: record or ratings (give record), rating (record and account),"
            " account (account), operation (id and expiry), datahash (nothing)."
        ),
    ]
    record: Address | None = None
    account: AccountId | None = None
    id: Hex32 | None = None
    expiry: Height | None = None


class ProofAnswer(Struct, frozen=True):
    """The trie's nodes from a state root down to rows, and the final header that carries the root.

    A verifier finds each next node by its SHA-256 (docs/protocol.md).

    :ivar nodes: Of the trie, in hex; each is found by its SHA-256 from the root down.
    """

    height: Height
    root: Hex32
    nodes: list[Hex]
    header: Hex
    certificate: Hex
    descendants: Descendants


_NEEDED = {
    "record": {"record"},
    "ratings": {"record"},
    "rating": {"record", "account"},
    "account": {"account"},
    "operation": {"id", "expiry"},
    "datahash": set(),
}


def _prove(reading: Reading, params: GetProof) -> Proof:
    given = {name for name in ("record", "account", "id", "expiry") if getattr(params, name) is not None}
    needed = _NEEDED[params.of]
    if given != needed:
        wanted = " and ".join(sorted(needed)) or "nothing else"
        raise ApiError("parameters_conflict", f"For a proof of {params.of} give {wanted}.")
    if params.of == "datahash":
        return reading.prove_data_hash()
    if params.id is not None and params.expiry is not None:
        return reading.prove_operations([(bytes.fromhex(params.id), params.expiry)])
    if params.record is None:
        assert params.account is not None
        return reading.prove_account(bytes.fromhex(params.account))
    if params.account is not None:
        return reading.prove_rating(params.record, bytes.fromhex(params.account))
    if params.of == "ratings":
        return reading.prove_ratings(params.record)
    return reading.prove_record(*parse_address(params.record))


# Blocks


class AtHeight(Struct, frozen=True, forbid_unknown_fields=True):
    height: Annotated[int, Meta(ge=1, le=2**40, description="A block's height.")]


class HeaderAnswer(Struct, frozen=True):
    """A block's header: its exact 236 bytes and what they say.

    :ivar epoch: Whose validators made it. :ivar view: Of the consensus, in which it was proposed.
    :ivar operations_count: How many operations it has.
    """

    height: Height
    hash: Hex32
    header: Hex
    epoch: int
    view: int
    time: Milliseconds
    parent: Hex32
    operations_hash: Hex32
    operations_count: int
    root_height: Height
    root: Hex32
    signatures_hash: Hex32
    next_validators: Annotated[Hex32 | None, Meta(description="The hash of the validators that the block appoints.")]


class CertificateAnswer(Struct, frozen=True):
    """The validators' signatures that make a block final, as exact bytes."""

    height: Height
    hash: Hex32
    certificate: Hex
    descendants: Descendants


class GetBlock(Struct, frozen=True, forbid_unknown_fields=True):
    height: Annotated[int, Meta(ge=1, le=2**40, description="A block's height.")]
    after: Annotated[Annotated[int, Meta(ge=0, le=2**20)] | None, Meta(description="The page before's next.")] = None
    limit: PageLimit = PAGE_DEFAULT


class OperationAnswer(Struct, frozen=True):
    """An operation in the log: its exact text, and what the ledger's rules made of it.

    :ivar index: In the block, from 0. :ivar operation: Its JSON text as it was signed.
    :ivar result: What the ledger's rules made of it: `ok`, or a name.
    """

    index: int
    id: Hex32
    operation: str
    signature: Hex64
    result: str


class BlockAnswer(Struct, frozen=True):
    """A final block. ``next`` is the ``after`` of the next page of operations, null at the end.

    :ivar operations_count: How many operations it has, on all pages.
    :ivar next: The `after` of the next page; null at the end.
    """

    height: Height
    hash: Hex32
    header: Hex
    certificate: Hex
    descendants: Descendants
    validators: Annotated[list[ValidatorId], Meta(description="Those that the block appoints; most appoint none.")]
    operations_count: int
    operations: list[OperationAnswer]
    next: int | None


class GetLastBlocks(Struct, frozen=True, forbid_unknown_fields=True):
    limit: PageLimit = 10
    before: Annotated[Height | None, Meta(description="Only blocks below this height.")] = None


class BlockSummary(Struct, frozen=True):
    """A final block in short.

    :ivar operations_count: How many operations it has.
    """

    height: Height
    hash: Hex32
    time: Milliseconds
    operations_count: int


def _block(reading: Reading, height: int) -> Block:
    block = reading.block(height)
    if block is not None:
        return block
    if 0 < height < reading.lowest_block <= reading.height:
        raise ApiError("block_pruned", blocks_from=reading.lowest_block)
    raise ApiError("block_unknown")


def _getheader(reading: Reading, params: AtHeight) -> HeaderAnswer:
    block = _block(reading, params.height)
    header = Header.decode(block.header)
    return HeaderAnswer(
        block.height,
        block.hash.hex(),
        block.header.hex(),
        header.epoch,
        header.view,
        header.time,
        header.parent.hex(),
        header.operations_hash.hex(),
        header.operations_count,
        header.root_height,
        header.root.hex(),
        header.signatures_hash.hex(),
        header.next_validators.hex() if header.ends_epoch else None,
    )


def _getcertificate(reading: Reading, params: AtHeight) -> CertificateAnswer:
    block = _block(reading, params.height)
    return CertificateAnswer(block.height, block.hash.hex(), *finality_texts(block.finality))


def _getblock(reading: Reading, params: GetBlock) -> BlockAnswer:
    block = _block(reading, params.height)
    first = 0 if params.after is None else params.after + 1
    page: list[OperationAnswer] = []
    total = 0
    for logged in reading.operations(params.height, first, params.limit):
        total += len(logged.body)
        if total > PAGE_BYTES and page:
            break
        page.append(
            OperationAnswer(
                logged.cursor.index,
                logged.id.hex(),
                logged.body.decode(),
                logged.signature.hex(),
                result_code(logged.result),
            )
        )
    count = len(block.operation_ids)
    return BlockAnswer(
        block.height,
        block.hash.hex(),
        block.header.hex(),
        *finality_texts(block.finality),
        [key.hex() for key in block.validators],
        count,
        page,
        page[-1].index if page and page[-1].index + 1 < count else None,
    )


class _Expiry(Struct):
    expiry: int


_read_expiry = msgspec.json.Decoder(_Expiry).decode


def _prove_results(reading: Reading, params: GetBlock, page: BlockAnswer | None) -> Proof:
    """What the ledger's rules made of each operation that is shown, but for those that expired meanwhile."""
    shown = [] if page is None else page.operations
    return reading.prove_operations((bytes.fromhex(each.id), _read_expiry(each.operation).expiry) for each in shown)


def _getlastblocks(reading: Reading, params: GetLastBlocks) -> list[BlockSummary]:
    newest = reading.height if params.before is None else min(reading.height, params.before - 1)
    found: list[BlockSummary] = []
    for height in range(newest, max(newest - params.limit, 0), -1):
        block = reading.block(height)
        if block is None:
            break
        time = Header.decode(block.header).time
        found.append(BlockSummary(height, block.hash.hex(), time, len(block.operation_ids)))
    return found


# The network


class GetEpochs(Struct, frozen=True, forbid_unknown_fields=True):
    after: Annotated[
        Annotated[int, Meta(ge=0, le=2**53 - 1)] | None, Meta(description="The page before's next.")
    ] = None
    limit: PageLimit = PAGE_DEFAULT


class EpochEndAnswer(Struct, frozen=True):
    """The block that ended an epoch, with what proves it final.

    Its header has the hash of the validators that it appoints, those of the next epoch (docs/protocol.md).
    """

    height: Height
    hash: Hex32
    header: Hex
    certificate: Hex
    descendants: Descendants


class EpochAnswer(Struct, frozen=True):
    """A span of heights with one set of validators.

    :ivar epoch: Its number, from 0. :ivar validators: Their keys, in the order of their indexes.
    :ivar quorum: How many of them decide.
    """

    epoch: int
    first_height: Annotated[Height, Meta(description="The first block that this set makes.")]
    validators: list[ValidatorId]
    quorum: int
    end: Annotated[EpochEndAnswer | None, Meta(description="How it ended; null for the present one.")]


class EpochsAnswer(Struct, frozen=True):
    """Epochs in order, from the first one on. ``next`` is the ``after`` of the next page, null at the present one.

    :ivar next: The `after` of the next page; null at the end.
    """

    epochs: list[EpochAnswer]
    next: int | None


class GenesisAnswer(Struct, frozen=True):
    """The network's beginning: the SHA-256 of tag and text is the network's id (docs/protocol.md).

    :ivar name: Of the network, for people.
    """

    network: Hex32
    name: str
    genesis: Annotated[str, Meta(description="The exact text.")]


def _getepochs(call: Call, params: GetEpochs) -> EpochsAnswer:
    ledger = call.served.ledger
    first = 0 if params.after is None else params.after + 1
    epoch = ledger.find_epoch(first)
    page: list[EpochAnswer] = []
    size = 0
    for end in ledger.epochs(first):
        size += len(end.finality) + len(end.header) + 32 * len(end.validators)
        if epoch is None or len(page) == params.limit or (page and 2 * size > PAGE_BYTES):
            break
        page.append(_epoch(epoch, end))
        epoch = epoch.after(Header.decode(end.header), end.validators)
    else:
        if epoch is not None and len(page) < params.limit:
            return EpochsAnswer([*page, _epoch(epoch, None)], None)
    return EpochsAnswer(page, page[-1].epoch if page else None)


def _epoch(epoch: Epoch, end: EpochEnd | None) -> EpochAnswer:
    told = None
    if end is not None:
        proof = finality_texts(end.finality)
        told = EpochEndAnswer(end.last_height, end.hash.hex(), end.header.hex(), *proof)
    return EpochAnswer(epoch.number, epoch.base + 1, [key.hex() for key in epoch.validators], epoch.quorum, told)


def _getgenesis(call: Call, params: NoParams) -> GenesisAnswer:
    genesis = call.served.ledger.genesis
    return GenesisAnswer(genesis.network_hex, genesis.name, genesis.text.decode())


METHODS: tuple[Method[Any], ...] = (
    Method(
        "getdatahash",
        "validation",
        "Answer the hash of all data at a height, with the sum and number of all ratings, of records and of accounts.",
        NoParams,
        DataHashAnswer,
        read=_getdatahash,
        prove=_prove_data_hash,
        deterministic=True,
    ),
    Method(
        "getproof",
        "validation",
        "Prove a record, a record's ratings, a rating, an account, an operation's result, or the state itself;"
        " or that it does not exist.",
        GetProof,
        ProofAnswer,
        read=_prove,
        provable_height=True,
        errors=("not_provable", "parameters_conflict", "record_invalid", "key_invalid"),
    ),
    Method(
        "getheader",
        "validation",
        "Answer a block's header.",
        AtHeight,
        HeaderAnswer,
        read=_getheader,
        deterministic=True,
        errors=("block_unknown", "block_pruned"),
    ),
    Method(
        "getblock",
        "validation",
        "Answer a block with its operations, in pages.",
        GetBlock,
        BlockAnswer,
        read=_getblock,
        prove=_prove_results,
        shared=True,
        errors=("block_unknown", "block_pruned", "page_too_long"),
    ),
    Method(
        "getlastblocks",
        "validation",
        "List the newest blocks, the newest first.",
        GetLastBlocks,
        list[BlockSummary],
        read=_getlastblocks,
        deterministic=True,
        errors=("page_too_long",),
    ),
    Method(
        "getcertificate",
        "validation",
        "Answer the certificate that makes a block final.",
        AtHeight,
        CertificateAnswer,
        read=_getcertificate,
        errors=("block_unknown", "block_pruned"),
    ),
    Method(
        "getepochs",
        "validation",
        "List the sets of validators and how each was replaced: from the genesis on, this proves who decides now.",
        GetEpochs,
        EpochsAnswer,
        call=_getepochs,
        errors=("page_too_long",),
    ),
    Method(
        "getgenesis",
        "validation",
        "Answer the network's genesis.",
        NoParams,
        GenesisAnswer,
        call=_getgenesis,
        always=True,
    ),
)  # fmt: skip
