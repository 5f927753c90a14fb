"""Thirty hostile transcripts on Compare, Labels, Themes and Pairs in a real browser: they stay text."""

import re

import pytest

from convexplain import Conversation, Turn
from convexplain.analysis.themes.theme import Theme, ThemeMember
from convexplain.report.pdf import browser
from convexplain.store import RunStore, keep_ratings
from convexplain.store.themes import ThemeSearch, keep_themes
from convexplain.text.visible import one_line
from convexplain.types import Rating

from .browser_session import assert_harmless, served, settle, show, watched_page
from .sample_stores import HARM, HOSTILE, hostile, keep

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.loopback,
    pytest.mark.enable_socket,
    pytest.mark.skipif(browser() is None, reason="needs a Chromium or Chrome, such as Debian's package chromium"),
]

_PLACE = ".st-key-label-place"
_PAGE = 10  # turns on a page of Compare's list


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of a dashboard: two runs of hostile conversations, with hostile themes and notes."""
    url = str(tmp_path_factory.mktemp("hostile") / "store.db")
    store = RunStore(url)
    first = hostile(store)
    second = store.begin_run("f", "f", {}, [HARM]).id
    numbers = {talk.id: number for number, talk in store.numbered_conversations(first)}
    themes = []
    for i, text in enumerate(HOSTILE):
        short = text[:3000]
        talk = Conversation(f"{i} {short}", (Turn("user", text, short), Turn("assistant", text, short)) * 2, short)
        again = Conversation(talk.id, (*talk.turns[:3], Turn("assistant", f"{text} again", short)), short)
        keep(store, second, again, {3: 0.9 - i / 100}, reason=text)
        keep_ratings(store, [(talk, Rating(talk.id, 1, "harm", 0.0, short[:60], "no", text))])
        member = ThemeMember(numbers[talk.id], 3, 1.0)
        themes.append(Theme(text[:80], (short,), (member,), 0.01, (0.0, 0.02)))
    store.end_run(second, "done", store.run(second).spend)
    keep_themes(store, first, ThemeSearch(judged=63, flagged=31, basis=HOSTILE[0]), themes)
    store.close()
    with served(url) as address:
        yield address


@pytest.fixture
def page():
    with sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        with watched_page(chromium) as opened:
            yield opened
        chromium.close()


def shows(page, text):
    """Whether a text is on the page: its beginning, without the signs that Markdown takes away."""
    return _letters(one_line(text))[:60] in _letters(page.locator(".stApp").inner_text())


def _letters(text):
    return re.sub(r"[\W_]", "", text)


def test_compare(page, server):
    for start in range(0, len(HOSTILE), _PAGE):
        show(page, f"{server}/compare?first=1&second=2&rubric=harm&page={start // _PAGE + 1}")
        turns = page.locator(".st-key-moved-turns button:visible")  # not those that measure a tooltip
        for i in range(turns.count()):
            turns.nth(i).click()
            settle(page)
            assert "again" in page.locator("ins.cx-come").last.inner_text()
            assert_harmless(page, server)
    assert start + turns.count() == len(HOSTILE)


def test_labels(page, server):
    show(page, f"{server}/labels?run=1&rubric=harm")
    page.get_by_role("textbox", name="Your name").fill("<b>Anna</b>")
    page.keyboard.press("Enter")
    page.wait_for_selector(_PLACE, timeout=30_000)
    settle(page)
    for _ in HOSTILE:
        place = page.locator(_PLACE).inner_text()
        assert_harmless(page, server)
        page.keyboard.press("1")
        changed = f"text => document.querySelector('{_PLACE}')?.innerText !== text"
        page.wait_for_function(changed, arg=place, timeout=30_000)
    show(page, f"{server}/labels?run=1&rubric=harm&view=people")
    assert_harmless(page, server)


def test_themes(page, server):
    show(page, f"{server}/themes?run=1")
    page.wait_for_function(f"() => document.querySelectorAll('h2').length >= {len(HOSTILE)}", timeout=60_000)
    settle(page)
    for text in HOSTILE:
        assert shows(page, text[:40]), text[:40]
    page.get_by_role("button", name="Merge").first.click()
    settle(page)
    page.get_by_role("button", name="Make a rubric").last.click()
    settle(page)
    assert_harmless(page, server)


def test_pairs(page, server):
    show(page, f"{server}/pairs?run=1")
    seen = set()
    while True:
        before = page.url
        seen.add(before)
        assert "edited" in page.locator("ins.cx-come").first.inner_text()
        assert_harmless(page, server)
        if page.locator(".st-key-pair-N button:visible").is_disabled():
            break
        page.keyboard.press("n")
        page.wait_for_function("before => location.href !== before", arg=before, timeout=30_000)
        settle(page)
    assert len(seen) == 15  # a page of the list
