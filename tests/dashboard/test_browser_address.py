"""Back, reload and links on every page in a real browser: the address has what is shown."""

from urllib.parse import parse_qs, urlsplit

import pytest

from convexplain.report.pdf import browser
from convexplain.store import RunStore

from .browser_session import served, settle, show
from .sample_stores import full

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.loopback,
    pytest.mark.enable_socket,
    pytest.mark.skipif(browser() is None, reason="needs a Chromium or Chrome, such as Debian's package chromium"),
]

PAGES = {
    "Conversation": {"run": "1", "rubric": "harm", "conversation": "alpha", "number": "1", "turn": "3"},
    "Themes": {"run": "1", "rubric": "harm"},
    "Contrast pairs": {"run": "1", "rubric": "harm"},
    "Compare": {"first": "1", "second": "2", "rubric": "harm"},
    "Upload and run": {"run": "1", "rubric": "harm"},
    "Rubrics": {"run": "1", "rubric": "harm"},
    "Labels": {"run": "1", "rubric": "harm"},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    url = str(tmp_path_factory.mktemp("address") / "store.db")
    store = RunStore(url)
    full(store)
    store.close()
    with served(url) as address:
        yield address


@pytest.fixture
def page():
    with sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        yield opened.new_page(viewport={"width": 1280, "height": 900})
        opened.close()


def parameters(page):
    return {name: values[-1] for name, values in parse_qs(urlsplit(page.url).query).items()}


def follow(page, name):
    """Click a link of the pages' list, and wait until its page is there."""
    page.get_by_role("link", name=name, exact=True).click()
    page.get_by_role("heading", name=name, level=1, exact=True).wait_for(timeout=60_000)
    settle(page)


def wait_for(page, url):
    page.wait_for_url(url, timeout=30_000)
    settle(page)


def test_every_page_keeps_its_address_on_reload_and_back_takes_one_press(page, server):
    show(page, f"{server}/?run=1&rubric=harm")
    start = page.url
    for name, expected in PAGES.items():
        follow(page, name)
        assert parameters(page) == expected, name
        opened = page.url
        page.reload()
        page.get_by_role("heading", name=name, level=1, exact=True).wait_for(timeout=60_000)
        settle(page)
        assert page.url == opened
        page.go_back()
        wait_for(page, start)
        page.get_by_role("heading", name="Overview", level=1, exact=True).wait_for(timeout=30_000)


def test_a_page_that_was_opened_without_a_run_leads_to_pages_that_back_leaves_in_one_press(page, server):
    show(page, f"{server}/upload")
    start = page.url
    for name in ("Overview", "Labels", "Compare"):
        follow(page, name)
        page.go_back()
        wait_for(page, start)


def test_compare_keeps_runs_maxim_and_turn(page, server):
    show(page, f"{server}/compare?first=2&second=1&rubric=harm")
    opened = page.url
    turns = page.locator(".st-key-moved-turns button:visible")
    turns.nth(1).click()
    page.wait_for_url("**turn=*", timeout=30_000)
    settle(page)
    chosen, headline = page.url, page.locator(".cx-headline").last.inner_text()
    page.reload()
    page.get_by_text(headline).first.wait_for(timeout=60_000)
    settle(page)
    assert page.url == chosen
    page.go_back()
    wait_for(page, opened)
    page.get_by_text("Helpfulness", exact=True).last.click()
    page.wait_for_url("**rubric=helpfulness*", timeout=30_000)
    settle(page)
    page.go_back()
    wait_for(page, opened)
    follow(page, "Themes")
    follow(page, "Compare")
    assert parameters(page) == {"first": "2", "second": "1", "rubric": "harm"}  # the comparison that was left


def test_the_filters_of_pairs_live_in_the_address(page, server):
    show(page, f"{server}/pairs?run=1&rubric=harm")
    opened = page.url
    page.get_by_text("accepted", exact=True).click()
    page.wait_for_url("**reviewed=accept*", timeout=30_000)
    settle(page)
    page.get_by_text("No contrast matches the filters").wait_for(timeout=30_000)
    page.reload()
    page.get_by_text("No contrast matches the filters").wait_for(timeout=60_000)
    settle(page)
    page.go_back()
    wait_for(page, opened)
    page.get_by_text("1 edit;").wait_for(timeout=30_000)


def test_the_order_and_the_search_of_the_overview_live_in_the_address(page, server):
    show(page, f"{server}/?run=1&rubric=harm&order=highest")
    first = page.locator("[class*=st-key-cxlink-turn-] .cx-chip").first
    assert first.inner_text().startswith("0.90")
    page.get_by_label("Text in the conversation").fill("beta")
    page.keyboard.press("Enter")
    page.wait_for_url("**text=beta*", timeout=30_000)
    page.get_by_text("1 set: contains “beta”").wait_for(timeout=30_000)
    assert parameters(page)["order"] == "highest"
