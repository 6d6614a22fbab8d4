"""Checkpoints as operators write them, and what they exclude."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from cloudnode.formats.checkpoint import Checkpoint, CheckpointInvalid, CheckpointMissed, parse_checkpoint


class CheckpointTests(SynchronousTestCase):
    def test_read(self) -> None:
        """A height and a hash are read, and written again as they were."""
        text = f"1234:{'ab' * 32}"
        checkpoint = parse_checkpoint(text)
        self.assertEqual(checkpoint, Checkpoint(1234, b"\xab" * 32))
        self.assertEqual(str(checkpoint), text)

    def test_wrong(self) -> None:
        """Anything else is refused with a sentence that says what is wanted."""
        right = "ab" * 32
        for text in ("", "12", right, f"0:{right}", f"-1:{right}", f"12:{right[:-1]}", f"12:{right.upper()}",
                     f"12:{right}\n", f" 12:{right}", f"1{'0' * 15}:{right}", f"٣:{right}"):  # fmt: skip
            with self.assertRaises(CheckpointInvalid) as caught:
                parse_checkpoint(text)
            self.assertIn("HEIGHT:HASH", str(caught.exception))

    def test_check(self) -> None:
        """A block of that height must be that block; others are not judged."""
        checkpoint = Checkpoint(7, b"\x01" * 32)
        checkpoint.check(7, b"\x01" * 32)
        checkpoint.check(8, b"\x02" * 32)
        with self.assertRaises(CheckpointMissed):
            checkpoint.check(7, b"\x02" * 32)
