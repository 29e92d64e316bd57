"""Hands on the keyboard and nothing else: Tab goes there, Space ticks, arrows choose, Enter presses."""

from __future__ import annotations

from playwright.sync_api import Page

MOST_TABS = 120  # a page that needs more is not worked by keyboard


class Keys:
    """What somebody does who has no mouse. Fails when Tab never gets there."""

    def __init__(self, page: Page) -> None:
        self.page = page

    def to(self, selector: str) -> None:
        """Tab until what fits `selector` has the focus, and can be seen."""
        for _ in range(MOST_TABS):
            if self._on(selector):
                return
            self.page.keyboard.press("Tab")
        raise AssertionError(f"Tab never came to {selector}")

    def write(self, selector: str, text: str) -> None:
        """Over whatever stands in the field."""
        self.to(selector)
        self.page.keyboard.press("Control+A")
        self.page.keyboard.type(text)

    def choose(self, name: str, value: str) -> None:
        """One of several: Tab to the group, then the arrows, which choose as they go."""
        self.to(f"[name={name}]")
        for _ in range(30):
            if self.page.evaluate("[document.activeElement.value, document.activeElement.checked]") == [value, True]:
                return
            on_it = self.page.evaluate("document.activeElement.value") == value
            self.page.keyboard.press("Space" if on_it else "ArrowDown")
        raise AssertionError(f"no arrow chose {value} of {name}")

    def tick(self, selector: str) -> None:
        self.to(selector)
        if not self.page.evaluate("document.activeElement.checked"):
            self.page.keyboard.press("Space")

    def press(self, selector: str, key: str = "Enter") -> None:
        """A button or link that leads to another page, which is there afterwards."""
        self.to(selector)
        with self.page.expect_navigation():
            self.page.keyboard.press(key)

    def _on(self, selector: str) -> bool:
        there = """(selector) => {
            const one = document.activeElement;
            return one !== document.body && one.matches(selector) && one.getClientRects().length > 0;
        }"""
        return bool(self.page.evaluate(there, selector))
