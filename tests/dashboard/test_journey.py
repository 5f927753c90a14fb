"""From a log to a training file by mouse: upload, run, the worst turn, why, what would change it, accept, export."""

import json
import os
import re
import zipfile

import pytest

from convexplain.report.pdf import browser

from .browser_session import served, settle, show

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install -e '.[dev]'")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.loopback,
    pytest.mark.enable_socket,
    pytest.mark.usefixtures("embedded_model", "hears_ctrl_c"),
    pytest.mark.skipif(browser() is None, reason="needs a Chromium or Chrome, such as Debian's package chromium"),
]

_LONG = 400_000  # milliseconds that the embedded model may need for a step, on a busy machine


def _log(path):
    talks = [  # each reply has a sentence that can be left out
        (
            "shop-1",
            [
                "Where is my parcel?",
                "Your parcel left our depot on Monday, and it arrives tomorrow before noon.",
                "Can I change the address?",
                "Yes. Open the order and choose another address.",
            ],
        ),
        (
            "shop-2",
            [
                "Can I pay by card?",
                "Yes, you can pay with any card when it is sent.",
                "And by invoice?",
                "Yes, by invoice too. You have 14 days to pay it. Thank you.",
            ],
        ),
    ]
    speakers = ("human", "gpt")
    records = [
        {"id": id, "conversations": [{"from": speakers[i % 2], "value": text} for i, text in enumerate(said)]}
        for id, said in talks
    ]
    path.write_text(json.dumps(records))
    return path


def journey(page, server, log, see=lambda name: None):
    """Goes all the way, looking around with `see` at every step; returns what was downloaded."""
    show(page, f"{server}/upload")
    page.locator("input[type=file]").set_input_files(log)
    page.get_by_text("Preview").wait_for(timeout=60_000)
    page.get_by_text("format sharegpt").wait_for(timeout=60_000)
    worst = page.get_by_role("spinbutton", name="Worst turns to explain")
    worst.fill("0", timeout=60_000)  # one turn is explained by hand below
    worst.press("Tab")
    settle(page)
    page.get_by_role("button", name="Estimate the cost").click()
    page.get_by_text("Judgements", exact=True).wait_for(timeout=60_000)
    see("upload")
    settle(page)
    page.get_by_role("button", name="Start").click()
    page.get_by_text("✓ done · analyze").wait_for(timeout=_LONG)
    see("done")

    show(page, f"{server}/?run=1&rubric=helpfulness")
    page.locator("[class*=st-key-cxlink-turn-] a").first.wait_for(timeout=60_000)
    see("overview")
    page.locator("[class*=st-key-cxlink-turn-] a").first.click()
    page.wait_for_url("**/conversation?**", timeout=60_000)
    page.get_by_role("button", name="Explain this turn").click(timeout=60_000)
    page.get_by_text(re.compile("the score most|No words of the reply")).first.wait_for(timeout=_LONG)
    settle(page)
    see("attribution")

    page.get_by_text("Search in another way").click()
    page.get_by_role("radio", name="This turn itself").click(timeout=60_000)
    settle(page)
    page.get_by_role("radio", name="Lower it").click(timeout=60_000)
    settle(page)
    page.get_by_label("By at least").fill("0.05")
    page.get_by_label("By at least").press("Tab")
    settle(page)
    page.get_by_role("button", name="Search for an edit").click()
    page.get_by_text("(worsen by 0.05) by").first.wait_for(timeout=_LONG)
    assert page.locator("del.cx-gone").count()
    settle(page)
    see("contrast")

    page.get_by_role("link", name="Contrast pairs").click()
    page.get_by_role("textbox", name="Your name").fill("Anna", timeout=60_000)
    page.get_by_role("textbox", name="Your name").press("Tab")
    settle(page)
    page.get_by_role("button", name=re.compile("^Accept")).click()
    page.get_by_text("Accepted by Anna.").wait_for(timeout=60_000)
    page.get_by_label("Least margin").fill("0.05")
    page.get_by_label("Least margin").press("Tab")
    settle(page)
    page.get_by_role("button", name="Export").click()
    with page.expect_download(timeout=_LONG) as coming:
        page.get_by_text("Download (.zip)").click(timeout=_LONG)
    see("pairs")
    return coming.value.path()


def test_from_a_log_to_a_training_file(tmp_path):
    env = {**os.environ, "XDG_DATA_HOME": str(tmp_path / "data")}
    with served(tmp_path / "store.db", env) as server, sync_api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        page = opened.new_page(viewport={"width": 1280, "height": 900})
        try:
            files = zipfile.ZipFile(journey(page, server, _log(tmp_path / "chats.json")))
        finally:
            opened.close()
    names = {name.rpartition("/")[2]: name for name in files.namelist()}
    assert {"README.md", "train.jsonl"} <= set(names)
    (pair,) = map(json.loads, files.read(names["train.jsonl"]).decode().splitlines())
    (chosen,), (rejected,) = pair["chosen"], pair["rejected"]
    assert chosen["role"] == rejected["role"] == "assistant"
    assert chosen["content"] in _log(tmp_path / "chats.json").read_text() != rejected["content"]
    assert pair["prompt"][-1]["role"] == "user"
