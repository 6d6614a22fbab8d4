"""The node's own TLS certificates: made here, rotated with overlap, told apart by their hashes.

Nobody vouches for these certificates. A caller knows the right one by its SHA-256 hash, which the node signs
with its long-lived key; a web page passes it to the browser as ``serverCertificateHashes`` of WebTransport.

Rotation. A certificate is valid for 10 days. Three days before its end the next one is made, and from then on
both hashes are announced; one day before the end the next becomes the current one. Whoever learned the hashes
within the two days before a change is not surprised by it.

Files. ``current.pem`` and ``next.pem`` in the directory given, mode 0600, key and certificate in one file
that is replaced as a whole. A new one is as good as a lost one: a file that is corrupt, or whose certificate
is not as it should be, is made anew and the log says so. A file that cannot be read or written is an error:
the operator has to repair the permissions.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import attrs
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from cloudnode.transports.selfsigned import (
    DAY,
    LONGEST_LIFETIME,
    TLSCertificate,
    certificate_names,
    general_names,
    make_certificate,
    read_certificate,
)

PURPOSE = b"cloudnode tls 1\n"
"""What the node key's signature over the hashes begins with."""

MAKE_NEXT_BEFORE_END = 3 * DAY
SWITCH_BEFORE_END = 1 * DAY

_ALWAYS_NAMED = ("localhost", "127.0.0.1", "::1")
_REVIEW_SECONDS = 3_600.0


class CertificateError(Exception):
    """A certificate file that cannot be read or written; the message names it and says what to do."""


class _Unfit(Exception):
    """A stored certificate that is of no use: why."""


@attrs.frozen
class CertificateAnnouncement:
    """The hashes that callers may meet, vouched for by the node.

    :ivar hashes: SHA-256 of the current certificate, then of the next one if there is one.
    :ivar signature: The node key's signature over :data:`PURPOSE` and the hashes one after the other.
    """

    hashes: tuple[bytes, ...]
    signature: bytes


class CertificateKeeper:
    """Keeps the node's certificates: reads or makes them, and rotates them in time.

    A keeper that was made has a valid certificate; :meth:`start` begins to watch the time.
    """

    _log = Logger()

    def __init__(
        self,
        directory: Path,
        names: Sequence[str],
        clock: IReactorTime,
        sign: Callable[[bytes], bytes],
        wall_time: Callable[[], float] = time.time,
    ) -> None:
        """
        :param directory: Where the files are (made with mode 0700 if missing).
        :param names: DNS names and IP addresses that callers use; the local ones are added.
        :param clock: What calls later.
        :param sign: Signs bytes with the node key.
        :param wall_time: Seconds since the epoch.
        :raises CertificateError: A file cannot be read or written.
        :raises ValueError: A name is neither a DNS name nor an IP address.
        """
        self._directory = directory
        self._names = tuple(dict.fromkeys((*names, *_ALWAYS_NAMED)))
        general_names(self._names)
        self._clock = clock
        self._sign = sign
        self._now = wall_time
        self._observers: list[Callable[[], None]] = []
        self._call: IDelayedCall | None = None
        self._next: TLSCertificate | None = None
        with _permissions(directory):
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        current = self._read("current")
        self._next = self._read("next")
        if current is None and self._next is not None:
            current, self._next = self._promote(self._next), None
        self._current = current or self._make("current")
        self._announcement = self._announce()
        self.review()

    @property
    def current(self) -> TLSCertificate:
        """The certificate to show now."""
        return self._current

    @property
    def next(self) -> TLSCertificate | None:
        """The certificate that follows, in the last days of the current one."""
        return self._next

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """The SHA-256 hashes of the current and, if there is one, the next certificate."""
        return self._announcement.hashes

    @property
    def announcement(self) -> CertificateAnnouncement:
        """The hashes with the node's signature over them."""
        return self._announcement

    def watch(self, observer: Callable[[], None]) -> Callable[[], None]:
        """Have ``observer()`` called after each change of the certificates.

        :returns: Ends it.
        """
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def start(self) -> None:
        """Begin to rotate in time."""
        if self._call is None:
            self._call = self._clock.callLater(_REVIEW_SECONDS, self._review_again)

    def stop(self) -> None:
        """Rotate no longer."""
        if self._call is not None:
            self._call.cancel()
            self._call = None

    def review(self) -> None:
        """Make the next certificate, or switch to it, if it is time to.

        :raises CertificateError: A file cannot be written; what there was stays in use.
        """
        now = self._now()
        before = self._announcement.hashes
        if now >= self._current.end - SWITCH_BEFORE_END:
            # After a long sleep of the machine the next one may have ended as well.
            following, self._next = self._next, None
            usable = following is not None and now < following.end - SWITCH_BEFORE_END
            self._current = self._promote(following) if following and usable else self._make("current")
        if now >= self._current.end - MAKE_NEXT_BEFORE_END and self._next is None:
            self._next = self._make("next")
        if before != self._announced():
            self._announcement = self._announce()
            for observer in tuple(self._observers):
                try:
                    observer()
                except Exception:
                    self._log.failure("An observer of the certificates failed.")

    def _review_again(self) -> None:
        # Every hour and not just in time: the clock may be set, and the machine may sleep.
        self._call = self._clock.callLater(_REVIEW_SECONDS, self._review_again)
        try:
            self.review()
        except Exception:
            self._log.failure("The TLS certificates could not be rotated; trying again in an hour.")

    def _announced(self) -> tuple[bytes, ...]:
        return (self._current.hash,) if self._next is None else (self._current.hash, self._next.hash)

    def _announce(self) -> CertificateAnnouncement:
        announced = self._announced()
        return CertificateAnnouncement(announced, self._sign(PURPOSE + b"".join(announced)))

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}.pem"

    def _read(self, name: str) -> TLSCertificate | None:
        path = self._path(name)
        with _permissions(path):
            try:
                text = path.read_bytes()
                path.chmod(0o600)
            except FileNotFoundError:
                return None
        try:
            return self._check(read_certificate(text))
        except (ValueError, _Unfit) as error:
            self._log.warn("The TLS certificate in {path} is made anew: {why}.", path=str(path), why=str(error))
            return None

    def _check(self, certificate: TLSCertificate) -> TLSCertificate:
        if certificate.end - SWITCH_BEFORE_END <= self._now():
            raise _Unfit("it ends within a day, or has ended")
        if certificate.begin > self._now():
            raise _Unfit("it begins in the future")
        if certificate.end - certificate.begin > LONGEST_LIFETIME:
            raise _Unfit("it is valid for more than 14 days, which browsers refuse")
        wanted = {str(name.value) for name in general_names(self._names)}
        if certificate_names(certificate.certificate_der) != wanted:
            raise _Unfit("it names other hosts than this node has now")
        return certificate

    def _make(self, name: str) -> TLSCertificate:
        made = make_certificate(self._names, self._now())
        _write(self._path(name), made.key_pem + made.certificate_pem)
        self._log.info("Made TLS certificate {hash}, the {name} one.", hash=made.hash.hex(), name=name)
        return made

    def _promote(self, certificate: TLSCertificate) -> TLSCertificate:
        with _permissions(self._directory):
            self._path("next").replace(self._path("current"))
        self._log.info("TLS certificate {hash} is the current one now.", hash=certificate.hash.hex())
        return certificate


def _write(path: Path, text: bytes) -> None:
    # The old file or the new one, never half of one; its mode is tight from its first byte.
    temporary = path.with_suffix(".new")
    with _permissions(path):
        temporary.unlink(missing_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)


@contextlib.contextmanager
def _permissions(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise CertificateError(
            f"The TLS certificate file {path} cannot be used: {error.strerror}. Give the node's user "
            f"permission to read and write it, or remove it: it is made anew."
        ) from error
