"""The evidence that a node keeps: what shows anyone that a validator or another node lied.

It is no part of the ledger: which evidence a node has heard of differs from node to node, and a database that is made
anew from peers must not lose it. So it has a file of its own, JSON that people can read and pass on, which is written
as a whole in a thread whenever something was added. What is in memory counts; a file that can't be written is told in
the log and tried again with the next addition.

Of what shows the same thing (kind, culprit and epoch) the first piece is kept. Anybody can make keys and sign
contradictions with them, so each kind has bounds of its own and the oldest of a kind gives way: what names validators
is never pushed out by what names nodes.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import attrs
import msgspec
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.logger import Logger
from twisted.python.failure import Failure

from cloudnode.consensus.messages import Evidence as Contradiction
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.evidence import (
    FindEpoch,
    Kind,
    Verdict,
    decode_evidence,
    encode_evidence,
    epoch_of,
    find_known,
    judge,
    votes_evidence,
)
from cloudnode.node.datadir import DatadirError, write_whole
from cloudnode.node.threads import RunInThread

MOST: dict[Kind, int] = {"votes": 1_000, "answers": 64, "answer": 64, "receipt": 64}
"""Pieces of a kind that are kept: some 9 MiB in all at the very most, half a MiB as a rule."""

REMEMBERED = 4_096
"""Pieces that were looked at already and are not looked at again."""

CHECKED_AT_ONCE = 16
"""Pieces that are being verified; a certificate of 1,000 validators takes some 40 ms of a thread."""

FILE_BYTES_MAX = 64 * 1024 * 1024


@attrs.frozen
class Kept:
    """Evidence that is kept.

    :ivar number: Of this node's, growing. :ivar received: Unix seconds. :ivar id: SHA-256 of ``raw``.
    """

    number: int
    received: int
    verdict: Verdict
    raw: bytes
    id: bytes


@attrs.frozen
class Added:
    """What became of evidence: what is kept about the same, and whether that is new."""

    kept: Kept
    is_new: bool


class _Line(msgspec.Struct, frozen=True):
    """A piece as the file has it; what is beside the evidence is for people."""

    number: int
    received: int
    evidence: str
    kind: str = ""
    culprit: str = ""
    summary: str = ""


class _File(msgspec.Struct, frozen=True):
    network: str
    evidence: list[_Line]


class EvidenceStore:
    """Keeps evidence, verified and bounded."""

    _log = Logger()

    def __init__(
        self,
        path: Path | None,
        network: bytes,
        find_epoch: FindEpoch,
        run_in_thread: RunInThread,
        wall_time: Callable[[], float],
    ) -> None:
        """Read the file, if there is one.

        :param path: None keeps nothing beyond this process. :param wall_time: Unix seconds.
        """
        self._path = path
        self._network = network
        self._find_epoch = find_epoch
        self._run_in_thread = run_in_thread
        self._wall_time = wall_time
        self._kept: OrderedDict[tuple[Kind, bytes, int], Kept] = OrderedDict()
        self._seen: OrderedDict[bytes, None] = OrderedDict()
        self._checking: set[bytes] = set()
        self._last_number = 0
        self._observers: list[Callable[[Kept], None]] = []
        self._writing: Deferred[None] | None = None
        self._is_changed = False
        if path is not None:
            self._load(path)

    def __len__(self) -> int:
        return len(self._kept)

    def counts(self) -> dict[str, int]:
        """How many pieces of each kind there are."""
        counted: dict[str, int] = dict.fromkeys(MOST, 0)
        for kept in self._kept.values():
            counted[kept.verdict.kind] += 1
        return counted

    def page(self, after: int, most: int) -> list[Kept]:
        """The next pieces after a number, in the order in which they came."""
        return [kept for kept in self._kept.values() if kept.number > after][:most]

    def get(self, evidence_id: bytes) -> Kept | None:
        """A piece by its id."""
        return next((kept for kept in self._kept.values() if kept.id == evidence_id), None)

    def newest(self, most: int) -> list[Kept]:
        """The last pieces, in the order in which they came."""
        return sorted(self._kept.values(), key=lambda kept: kept.number)[-most:]

    def has_seen(self, evidence_id: bytes) -> bool:
        """Whether a piece was added before, kept or not, or is being looked at."""
        return evidence_id in self._seen or evidence_id in self._checking

    def watch(self, observer: Callable[[Kept], None]) -> Callable[[], None]:
        """Have ``observer`` called with each piece that is added.

        :return: What ends it.
        """
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def add(self, raw: bytes) -> Deferred[Added]:
        """Verify evidence, in a thread, and keep it.

        :return: Fires with what is kept for this kind, culprit and epoch; fails as below.
        :raises LedgerError: ``evidence_waiting``, or a code of :func:`decode_evidence` or :func:`judge`.
        """
        evidence_id = sha256(raw).digest()
        known = self.get(evidence_id)
        if known is not None:
            return succeed(Added(known, False))
        if len(self._checking) >= CHECKED_AT_ONCE or evidence_id in self._checking:
            raise LedgerError("evidence_waiting")
        evidence = decode_evidence(raw)
        # The epoch is read here, since the database's connection is this thread's.
        number = epoch_of(evidence)
        epoch = None if number is None else find_known(self._find_epoch, number)
        self._checking.add(evidence_id)
        checking = self._run_in_thread(judge, evidence, self._network, lambda _: epoch)
        checking.addBoth(self._checked, evidence_id)
        checking.addCallback(self._keep, raw, evidence_id)
        return checking

    def add_votes(self, key: bytes, evidence: Contradiction) -> None:
        """Keep what consensus found against a validator.

        :param key: The validator's, for the log: the votes name it by its index.
        """

        def not_kept(failure: Failure) -> None:
            self._log.warn("Evidence against validator {key} is not kept: {error}", key=key.hex(), error=failure.value)

        raw = encode_evidence(votes_evidence(self._network, evidence.first, evidence.second))
        maybeDeferred(self.add, raw).addErrback(not_kept)

    async def stop(self) -> None:
        """Wait until the file is written."""
        while self._writing is not None:
            await _ended(self._writing)

    # Inside

    def _checked(self, result: object, evidence_id: bytes) -> object:
        self._checking.discard(evidence_id)
        return result

    def _keep(self, verdict: Verdict, raw: bytes, evidence_id: bytes) -> Added:
        self._remember(evidence_id)
        before = self._kept.get(_subject(verdict))
        if before is not None:
            return Added(before, False)
        kept = Kept(self._last_number + 1, int(self._wall_time()), verdict, raw, evidence_id)
        self._put(kept)
        self._log.warn(
            "{what} against {role} {culprit}: {summary}",
            what="Evidence" if verdict.is_proof else "Suspicion",
            role="validator" if verdict.kind == "votes" else "node",
            culprit=verdict.culprit.hex(),
            summary=verdict.summary,
            kind=verdict.kind,
        )
        self._save()
        for observer in list(self._observers):
            observer(kept)
        return Added(kept, True)

    def _put(self, kept: Kept) -> None:
        self._last_number = max(self._last_number, kept.number)
        self._kept[_subject(kept.verdict)] = kept
        same = [subject for subject in self._kept if subject[0] == kept.verdict.kind]
        if len(same) > MOST[kept.verdict.kind]:
            del self._kept[same[0]]

    def _remember(self, evidence_id: bytes) -> None:
        self._seen[evidence_id] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    def _save(self) -> None:
        """Have the file written in a thread, once more if something comes meanwhile."""
        self._is_changed = True
        if self._path is None or self._writing is not None:
            return
        self._is_changed = False
        lines = [_line(kept) for kept in self._kept.values()]
        self._writing = writing = self._run_in_thread(_write, self._path, _File(self._network.hex(), lines))
        writing.addErrback(self._not_saved)
        writing.addBoth(self._saved)

    def _not_saved(self, failure: Failure) -> None:
        failure.trap(DatadirError)
        self._log.warn("The evidence is not saved: {error}", error=failure.value)

    def _saved(self, result: object) -> None:
        self._writing = None
        if isinstance(result, Failure):
            self._log.failure("The evidence is not saved", result)
        if self._is_changed:
            self._save()

    def _load(self, path: Path) -> None:
        try:
            if path.stat().st_size > FILE_BYTES_MAX:
                raise ValueError("it is larger than such a file ever is")
            read = msgspec.json.decode(path.read_bytes(), type=_File)
        except FileNotFoundError:
            return
        except (OSError, ValueError) as error:
            self._log.warn("{path} can't be used and is begun anew: {error}", path=path, error=error)
            return
        if read.network != self._network.hex():
            self._log.warn("{path} is of another network and is begun anew", path=path)
            return
        for line in read.evidence:
            try:
                raw = bytes.fromhex(line.evidence)
                verdict = judge(decode_evidence(raw), self._network, self._find_epoch)
            except (LedgerError, ValueError) as error:
                self._log.warn("{path} has evidence that shows nothing: {error}", path=path, error=error)
                continue
            kept = Kept(line.number, line.received, verdict, raw, sha256(raw).digest())
            self._remember(kept.id)
            self._put(kept)


def _subject(verdict: Verdict) -> tuple[Kind, bytes, int]:
    """What evidence is about: of what is about the same one piece is enough."""
    return verdict.kind, verdict.culprit, verdict.epoch


def _line(kept: Kept) -> _Line:
    verdict = kept.verdict
    return _Line(
        kept.number, kept.received, kept.raw.hex(), verdict.kind, verdict.culprit.hex(), verdict.summary
    )  # fmt: skip


def _write(path: Path, file: _File) -> None:
    """In a thread."""
    write_whole(path, msgspec.json.format(msgspec.json.encode(file), indent=1))


async def _ended(writing: Deferred[None]) -> None:
    done: Deferred[None] = Deferred()

    def end(result: object) -> object:
        done.callback(None)
        return result

    writing.addBoth(end)
    await done
