"""Reading operations and verifying their signatures in a process of its own, while a node catches up.

Theory of operation. A thread that verifies signatures leaves Python's lock alone for some 50 us and then wants it for a
few, again and again; whoever executes blocks meanwhile has to hand it over and to win it back at each of his own steps.
Both take half as long again as alone. A process has a lock of its own: it is sent bodies and signatures, block after
block, and answers with operations that need only be taken out of their packing (:mod:`cloudnode.node.receiver`). It
believes nobody, and this node believes it as it does a thread.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from threading import Condition, Lock
from typing import Protocol

import msgspec
from twisted.logger import Logger

from cloudnode.formats.genesis import Genesis
from cloudnode.formats.received import Received, SignedBody, receive_operations
from cloudnode.node.receiver import decode_answer, encode_question, read_frame, write_frame
from cloudnode.store.childprocess import start_module


class OperationReceiver(Protocol):
    """Reads operations and verifies their signatures; for threads, several of them at a time."""

    def receive(self, signed: Sequence[SignedBody]) -> list[Received]:
        """See :func:`cloudnode.formats.received.receive_operations`."""

    def rest(self) -> None:
        """There is nothing to do for a while: hold nothing that can be had again."""


class ReceivingHere:
    """In the thread that asks."""

    def __init__(self, genesis: Genesis) -> None:
        self._genesis = genesis

    def receive(self, signed: Sequence[SignedBody]) -> list[Received]:
        """See :class:`OperationReceiver`."""
        return receive_operations(signed, self._genesis)

    def rest(self) -> None:
        """Nothing is held."""


class ReceivingProcess:
    """In a process, which is started when it is needed. If it fails, threads do the work until it rests."""

    _log = Logger()

    def __init__(self, genesis: Genesis) -> None:
        self._genesis = genesis
        self._here = ReceivingHere(genesis)
        self._child: _Child | None = None
        self._starting = Lock()
        self._has_failed = False

    def receive(self, signed: Sequence[SignedBody]) -> list[Received]:
        """See :class:`OperationReceiver`."""
        child = None
        try:
            child = self._started()
            if child is not None:
                return child.receive(signed)
        except (OSError, msgspec.MsgspecError) as error:
            self._give_up(child, error)
        return self._here.receive(signed)

    def _started(self) -> _Child | None:
        with self._starting:
            if self._child is None and not self._has_failed:
                self._child = _Child(self._genesis)
            return self._child

    def _give_up(self, child: _Child | None, error: Exception) -> None:
        with self._starting:
            if child is not self._child:
                return  # it was told to end, or another thread has seen that it failed
            self._child = None
            self._has_failed = True
        self._log.warn("The process that verifies signatures failed, threads do it now: {error}", error=error)
        if child is not None:
            child.end()

    def rest(self) -> None:
        """End the process; the next operations start another one."""
        with self._starting:
            child, self._child = self._child, None
            self._has_failed = False
        if child is not None:
            child.end()


class _Child:
    """A process that runs. A thread may ask before another one has its answer.

    :ivar is_ended: Whether nothing comes from it any more: it was told to end, or it failed one of those who asked.
    """

    def __init__(self, genesis: Genesis) -> None:
        """:raises OSError: It can't be started."""
        self.is_ended = False
        self._process = start_module("cloudnode.node.receiver")
        assert self._process.stdin is not None and self._process.stdout is not None
        self._to, self._from = self._process.stdin, self._process.stdout
        self._asking = Lock()
        self._turn = Condition()
        self._asked = 0
        self._told = 0
        try:
            write_frame(self._to, genesis.text)
        except BaseException:
            self.end()
            raise

    def receive(self, signed: Sequence[SignedBody]) -> list[Received]:
        """:raises OSError: The process is gone. :raises msgspec.MsgspecError: What it says makes no sense."""
        question = encode_question(signed)
        try:
            return decode_answer(self._ask(question))
        except BaseException:
            with self._turn:
                self.is_ended = True
                self._turn.notify_all()
            raise

    def _ask(self, question: bytes) -> bytes:
        with self._asking:
            self._check_life()
            write_frame(self._to, question)
            number = self._asked
            self._asked += 1
        with self._turn:
            self._turn.wait_for(lambda: self.is_ended or self._told == number)
            self._check_life()
            answer = read_frame(self._from)
            if answer is not None:
                self._told += 1
                self._turn.notify_all()
        if answer is None:
            raise BrokenPipeError(f"it ended with status {self._process.wait()}")
        return answer

    def _check_life(self) -> None:
        if self.is_ended:
            raise BrokenPipeError("it has ended")

    def end(self) -> None:
        """Have it end; whoever waits for an answer has waited in vain."""
        self.is_ended = True
        self._process.kill()
        self._process.wait()
        with self._asking, contextlib.suppress(OSError):  # over what could not be sent any more
            self._to.close()
        with self._turn:
            self._from.close()
            self._turn.notify_all()


def make_receiver(genesis: Genesis) -> OperationReceiver:
    """A process where there is a processor for it."""
    return ReceivingProcess(genesis) if (os.cpu_count() or 1) > 1 else ReceivingHere(genesis)
