"""The gate: nothing answers before sign-in, and nothing after the session has ended."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from convexplain.dashboard.server.gate import Gate
from convexplain.dashboard.server.headers import SecurityHeaders

from .conftest import Door, sign_in

HTML = {"accept": "text/html,*/*"}
UPLOAD = "/_stcore/upload_file/s/f"


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "/"), ("GET", "/media/x.csv"), ("GET", "/_stcore/metrics"), ("PUT", UPLOAD), ("DELETE", UPLOAD),
     ("POST", "/x"), ("GET", "/sign-in/../conversation"), ("GET", "//sign-in"), ("GET", "/sign-in/"),
     ("GET", "/_stcore/health/"), ("GET", "/_stcore/HEALTH"), ("GET", "/sign-out")],
)  # fmt: skip
def test_nothing_answers_before_sign_in(door, method, path):
    answer = door.browser().request(method, path, content=b"x")
    assert (answer.status_code, answer.text) == (401, "Sign in first.")


def test_a_browser_is_sent_to_the_page_to_sign_in_and_back(door):
    browser = door.browser()
    answer = browser.get("/conversation?run=1&turn=3", headers=HTML)
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?to=%2Fconversation%3Frun%3D1%26turn%3D3")
    page = browser.get(answer.headers["location"])
    assert page.status_code == 200
    assert 'name="to" value="/conversation?run=1&amp;turn=3"' in page.text
    answer = sign_in(browser, to="/conversation?run=1&turn=3")
    assert (answer.status_code, answer.headers["location"]) == (303, "/conversation?run=1&turn=3")
    assert browser.get("/conversation").text == "pages 0"


def test_the_websocket_is_refused_before_it_is_accepted(door):
    with pytest.raises(WebSocketDisconnect) as refused, door.browser().websocket_connect("/_stcore/stream"):
        pass
    assert refused.value.code == 1008


def test_a_session_survives_a_reload_and_ends_everywhere_at_sign_out(door):
    browser = door.browser()
    sign_in(browser)
    for _ in range(3):
        assert browser.get("/").status_code == 200
    cookies = dict(browser.cookies)
    with browser.websocket_connect("/_stcore/stream") as stream:
        stream.send_text("a")
        assert stream.receive_text() == "a"
        answer = browser.get("/sign-out")
        assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")
        assert "convexplain_session" not in browser.cookies
        assert answer.headers["clear-site-data"] == '"cache", "storage"'
        stream.send_text("b")
        with pytest.raises(WebSocketDisconnect) as ended:
            stream.receive_text()
        assert ended.value.code == 1008
    thief = door.browser(cookies=cookies)
    assert thief.get("/").status_code == 401


def test_a_session_ends_by_itself(door):
    browser = door.browser()
    sign_in(browser)
    with browser.websocket_connect("/_stcore/stream") as stream:
        door.clock.now += 7201
        stream.send_text("a")
        with pytest.raises(WebSocketDisconnect):
            stream.receive_text()
    assert browser.get("/").status_code == 401


def test_the_quota_of_uploads_is_counted_by_account():
    door = Door(quota=100)
    anna, ben, carl = door.browser(), door.browser(), door.browser()
    for browser, password in ((anna, "correct horse"), (ben, "correct horse"), (carl, "battery staple")):
        assert sign_in(browser, password).status_code == 303
        door.clock.now += 1
    assert anna.put(UPLOAD, content=b"x" * 60).text == "pages 60"
    answer = ben.put(UPLOAD, content=b"x" * 41)  # they share a password, and so the quota
    assert (answer.status_code, answer.text) == (413, "Your quota of 0 MB in 24 hours is used up.")
    assert anna.put("/x", content=b"x" * 60).status_code == 200  # no upload
    door.clock.now += 3600 * 1
    assert anna.put(UPLOAD, content=b"x" * 40).status_code == 200
    answer = carl.put(UPLOAD, content=b"x")
    assert (answer.status_code, answer.text) == (403, "The role review may not upload.")


def test_a_body_of_unknown_length_is_refused(door):
    browser = door.browser()
    sign_in(browser)
    answer = browser.put(UPLOAD, content=iter([b"x" * 10]))
    assert answer.status_code == 411


def test_a_long_form_is_refused_before_sign_in(door):
    assert sign_in(door.browser(), name="x" * 5000).status_code == 413


def test_every_answer_carries_the_headers(door):
    browser = door.browser()
    answers = [browser.get("/"), browser.get("/sign-in"), browser.get("/", headers=HTML), sign_in(browser)]
    answers += [browser.get("/"), browser.get("/_stcore/health")]
    assert [answer.status_code for answer in answers] == [401, 200, 303, 303, 200, 200]
    for answer in answers:
        assert answer.headers["x-frame-options"] == "DENY"
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "same-origin"
        assert answer.headers["cache-control"] == "no-store"
        policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["connect-src"] == policy["form-action"] == "'self'"
        assert not {"'unsafe-inline'", "'unsafe-eval'", "*", "https:"} & set(policy["script-src"].split())
        assert "strict-transport-security" not in answer.headers
    assert "strict-transport-security" in door.browser(base_url="https://testserver").get("/").headers


@pytest.mark.parametrize(
    ("host", "status"),
    [("localhost:8501", 200), ("127.0.0.1:8501", 200), ("[::1]:8501", 200), ("LOCALHOST", 200), ("evil.example", 421),
     ("evil.example:8501", 421), ("localhost.evil.example", 421), ("127.0.0.1.evil.example", 421), ("", 421)],
)  # fmt: skip
def test_without_sign_in_only_the_names_of_this_machine_are_answered(host, status):
    """A web page elsewhere may name this machine by a host of its own (DNS rebinding)."""
    app = Starlette(
        routes=[Route("/", lambda _: PlainTextResponse("pages"))],
        middleware=[Middleware(SecurityHeaders), Middleware(Gate, sessions=None, local_only=True)],
    )
    assert TestClient(app).get("/", headers={"host": host}).status_code == status
