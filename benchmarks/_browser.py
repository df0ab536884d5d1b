"""A real browser on a real Airflow: logged in by the form, and pictures of what it shows."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from playwright.sync_api import Frame, Locator, Page, sync_playwright

from _harness import setting
from _png import smaller

WIDTH = 1280
_START_HEIGHT = 800
_MOST_HEIGHT = 4_000
_GRID_END = 415
_ASIDE = (WIDTH - 5, 5)  # where the mouse points at nothing
_SECONDS = 120
# Of what is not there yet, Airflow draws bones and bars.
_SETTLED = """[...document.querySelectorAll(".chakra-skeleton, [role=progressbar]")].every(
  (each) => !each.checkVisibility({ visibilityProperty: true, opacityProperty: true })
)"""
_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


def chromium() -> str:
    """The browser's program: ``CHROMIUM``, or the first on the path; exits without one."""
    asked = setting("CHROMIUM", "")
    found = shutil.which(asked) if asked else next(filter(None, map(shutil.which, _NAMES)), None)
    if found:
        return found
    what = f"CHROMIUM={asked} is no program" if asked else f"None of {', '.join(_NAMES)} is on PATH"
    print(
        f"{what}. Next: install Chromium (Debian: apt install chromium), or say where it is: "
        "CHROMIUM=/path/to/chromium make pictures",
        file=sys.stderr,
    )
    sys.exit(2)


@dataclass(frozen=True)
class Browser:
    """Somebody who is logged in, and looks.

    Attributes:
        page: what is looked at.
        blank: an empty page beside it.
        url: address of Airflow.
        folder: where pictures go.
    """

    page: Page
    blank: Page
    url: str
    folder: Path

    def open(self, path: str, *, shows: str) -> None:
        """Go to a page of a DAG, and wait until it shows a text."""
        self._go(path)
        self.page.get_by_text(shows).first.wait_for()
        self._widen()
        self._settle()

    def open_run(self, dag_id: str, run_id: str, then: str = "", *, shows: str) -> None:
        """Go to the page of a run, or of a task of it."""
        self.open(f"/dags/{dag_id}/runs/{quote(run_id, safe='')}{then}", shows=shows)

    def open_gatehouse(self, *links: str) -> Frame:
        """Go to Gatehouse in the navigation, and follow links in it by their texts."""
        self._go("/plugin/gatehouse")
        frame = self._frame()
        for link in links:
            frame.get_by_role("link", name=link, exact=True).first.click()
            frame.get_by_role("heading", name=link, exact=True).wait_for()
        self._settle()
        return frame

    def take(self, name: str, *, below: Locator | None = None, height: int = 0) -> None:
        """Take a picture of the page.

        Args:
            name: of the file, without ending.
            below: what the picture ends before.
            height: of the window, pixels; without one it is as high as the picture.
        """
        self.page.mouse.move(*_ASIDE)
        self.page.set_viewport_size({"width": WIDTH, "height": height or _MOST_HEIGHT})
        self._settle()
        end = self._top(below) if below is not None else height
        if not height:
            self.page.set_viewport_size({"width": WIDTH, "height": end})
            self._settle()
        path = self.folder / f"{name}.png"
        clip = {"x": 0, "y": 0, "width": WIDTH, "height": end}
        picture = self.page.screenshot(clip=clip, animations="disabled", caret="hide")
        path.write_bytes(smaller(self.blank, picture))
        print(f"{path.name}: {path.stat().st_size / 1e3:.0f} kB, {WIDTH} x {end}", flush=True)

    def _go(self, path: str) -> None:
        self.page.set_viewport_size({"width": WIDTH, "height": _START_HEIGHT})
        self.page.goto(f"{self.url}{path}", wait_until="load")

    def _top(self, element: Locator) -> int:
        box = element.bounding_box()
        assert box, f"{element} is not shown"
        return int(box["y"])

    def _widen(self) -> None:
        """Draw the grid wider: in a window of this width its newest run would be hidden."""
        handle = self.page.locator("[data-panel-resize-handle-id], [data-separator]").first
        box = handle.bounding_box()
        assert box, "no handle between grid and run"
        x, y = box["x"] + box["width"] / 2, box["y"] + 300
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(_GRID_END, y, steps=5)
        self.page.mouse.up()
        self.page.mouse.move(*_ASIDE)

    def _settle(self) -> None:
        self.page.wait_for_function(_SETTLED)
        self.page.wait_for_timeout(2_000)

    def _frame(self) -> Frame:
        self.page.wait_for_selector("iframe")
        handle = self.page.query_selector("iframe")
        frame = handle.content_frame() if handle else None
        assert frame, "no frame of Gatehouse"
        frame.wait_for_selector("h1")
        return frame


@contextmanager
def browser(program: str, url: str, folder: Path, *, user: str, password: str) -> Iterator[Browser]:
    """A browser in light colours, on UTC, logged in by the form."""
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []  # a sandbox of root's is refused
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            page = started.new_page(
                viewport={"width": WIDTH, "height": _START_HEIGHT},
                color_scheme="light",
                locale="en-GB",
                timezone_id="UTC",
            )
            page.set_default_timeout(_SECONDS * 1_000)
            page.goto(url)
            page.fill("input[name=username]", user)
            page.fill("input[name=password]", password)
            page.click("button[type=submit]")
            page.wait_for_url(lambda address: "/auth/" not in address)
            yield Browser(page, started.new_page(), url, folder)
        finally:
            started.close()
