"""Labelling in a real browser: a key a turn, nothing jumps, and the keys of a dialog are not labels."""

import time

import pytest

from convexplain.report.pdf import browser
from convexplain.store import RunStore, ratings
from convexplain.workspace import Workspace
from tests.theme_store import two_modes

from .browser_session import served, settle, show

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.loopback,
    pytest.mark.enable_socket,
    pytest.mark.skipif(browser() is None, reason="needs a Chromium or Chrome, such as Debian's package chromium"),
]

_SHOWN = ".st-key-label-place"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A store with a run of 20 scored turns in two themes, and the run."""
    url = str(tmp_path_factory.mktemp("labels") / "store.db")
    store = RunStore(url)
    run, _ = two_modes(store)
    Workspace(store).themes(run)
    store.close()
    return url, run


@pytest.fixture
def page(place):
    """The page Labels in a browser, signed in as Anna."""
    with served(place[0]) as address, sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        page = opened.new_page(viewport={"width": 1280, "height": 900})
        show(page, f"{address}/labels?run={place[1]}&rubric=helpfulness")
        field = page.get_by_role("textbox", name="Your name")
        field.fill("Anna")
        field.press("Enter")
        page.wait_for_selector(_SHOWN, timeout=30_000)
        settle(page)
        yield page
        opened.close()


def press(page, key):
    """Press a key, and wait until another turn is shown."""
    before = page.locator(_SHOWN).inner_text()
    page.keyboard.press(key)
    page.wait_for_function(
        f"text => document.querySelector('{_SHOWN}')?.innerText !== text", arg=before, timeout=30_000
    )


def labels(place):
    store = RunStore(place[0])
    try:
        return {rating.conversation_id: (rating.label, rating.note) for _, rating in ratings(store)}
    finally:
        store.close()


def test_turns_are_labelled_by_keys(page, place):
    top = page.locator(".st-key-label-buttons").bounding_box()
    began = time.monotonic()
    for i in range(19):
        press(page, "12"[i % 2])
    took = time.monotonic() - began
    assert took < 60
    assert page.locator(".st-key-label-buttons").bounding_box() == top  # nothing jumps
    assert sorted(label for label, _ in labels(place).values()) == ["no"] * 9 + ["yes"] * 10
    press(page, "u")
    assert len(labels(place)) == 18
    shown = page.locator(_SHOWN).inner_text()
    press(page, "ArrowLeft")
    press(page, "ArrowRight")
    assert page.locator(_SHOWN).inner_text() == shown
    page.keyboard.press("t")
    page.wait_for_selector("[role=dialog]")
    settle(page)
    page.keyboard.press("1")
    settle(page)
    assert len(labels(place)) == 18
    page.locator("[role=dialog]").get_by_role("button", name="Close").click()
    page.wait_for_selector("[role=dialog]", state="detached")
    settle(page)
    page.keyboard.press("n")
    page.wait_for_selector("[role=dialog] textarea")
    page.locator("[role=dialog] textarea").fill("names 2 times and 1 place")
    page.keyboard.press("Control+Enter")
    page.wait_for_selector("[role=dialog]", state="detached", timeout=30_000)
    assert len(labels(place)) == 18  # the figures of the note are no labels
    settle(page)
    press(page, "2")
    assert ("no", "names 2 times and 1 place") in labels(place).values()


def test_a_reload_keeps_the_name(page):
    page.reload()
    page.wait_for_selector(_SHOWN, timeout=60_000)
    page.get_by_text("You label as Anna").wait_for()
    page.get_by_role("button", name="Change the name").click()
    settle(page)
    page.reload()
    page.get_by_role("textbox", name="Your name").wait_for(timeout=60_000)
