"""Every endpoint of the server that is really run, and what it answers before sign-in; docs/security.md lists them."""

import re

import pytest
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect
from streamlit.web.server.starlette import starlette_agent_routes, starlette_auth_routes, starlette_routes

from convexplain.dashboard.server.app import dashboard_app
from convexplain.dashboard.services.sessions import SESSIONS
from tests.conftest import ROOT

OPEN = {"/_stcore/health", "/sign-in"}


@pytest.fixture(scope="module")
def app(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CONVEXPLAIN_DASHBOARD_PASSWORD", "correct horse")
        patch.setenv("HOME", str(tmp_path_factory.mktemp("home")))
        patch.setenv("CONVEXPLAIN_DB", str(tmp_path_factory.mktemp("store") / "store.db"))
        made = dashboard_app(quota=1000, local_only=False)
        with TestClient(made):  # runs Streamlit
            yield made


def routes(app):
    return app._starlette_app.routes


def addresses(app):
    """Every HTTP method and path, with something in the place of each parameter."""
    for route in routes(app):
        if isinstance(route, Route):
            for method in sorted(route.methods):
                yield method, re.sub(r"\{[^}]*\}", "x", route.path), route.path
        elif isinstance(route, Mount):  # Streamlit's own files, and its page for every other path
            for path in ("/", "/conversation", "/static/js/index.js", "/index.html", "/favicon.png"):
                yield "GET", f"{route.path}{path}".replace("//", "/"), "/"


def test_no_endpoint_but_the_open_ones_answers_before_sign_in(app):
    browser = TestClient(app, follow_redirects=False)
    answers = {(method, path): browser.request(method, path).status_code for method, path, _ in addresses(app)}
    assert len(answers) > 25
    for (method, path), status in answers.items():
        if path not in OPEN:
            assert status == 401, (method, path)
    opened = {(method, path): status for (method, path), status in answers.items() if path in OPEN}
    expected = {("GET", "/_stcore/health"): 200, ("HEAD", "/_stcore/health"): 200, ("OPTIONS", "/_stcore/health"): 204}
    expected |= {("GET", "/sign-in"): 200, ("HEAD", "/sign-in"): 200, ("POST", "/sign-in"): 400}
    assert opened == expected


def streamlits_paths():
    """Every path that Streamlit can serve by some setting, as it writes them: also those that are off here."""
    named = {
        value
        for module in (starlette_routes, starlette_auth_routes, starlette_agent_routes)
        for name, value in vars(module).items()
        if name.lstrip("_").startswith("ROUTE_") and isinstance(value, str)
    }
    return {f"/{path}" for path in named} | {f"/{starlette_routes.BASE_ROUTE_APP_STATIC}/{{path:path}}"}


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"])
def test_what_streamlit_could_serve_does_not_answer_before_sign_in_either(app, method):
    assert {"/_stcore/script-health-check", "/app/static/{path:path}"} <= streamlits_paths()
    browser = TestClient(app, follow_redirects=False)
    paths = {re.sub(r"\{[^}]*\}", "x", path) for path in streamlits_paths()} - OPEN
    assert {path: browser.request(method, path).status_code for path in paths} == dict.fromkeys(paths, 401)


def test_no_websocket_is_accepted_before_sign_in(app):
    paths = [route.path for route in routes(app) if isinstance(route, WebSocketRoute)]
    assert paths == ["/_stcore/stream"]
    with pytest.raises(WebSocketDisconnect), TestClient(app).websocket_connect(paths[0]):
        pass


def test_after_sign_in_the_pages_and_their_endpoints_answer(app):
    browser = TestClient(app, follow_redirects=False)
    assert browser.post("/sign-in", data={"name": "Anna", "password": "correct horse"}).status_code == 303
    assert SESSIONS.peek(browser.cookies["convexplain_session"]).name == "Anna"
    statuses = {path: browser.get(path).status_code for path in ("/", "/_stcore/host-config", "/media/none.csv")}
    assert statuses == {"/": 200, "/_stcore/host-config": 200, "/media/none.csv": 404}
    named = browser.get("/overview?run=3")
    assert (named.status_code, named.headers["location"]) == (307, "./?run=3")
    upload = "/_stcore/upload_file/none/none"
    assert browser.put(upload, content=b"x").status_code == 403  # Streamlit asks for its own token too
    assert browser.put(upload, content=b"x" * 1001).status_code == 413
    with browser.websocket_connect("/_stcore/stream", headers={"origin": "http://testserver"}) as stream:
        browser.get("/sign-out")
        stream.send_bytes(b"")
        with pytest.raises(WebSocketDisconnect):
            list(iter(stream.receive_bytes, None))
    foreign = {"origin": "https://evil.example"}
    with pytest.raises(WebSocketDisconnect), browser.websocket_connect("/_stcore/stream", headers=foreign):
        pass


def test_the_list_of_endpoints_in_the_documents_is_whole(app):
    text = (ROOT / "docs" / "security.md").read_text("utf-8")
    served = {path for _, _, path in addresses(app)} | streamlits_paths()
    missing = served - set(re.findall(r"`([^`]*)`", text))
    assert missing == set()
