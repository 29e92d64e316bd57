"""Pictures for the documentation: the main job at phone and desktop width, and a short moving story of it.

`python -m tests.screenshots` writes to docs/pictures.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser

from crisis.states import Mode
from tests.browser.demo import demo
from tests.browser.officer import DESK, PHONE, Officer, browser, camera

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
FRAME_MILLISECONDS = 1_600


def main() -> None:
    with tempfile.TemporaryDirectory() as work, browser() as chromium:
        folder = Path(work)
        for name, size, mode in (("phone", PHONE, Mode.DRILL), ("desk", DESK, Mode.LIVE)):
            place = folder / name
            place.mkdir()
            with demo(place) as (here, secrets):
                taken = _take(chromium, here, secrets["vakt-ous"], size, mode, place / "taken")
                _town_square(chromium, here.simulator.url, size, PICTURES / f"town-square-{name}.png")
            _keep(taken, "board", PICTURES / f"board-{name}.png")
            _keep(taken, "preview", PICTURES / f"preview-{name}.png")
            _keep(taken, "release", PICTURES / f"release-{name}.png")
            if name == "phone":
                _moving(taken, PICTURES / "story.gif")
    print(f"Pictures are in {PICTURES}")


def _take(chromium: Browser, here: object, secret: str, size: dict[str, int], mode: Mode, folder: Path) -> list[Path]:
    page = chromium.new_context(viewport=size, locale="nb-NO").new_page()  # type: ignore[arg-type]
    console = here.runtime.settings.console.public_url  # type: ignore[attr-defined]
    officer = Officer(page, console, camera(page, folder))
    officer.sign_in("vakt-ous", secret)
    officer.open_incident(mode, "Togulykke Oslo S")
    officer.draft_first_message()
    officer.release(mode)
    officer.follow_up("correction", mode)
    officer.follow_up("all_clear", mode)
    return sorted(folder.glob("*.png"))


def _town_square(chromium: Browser, address: str, size: dict[str, int], target: Path) -> None:
    page = chromium.new_context(viewport=size).new_page()  # type: ignore[arg-type]
    page.goto(address)
    page.wait_for_timeout(1500)
    page.screenshot(path=target)


def _keep(taken: list[Path], name: str, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    first = next(path for path in taken if path.stem.endswith(name))
    picture = Image.open(first)
    picture.crop((0, 0, picture.width, min(picture.height, 1_700))).save(target, optimize=True)


def _moving(taken: list[Path], target: Path) -> None:
    """Each picture's first screen, one after another."""
    frames = []
    for path in taken:
        picture = Image.open(path).convert("RGB")
        frame = Image.new("RGB", (PHONE["width"], PHONE["height"]), "white")
        frame.paste(picture.crop((0, 0, PHONE["width"], min(picture.height, PHONE["height"]))))
        frames.append(frame.quantize(64))
    frames[0].save(target, save_all=True, append_images=frames[1:], duration=FRAME_MILLISECONDS, loop=0, optimize=True)


if __name__ == "__main__":
    main()
