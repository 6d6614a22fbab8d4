"""The data directory: who this node is, which network it keeps, and that only one process uses it.

``lock`` is held by :func:`fcntl.flock` for as long as the process lives, so a crash never leaves it taken.
The files that make a node what it is are written whole or not at all: to a temporary file, synced, renamed,
the directory synced. They are made in the order node key, validator key, journal, genesis, and the genesis completes
the directory: a first start that is interrupted goes on where it was, and no later start invents a file that
is missing. Above all no later start invents a journal: a validator that has forgotten what it signed must not sign.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

import attrs
from twisted.logger import Logger

from cloudnode.consensus.journal import journal_head
from cloudnode.formats.errors import LedgerError
from cloudnode.formats.genesis import Genesis, build_genesis, decode_genesis
from cloudnode.formats.keys import SEED_SIZE, SigningKey, dump_key, load_key

DIRECTORY_MODE = 0o700
FILE_MODE = 0o600
GENESIS_BYTES_MAX = 1 << 20
KEY_BYTES_MAX = 1 << 10
NETWORK_NAME = "cloudnode"

_log = Logger(namespace="cloudnode.node.datadir")


class DatadirError(Exception):
    """A data directory that can't be used; the text is one line for the operator."""


@attrs.frozen(eq=False)
class PreparedDatadir:
    """A data directory that this process has taken, with its keys, but perhaps without a network yet.

    :ivar genesis: The network, or None on a first start.
    """

    path: Path
    node_key: SigningKey
    validator_key: SigningKey
    genesis: Genesis | None
    _lock: int

    def complete(self, genesis: Genesis) -> Datadir:
        """Keep what is there, or begin with this genesis if there is none.

        :raises DatadirError: It can't be written.
        """
        created = self.genesis is None
        if created:
            self._begin_journal(genesis)
            write_whole(self.path / "genesis.json", genesis.text)
        return Datadir(self.path, self.genesis or genesis, self.node_key, self.validator_key, created, self._lock)

    def begin_lost_journal(self) -> Path:
        """Begin a journal where it is missing; only the operator can know that this key never voted.

        :return: Where it is.
        :raises DatadirError: There is one, or no network yet, or it can't be written.
        """
        path = self.path / "journal"
        if self.genesis is None:
            raise DatadirError(f"{self.path} holds no network yet")
        if path.exists():
            raise DatadirError(f"{path} is there: it must not be replaced")
        self._begin_journal(self.genesis)
        return path

    def _begin_journal(self, genesis: Genesis) -> None:
        """Begin the journal, unless one of this network and key has been kept."""
        path, head = self.path / "journal", journal_head(genesis.network, self.validator_key.public)
        try:
            with path.open("rb") as file:
                if file.read(len(head)) == head:
                    return
        except FileNotFoundError:
            pass
        except OSError as error:
            raise _failed("read", path, error) from None
        # Votes name their network, so what was signed in another one binds nobody here.
        write_whole(path, head)

    def close(self) -> None:
        """Give the directory free; to be called in place of :meth:`Datadir.close`, once."""
        os.ftruncate(self._lock, 0)
        os.close(self._lock)


@attrs.frozen(eq=False)
class Datadir:
    """An open data directory. This process alone uses it until :meth:`close`.

    :ivar path: Absolute. :ivar genesis: The network. :ivar node_key: Who this node is to clients and peers.
    :ivar validator_key: What it signs votes with. :ivar created: Whether this start made the network.
    """

    path: Path
    genesis: Genesis
    node_key: SigningKey
    validator_key: SigningKey
    created: bool
    _lock: int

    @property
    def database(self) -> Path:
        """The ledger's SQLite file (it may not exist yet)."""
        return self.path / "ledger.sqlite3"

    @property
    def journal(self) -> Path:
        """What this node signed as a validator (it may not exist yet)."""
        return self.path / "journal"

    @property
    def tls(self) -> Path:
        """The directory of the node's own certificates (it may not exist yet)."""
        return self.path / "tls"

    @property
    def address_book(self) -> Path:
        """Where other nodes are (it may not exist yet)."""
        return self.path / "peers.json"

    @property
    def epochs(self) -> Path:
        """How epochs ended that this node has verified (it may not exist yet)."""
        return self.path / "epochs.json"

    @property
    def stun_data(self) -> Path:
        """How other nodes are reached through NATs (it may not exist yet)."""
        return self.path / "stun.json"

    @property
    def evidence(self) -> Path:
        """What shows that others lied (it may not exist yet)."""
        return self.path / "evidence.json"

    @classmethod
    def open(
        cls,
        path: Path,
        *,
        random: Callable[[int], bytes] = os.urandom,
        now: Callable[[], float] = time.time,
    ) -> Datadir:
        """Take the directory for this process, and make it and what it lacks, a network of one too, on a first start.

        :param path: Where it is or shall be. :param random: So many bytes fit for secrets.
        :param now: Unix seconds, the time of a new genesis.
        :raises DatadirError: Another process has it, it can't be read or written, or its files contradict.
        """
        prepared = cls.prepare(path, random=random)
        try:
            return prepared.complete(prepared.genesis or lone_genesis(prepared.validator_key, now()))
        except BaseException:
            prepared.close()
            raise

    @staticmethod
    def prepare(path: Path, *, random: Callable[[int], bytes] = os.urandom) -> PreparedDatadir:
        """Take the directory for this process and make its keys on a first start, but no network.

        :param path: :param random: As for :meth:`open`.
        :raises DatadirError: As :meth:`open`.
        """
        path = Path(os.path.abspath(path))
        _make_directory(path)
        lock = _take_lock(path)
        try:
            return _load_or_make(path, lock, random)
        except BaseException:
            os.close(lock)
            raise

    def close(self) -> None:
        """Give the directory free. To be called once, after everything in it is closed."""
        # The file stays: had it been removed, two later processes could each lock a file of that name.
        os.ftruncate(self._lock, 0)
        os.close(self._lock)


def lone_genesis(validator_key: SigningKey, now: float) -> Genesis:
    """The genesis of a network of one, made now (unix seconds)."""
    return build_genesis(name=NETWORK_NAME, time=int(now * 1000), validators=[validator_key.public])


def _load_or_make(path: Path, lock: int, random: Callable[[int], bytes]) -> PreparedDatadir:
    genesis_path, node_path, validator_path = path / "genesis.json", path / "node.key", path / "validator.key"
    is_new = not genesis_path.exists()
    if is_new and (path / "ledger.sqlite3").exists():
        raise DatadirError(f"{path} holds a ledger but no genesis.json: put it back")
    for key_path in (node_path, validator_path):
        if not is_new and not key_path.exists():
            raise DatadirError(f"{path} holds a genesis.json but no {key_path.name}: put it back")
    node_key = _load_or_make_key(node_path, random)
    validator_key = _load_or_make_key(validator_path, random)
    genesis = None if is_new else _load_genesis(genesis_path)
    return PreparedDatadir(path, node_key, validator_key, genesis, lock)


def _make_directory(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.mkdir(mode=DIRECTORY_MODE, exist_ok=True)
        mode = stat.S_IMODE(path.stat().st_mode)
    except OSError as error:
        raise _failed("make the data directory", path, error) from None
    if mode & 0o077:
        try:
            path.chmod(DIRECTORY_MODE)
        except OSError as error:
            # A mounted volume may belong to another user; the keys in it are checked one by one.
            _log.warn(
                "{path} is open to other users (mode {mode:03o}) and can't be closed to them: {reason}",
                path=path, mode=mode, reason=error.strerror,
            )  # fmt: skip
        else:
            _log.warn("{path} was open to other users (mode {mode:03o}): now it is not", path=path, mode=mode)


def _take_lock(path: Path) -> int:
    """Lock the directory and write this process's id into the lock: who is refused reads it there."""
    lock_path = path / "lock"
    try:
        lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
    except OSError as error:
        raise _failed("open", lock_path, error) from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.ftruncate(lock, 0)
        os.pwrite(lock, b"%d\n" % os.getpid(), 0)
    except BlockingIOError:
        holder = os.pread(lock, 32, 0).decode("ascii", "replace").strip()
        os.close(lock)
        process = f"process {holder}" if holder else "a process that is just starting or stopping"
        raise DatadirError(f"the data directory {path} is in use by {process}") from None
    except OSError as error:
        os.close(lock)
        raise _failed("lock", lock_path, error) from None
    return lock


def _load_or_make_key(path: Path, random: Callable[[int], bytes]) -> SigningKey:
    if not path.exists():
        made = SigningKey(random(SEED_SIZE))
        write_whole(path, dump_key(made).encode("ascii"))
    try:
        return load_key(_read_secret(path).decode("ascii"))
    except (LedgerError, UnicodeDecodeError):
        raise DatadirError(f"{path} is not a key: 64 lower-case hex digits and a newline") from None


def _read_secret(path: Path) -> bytes:
    """Read a key after making sure that nobody else can."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                os.fchmod(file.fileno(), FILE_MODE)
                _log.warn(
                    "{path} was open to other users (mode {mode:03o}): now not, but they may know the key",
                    path=path, mode=mode,
                )  # fmt: skip
            return file.read(KEY_BYTES_MAX)
    except OSError as error:
        raise _failed("read, or close to other users,", path, error) from None


def _load_genesis(path: Path) -> Genesis:
    try:
        with path.open("rb") as file:
            text = file.read(GENESIS_BYTES_MAX + 1)
    except OSError as error:
        raise _failed("read", path, error) from None
    if len(text) > GENESIS_BYTES_MAX:
        raise DatadirError(f"{path} is not a genesis: it is larger than {GENESIS_BYTES_MAX} bytes")
    try:
        return decode_genesis(text)
    except LedgerError as error:
        raise DatadirError(f"{path} is not a genesis: {error}") from None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that after a crash at any moment it is there in full or not at all."""
    temporary = path.with_name(path.name + ".new")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, FILE_MODE)
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, FILE_MODE)
            file.write(content)
            file.flush()
            os.fsync(descriptor)
        os.rename(temporary, path)
        sync_directory(path.parent)
    except OSError as error:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise _failed("write", path, error) from None


def sync_directory(path: Path) -> None:
    """Make the names in a directory durable, without which a rename may be undone by a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _failed(doing: str, path: Path, error: OSError) -> DatadirError:
    return DatadirError(f"cannot {doing} {path}: {error.strerror or error}")
