"""The pages in a real browser: hostile transcripts stay text, and nothing is asked of another server."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from convexplain.report.pdf import browser
from convexplain.store import RunStore
from convexplain.text.visible import one_line, visible

from .browser_session import assert_harmless, served, settle, show, tick_row, watched_page
from .sample_stores import HOSTILE, hostile

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.loopback,
    pytest.mark.enable_socket,
    pytest.mark.skipif(browser() is None, reason="needs a Chromium or Chrome, such as Debian's package chromium"),
]


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A store of hostile conversations, and its run."""
    url = str(tmp_path_factory.mktemp("browser") / "store.db")
    store = RunStore(url)
    run = hostile(store)
    store.close()
    return url, run


@pytest.fixture(scope="module")
def server(place):
    """The address of a dashboard on it."""
    with served(place[0]) as address:
        yield address


@pytest.fixture(scope="module")
def chromium():
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(chromium, server):
    """An empty page, and what it asks for, in `page.asked`; dialogs fail the test."""
    with watched_page(chromium) as opened:
        yield opened


def test_a_chat_of_hostile_turns_is_shown_as_text(page, server, place):
    show(page, f"{server}/conversation?run={place[1]}&conversation=all&turn=8&rubric=harm")
    page.get_by_text("Show more of the conversation").click()
    settle(page)
    page.wait_for_function(f"() => document.querySelectorAll('.cx-turn').length === {len(HOSTILE)}", timeout=30_000)
    shown = page.locator(".cx-turn .cx-text").all_text_contents()
    for text, rendered in zip(HOSTILE, shown, strict=True):  # Markdown takes no more than its own signs away
        assert _letters(rendered) == _letters(visible(text)[:3000])
    assert_harmless(page, server)


@pytest.mark.parametrize("i", [0, 2, 9, 14, 17, 20])
def test_an_explained_turn(page, server, place, i):
    show(page, f"{server}/conversation?run={place[1]}&rubric=harm&turn=3&conversation={_quoted(f'{i} {HOSTILE[i]}')}")
    for title in ("All effects on the score", "Edits that were searched (1)", "The judge’s evidence"):
        page.get_by_text(title).click()
    page.get_by_text("The judge’s prompt").click()
    settle(page)
    assert "edited" in page.locator("ins.cx-come").last.text_content()
    assert one_line(HOSTILE[i]) in one_line(page.locator(".stApp").text_content())
    assert_harmless(page, server)


@pytest.mark.parametrize("name", ["", "pairs", "compare", "labels", "rubrics", "upload"])
def test_the_other_pages(page, server, place, name):
    show(page, f"{server}/{name}?run={place[1]}")
    if not name:
        page.get_by_role("button", name="Filter").click()
        page.get_by_text("Source", exact=True).first.click()
        page.get_by_role("button", name="unscored").click(force=True)
        settle(page)
    assert_harmless(page, server)


def test_a_filter_set_by_a_click_outlives_the_closed_popover(page, server, place):
    show(page, f"{server}/?run={place[1]}")
    page.get_by_role("button", name="Filter").click()
    page.get_by_label("Text in the conversation").wait_for()
    page.keyboard.press("Escape")
    settle(page)
    page.get_by_text("All scores on").click()
    settle(page)
    tick_row(page, of=0)  # the first source
    page.get_by_text("1 set: ").wait_for(timeout=30_000)
    settle(page)
    page.get_by_text("Length", exact=True).click()
    settle(page)
    sync_api.expect(page.get_by_text("1 set: ")).to_be_visible(timeout=30_000)
    assert page.get_by_text("All judged turns").count() == 0


def test_back_and_reload_of_the_overview(page, server, place):
    show(page, f"{server}/?run={place[1]}&rubric=harm")
    page.get_by_role("button", name=re.compile("below 0.5")).first.click()
    page.get_by_text("1 set: score 0.00 to 0.50").wait_for(timeout=30_000)
    settle(page)
    show(page, page.url)  # a link, or reloading
    page.get_by_text("1 set: score 0.00 to 0.50").wait_for(timeout=30_000)
    narrowed = page.url
    page.locator("[class*=st-key-cxlink-turn-] a").first.click()
    page.wait_for_url("**/conversation?**", timeout=60_000)
    settle(page)
    page.go_back()
    page.wait_for_url(narrowed, timeout=30_000)
    page.get_by_text("1 set: score 0.00 to 0.50").wait_for(timeout=30_000)
    settle(page)
    page.get_by_role("link", name="Themes", exact=True).click()
    page.wait_for_url("**/themes?**", timeout=60_000)
    settle(page)
    page.go_back()
    page.wait_for_url(narrowed, timeout=30_000)
    page.go_back()
    page.get_by_text("1 set: ").wait_for(state="detached", timeout=30_000)


def test_keys_lead_to_flagged_turns(page, server, place):
    show(page, f"{server}/conversation?run={place[1]}&conversation=all&turn=8&rubric=harm")
    page.get_by_role("button", name="Previous flagged").wait_for()
    page.keyboard.press("p")
    page.wait_for_function("() => /turn=3&/.test(location.search)", timeout=30_000)
    settle(page)
    assert parse_qs(urlsplit(page.url).query)["turn"] == ["3"]
    page.keyboard.press("n")
    page.wait_for_function("() => /conversation=all&turn=8/.test(location.search)", timeout=30_000)
    assert parse_qs(urlsplit(page.url).query)["turn"] == ["8"]


def test_a_deep_link_without_the_password_shows_nothing(chromium, place, tmp_path, monkeypatch):
    monkeypatch.setenv("CONVEXPLAIN_DASHBOARD_PASSWORD", "s3cret s3cret")
    with served(place[0]) as server:
        page = chromium.new_page()
        page.goto(f"{server}/conversation?run={place[1]}&conversation=all&turn=8&rubric=harm")
        for given in ("wrong", "s3cret s3cret"):
            assert page.locator(".cx-turn").count() == 0
            page.get_by_label("Your name").fill("Anna")
            page.get_by_label("Password", exact=True).fill(given)
            page.get_by_role("button", name="Sign in").click()
            if given == "wrong":
                page.get_by_role("alert").wait_for(timeout=30_000)
                page.wait_for_timeout(3_000)  # guesses have to wait
        page.locator(".cx-turn").first.wait_for(timeout=60_000)
        page.close()


def _letters(text):
    return re.sub(r"[\W_]", "", text)


def _quoted(text):
    from urllib.parse import quote

    return quote(text)
