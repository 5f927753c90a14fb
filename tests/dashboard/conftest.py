"""What the dashboard's tests share."""

import html
import io
import re
import signal

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from convexplain.dashboard.services.uploads import store_upload
from convexplain.store import RunStore
from tests.conftest import ROOT


@pytest.fixture
def data_folder(tmp_path, monkeypatch):
    """The user's data folder, empty and of this test only."""
    folder = tmp_path / "data"
    monkeypatch.setenv("XDG_DATA_HOME", str(folder))
    return folder


@pytest.fixture
def chats(chats, data_folder):
    """The log of the same name, uploaded."""
    return store_upload("chats.jsonl", io.BytesIO(chats.read_bytes()))


@pytest.fixture
def stub(stub, monkeypatch):
    """The same server, put there by an operator."""
    monkeypatch.setenv("CONVEXPLAIN_BASE_URL", stub.url)
    return stub


@pytest.fixture
def hears_ctrl_c():
    """A shell's background jobs ignore Ctrl-C, and so would all that they start: the tests may be such a job."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def page(tmp_path, data_folder, monkeypatch):
    """Opens a page of the dashboard on a store of this test: a function from the page's name to the running page."""
    monkeypatch.setenv("CONVEXPLAIN_DB", str(tmp_path / "store.db"))

    def open_page(name):
        found = AppTest.from_file(str(ROOT / "dashboard" / "pages" / f"{name}.py"), default_timeout=60)
        return found.run()

    yield open_page
    st.cache_resource.clear()


@pytest.fixture
def store(tmp_path):
    """The store that the pages show."""
    opened = RunStore(str(tmp_path / "store.db"))
    yield opened
    opened.close()


def texts(found):
    """All that a page shows as HTML, without the tags."""
    return html.unescape(re.sub("<[^>]*>", "\n", "".join(part.proto.body for part in found.get("html"))))
