"""A served dashboard, and the steps of a browser on its pages."""

import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager

import pytest

READY = "() => document.querySelector('[data-testid=stApp]')?.dataset.testScriptState === 'notRunning'"


_MARKUP = """() => [...document.querySelectorAll('.stApp *')].flatMap(e => [...e.attributes]
    .filter(a => !(a.name === 'href' && new URL(a.value, location).origin === location.origin))  // of this dashboard
    .filter(a => /^(src|href|action|data|style|on.*)$/.test(a.name) && /evil|window\\.hit/.test(a.value))
    .map(a => e.tagName + ' ' + a.name)).concat(window.hit ? ['script ran'] : [])"""


@contextmanager
def served(database, env=None):
    """Serves the dashboard on a store; gives its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "convexplain", "dashboard", "--db", str(database), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=env)
    address = f"http://127.0.0.1:{port}"
    try:
        _await(f"{address}/_stcore/health", process)
        yield address
    finally:
        process.terminate()
        process.wait(30)
        process.stdout.close()


def _await(address, process, seconds=90):
    until = time.monotonic() + seconds
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return answer.read()
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                pytest.fail(f"the dashboard did not start: {process.stdout.read() if process.poll() else 'too slow'}")
            time.sleep(0.2)


def show(page, address):
    """Opens a page, and waits until it is there."""
    page.goto(address)
    page.wait_for_selector("[data-testid=stHeading]", timeout=60_000)
    settle(page)


def settle(page):
    """Waits until the page has done what was clicked."""
    page.wait_for_timeout(300)  # until what was clicked has begun
    page.wait_for_function(READY, timeout=60_000)


def tick_row(page, of=-1):
    """Clicks the box before the first row of a table of the page: the last one, if not told otherwise."""
    table = page.locator("[data-testid=stDataFrame]").nth(of)
    table.locator("canvas").first.wait_for(timeout=60_000)
    table.scroll_into_view_if_needed()
    settle(page)
    box = table.bounding_box()
    page.mouse.click(box["x"] + 16, box["y"] + 52)


@contextmanager
def watched_page(chromium):
    """Gives an empty page, and what it asks for, in `page.asked`; its dialogs are in `page.dialogs`."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.asked, opened.dialogs = [], []
    opened.on("request", lambda request: opened.asked.append(request.url))
    opened.on("dialog", lambda dialog: (opened.dialogs.append(dialog.message), dialog.dismiss()))
    yield opened
    context.close()


def assert_harmless(page, server):
    """Nothing of a log became markup, ran or was asked for."""
    assert page.evaluate(_MARKUP) == []
    assert page.dialogs == []
    own = server.removeprefix("http://")
    foreign = [url for url in page.asked if url.split("://")[0] not in ("data", "blob", "about") and own not in url]
    assert foreign == []
