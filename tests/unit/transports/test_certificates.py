"""The node's TLS certificates: what is in them, how they are kept, and when they change."""

from __future__ import annotations

import hashlib
import itertools
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.task import Clock
from twisted.logger import LogLevel, capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from cloudnode.transports.certificates import CertificateError, CertificateKeeper
from cloudnode.transports.selfsigned import certificate_names, make_certificate, read_certificate

DAY = 86_400
NOW = 1_790_000_000.0
LOCAL_NAMES = {"localhost", "127.0.0.1", "::1"}


def sign(message: bytes) -> bytes:
    """Stands in for the node key."""
    return b"signed " + message


def make_keeper(
    case: SynchronousTestCase, clock: Clock, directory: Path | None = None, names: tuple[str, ...] = ()
) -> CertificateKeeper:
    """A keeper whose wall clock is the test's clock."""
    path = directory or Path(case.mktemp()) / "tls"
    return CertificateKeeper(path, names, clock, sign, wall_time=lambda: NOW + clock.seconds())


class CertificateTests(SynchronousTestCase):
    """One certificate."""

    def test_contents(self) -> None:
        """It is what WebTransport accepts by hash: P-256, at most 14 days, with all names."""
        made = make_certificate(["node.example", "192.0.2.7", "2001:db8::1", "bücher.example"], NOW)
        parsed = x509.load_der_x509_certificate(made.certificate_der)
        key = parsed.public_key()
        assert isinstance(key, ec.EllipticCurvePublicKey)
        self.assertIsInstance(key.curve, ec.SECP256R1)
        self.assertEqual(made.end - made.begin, 10 * DAY)
        self.assertLess(made.begin, NOW)
        self.assertEqual(
            certificate_names(made.certificate_der),
            {"node.example", "192.0.2.7", "2001:db8::1", "xn--bcher-kva.example"},
        )
        self.assertEqual(made.hash, hashlib.sha256(made.certificate_der).digest())
        self.assertEqual(made.hash, parsed.fingerprint(hashes.SHA256()))
        constraints = parsed.extensions.get_extension_for_class(x509.BasicConstraints).value
        self.assertFalse(constraints.ca)

    def test_round_trip(self) -> None:
        """What is written is what is read."""
        made = make_certificate(["localhost"], NOW)
        self.assertEqual(read_certificate(made.key_pem + made.certificate_pem), made)

    def test_foreign_key(self) -> None:
        """A key that is not the certificate's is an error."""
        one, other = make_certificate(["a"], NOW), make_certificate(["a"], NOW)
        self.assertRaises(ValueError, read_certificate, one.key_pem + other.certificate_pem)
        self.assertRaises(ValueError, read_certificate, b"garbage")

    def test_key_is_not_shown(self) -> None:
        """The private key is not in the text form of the value, which logs may show."""
        made = make_certificate(["a"], NOW)
        self.assertNotIn("PRIVATE", repr(made))


class KeeperTests(SynchronousTestCase):
    """The keeper."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.directory = Path(self.mktemp()) / "tls"

    def keep(self, *names: str) -> CertificateKeeper:
        return make_keeper(self, self.clock, self.directory, names)

    def test_first_start(self) -> None:
        """A first start makes one certificate, for the local names too, that only the owner can read."""
        keeper = self.keep("node.example")
        self.assertEqual(certificate_names(keeper.current.certificate_der), {"node.example"} | LOCAL_NAMES)
        self.assertEqual(keeper.hashes, (keeper.current.hash,))
        self.assertEqual(self.directory.stat().st_mode & 0o777, 0o700)
        self.assertEqual([path.name for path in self.directory.iterdir()], ["current.pem"])
        self.assertEqual((self.directory / "current.pem").stat().st_mode & 0o777, 0o600)

    def test_restart(self) -> None:
        """A restart goes on with the same certificates."""
        before = self.keep()
        self.clock.advance(8 * DAY)
        before.review()
        after = self.keep()
        self.assertEqual((after.current, after.next), (before.current, before.next))
        self.assertIsNotNone(after.next)

    def test_announcement(self) -> None:
        """The hashes are signed under their purpose tag."""
        keeper = self.keep()
        self.assertEqual(keeper.announcement.signature, b"signed cloudnode tls 1\n" + keeper.current.hash)
        self.clock.advance(8 * DAY)
        keeper.review()
        self.assertEqual(len(keeper.hashes), 2)
        self.assertEqual(keeper.announcement.signature, b"signed cloudnode tls 1\n" + b"".join(keeper.hashes))

    def test_rotation(self) -> None:
        """Day by day: the next is made three days before the end and used from one day before it."""
        keeper = self.keep()
        keeper.start()
        announced = []
        for _ in range(30):
            self.assertLess(keeper.current.begin, NOW + self.clock.seconds())
            self.assertGreater(keeper.current.end, NOW + self.clock.seconds())
            announced.append(keeper.hashes)
            self.clock.pump([3_600] * 24)
        self.assertEqual([len(each) for each in announced[:12]], [1] * 7 + [2] * 2 + [1] * 3)
        for before, after in itertools.pairwise(announced):
            # Whoever learned the hashes a day ago meets one of them.
            self.assertIn(after[0], before)
        self.assertEqual(len({each[0] for each in announced}), 4)
        keeper.stop()
        self.assertEqual(self.clock.getDelayedCalls(), [])

    def test_observers(self) -> None:
        """Observers hear of each change until they end it; one that fails disturbs nobody."""
        keeper = self.keep()
        heard: list[int] = []

        def fail() -> None:
            raise RuntimeError("an observer")

        keeper.watch(fail)
        forget = keeper.watch(lambda: heard.append(len(keeper.hashes)))
        keeper.review()
        self.clock.advance(8 * DAY)
        keeper.review()
        self.clock.advance(1.5 * DAY)
        keeper.review()
        self.assertEqual(heard, [2, 1])
        forget()
        self.clock.advance(8 * DAY)
        keeper.review()
        self.assertEqual(heard, [2, 1])
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 3)

    def test_long_sleep(self) -> None:
        """A node that slept past the end of both certificates makes new ones."""
        keeper = self.keep()
        self.clock.advance(8 * DAY)
        keeper.review()
        old = set(keeper.hashes)
        self.clock.advance(60 * DAY)
        keeper.review()
        self.assertFalse(old & set(keeper.hashes))
        self.assertGreater(keeper.current.end, NOW + self.clock.seconds() + 3 * DAY)

    def test_start_after_the_end(self) -> None:
        """A restart after the end of the current certificate goes on with the next one."""
        keeper = self.keep()
        self.clock.advance(8.5 * DAY)
        keeper.review()
        following = keeper.next
        self.clock.advance(3 * DAY)
        self.assertEqual(self.keep().current, following)

    def test_corrupt_files(self) -> None:
        """Files that make no sense are made anew, and the log says which."""
        for damage in (b"", b"garbage", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"):
            self.keep()
            (self.directory / "current.pem").write_bytes(damage)
            with capturedLogs() as logs:
                keeper = self.keep()
            warnings = [event for event in logs if event["log_level"] is LogLevel.warn]
            self.assertEqual([event["path"] for event in warnings], [str(self.directory / "current.pem")])
            self.assertGreater(keeper.current.end, NOW)
            self.assertEqual(self.keep().current, keeper.current)

    def test_other_names(self) -> None:
        """A node that got another name makes a certificate for it."""
        before = self.keep("old.example").current
        after = self.keep("new.example").current
        self.assertNotEqual(before.hash, after.hash)
        self.assertIn("new.example", certificate_names(after.certificate_der))

    def test_loose_mode(self) -> None:
        """A file that others could read is tightened."""
        self.keep()
        path = self.directory / "current.pem"
        path.chmod(0o644)
        self.keep()
        self.assertEqual(path.stat().st_mode & 0o777, 0o600)

    def test_unusable_directory(self) -> None:
        """What cannot be read or written is an error that names the path and says what to do."""
        self.directory.parent.mkdir()
        self.directory.write_bytes(b"a file where a directory belongs")
        error = self.assertRaises(CertificateError, self.keep)
        self.assertIn(str(self.directory), str(error))
        self.directory.unlink()
        (self.directory / "current.pem").mkdir(parents=True)
        error = self.assertRaises(CertificateError, self.keep)
        self.assertIn("current.pem", str(error))

    def test_failing_rotation(self) -> None:
        """A rotation that fails is logged and tried again; the old certificate stays in use."""
        keeper = self.keep()
        keeper.start()
        before = keeper.current
        obstacle = self.directory / "next.new"
        obstacle.mkdir()
        self.clock.advance(8 * DAY)
        self.assertEqual(len(self.flushLoggedErrors(CertificateError)), 1)
        self.assertEqual(keeper.hashes, (before.hash,))
        obstacle.rmdir()
        self.clock.advance(3_600)
        self.assertEqual(len(keeper.hashes), 2)
        keeper.stop()

    def test_wrong_name(self) -> None:
        """A name that no certificate can hold is refused at once."""
        self.assertRaises(ValueError, self.keep, "a" * 300 + ".example")

    def test_no_temporary_files(self) -> None:
        """Nothing but the two files stays in the directory."""
        keeper = self.keep()
        self.clock.advance(8 * DAY)
        keeper.review()
        self.assertEqual(sorted(os.listdir(self.directory)), ["current.pem", "next.pem"])
