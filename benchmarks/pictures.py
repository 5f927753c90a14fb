"""Make the pictures of the dashboard's pages from the example log, so that they are never out of date.

    python -m benchmarks.pictures --db pictures.db

judges `examples/shop.jsonl` by the embedded judge, explains its worst turns and groups the flagged ones. It judges the
log once more with the better versions that were found in the place of the worst replies: the second bot of the page
“Compare”. Then it writes a picture of every page into `docs/pictures/`. It takes two to five minutes on two cores; a
store that holds both runs already is only shown.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from convexplain import Workspace, read_log
from convexplain.report.pdf import browser
from convexplain.types import Contrast
from tests.dashboard.browser_session import served, settle, show

LOG = Path("examples/shop.jsonl")
FOLDER = Path("docs/pictures")
SIZE = (1280, 900)
FINDING = "conversation?run={run}&rubric=harm&conversation=tent-poles&turn=3"
PAGES = {
    "overview": "?run={run}",
    "conversation": FINDING,
    "themes": "themes?run={run}",
    "pairs": "pairs?run={run}",
    "compare": "compare?first={run}&second={better}&rubric=harm",
    "upload": "upload",
    "rubrics": "rubrics?rubric=harm",
    "labels": "labels?run={run}&rubric=helpfulness",
}
"""Each page with its address; `run` is the log's run, `better` that of the log with better replies."""


def main() -> None:
    """Fill the store and write the pictures."""
    options = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    options.add_argument("--db", required=True, help="the store's file")
    options.add_argument("--only", choices=[*PAGES, "finding"], nargs="*", help="the pictures to make (all)")
    arguments = options.parse_args()
    runs = fill(arguments.db)
    FOLDER.mkdir(exist_ok=True)
    with served(arguments.db) as server, sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        page = opened.new_page(viewport={"width": SIZE[0], "height": SIZE[1]}, device_scale_factor=1)
        for name, address in PAGES.items():
            if not arguments.only or name in arguments.only:
                show(page, f"{server}/{address.format(**runs)}")
                if name == "labels":
                    page.get_by_role("textbox", name="Your name").fill("Anna")
                    page.keyboard.press("Enter")
                    settle(page)
                page.wait_for_timeout(4000)  # charts and icons are drawn after the page
                page.screenshot(path=FOLDER / f"{name}.png")
        if not arguments.only or "finding" in arguments.only:
            picture_of_finding(page, f"{server}/{FINDING.format(**runs)}")
        opened.close()


def picture_of_finding(page: Page, address: str) -> None:
    """Write the picture of the README: a reply with its words marked, the better version, and both scores."""
    page.set_viewport_size({"width": 1280, "height": 900})
    show(page, address)
    page.locator("[data-testid=stHeading]").first.wait_for()
    settle(page)
    page.wait_for_timeout(4000)  # icons are drawn after the page
    page.screenshot(path=FOLDER / "finding.png", clip={"x": 60, "y": 264, "width": 1160, "height": 560})


def fill(database: str) -> dict[str, int]:
    """Judge, explain and group the example log, and judge it with better replies; return the numbers of both runs."""
    workspace = Workspace(database)
    if len(stored := workspace.store.runs()) > 1:
        return {"run": stored[1].id, "better": stored[0].id}
    run = workspace.analyze(LOG)
    contrasts = [explanation.contrast for explanation in workspace.explain(run.worst(5))]
    workspace.themes(run.id)
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "better.jsonl"
        log.write_text("\n".join(with_better_replies([c for c in contrasts if c is not None and c.found])))
        better = workspace.analyze(log)
    return {"run": run.id, "better": better.id}


def with_better_replies(contrasts: list[Contrast]) -> Iterator[str]:
    """Yield the example log's conversations as lines of JSON, with the edited replies of the contrasts."""
    replies = {(c.conversation_id, c.turn): c.response_after for c in contrasts}
    for conversation in read_log(LOG):
        messages = [
            {"role": turn.role, "content": replies.get((conversation.id, index), turn.content)}
            for index, turn in enumerate(conversation.turns)
        ]
        yield json.dumps({"id": conversation.id, "messages": messages}, ensure_ascii=False)


if __name__ == "__main__":
    main()
