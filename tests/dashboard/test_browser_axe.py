"""Every page in a real browser, light and dark, by axe-core: contrast, names, headings, roles."""

import json
import os
from pathlib import Path

import pytest

from convexplain.report.pdf import browser
from convexplain.store import RunStore, keep_ratings
from convexplain.store.reviews import Review, keep_review
from convexplain.types import Rating
from convexplain.workspace import Workspace
from tests.theme_store import two_modes

from .browser_session import served, settle, show
from .sample_stores import full, talk

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")
axe = pytest.importorskip("axe_playwright_python", reason="axe is not installed: pip install -e '.[dev]'")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.loopback,
    pytest.mark.enable_socket,
    pytest.mark.skipif(browser() is None, reason="needs a Chromium or Chrome, such as Debian's package chromium"),
]

_SCRIPT = Path(axe.__file__).with_name("axe.min.js")
_VIOLATIONS = """async () => (await axe.run(document, {resultTypes: ['violations']})).violations.flatMap(
    rule => rule.nodes.map(node => [rule.id, node.html, node.failureSummary || '']))"""

_OF_STREAMLIT = [("presentation-role-conflict", 'data-testid="stFileUploaderDropzone"')]
"""Rules that elements of Streamlit break, which no page can mend."""


def _open_editor(page):
    page.get_by_role("button", name="Edit").first.click()
    page.get_by_text("All effects on the score").click()
    page.get_by_text("Explain it in another way").click()


def _sign_in(page):
    page.get_by_role("textbox", name="Your name").fill("Ben")
    page.keyboard.press("Enter")
    page.wait_for_selector(".st-key-label-place", timeout=60_000)


def _click(name):
    return lambda page: page.get_by_text(name).first.click()


PAGES = {
    "overview": ("?run=1&rubric=harm", _click("All scores on")),
    "overview of themes": ("?run=3&rubric=helpfulness", lambda page: page.get_by_role("button", name="Filter").click()),
    "conversation": ("conversation?run=1&rubric=harm&conversation=alpha&turn=3", _open_editor),
    "themes": ("themes?run=3", lambda page: page.get_by_role("button", name="Rename").first.click()),
    "pairs": ("pairs?run=1", _click("Correct the edit")),
    "compare": ("compare?first=1&second=2&rubric=harm", _click("Figures of this maxim")),
    "labels": ("labels?run=1&rubric=harm", _sign_in),
    "judge and people": ("labels?run=1&rubric=harm&view=people", _click("The conversation up to this turn")),
    "rubrics": ("rubrics?rubric=harm", _click("Edit a copy")),
    "upload": ("upload", _click("Change a run")),
    "connections": ("connections", lambda page: page.get_by_role("button", name="Remove").click()),
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a dashboard on a store with explanations, themes, labels, notes and reviews."""
    url = str(tmp_path_factory.mktemp("axe") / "store.db")
    store = RunStore(url)
    full(store)
    keep_review(store, Review(1, "Anna", "accept", None))
    alpha = talk("alpha", 2, bot="Robin", day=1)
    keep_ratings(store, [(alpha, Rating("alpha", 3, "harm", 1.0, "Anna", "yes", "It is fine."))])
    Workspace(store).themes(two_modes(store, judge="judge-c")[0])
    store.close()
    folder = tmp_path_factory.mktemp("config")
    team = {"url": "https://llm.example/v1?model=m", "origin": "https://llm.example", "public_only": True}
    (folder / "connections.json").write_text(json.dumps({"connections": {"team": team}, "default": ""}))
    with served(url, {**os.environ, "CONVEXPLAIN_CONFIG": str(folder)}) as address:
        yield address


@pytest.fixture(scope="module", params=["light", "dark"])
def page(request, server):
    """A page in one of the two colour schemes."""
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        yield opened.new_page(viewport={"width": 1280, "height": 900}, color_scheme=request.param)
        opened.close()


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing(page, server, name):
    address, step = PAGES[name]
    show(page, f"{server}/{address}")
    assert _violations(page) == []
    step(page)
    settle(page)
    assert _violations(page) == []


def test_axe_finds_what_is_wrong(page, server):
    show(page, f"{server}/rubrics")
    page.evaluate(
        "document.querySelector('h1').insertAdjacentHTML('afterend', '<p style=\"color:#888;background:#777\">Hm.</p>')"
    )
    assert [rule for rule, *_ in _violations(page)] == ["color-contrast"]


def _violations(page):
    """What axe finds, without what Streamlit alone can mend."""
    page.wait_for_timeout(500)  # until nothing fades in or out
    page.evaluate(_SCRIPT.read_text(encoding="utf-8"))
    return [
        (rule, html, why)
        for rule, html, why in page.evaluate(_VIOLATIONS)
        if not any(rule == known and mark in html for known, mark in _OF_STREAMLIT)
    ]
