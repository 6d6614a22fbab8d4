"""Answering what other nodes ask of the ledger."""

from __future__ import annotations

from collections.abc import Iterator

from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.ledger.reading import Block
from cloudnode.node.ledger import Ledger
from cloudnode.peers.messages import (
    ANSWER_BYTES,
    EPOCHS_MAX,
    Blocks,
    Epochs,
    GenesisText,
    GetBlocks,
    GetEpochs,
    GetGenesis,
    GetOperations,
    Operations,
    SentBlock,
    SentEpochEnd,
    SentOperation,
    take_fitting,
)
from cloudnode.store.connection import DatabaseDamaged

_ANSWERED_MAX = 4_000


def sent_block(block: Block) -> SentBlock:
    """A block as it travels."""
    return SentBlock(block.header, block.finality, b"".join(block.operation_ids), b"".join(block.validators))


class Serving:
    """Answers from the ledger; with nothing while this node knows its data to be wrong."""

    _log = Logger()

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def genesis(self, question: GetGenesis) -> GenesisText:
        """The network's genesis."""
        return GenesisText(question.request, self._ledger.genesis.text)

    def blocks(self, question: GetBlocks) -> Blocks:
        """Some final blocks."""
        found: list[SentBlock] = []
        size = 0
        for height in range(question.first, question.first + question.count):
            block = self._block(height)
            if block is None:
                break
            size += len(block.header) + len(block.finality) + len(block.ids) + len(block.validators)
            if found and size > ANSWER_BYTES:
                break
            found.append(block)
        return Blocks(question.request, tuple(found))

    def operations(self, question: GetOperations) -> Operations:
        """Some operations of final blocks."""
        return Operations(question.request, tuple(take_fitting(self._operations(question), _ANSWERED_MAX)))

    def epochs(self, question: GetEpochs) -> Epochs:
        """How some epochs ended."""
        found: list[SentEpochEnd] = []
        size = 0
        try:
            for end in self._ledger.epochs(question.first) if self._ledger.state == "serving" else ():
                sent = SentEpochEnd(end.header, end.finality, b"".join(end.validators))
                size += len(sent.header) + len(sent.finality) + len(sent.validators)
                if end.number != question.first + len(found) or (found and size > ANSWER_BYTES):
                    break
                found.append(sent)
                if len(found) == EPOCHS_MAX:
                    break
        except DatabaseDamaged:
            self._ledger.read_failed(Failure())
        return Epochs(question.request, tuple(found))

    def head(self) -> SentBlock | None:
        """The newest block."""
        return self._block(self._ledger.head.height)

    def _block(self, height: int) -> SentBlock | None:
        if self._ledger.state != "serving":
            return None
        try:
            block = self._ledger.reading().block(height)
        except DatabaseDamaged:
            self._ledger.read_failed(Failure())
            return None
        return None if block is None else sent_block(block)

    def _operations(self, question: GetOperations) -> Iterator[SentOperation]:
        for span in question.spans:
            if self._ledger.state != "serving":
                return
            reading = self._ledger.reading()
            # In portions: how many fit is known only when their sizes are.
            first, last = span.first, span.first + min(span.count, _ANSWERED_MAX)
            while first < last:
                try:
                    found = reading.operations(span.height, first, min(last - first, 128))
                except DatabaseDamaged:
                    self._ledger.read_failed(Failure())
                    return
                if not found:
                    return
                for logged in found:
                    yield SentOperation(logged.body, logged.signature)
                first += len(found)
