"""The process that reads operations and verifies their signatures for a node that catches up.

Run as ``python -m cloudnode.node.receiver`` by :mod:`cloudnode.node.receiving`, which says why. Both ways go frames,
each behind its length in four bytes: first the genesis, then operations, again and again, and for each of
those an answer, in the order in which they were asked. The process ends when its input does, so it outlives nobody.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Sequence
from typing import IO

import msgspec

from cloudnode.formats.errors import LedgerError
from cloudnode.formats.genesis import Genesis, decode_genesis
from cloudnode.formats.operation import Operation
from cloudnode.formats.received import Received, SignedBody, receive_operations

_LENGTH_SIZE = 4


class _Told(msgspec.Struct, array_like=True, gc=False):
    """:ivar wrong: Code and message in the place of each operation that is None."""

    operations: list[Operation | None]
    wrong: list[tuple[str, str]]


_encode = msgspec.msgpack.Encoder().encode
_decode_asked = msgspec.msgpack.Decoder(list[SignedBody]).decode
_decode_told = msgspec.msgpack.Decoder(_Told).decode


def encode_question(signed: Sequence[SignedBody]) -> bytes:
    """What :func:`cloudnode.formats.received.receive_operations` is to be called with."""
    return _encode(signed)


def decode_answer(answer: bytes) -> list[Received]:
    """What it returned.

    :raises msgspec.MsgspecError: That is no answer.
    """
    told = _decode_told(answer)
    wrong = iter(told.wrong)
    return [LedgerError(*next(wrong)) if each is None else each for each in told.operations]


def write_frame(file: IO[bytes], content: bytes) -> None:
    """Write one frame."""
    file.write(len(content).to_bytes(_LENGTH_SIZE, "big"))
    file.write(content)
    file.flush()


def read_frame(file: IO[bytes]) -> bytes | None:
    """The next frame; None at the end."""
    length = file.read(_LENGTH_SIZE)
    if len(length) < _LENGTH_SIZE:
        return None
    size = int.from_bytes(length, "big")
    content = file.read(size)
    return content if len(content) == size else None


def _answer(question: bytes, genesis: Genesis) -> bytes:
    received = receive_operations(_decode_asked(question), genesis)
    return _encode(
        _Told(
            [each if isinstance(each, Operation) else None for each in received],
            [(each.code, each.message) for each in received if isinstance(each, LedgerError)],
        )
    )


def main() -> None:
    """Answer what comes at standard input."""
    asked, told = sys.stdin.buffer, sys.stdout.buffer
    text = read_frame(asked)
    if text is None:
        return
    genesis = decode_genesis(text)
    with contextlib.suppress(BrokenPipeError):  # nobody wants the answer any more
        while (question := read_frame(asked)) is not None:
            write_frame(told, _answer(question, genesis))


if __name__ == "__main__":
    main()
