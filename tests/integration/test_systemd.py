"""The systemd unit, judged by systemd's own tools where the machine has them."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cloudnode.service.options import Options
from tests.integration.conftest import ROOT

UNIT = ROOT / "contrib" / "systemd" / "cloudnode.service"
INSTALLED = "/opt/cloudnode/bin/twistd"

# systemd-analyze writes 1.2; by its own words up to 2 is "OK", up to 5 "MEDIUM", from 8 "UNSAFE".
MOST_EXPOSURE = 1.2

needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not here")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a twistd that exists on this machine in place of the installed one."""
    path = tmp_path / UNIT.name
    text = UNIT.read_text()
    assert INSTALLED in text
    path.write_text(text.replace(INSTALLED, str(Path(sys.executable).with_name("twistd"))))
    return path


def settings() -> dict[str, list[str]]:
    """The unit's settings by name; a list may be continued by a further line."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


@needs_systemd
def test_verify(unit: Path) -> None:
    """systemd understands every line of it."""
    done = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@needs_systemd
def test_exposure(unit: Path) -> None:
    """It is exposed to little: no privilege, a read-only system, ordinary system calls."""
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", unit]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    if "unrecognized option" in done.stderr:
        pytest.skip("this systemd can't judge a unit that is not installed")
    found = re.search(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    assert found is not None, done.stdout + done.stderr
    assert float(found[1]) <= MOST_EXPOSURE, done.stdout


def test_life() -> None:
    """It tells when it serves, is restarted when it fails, and has a state directory of its own."""
    expected = {
        "Type": ["notify"],
        "Restart": ["on-failure"],
        "DynamicUser": ["yes"],
        "StateDirectory": ["cloudnode"],
        "StateDirectoryMode": ["0700"],
    }
    found = settings()
    assert {name: found.get(name) for name in expected} == expected


def test_command_line() -> None:
    """The options in its command line are known, and the data goes into the state directory."""
    [command] = settings()["ExecStart"]
    words = command.split()
    assert words[0] == INSTALLED
    options = Options({"STATE_DIRECTORY": "/var/lib/cloudnode"}, Path("/nonexistent"))
    options.parseOptions([word for word in words[words.index("cloudnode") + 1 :] if not word.startswith("$")])
    assert options.config.datadir == Path("/var/lib/cloudnode")
