"""Callers that wait for what becomes final: for an operation, or for a height."""

from __future__ import annotations

from collections.abc import Iterable

from twisted.internet.defer import Deferred

from cloudnode.formats.errors import LedgerError
from cloudnode.ledger.reading import LoggedOperation, Outcome


class Waiting:
    """Who waits for what. Whoever does may cancel, and is forgotten."""

    def __init__(self) -> None:
        self._outcomes: dict[bytes, list[Deferred[Outcome]]] = {}
        self._heights: list[tuple[int, Deferred[None]]] = []

    def __len__(self) -> int:
        return sum(map(len, self._outcomes.values())) + len(self._heights)

    def for_outcome(self, operation_id: bytes) -> Deferred[Outcome]:
        """Fires with what became of an operation; with LedgerError if nothing will."""
        done: Deferred[Outcome] = Deferred(lambda _: self._forget(operation_id, done))
        self._outcomes.setdefault(operation_id, []).append(done)
        return done

    def for_height(self, height: int) -> Deferred[None]:
        """Fires at a height or above; with LedgerError if it is not reached."""
        reached: Deferred[None] = Deferred(self._forget_height)
        self._heights.append((height, reached))
        return reached

    def _forget(self, operation_id: bytes, done: Deferred[Outcome]) -> None:
        waiting = self._outcomes.get(operation_id, [])
        if done in waiting:
            waiting.remove(done)
            if not waiting:
                del self._outcomes[operation_id]

    def _forget_height(self, reached: Deferred[None]) -> None:
        self._heights = [entry for entry in self._heights if entry[1] is not reached]

    def executed(self, operations: Iterable[LoggedOperation]) -> None:
        """These are final."""
        if self._outcomes:
            for logged in operations:
                self.tell(Outcome(logged.id, logged.cursor, logged.result))

    def tell(self, outcome: Outcome) -> None:
        """An operation is final."""
        for done in self._outcomes.pop(outcome.id, ()):
            done.callback(outcome)

    def refuse(self, ids: Iterable[bytes], code: str) -> None:
        """These operations will not become final."""
        for operation_id in ids:
            for done in self._outcomes.pop(operation_id, ()):
                done.errback(LedgerError(code))

    def reached(self, height: int) -> None:
        """A height is there."""
        due = [reached for wanted, reached in self._heights if wanted <= height]
        self._heights = [entry for entry in self._heights if entry[0] > height]
        for reached in due:
            reached.callback(None)

    def give_up(self, code: str) -> None:
        """Nothing that anybody waits for will come."""
        self.refuse(list(self._outcomes), code)
        heights, self._heights = self._heights, []
        for _, reached in heights:
            reached.errback(LedgerError(code))
