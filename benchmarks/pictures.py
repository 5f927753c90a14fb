"""Make the pictures of the dashboard's pages and of the report from the example logs, so that they are up to date.

    python -m benchmarks.pictures --db pictures.db

judges `examples/shop.jsonl` by the embedded judge, explains its worst turns, and judges it once more with the better
versions that were found in the place of the worst replies: the second bot of the page “Compare”. It judges the two
weeks of `examples/shop_bots` one after the other, and groups the flagged turns of the second: the pages “Overview” and
“Themes”, and the report. Then it writes the pictures into `docs/pictures/`. It takes five to ten minutes on two cores;
a store that holds the runs already is only shown.
"""

import argparse
import json
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from convexplain import Workspace, read_log
from convexplain.report.pdf import browser
from convexplain.types import Contrast
from tests.dashboard.browser_session import served, settle, show

LOG = Path("examples/shop.jsonl")
WEEKS = Path("examples/shop_bots")
SECOND_WEEK = date(2026, 11, 9)
FOLDER = Path("docs/pictures")
SIZE = (1280, 900)
FINDING = "conversation?run={shop}&rubric=harm&conversation=tent-poles&turn=3"
PAGES = {
    "overview": "?run={week_46}",
    "conversation": FINDING,
    "themes": "themes?run={week_46}",
    "pairs": "pairs?run={shop}",
    "compare": "compare?first={shop}&second={better_replies}&rubric=harm",
    "upload": "upload",
    "rubrics": "rubrics?rubric=harm",
    "labels": "labels?run={shop}&rubric=helpfulness",
}
"""Each page with its address; in braces are the names of runs."""


def main() -> None:
    """Fill the store and write the pictures."""
    options = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    options.add_argument("--db", required=True, help="the store's file")
    options.add_argument("--only", choices=[*PAGES, "finding", "report"], nargs="*", help="the pictures to make (all)")
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
        if not arguments.only or "report" in arguments.only:
            picture_of_report(page, arguments.db, runs["week_46"])
        opened.close()


def picture_of_finding(page: Page, address: str) -> None:
    """Write the picture of the README: a reply with its words marked, the edit that lifts it, and both scores."""
    page.set_viewport_size({"width": 1280, "height": 900})
    show(page, address)
    page.locator("[data-testid=stHeading]").first.wait_for()
    settle(page)
    page.wait_for_timeout(4000)  # icons are drawn after the page
    page.screenshot(path=FOLDER / "finding.png", clip={"x": 60, "y": 264, "width": 1160, "height": 620})


def picture_of_report(page: Page, database: str, run: int) -> None:
    """Write the picture of the first screen of a run's report."""
    page.set_viewport_size({"width": SIZE[0], "height": SIZE[1]})
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.html"
        Workspace(database).report(run, html=file)
        page.goto(file.as_uri())
        page.screenshot(path=FOLDER / "report.png")


def fill(database: str) -> dict[str, int]:
    """Judge, explain and group the example logs where the store does not hold them; return the runs by their names."""
    workspace = Workspace(database)
    if len(workspace.store.runs()) > 3:
        return named_runs(workspace)
    run = workspace.analyze(LOG, name="shop", judge="embedded")
    contrasts = [explanation.contrast for explanation in workspace.explain(run.worst(5))]
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "better.jsonl"
        log.write_text("\n".join(with_better_replies([c for c in contrasts if c is not None and c.found])))
        workspace.analyze(log, name="better replies", judge="embedded")
    talks = [(talk, talk.turns[0].at) for log in sorted(WEEKS.glob("*.jsonl")) for talk in read_log(log)]
    for second, name in ((False, "week 45"), (True, "week 46")):
        week = [talk for talk, at in talks if at is not None and (at.date() >= SECOND_WEEK) is second]
        workspace.analyze(week, name=name, judge="embedded", explain=5)
    workspace.themes("week 46", explain=4)
    return named_runs(workspace)


def named_runs(workspace: Workspace) -> dict[str, int]:
    """Return the numbers of the runs by their names, with `_` in the place of spaces."""
    return {str(run.name).replace(" ", "_"): run.id for run in workspace.store.runs()}


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
