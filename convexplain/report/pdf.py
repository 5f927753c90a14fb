"""PDF files of HTML pages, printed by an installed browser."""

import os
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from convexplain.errors import ConvexplainError, UsageError

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "msedge", "microsoft-edge")
_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
_SECONDS = 120


def browser() -> str | None:
    """Return the program file of a Chromium, Chrome or Edge; None if there is none."""
    program = next((path for name in _NAMES if (path := shutil.which(name))), None)
    return program or next((place for place in _PLACES if Path(place).is_file()), None)


def print_page(page: Path, pdf: Path) -> None:
    """Print an HTML file that needs no network to a PDF file.

    Raises:
        UsageError: there is something else than a file in its place, for instance a device.
        ConvexplainError: no browser is installed, or it fails.
    """
    target = pdf.resolve()
    if target.exists() and not target.is_file():
        raise UsageError(f"--pdf {str(pdf)!r} is no file, and is not replaced; name another")
    program = browser()
    if program is None:
        raise ConvexplainError(
            "--pdf: neither Chromium, Chrome nor Edge is found; open the page of --html in any browser and print it to "
            "a PDF file there"
        )
    target.unlink(missing_ok=True)  # so that a file that is there afterwards is new
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
            *_sandbox_options(),
            page.resolve().as_uri(),
        ]
        try:
            process = subprocess.run(command, capture_output=True, timeout=_SECONDS, check=False)  # noqa: S603 - no shell
        except (OSError, subprocess.TimeoutExpired) as error:
            raise ConvexplainError(f"--pdf: {program} did not print: {error}") from error
    if not target.is_file():
        messages = process.stderr.decode("utf-8", "replace").strip().splitlines()
        raise ConvexplainError(
            f"--pdf: {program} did not print: {messages[-1] if messages else f'exit code {process.returncode}'}"
        )


def _sandbox_options() -> list[str]:
    """Return the option that turns the sandbox off for root, for whom it does not start; the page has no scripts."""
    return ["--no-sandbox"] if sys.platform != "win32" and os.geteuid() == 0 else []
