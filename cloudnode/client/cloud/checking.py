"""What a session believes: what follows from the genesis, and as much of it as the caller asks for.

Theory of operation. The network's id is all that is trusted. The genesis with that hash names the first validators, and
the epochs are followed from there; any node may bring both. A proof leads from a header that the validators finalized
to the answer. An answer without a proof names the block that it holds at, and that block is checked to be final, once
for each height: so no node can make a session wait for a height that does not exist, or pass an old state off as a new
one.
"""

from __future__ import annotations

from typing import Any, Literal

import attrs
import msgspec
from msgspec import Struct
from twisted.internet.defer import DeferredLock

from cloudnode.client.client import Client
from cloudnode.client.cloud.proving import by_name, check_absence, check_result, is_provable
from cloudnode.client.cloud.saved import SavedSession
from cloudnode.client.comparing import NothingToCompare, learn_network
from cloudnode.client.epochs import EpochChain
from cloudnode.client.errors import RemoteError
from cloudnode.client.messages import Answer, Context
from cloudnode.client.proofs import ToldProof, read_hex, read_proof
from cloudnode.client.signed import read_signed
from cloudnode.client.writer import fetch_genesis
from cloudnode.formats.block import Header
from cloudnode.formats.comparing import weigh
from cloudnode.formats.epoch import Epoch
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.evidence import encode_evidence
from cloudnode.formats.finality import Finality
from cloudnode.formats.genesis import Genesis
from cloudnode.formats.nodes import WindowValue
from cloudnode.formats.receipt import Receipt, verify_receipt
from cloudnode.formats.verify import ProvenState, read_finality

Checked = Literal["proof", "partly", "certificate", "none"]
"""How far an answer was checked: it follows from the state that the validators signed; parts of it do, the rest is the
node's word; it is the node's word, for a block that is final; not at all."""

HEIGHTS_KEPT = 1024
"""Blocks whose headers are remembered."""


class _Receipt(Struct, frozen=True):
    network: str
    id: str
    node: str
    height: int
    expiry: int
    signature: str


@attrs.frozen
class Weighed:
    """A node's state.

    :ivar height: That of the newest state which it proves. :ivar node: The key that it signs with, in hex.
    :ivar evidence: That it signed another state than the validators; None if it did not.
    """

    height: int
    node: str
    evidence: bytes | None


@attrs.frozen
class OperationProof:
    """Whether an operation is in the log, and what shows it.

    :ivar value: Where, and its result; None if no block up to the height of the header's state holds it.
    :ivar header: Final by ``finality``. :ivar nodes: Of the state.
    """

    value: WindowValue | None
    header: Header
    finality: Finality
    nodes: tuple[bytes, ...]


class Checker:
    """Checks answers against one network.

    :ivar genesis: Its beginning. :ivar newest: The newest height that is known to be final.
    """

    def __init__(self, genesis: Genesis, chain: EpochChain) -> None:
        self.genesis = genesis
        self.newest = 0
        self._chain = chain
        self._final: dict[int, Header] = {}
        self._following = DeferredLock()

    @classmethod
    async def learn(cls, client: Client, network: bytes | None, saved: SavedSession | None = None) -> Checker:
        """Begin with what a node brings.

        :param network: The id that the genesis must have; None to trust the first node in this alone.
        :param saved: What an earlier session verified.
        :raises ClientError: It brings no genesis with this id, or epochs that do not follow from what is believed.
        """
        if saved is None or saved.epoch is None:
            checker = cls(*await learn_network([client], network))
        else:
            genesis = await fetch_genesis(client)
            if genesis.network != network:
                raise NothingToCompare(f"{client.url} is of network {genesis.network_hex}.")
            checker = cls(genesis, EpochChain(saved.epoch))
            try:
                await checker._chain.follow(client)
            except LedgerError as error:
                why = f"{client.url} tells of epochs that do not go on from the last one known: {error}"
                raise NothingToCompare(why) from error
        if saved is not None and saved.header is not None and not checker.discards(saved.header):
            checker._chain.saw(saved.header)
            checker._remember(saved.header)
        return checker

    def save(self) -> tuple[Epoch, Header | None]:
        """The newest epoch, and the newest header that is known to be final."""
        return self._chain.newest, self.find_final(self.newest)

    # Answers

    async def check(self, client: Client, method: str, params: Any, answer: Answer, *, proof: bool) -> Checked:
        """Check a result.

        :param client: Who answered. :param proof: Whether a proof was asked for.
        :raises LedgerError: It is not so. :raises ClientError: The node did not bring what the check needs.
        """
        if proof:
            state = await self.prove(client, bytes(answer.raw_context))
            return check_result(state, method, by_name(method, params), bytes(answer.raw))
        context = read_context(bytes(answer.raw_context))
        if context.network != self.genesis.network_hex:
            raise LedgerError("header_network")
        await self.check_final(client, context.height, bytes.fromhex(context.hash))
        return "certificate"

    async def check_denial(self, client: Client, method: str, params: Any, error: RemoteError) -> Checked:
        """Check an error that says what does not exist, for which a proof was asked.

        :raises LedgerError: It exists. :raises ClientError: The node did not bring what the check needs.
        """
        state = await self.prove(client, error.raw_context)
        return check_absence(state, method, by_name(method, params), error.name)

    async def prove_operation(self, client: Client, operation_id: bytes, expiry: int, height: int) -> OperationProof:
        """Have a node prove where in the log an operation is.

        :param height: At this height or above, which is not above the expiry.
        :raises LedgerError: It is not so. :raises ClientError: The node has no proof.
        :raises ValueError: The height is above the expiry: the question is wrong, whoever answers.
        """
        if height > expiry:
            raise ValueError(f"No state above {expiry} knows of the operation, let alone one from {height} on.")
        params = {"of": "operation", "id": operation_id.hex(), "expiry": expiry}
        told = (await client.call("getproof", params, {"min_height": height})).decode(ToldProof)
        header = await self._verify(client, told)
        if header.root_height > expiry:  # whose state forgot it
            told = (await client.call("getproof", params, {"at": expiry})).decode(ToldProof)
            header = await self._verify(client, told)
        state = told.open(header)
        if not height <= state.height <= expiry:
            raise LedgerError("proof_height")
        found = state.operation(operation_id, expiry)
        raw, certificate, descendants = told.finality()
        if found is None:
            # That is shown to others, who go by the certificate; the header alone may have been known already.
            self._chain.verify_header(raw, certificate, descendants)
        return OperationProof(found, header, read_finality(certificate, descendants), tuple(read_hex(told.nodes)))

    async def weigh_state(self, client: Client) -> Weighed:
        """Have a node sign and prove its newest state, and compare what it signed with what the validators signed.

        :raises LedgerError: It brings no signature, or no proof. :raises ClientError: It does not answer.
        """
        answer = await client.call("getdatahash", {}, {"sign": True, "proof": True})
        signed = read_signed(answer, "getdatahash")
        proof = read_proof(bytes(answer.raw_context))
        header = await self._verify(client, proof)
        node = signed.answer.node
        yardstick = proof.yardstick(header)
        evidence = weigh(yardstick, node, signed, bytes(answer.raw))
        if evidence is None and not yardstick.state:
            raise LedgerError("proof_node_missing", "The proof leaves out what shows the sums.")
        if evidence is not None:
            # The header may have been known already; whoever gets the evidence goes by what came with it.
            self._chain.verify_header(*proof.finality())
        return Weighed(header.root_height, node.hex(), None if evidence is None else encode_evidence(evidence))

    def find_final(self, height: int) -> Header | None:
        """The header of a block that is known to be final; None if it is not known (any more)."""
        return self._final.get(height)

    def discards(self, header: Header) -> bool:
        """Whether a header that was once taken for that of a final block is known to be none: its epoch ended below."""
        return self._chain.discards(header)

    async def check_final(self, client: Client, height: int, hashed: bytes) -> None:
        """Check that the block at which an answer holds is final, once for each height.

        :param hashed: The hash that a node told of it.
        :raises LedgerError: It is not, or the node brings another. :raises ClientError: The node did not bring it.
        """
        if height == 0:
            known = self.genesis.network
        else:
            known = (self.find_final(height) or await self.learn_final(client, height)).hash
        if known != hashed:
            raise LedgerError("finality_chain", f"Block {height} is another than the one which the node names.")

    async def learn_final(self, client: Client, height: int, *, waits: bool = False) -> Header:
        """Have a node show a block's header and that it is final.

        :param waits: Whether the node is to wait until it has the block.
        :raises LedgerError: It is not final. :raises ClientError: The node does not have it, or did not answer.
        """
        context = {"min_height": height} if waits else None
        told = (await client.call("getblock", {"height": height, "limit": 1}, context)).decode(ToldProof)
        header = await self._verify(client, told)
        if header.height != height:
            raise LedgerError("finality_chain", f"The node shows block {header.height} in place of {height}.")
        return header

    async def follow_epochs(self, client: Client) -> Epoch:
        """Learn of the epochs that a node knows of.

        :returns: The newest one. :raises LedgerError: What it tells is not so. :raises ClientError: It does not answer.
        """
        return await self._following.run(self._follow_on, client)

    def least_height(self, height: int) -> int:
        """The lowest height at which the same data stands as at one that was seen: the one before, if its block is
        empty.

        A network at rest makes an empty block now and then, whose state can't be proven until the next one comes.
        """
        final = self._final.get(height)
        return height - 1 if final is not None and not final.operations_count else height

    async def prove(self, client: Client, raw_context: bytes) -> ProvenState:
        """The state that is proven by what came with an answer.

        :param raw_context: What the answer says of itself.
        :raises LedgerError: It is not proven. :raises ClientError: The node did not bring what the check needs.
        """
        return await self._open(client, read_proof(raw_context))

    # Inside

    async def _open(self, client: Client, proof: ToldProof) -> ProvenState:
        return proof.open(await self._verify(client, proof))

    async def _verify(self, client: Client, proof: ToldProof) -> Header:
        """The proof's header, which is final: signatures are verified once for each block."""
        raw, certificate, descendants = proof.finality()
        header = Header.decode(raw)
        if self.find_final(header.height) == header:
            return header
        try:
            self._chain.verify_header(raw, certificate, descendants)
        except LedgerError as error:
            if error.code != "header_epoch":
                raise
            await self._following.run(self._follow, client, header.epoch)
            self._chain.verify_header(raw, certificate, descendants)
        if header.ends_epoch:
            self._forget_discarded()
        self._remember(header)
        return header

    async def _follow(self, client: Client, epoch: int) -> None:
        if self._chain.find(epoch) is not None:
            return
        if self._chain.precedes(epoch):
            await self._chain.follow_back(client, self.genesis)
        else:
            await self._follow_on(client)

    async def _follow_on(self, client: Client) -> Epoch:
        try:
            return await self._chain.follow(client)
        finally:  # as far as it came
            self._forget_discarded()

    def _forget_discarded(self) -> None:
        """Believe no block any more that stands above the end of its epoch, which was not known when it was shown."""
        discarded = [height for height, header in self._final.items() if self._chain.discards(header)]
        for height in discarded:
            del self._final[height]
        if discarded:
            self.newest = max(self._final, default=0)

    def _remember(self, header: Header) -> None:
        if self._final.setdefault(header.height, header) != header:
            raise LedgerError("finality_chain", f"Two blocks of height {header.height} are final.")
        self.newest = max(self.newest, header.height)
        if len(self._final) > HEIGHTS_KEPT:
            del self._final[min(self._final)]


def check_receipt(network: bytes, operation_id: bytes, expiry: int, told: Any) -> tuple[Receipt, bytes]:
    """Read a node's receipt for an operation, and its signature.

    :param told: As the node answered it.
    :raises LedgerError: ``receipt_malformed``, or ``receipt_signature``: it is for something else, or not signed.
    """
    try:
        told = msgspec.convert(told, _Receipt)
        network_id, told_id, node = (bytes.fromhex(each) for each in (told.network, told.id, told.node))
        signature = bytes.fromhex(told.signature)
    except (msgspec.ValidationError, ValueError):
        raise LedgerError("receipt_malformed") from None
    receipt = Receipt(network_id, told_id, node, told.height, told.expiry)
    if (len(node), len(signature)) != (32, 64) or not 0 <= told.height < 2**63:
        raise LedgerError("receipt_malformed")
    if (receipt.network, receipt.id, receipt.expiry) != (network, operation_id, expiry):
        raise LedgerError("receipt_signature", "The receipt is for another operation.")
    verify_receipt(receipt, signature)
    return receipt, signature


def read_context(raw: bytes) -> Context:
    """What an answer says of itself.

    :raises LedgerError: ``finality_malformed``: it says nothing, or not in the documented form.
    """
    try:
        context = msgspec.json.decode(raw, type=Context)
        bytes.fromhex(context.hash)
    except (msgspec.DecodeError, ValueError):
        raise LedgerError("finality_malformed", "The answer does not say at which height it holds.") from None
    return context


def wants_proof(method: str, params: Any) -> bool:
    """Whether a call's answer comes with a proof when one is asked for."""
    return is_provable(method, by_name(method, params))
