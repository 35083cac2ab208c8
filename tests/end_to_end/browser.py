"""A real headless browser for tests: the fixtures `browser` and `page`, and the page's own words.

Take the fixtures into a conftest.py:

    from tests.end_to_end.browser import browser, page
    __all__ = ["browser", "page"]

Without Chromium the tests are skipped, with the reason. A test fails if the page logs an error,
breaks its own content security policy, or asks anything of another host.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, sync_playwright

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str | None:
    """The path of an installed Chromium: $CHROMIUM, one on PATH, or playwright's own."""
    named = os.environ.get("CHROMIUM")
    if named:
        return named
    return next((path for name in _NAMES if (path := shutil.which(name))), None)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        path = chromium()
        if path is None and not Path(playwright.chromium.executable_path).exists():
            pytest.skip("No Chromium: install it, or name one in $CHROMIUM, to test the page.")
        started = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-US")
    context.set_default_timeout(10_000)
    opened = context.new_page()
    complaints: list[str] = []

    def console(message: ConsoleMessage) -> None:
        if message.type == "error":
            complaints.append(message.text)

    def request(asked: Request) -> None:
        host = urlsplit(asked.url).hostname
        if host not in ("127.0.0.1", None):
            complaints.append(f"asked {host} for {asked.url}")

    opened.on("console", console)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.on("request", request)
    yield opened
    context.close()
    assert complaints == []


class WorkspacePage:
    """The workspace page in the words of the people who use it."""

    def __init__(self, page: Page, url: str, *, as_person: str | None = None) -> None:
        self.page = page
        page.goto(url)
        page.locator(".sidebar [data-channel]").first.wait_for(state="attached")
        if as_person is not None:
            self.act_as(as_person)

    def act_as(self, name: str) -> None:
        self.page.locator(".actor").click()
        self.page.get_by_role("menuitem", name=name).click()
        self.page.locator(".actor", has_text=name).wait_for()

    def open_channel(self, name: str) -> None:
        self.page.locator(f'.sidebar [data-channel="{name}"]').click()
        self.page.locator(".main h1", has_text=name).wait_for()

    def open_home(self) -> Locator:
        self.page.locator('.sidebar [data-channel="app"]').click()
        return self.page.locator(".home-view")

    def type(self, text: str, *, in_thread: bool = False) -> None:
        """Type into the channel's or the thread's box, and send with Enter."""
        box = self.page.locator(f'[data-composer="{"thread" if in_thread else "channel"}"]')
        box.fill(text)
        if self.page.locator(".hints:visible").count():
            box.press("Escape")
        box.press("Enter")

    def message(self, text: str) -> Locator:
        """The newest message of the channel that contains this text."""
        return self.page.locator(".main .message", has_text=text).last

    def open_thread(self, of: Locator) -> Locator:
        of.locator(".thread-link").click()
        return self.thread

    @property
    def thread(self) -> Locator:
        return self.page.locator(".aside")

    @property
    def modal(self) -> Locator:
        return self.page.locator("dialog.modal")

    def confirm(self, yes: bool) -> None:
        """Answer the confirmation dialog that is open."""
        self.page.locator(f'dialog.confirm [data-confirm="{"yes" if yes else "no"}"]').click()

    def use_shortcut(self, message: Locator, name: str) -> None:
        message.hover()
        message.locator('[data-tool="more"]').click()
        self.page.get_by_role("menuitem", name=name).click()
