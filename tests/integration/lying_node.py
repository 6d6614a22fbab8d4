"""A node that lies to its peers: a real one, of which one thing that it answers is wrong.

``python lying_node.py LIE OPTION...``, where LIE is ``body``, ``block`` or ``certificate`` and the options are those of
``twistd cloudnode``.
"""

from __future__ import annotations

import sys

import msgspec
from twisted.scripts import twistd

from cloudnode.peers import neighbourhood
from cloudnode.peers.messages import Blocks, GetBlocks, GetOperations, Operations
from cloudnode.peers.serving import Serving


class Bodies(Serving):
    """The first body of each answer has a space too many."""

    def operations(self, question: GetOperations) -> Operations:
        told = super().operations(question)
        first = msgspec.structs.replace(told.operations[0], body=told.operations[0].body + b" ")
        return Operations(told.request, (first, *told.operations[1:]))


class WrongBlocks(Serving):
    """Each block names an operation too many."""

    def blocks(self, question: GetBlocks) -> Blocks:
        told = super().blocks(question)
        changed = (msgspec.structs.replace(block, ids=block.ids + bytes(32)) for block in told.blocks)
        return Blocks(told.request, tuple(changed))


class WrongCertificates(Serving):
    """Each certificate has a signature with another last byte."""

    def blocks(self, question: GetBlocks) -> Blocks:
        told = super().blocks(question)
        changed = (
            msgspec.structs.replace(block, finality=block.finality[:-1] + bytes((block.finality[-1] ^ 1,)))
            for block in told.blocks
        )
        return Blocks(told.request, tuple(changed))


LIES = {"body": Bodies, "block": WrongBlocks, "certificate": WrongCertificates}

if __name__ == "__main__":
    lie, *options = sys.argv[1:]
    neighbourhood.Serving = LIES[lie]  # type: ignore[misc]
    sys.argv = ["twistd", "-n", "--pidfile=", "cloudnode", *options]
    twistd.run()
