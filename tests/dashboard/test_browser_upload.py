"""Logs of no known format on the upload page, in a real browser: the proposed map is shown, and corrected."""

import json
import os

import pytest

from convexplain.report.pdf import browser

from .browser_session import served, settle, show

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.loopback,
    pytest.mark.enable_socket,
    pytest.mark.skipif(browser() is None, reason="needs a Chromium or Chrome, such as Debian's package chromium"),
]

DESK = """Req #;Via;Party;Comment body;Prio
77;mail;End-user;Where is my parcel?;low
77;mail;Support rep;It is on its way to you.;low
78;chat;End-user;Can I return it?;low
78;chat;Support rep;Of course you can.;low
"""
THIRD = """subject,opened,case_id,by,words
Parcel,2024-05-01,C1,Ann,Where is my parcel?
Parcel,2024-05-01,C1,Mia,It is on its way to you.
Return,2024-05-02,C2,Bo,Can I return it?
Return,2024-05-02,C2,Mia,Of course you can.
"""
TRANSCRIPT = """=== first ===
User: Where is my parcel?
Bot: It is on its way to you.
=== second ===
User: Can I return it?
Bot: Of course you can.
"""
NESTED = {
    "export": {
        "calls": [
            {"no": n, "lines": [{"party": {"kind": "caller"}, "t": question}, {"party": {"kind": "desk"}, "t": answer}]}
            for n, question, answer in (
                (1, "Where is my parcel?", "It is on its way to you."),
                (2, "Can I return it?", "Of course you can."),
            )
        ]
    }
}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    folder = tmp_path_factory.mktemp("upload")
    env = {**os.environ, "XDG_DATA_HOME": str(folder)}
    with served(folder / "store.db", env) as address, sync_api.sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        opened = chromium.new_page(viewport={"width": 1280, "height": 1400})
        opened.address = address
        yield opened
        chromium.close()


@pytest.mark.parametrize(
    ("name", "content", "corrections"),
    [
        ("desk.csv", DESK, {}),
        ("third.csv", THIRD, {"assistant": "Mia"}),
        ("calls.txt", TRANSCRIPT, {}),
        ("nested.json", json.dumps(NESTED), {"user": "caller", "assistant": "desk"}),
    ],
)
def test_a_log_is_uploaded_and_its_map_corrected(page, tmp_path, name, content, corrections):
    log = tmp_path / name
    log.write_text(content)
    show(page, f"{page.address}/upload")
    page.locator("input[type=file]").set_input_files(log)
    page.get_by_text("Preview").wait_for(timeout=60_000)
    settle(page)
    for part, word in corrections.items():
        field = page.get_by_label(part, exact=True)
        field.fill(word)
        field.press("Enter")
        settle(page)
    if folder := os.environ.get("CONVEXPLAIN_SCREENSHOTS"):
        page.screenshot(path=f"{folder}/{log.stem}.png", full_page=True)
    page.get_by_text("2 conversations with 4 turns").wait_for(timeout=60_000)
    for text in ("Where is my parcel?", "It is on its way to you."):
        page.get_by_text(text).first.wait_for(timeout=60_000)
    assert page.get_by_text("To decide below").count() == 0
