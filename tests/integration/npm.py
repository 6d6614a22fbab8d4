"""Node.js and npm for the tests that need them, with what the JavaScript module's tests use besides."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess

import pytest

from tests.integration.conftest import ROOT

MODULE = ROOT / "javascript"
"""The module's directory."""

NODE_LEAST = 18


def unavailable_reason() -> str | None:
    """Why there can be no tests of JavaScript here; None if there can."""
    for command in ("node", "npm", "make"):
        if shutil.which(command) is None:
            return f"there is no {command} on this machine"
    version = subprocess.run(["node", "--version"], check=True, capture_output=True, text=True).stdout
    found = re.match(r"v(\d+)\.", version)
    if found is None or int(found[1]) < NODE_LEAST:
        return f"Node.js is {version.strip()}, and {NODE_LEAST} or later is needed"
    return None


def need_node() -> None:
    """Skip the test where there is no JavaScript, but never on a build server."""
    reason = unavailable_reason()
    if reason is not None:
        if os.environ.get("CI"):
            pytest.fail(f"{reason}: a build server must have nodejs and npm")
        pytest.skip(reason)


def need_npm() -> None:
    """Install what the tests need, if it is not there; skip them where that can't be, but never on a build server."""
    need_node()
    (ROOT / "build").mkdir(exist_ok=True)
    with (ROOT / "build" / "npm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # tests run side by side, and the first one to come here installs for all
        run("make", "--silent", "npm", directory=".")


def run(*command: str, directory: str = "javascript", seconds: float = 300.0) -> str:
    """Run a command of the module's to its end; a failure fails the test with all that it wrote.

    :param directory: Where, from the top of the checkout. :return: Its standard output.
    """
    done = subprocess.run(
        command, cwd=ROOT / directory, capture_output=True, text=True, timeout=seconds, check=False
    )
    if done.returncode:
        pytest.fail(f"{' '.join(command)} ended with status {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout
