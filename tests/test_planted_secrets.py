"""Secrets that are planted everywhere come out nowhere: no file, no output, no log, no process list, no traceback."""

import base64
import http.cookiejar
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest

from tests.store.postgres import PostgresServer
from tests.stub_server import StubServer

pytestmark = [pytest.mark.slow, pytest.mark.loopback, pytest.mark.enable_socket]

SECRETS = {
    "API key of the environment": "sk-planted-api-0a7d31",
    "key of a connection": "sk-planted-connection-91c2",
    "password of a user in a URL": "planted-url-password-77ef",
    "password typed into a URL": "planted-typed-password-5b1c",
    "key typed into a URL": "sk-planted-typed-key-33aa",
    "password of the dashboard": "planted-dashboard-admin-e9",
    "password of reviewers": "planted-dashboard-review-4f",
    "wrong password": "planted-wrong-guess-88d0",
    "password of PostgreSQL": "planted-postgres-password-6c",
    "secret of the identity provider": "planted-oidc-client-secret-2e",
    "secret of the cookie": "planted-oidc-cookie-secret-a1",
}
_TOKEN = base64.b64encode(f"ann:{SECRETS['password of a user in a URL']}".encode()).decode()

# Runs commands as the console does, in one process; a command is its arguments and its standard input.
_COMMANDS = """
import io, json, logging, sys, traceback
from convexplain.cli.main import main
logging.basicConfig(level=logging.DEBUG, stream=sys.stderr)
for arguments, typed in json.load(open(sys.argv[1])):
    print("$", arguments[0], flush=True)
    sys.argv, sys.stdin = ["convexplain", *arguments], io.StringIO(typed)
    try:
        print("exit code", main(), flush=True)
    except SystemExit as error:
        print("exit code", error.code, flush=True)
    except BaseException:
        traceback.print_exc()
"""

# What a page does: jobs of the dashboard, and a page's own mistakes; `broken` stands for a mistake of ours.
_JOBS = """
import asyncio, os, sys, traceback
from convexplain.connectors.models import open_model, openai_compatible
from convexplain.dashboard.services import jobs
from convexplain.dashboard.services.uploads import store_upload
from convexplain.models.chat import Message, Request
from convexplain.workspace import JudgeSpec
from convexplain.workspace.job_specs import AnalyzeJob
from convexplain.workspace.jobs import wait_for_job
database, log = os.environ["CONVEXPLAIN_DB"], sys.argv[1]
chats = store_upload("chats.jsonl", open(log, "rb"))
for judge in ("connection:team", "embedded-none"):
    try:
        job = jobs.start_analyze(database, AnalyzeJob((chats,), ("harm",), JudgeSpec.parse(judge), explain=0))
        state = wait_for_job(database, job, 300)
        print(state.job.status, state.job.error, state.messages)
    except Exception:
        traceback.print_exc()
def broken(*arguments, **options):
    raise ZeroDivisionError("a mistake")
openai_compatible.read_completion = broken
async def ask():
    model = open_model("connection:team")
    await model.prepare()
    await model.chat([Request((Message("user", "x"),))])
try:
    asyncio.run(ask())
except Exception:
    traceback.print_exc()
print(open_model("connection:team"), vars(open_model("connection:team")))
"""


class CommandLines(threading.Thread):
    """The command lines of all processes, again and again while it runs."""

    def __init__(self):
        super().__init__(daemon=True)
        self.seen, self.stopping = set(), threading.Event()

    def run(self):
        while not self.stopping.wait(0.02):
            for file in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(file.read_bytes())
                except OSError:
                    continue


class Site:
    """A user's folders with secrets in every place that is meant for them, and all that came out."""

    def __init__(self, folder, postgres, weights):
        self.folder, self.output = folder, {}
        self.stub, self.echo = StubServer(), StubServer()
        self.echo.misbehave = lambda number: (401, {}, json.dumps({"error": f"Wrong key: {self.echo.keys[-1]}"}))
        where = self.stub.url.removeprefix("http://")
        for name in ("home", "temporary", "work", "out", "cache"):
            (folder / name).mkdir()
        (folder / "cache" / weights.name).symlink_to(weights)  # nothing is fetched
        streamlit = folder / "home" / ".streamlit"
        streamlit.mkdir()
        (streamlit / "secrets.toml").write_text(
            "[auth]\nredirect_uri = 'http://127.0.0.1/oauth2callback'\nclient_id = 'x'\n"
            f"cookie_secret = '{SECRETS['secret of the cookie']}'\n"
            f"client_secret = '{SECRETS['secret of the identity provider']}'\n"
            "server_metadata_url = 'http://127.0.0.1:9/.well-known/openid-configuration'\n"
            "[convexplain]\nadmins = ['anna@example.com']\n"
        )
        self.environment = {
            **os.environ,
            "HOME": str(folder / "home"),
            "TMPDIR": str(folder / "temporary"),
            "XDG_DATA_HOME": str(folder / "data"),
            "CONVEXPLAIN_CACHE": str(folder / "cache"),
            "CONVEXPLAIN_CONFIG": str(folder / "config"),
            "CONVEXPLAIN_DB": str(folder / "store.db"),
            "CONVEXPLAIN_BASE_URL": f"{self.stub.url}?model=stub",
            "CONVEXPLAIN_API_KEY": SECRETS["API key of the environment"],
            "CONVEXPLAIN_PASSWORD": SECRETS["password of a user in a URL"],
            "CONVEXPLAIN_DASHBOARD_PASSWORD": SECRETS["password of the dashboard"],
            "CONVEXPLAIN_DASHBOARD_REVIEW_PASSWORD": SECRETS["password of reviewers"],
            "PYTHONUNBUFFERED": "1",
        }
        self.log = folder / "chats.jsonl"
        turns = [("user", "How is it?"), ("assistant", "A bad one. It is late.")]
        self.log.write_text(json.dumps({"messages": [{"role": role, "content": text} for role, text in turns]}))
        self.postgres = postgres.replace("postgres@", f"postgres:{SECRETS['password of PostgreSQL']}@")
        self.user = f"http://ann@{where}?model=stub"
        self.typed = f"http://ann:{SECRETS['password typed into a URL']}@{where}?model=stub"

    def run(self, name, *arguments, **more):
        """Runs a program, and keeps what it wrote."""
        done = subprocess.run(
            [sys.executable, *arguments], cwd=self.folder / "work", env={**self.environment, **more},
            capture_output=True, timeout=900,
        )  # fmt: skip
        self.output[name] = done.stdout + done.stderr
        return self.output[name].decode()

    def commands(self, name, steps, **more):
        file = self.folder / "steps.json"
        file.write_text(json.dumps([(step[0].split() + list(step[1:-1]), step[-1]) for step in steps]))
        try:
            return self.run(name, "-c", _COMMANDS, str(file), **more)
        finally:
            file.unlink()

    def dashboard(self):
        """Serves the pages; somebody guesses, signs in and leaves."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        process = subprocess.Popen(
            [sys.executable, "-m", "convexplain", "dashboard", "--port", port], cwd=self.folder / "work",
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            self.statuses = self._visit(f"http://127.0.0.1:{port}")
        finally:
            process.send_signal(signal.SIGINT)
            self.output["dashboard"] = process.communicate(timeout=120)[0]

    def _visit(self, address):
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
        until = time.monotonic() + 300
        while True:
            try:
                browser.open(f"{address}/_stcore/health", timeout=10).read()
                break
            except OSError:
                assert time.monotonic() < until
                time.sleep(0.5)
        pages, statuses = [], []
        for password in ("wrong password", "password of the dashboard"):
            time.sleep(2.5)  # the brake on guesses
            form = urllib.parse.urlencode({"name": "Anna", "password": SECRETS[password]}).encode()
            try:
                answer = browser.open(f"{address}/sign-in", form, timeout=60)
            except urllib.error.HTTPError as error:
                answer = error
            statuses.append(answer.status)
            pages += [answer.read(), str(answer.headers).encode()]
        self.output["pages"] = b"\n".join(pages)
        return statuses

    def close(self):
        self.stub.close()
        self.echo.close()

    def files(self):
        """What every file holds, except in the two places that are meant for secrets; tables of SQLite also as text."""
        meant = {self.folder / "config" / "secrets.json", self.folder / "home" / ".streamlit" / "secrets.toml"}
        held = {}
        for file in self.folder.rglob("*"):
            if file.is_file() and file not in meant:
                held[str(file.relative_to(self.folder))] = file.read_bytes()
                if file.suffix == ".db":
                    held[f"{file.name} as text"] = _dump(file)
        return held


def _dump(file):
    connection = sqlite3.connect(file)
    try:
        return "\n".join(connection.iterdump()).encode()
    finally:
        connection.close()


def _tables(server, schema):
    """All rows of all tables of a schema of PostgreSQL, as text."""
    names = server.execute(f"SELECT table_name FROM information_schema.tables WHERE table_schema = '{schema}'")
    return {
        f"table {name} of PostgreSQL": str(server.execute(f'SELECT * FROM {schema}."{name}"')).encode()
        for (name,) in names
    }


@pytest.fixture(scope="module")
def site(tmp_path_factory, embedded_model):
    """A site after everything has been done on it."""
    short = Path(f"/tmp/cx-pg-{os.getpid()}")
    short.mkdir(mode=0o755)
    server = PostgresServer(short)
    lines = CommandLines()
    lines.start()
    try:
        with server.empty() as postgres:
            made = Site(tmp_path_factory.mktemp("site"), postgres, embedded_model.folder)
            made.lines = lines
            _use(made)
            made.output |= _tables(server, postgres.rpartition("%3D")[2])
            yield made
            made.close()
    finally:
        lines.stopping.set()
        server.stop()
        subprocess.run(["rm", "-rf", str(short)], check=True)


def _use(site):
    log, out = str(site.log), str(site.folder / "out")
    analyze = f"analyze {log} --rubric harm --explain 0"
    site.commands("work", [
        ("connections add team", f"{site.stub.url}?model=stub", "--key-stdin", SECRETS["key of a connection"]),
        ("connections list", ""),
        ("connections test team", ""),
        (analyze, ""),
        (f"{analyze} --judge", site.user, ""),
        ("analyze", log, "--rubric", "helpfulness", "--explain", "0", "--judge", "connection:team", ""),
        (f"explain --worst 1 --budget 4 --out {out}/explanations.jsonl", ""),
        (f"attribute --worst 1 --budget 4 --out {out}/attributions.jsonl", ""),
        (f"contrast --worst 1 --budget 4 --editor delete --out {out}/contrasts.jsonl", ""),
        (f"report --out {out}/report", ""),
        (f"export --format openai --out {out}/conversations", ""),
        ("runs list", ""),
        ("runs audit --json", ""),
        ("judges list", ""),
        ("doctor --json", ""),
        ("doctor", ""),
    ])  # fmt: skip
    site.commands("mistakes", [
        (f"{analyze} --judge", site.typed, ""),
        (f"{analyze} --judge", f"{site.stub.url}?model=stub&key={SECRETS['key typed into a URL']}", ""),
        (f"{analyze} --judge", f"openai:gpt?key={SECRETS['key typed into a URL']}", ""),
        ("connections add more", site.typed, ""),
        ("connections add more", f"{site.stub.url}?key={SECRETS['key typed into a URL']}", ""),
        ("connections add more", site.stub.url, "--key-env", SECRETS["key typed into a URL"], ""),
        ("runs list --db", f"postgresql://ann:{SECRETS['password of PostgreSQL']}@127.0.0.1:1/x", ""),
        ("runs list --db", f"nonsense://ann:{SECRETS['password of PostgreSQL']}@127.0.0.1:1/x", ""),
        ("runs list --db", f"postgresql://ann:{SECRETS['password of PostgreSQL']}@127.0.0.1:port/x", ""),
    ])  # fmt: skip
    site.commands(
        "a server that repeats the key",
        [
            (analyze, ""),
            (f"{analyze} --judge", site.user.replace(site.stub.url[7:], site.echo.url[7:]), ""),
            ("doctor", ""),
            ("runs show --json", ""),
        ],
        CONVEXPLAIN_BASE_URL=f"{site.echo.url}?model=stub",
        CONVEXPLAIN_DB=str(site.folder / "echo.db"),
    )
    site.commands("PostgreSQL", [(analyze, ""), (f"report --out {out}/postgres", "")], CONVEXPLAIN_DB=site.postgres)
    site.run("jobs", "-c", _JOBS, log)
    site.run("jobs on PostgreSQL", "-c", _JOBS, log, CONVEXPLAIN_DB=site.postgres)
    site.dashboard()


def hits(name, texts):
    """Where a secret stands, also in the form in which it travels."""
    forms = {SECRETS[name], urllib.parse.quote(SECRETS[name], safe=""), SECRETS[name][:-2]}
    if name == "password of a user in a URL":
        forms.add(_TOKEN)
    return {place for place, text in texts.items() for form in forms if form.encode() in text}


@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_is_in_a_file(site, name):
    assert hits(name, site.files()) == set()


@pytest.mark.parametrize("name", SECRETS)
def test_no_secret_is_in_what_was_written_to_the_terminal_the_log_and_pages(site, name):
    assert hits(name, site.output) == set()


def test_no_secret_is_on_a_command_line(site):
    planted = {name: hits(name, dict(enumerate(site.lines.seen))) for name in SECRETS}
    assert {name for name, places in planted.items() if places} == set()
    assert any(b"convexplain.workspace.worker" in line for line in site.lines.seen)  # workers were seen


def _codes(site, name):
    """The commands and their exit codes."""
    text = site.output[name].decode()
    return list(zip(re.findall(r"^\$ (\S+)", text, re.M), re.findall(r"^exit code (\S+)", text, re.M), strict=True))


def test_everything_was_really_done(site):
    """Else nothing could have come out."""
    assert set(site.stub.keys) == {
        f"Bearer {SECRETS['API key of the environment']}",
        f"Bearer {SECRETS['key of a connection']}",
        f"Basic {_TOKEN}",
    }
    assert [code for _, code in _codes(site, "work")] == ["0"] * 16
    assert {code for _, code in _codes(site, "mistakes")} <= {"1", "2"}
    assert len(_codes(site, "mistakes")) == 9
    assert "***" in site.output["a server that repeats the key"].decode()
    assert _codes(site, "PostgreSQL") == [("analyze", "0"), ("report", "0")]
    assert "ZeroDivisionError" in site.output["jobs"].decode()
    assert site.output["jobs"].startswith(b"done")
    assert site.output["jobs on PostgreSQL"].startswith(b"done")
    assert len(site.output["table judgements of PostgreSQL"]) > 2
    assert site.statuses == [403, 200]
    assert "sign-in refused: Anna" in site.output["dashboard"].decode()
    held = site.files()
    assert any(place.startswith("out/report") for place in held)
    assert b"INSERT INTO" in held["store.db as text"]
