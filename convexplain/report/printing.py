"""A page as PDF, printed by a browser that is installed."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from convexplain.errors import ConvexplainError

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge", "microsoft-edge")
_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
_SECONDS = 120


def browser() -> str | None:
    """The program file of a Chromium, Chrome or Edge; None where none is found."""
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    return found or next((place for place in _PLACES if Path(place).is_file()), None)


def print_page(page: Path, pdf: Path) -> None:
    """Prints an HTML file that asks nothing of the network to a PDF file.

    Raises:
        ConvexplainError: there is no such browser, or it fails.
    """
    program = browser()
    if program is None:
        raise ConvexplainError(
            "--pdf: neither Chromium, Chrome nor Edge is found; open the page of --html in any browser and print it to "
            "a PDF file there"
        )
    target = pdf.resolve()
    target.unlink(missing_ok=True)  # what is there afterwards is new
    with TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        command = [
            program,
            "--headless",
            "--disable-gpu",
            "--no-first-run",
            "--no-pdf-header-footer",
            "--host-resolver-rules=MAP * ~NOTFOUND",
            f"--user-data-dir={profile}",
            f"--print-to-pdf={target}",
            *_as_root(),
            page.resolve().as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603 - no shell
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ConvexplainError(f"--pdf: {program} did not print: {error}") from error
    if not target.is_file():
        said = done.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ConvexplainError(
            f"--pdf: {program} did not print: {said[-1] if said else f'exit code {done.returncode}'}"
        )


def _as_root() -> list[str]:
    """Chromium's sandbox does not start for root; the page has no script that it would have to hold."""
    return ["--no-sandbox"] if sys.platform != "win32" and os.geteuid() == 0 else []
