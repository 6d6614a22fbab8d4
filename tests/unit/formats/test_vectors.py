"""The vector files are what the scripts make."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.vectors.generate import DIRECTORY, FILES, render


class VectorFilesTests(SynchronousTestCase):
    def test_files_are_what_the_script_makes(self) -> None:
        """Each committed file has the bytes that the script gives; if not on purpose, a format has changed."""
        for name in FILES:
            self.assertTrue((DIRECTORY / name).read_bytes() == render(name), f"{name} differs")

    def test_no_file_without_a_maker(self) -> None:
        """There is no vector file that the script does not make."""
        self.assertEqual({path.name for path in DIRECTORY.glob("*.json")}, set(FILES))
