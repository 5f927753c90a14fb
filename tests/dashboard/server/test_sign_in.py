"""The ways in: a password, and what an attacker tries with it."""

import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from .conftest import Door, sign_in


def test_a_password_gives_its_role(door):
    for password, role in (("correct horse", "admin"), ("battery staple", "review")):
        browser = door.browser()
        answer = sign_in(browser, password)
        assert answer.status_code == 303
        assert door.sessions.peek(browser.cookies["convexplain_session"]).role == role
        door.clock.now += 1
    assert [event[:2] for event in door.events] == [("Anna", "sign in")] * 2
    assert door.events[0][2] == {"role": "admin", "by": "password", "address": "testclient"}


def test_a_wrong_password_is_logged_and_stands_in_no_log(door, caplog):
    browser = door.browser()
    with caplog.at_level(logging.INFO):
        answer = sign_in(browser, "wrong-password-1", to="/labels?run=1")
    assert answer.status_code == 403
    assert "The password is wrong." in answer.text
    assert 'value="/labels?run=1"' in answer.text  # the next try leads there
    assert "set-cookie" not in answer.headers
    logged = [record.message for record in caplog.records if record.name == "convexplain.dashboard"]
    assert logged == ["sign-in refused: Anna (wrong password), from testclient"]
    assert door.events == [("Anna", "sign-in refused", {"reason": "wrong password", "address": "testclient"})]
    assert "wrong-password-1" not in caplog.text + answer.text + str(door.events)


def test_50_browsers_that_guess_at_once_get_one_try(door):
    def guess(number):
        return sign_in(door.browser(), f"guess {number}").status_code

    with ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(guess, range(50)))
    assert sorted(set(answers)) == [403, 429]
    assert answers.count(403) == 1
    answer = sign_in(door.browser(), "correct horse")  # not even the right one
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    assert "Try again in 1 second." in answer.text
    door.clock.now += 1
    assert sign_in(door.browser(), "correct horse").status_code == 303


def test_50_browsers_get_at_most_one_try_a_second_over_a_minute(door):
    browsers, tried = [door.browser() for _ in range(50)], 0
    for _ in range(60):
        tried += sum(sign_in(browser, "guess").status_code == 403 for browser in browsers[:10])
        door.clock.now += 1
    assert tried == 6  # after 0, 1, 3, 7, 15 and 31 seconds


@pytest.mark.parametrize(
    "place",
    ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "evil", "", "/sign-out",
     "/sign-in?to=/x", "/x\r\nSet-Cookie: a=b", "/\tevil"],
)  # fmt: skip
def test_sign_in_leads_to_no_other_server(door, place):
    answer = sign_in(door.browser(), to=place)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_what_the_address_holds_is_shown_as_text(door):
    text = door.browser().get("/sign-in", params={"to": '/"><script>alert(1)</script>'}).text
    assert "<script" not in text
    assert "&quot;&gt;&lt;script&gt;" in text


def test_the_cookie_is_for_this_server_only_and_new_at_each_sign_in(door):
    browser = door.browser(base_url="https://testserver")
    header = sign_in(browser).headers["set-cookie"].lower()
    assert all(part in header for part in ("httponly", "samesite=lax", "secure", "path=/", "max-age=43200"))
    assert "domain" not in header
    first = browser.cookies["__Host-convexplain_session"]
    door.clock.now += 1
    sign_in(browser)
    assert browser.cookies["__Host-convexplain_session"] != first
    assert door.sessions.peek(first) is None
    door.clock.now += 1
    plain = sign_in(door.browser()).headers["set-cookie"].lower()
    assert plain.startswith("convexplain_session=")
    assert "secure" not in plain
    door.clock.now += 1
    chosen = door.browser(cookies={"convexplain_session": "chosen-by-an-attacker"})
    sign_in(chosen)
    assert door.sessions.peek("chosen-by-an-attacker") is None


def test_by_https_only_the_cookie_counts_that_no_other_host_can_set(door):
    secure = {"base_url": "https://testserver"}
    browser = door.browser(**secure)
    sign_in(browser)
    token = browser.cookies["__Host-convexplain_session"]
    assert browser.get("/").status_code == 200
    assert door.browser(cookies={"convexplain_session": token}, **secure).get("/").status_code == 401
    assert door.browser(cookies={"__Host-convexplain_session": token}).get("/").status_code == 401
    with browser.websocket_connect("wss://testserver/_stcore/stream") as stream:
        stream.send_text("a")
        assert stream.receive_text() == "a"
    answer = browser.get("/sign-out")
    assert "secure" in answer.headers["set-cookie"].lower()  # a browser refuses to delete it else
    assert door.sessions.peek(token) is None


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://testserver.evil.example"])
def test_a_form_of_another_site_is_refused(door, origin):
    browser = door.browser()
    answer = browser.post("/sign-in", data={"name": "x", "password": "correct horse"}, headers={"origin": origin})
    assert answer.status_code == 403
    assert "set-cookie" not in answer.headers
    same = browser.post(
        "/sign-in", data={"name": "x", "password": "correct horse"}, headers={"origin": "http://testserver"}
    )
    assert same.status_code == 303


def test_another_site_cannot_sign_people_out(door):
    browser = door.browser()
    sign_in(browser)
    browser.get("/sign-out", headers={"sec-fetch-site": "cross-site"})
    assert browser.get("/").status_code == 200


@pytest.mark.parametrize("fields", [{"name": ""}, {"name": "   "}, {"name": "\u202e\n"}])
def test_a_name_is_needed(door, fields):
    answer = sign_in(door.browser(), **fields)
    assert answer.status_code in (303, 400)
    names = [event[0] for event in door.events]
    assert all("\u202e" not in name and "\n" not in name for name in names)


def test_without_a_password_nobody_signs_in_by_one():
    from convexplain.dashboard.services.access import Providers

    providers = Providers("https://x.example/oauth2callback", {}, {"admin": ("a@b.c",), "review": ()})
    door = Door(passwords={}, providers=providers)
    assert sign_in(door.browser(), "").status_code == 400
    assert 'type="password"' not in door.browser().get("/sign-in").text
