"""The cookie by which a browser's typed name is known again where nobody signs in."""

import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from convexplain.dashboard.server.browser_cookie import BrowserCookie
from convexplain.dashboard.services.reviewer_names import BROWSER, ReviewerNames

PAGE = {"accept": "text/html,application/xhtml+xml"}


def browser(**options):
    async def answer(request):
        return PlainTextResponse("page")

    return TestClient(Starlette(routes=[Route("/", answer)], middleware=[Middleware(BrowserCookie)]), **options)


def test_each_browser_has_a_random_token_that_scripts_cannot_read():
    header = browser().get("/", headers=PAGE).headers["set-cookie"]
    assert {"HttpOnly", "SameSite=lax", "Path=/"} <= set(header.split("; "))
    first, second = (browser().get("/", headers=PAGE).cookies[BROWSER] for _ in range(2))
    assert first != second
    assert len(first) == 43  # 32 bytes in base64


@pytest.mark.parametrize(
    ("cookies", "headers"),
    [({BROWSER: "known"}, PAGE), ({}, {"accept": "application/json"})],
)
def test_no_other_answer_sets_it(cookies, headers):
    assert "set-cookie" not in browser(cookies=cookies).get("/", headers=headers).headers


def test_a_name_is_that_of_its_browser():
    names = ReviewerNames()
    names.keep("a", "Anna")
    names.keep("b", "Bob")
    names.keep(None, "Nobody")
    assert [names.find(token) for token in ("a", "b", "c", None)] == ["Anna", "Bob", "", ""]
    names.keep("a", "")  # “Change the name”
    assert names.find("a") == ""


def test_the_oldest_names_are_forgotten():
    names = ReviewerNames()
    for i in range(1001):
        names.keep(str(i), f"person {i}")
    assert [names.find(token) for token in ("0", "1", "1000")] == ["", "person 1", "person 1000"]
