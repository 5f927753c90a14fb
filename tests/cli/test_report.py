"""`convexplain report` as people use it."""

import re
import shutil
import stat

import pytest

from convexplain.errors import ConvexplainError
from convexplain.report import pdf

from .test_analyze import folder, run  # noqa: F401 - a fixture

pytestmark = pytest.mark.slow


@pytest.fixture
def judged(stub, chats, folder):  # noqa: F811
    run("analyze", chats, "--judge", stub.url, "--rubric", "harm", "--out", "first", cwd=folder)
    return folder


def test_report_writes_a_page_of_the_newest_run(judged):
    code, out, _ = run("report", cwd=judged)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("Run 1: 12 turns, judge ")
    assert lines[1] == "Report: convexplain-out/run-1/report.html"
    page = (judged / "convexplain-out" / "run-1" / "report.html").read_text()
    assert "6 conversations, 12 answers of the assistant" in page
    assert re.search(r"0\.90\s+\(n = 6\) to 0\.10 \(n = 6\)", page)


def test_a_file_may_be_named_and_its_folder_is_made(judged):
    code, _, _ = run("report", "1", "--html", "sub/mine.html", cwd=judged)
    assert code == 0
    assert (judged / "sub" / "mine.html").is_file()
    assert not (judged / "convexplain-out").exists()


def test_a_run_that_does_not_exist_is_named(judged):
    code, _, err = run("report", "7", cwd=judged)
    assert code == 1
    assert "there is no run 7; `convexplain runs list` lists them" in err


def test_without_a_browser_pdf_says_how_to_print(judged, tmp_path):
    code, _, err = run("report", "--pdf", "a.pdf", cwd=judged, PATH=str(tmp_path / "empty"))
    assert code == 1
    assert "neither Chromium, Chrome nor Edge is found; open the page of --html in any browser" in " ".join(err.split())


def fake_browser(tmp_path, monkeypatch, script):
    program = tmp_path / "bin" / "chromium"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setattr(pdf.shutil, "which", lambda name: str(program) if name == "chromium" else None)


def test_a_browser_that_fails_is_quoted(tmp_path, monkeypatch):
    fake_browser(tmp_path, monkeypatch, "echo no display >&2; exit 3")
    (tmp_path / "old.pdf").write_text("old")
    with pytest.raises(ConvexplainError, match="did not print: no display"):
        pdf.print_page(tmp_path / "page.html", tmp_path / "old.pdf")
    assert not (tmp_path / "old.pdf").exists()  # nobody takes it for the new one


def test_a_browser_is_asked_to_reach_nothing(tmp_path, monkeypatch):
    fake_browser(
        tmp_path, monkeypatch, f'for a in "$@"; do echo "$a"; done > {tmp_path}/asked; touch "{tmp_path}/a.pdf"'
    )
    pdf.print_page(tmp_path / "page.html", tmp_path / "a.pdf")
    asked = (tmp_path / "asked").read_text().splitlines()
    assert "--host-resolver-rules=MAP * ~NOTFOUND" in asked
    assert f"--print-to-pdf={tmp_path / 'a.pdf'}" in asked
    assert asked[-1] == (tmp_path / "page.html").as_uri()


@pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium here")
def test_a_real_browser_prints(judged):
    assert run("report", "--pdf", "a.pdf", cwd=judged)[0] == 0
    assert (judged / "a.pdf").read_bytes().startswith(b"%PDF")
