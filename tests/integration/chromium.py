"""A real Chromium for the tests that need one: found here, started by Playwright, and its pages watched for errors."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs
import pytest

FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage")

NAMES = ("chromium", "chromium-browser", "google-chrome")

SECONDS = 60.0
"""How long a page may take to show what a test waits for."""


def find_chromium() -> str:
    """The browser's path; where there is none the test is skipped, but never on a build server."""
    path = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        if os.environ.get("CI") == "true":
            pytest.fail("there is no Chromium; the checks need one")
        pytest.skip("there is no Chromium on this machine (set CHROMIUM to its path)")
    return path


@attrs.frozen
class Watched:
    """A page, and what went wrong in it.

    :ivar page: Playwright's. :ivar errors: Errors of its console, and exceptions that nothing caught.
    """

    page: Any
    errors: list[str]

    def expect_text(self, selector: str, text: str, seconds: float = SECONDS) -> None:
        """Wait until an element that is seen contains a text."""
        found = self.page.locator(selector).filter(has_text=text).first
        try:
            found.wait_for(timeout=seconds * 1000)
        except Exception as error:
            there = self.page.locator(selector).all_inner_texts()
            pytest.fail(f"{selector} did not come to say {text!r}; it says {there}, {self.errors}: {error}")


@contextlib.contextmanager
def open_chromium(path: str, flags: Sequence[str] = ()) -> Iterator[Any]:
    """A headless browser for a while.

    :param path: Of the browser, or of a script that becomes it.
    """
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def open_page(browser: Any, url: str, *, may_fail: Sequence[str] = (), **options: Any) -> Iterator[Watched]:
    """A page in a profile of its own; in the end it must have had no errors.

    :param may_fail: Parts of messages that are no errors of the page's: a browser reports each refused connection.
    :param options: Of Playwright's ``new_context``: ``viewport``, ``color_scheme`` and others.
    """
    context = browser.new_context(**options)
    try:
        page = context.new_page()
        page.set_default_timeout(SECONDS * 1000)
        watched = Watched(page, [])
        page.on("console", lambda told: told.type == "error" and watched.errors.append(told.text))
        page.on("pageerror", lambda error: watched.errors.append(str(error)))
        page.goto(url)
        yield watched
        errors = [each for each in watched.errors if not any(part in each for part in may_fail)]
        assert errors == [], errors
    finally:
        context.close()


def read_axe() -> str:
    """The source of axe-core, which finds what keeps people from using a page."""
    from tests.integration.npm import MODULE, need_npm

    need_npm()
    return Path(MODULE / "node_modules" / "axe-core" / "axe.min.js").read_text()


def find_violations(watched: Watched, axe: str) -> list[str]:
    """What axe-core finds on a page as it is now: each with its rule and where."""
    page = watched.page
    if not page.evaluate("() => 'axe' in globalThis"):
        page.evaluate(axe)
    found = page.evaluate("async () => (await axe.run(document, {resultTypes: ['violations']})).violations")
    return [f"{each['id']}: {node['target']} {node['failureSummary']}" for each in found for node in each["nodes"]]
