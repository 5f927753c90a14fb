"""Time until the overview of a large store is seen in a browser, beside a bare Streamlit page, in one run.

    python benchmarks/dashboard.py --db big.db --keep   # builds 100,000 judged turns
    python benchmarks/first_paint.py --db big.db [--rounds 5]

Both servers are started anew. In turn a fresh browser (nothing cached) opens the bare page and the overview. Printed in
seconds: until the first words of the page are there, until nothing on it has changed for a second (which is left
out), and the same from a click (a button of the bare page; on the overview the list of unscored turns). The first
opening after a server's start, which loads its modules, is told apart. Needs Chromium and playwright.
"""

import argparse
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

BARE = 'import streamlit as st\nst.title("Bare page")\nif st.button("Press"):\n    st.write("Pressed")\n'
WATCH = """
window.lastChange = performance.now();
new MutationObserver(() => { window.lastChange = performance.now(); })
    .observe(document, {subtree: true, childList: true, attributes: true, characterData: true});
"""
SETTLED = "performance.now() - window.lastChange > 1000"


@dataclass(frozen=True, slots=True)
class Opening:
    """Seconds of one opening of a page.

    Attributes:
        words: until its first words are there.
        settled: until nothing on it changes any more.
        click: from a click until nothing on it changes any more.
    """

    words: float
    settled: float
    click: float


@contextmanager
def server(*command: str, port_option: str) -> Iterator[str]:
    """Run a server as long as the block runs, and give its address."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = int(taken.getsockname()[1])
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, "-m", *command, port_option, str(port)], **quiet)
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(30)


def settle(page: Page, began: float) -> float:
    """Wait until nothing changes; return the seconds from `began`, on the page's clock, to the last change."""
    page.wait_for_function(SETTLED, timeout=120_000, polling=50)
    return (float(page.evaluate("window.lastChange")) - began) / 1000


def opening(browser: Browser, address: str, words: str, button: str) -> Opening:
    """Open a page in a browser of its own, and press a button on it."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=True)  # to watch the page
    page = context.new_page()
    page.add_init_script(WATCH)
    began = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.get_by_text(words).first.wait_for(timeout=120_000)
    seen = time.perf_counter() - began
    settled = settle(page, 0.0)  # the page's clock starts with its opening
    clicked = float(page.evaluate("window.lastChange = performance.now()"))
    page.locator(button).first.click()
    took = settle(page, clicked)
    context.close()
    return Opening(seen, settled, took)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--db", required=True, help="a store, for instance one that benchmarks/dashboard.py has kept")
    parser.add_argument("--rounds", type=int, default=5, help="openings after the first one")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        script = Path(folder) / "bare.py"
        script.write_text(BARE, encoding="utf-8")
        run_bare = ("streamlit", "run", str(script), "--server.headless", "true")
        run_ours = ("convexplain", "dashboard", "--db", options.db)
        with (
            server(*run_bare, port_option="--server.port") as bare,
            server(*run_ours, port_option="--port") as ours,
        ):
            browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            pages = {
                "bare page": (bare, "Bare page", 'button:has-text("Press")'),
                "overview": (f"{ours}/?run=1", "How good", "button:has-text('unscored')"),
            }
            openings: dict[str, list[Opening]] = {name: [] for name in pages}
            for _ in range(1 + options.rounds):
                for name, (address, words, button) in pages.items():
                    openings[name].append(opening(browser, address, words, button))
            browser.close()
    print("| page | first opening | first words | settled | after a click |\n|---|---|---|---|---|")
    for name, (first, *others) in openings.items():
        words = [each.words for each in others]
        cells = [
            f"{first.words:.2f}",
            f"{statistics.median(words):.2f}, {min(words):.2f} to {max(words):.2f}",
            f"{statistics.median(each.settled for each in others):.2f}",
            f"{statistics.median(each.click for each in others):.2f}",
        ]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
