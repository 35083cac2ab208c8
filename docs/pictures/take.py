"""Takes the README's picture from the local world: `python -m docs.pictures.take`.

What is on it is what the page shows of a real answer of the bot and a worker. Needs Chromium
(tests/end_to_end/browser.py says where it is looked for).
"""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator, Page, sync_playwright

from demo.local import LocalWorld
from tests.end_to_end.browser import ARGUMENTS, WorkspacePage, chromium

THREAD = Path(__file__).parent / "thread.png"
PIPELINE = "payments-deploy"
MARGIN = 14


def main() -> None:
    with LocalWorld() as world, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        page = browser.new_page(
            viewport={"width": 1900, "height": 2400}, device_scale_factor=1.25, locale="en-US"
        )
        here = WorkspacePage(page, world.workspace.url)
        here.open_channel("payments-deploys")
        here.type(f"/pipeline-access {PIPELINE}")
        thread = here.open_thread(here.message(f"{PIPELINE} is denied"))
        thread.get_by_role("button", name="Diagnose again").wait_for()
        _take(page, thread, messages=2)
        browser.close()


def _take(page: Page, thread: Locator, *, messages: int) -> None:
    """The thread from its top to the end of its first messages."""
    page.mouse.move(0, 0)  # no tools of the message under the pointer
    thread.locator(".message").nth(messages).evaluate("each => each.style.visibility = 'hidden'")
    whole = thread.bounding_box()
    last = thread.locator(".message").nth(messages - 1).bounding_box()
    assert whole is not None
    assert last is not None
    height = last["y"] + last["height"] + MARGIN - whole["y"]
    page.screenshot(path=THREAD, clip={**whole, "height": height}, animations="disabled")


if __name__ == "__main__":
    main()
