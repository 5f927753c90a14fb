"""The way in by an identity provider: who comes in, and what an attacker tries with it. The provider is played here."""

import base64
import json
import time
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from convexplain.dashboard.services.access import Providers

from .conftest import Door

ISSUER = "https://login.example"
LISTS = {"admin": ("anna@example.com",), "review": ("@example.com",)}
CALLBACK = "/oauth2callback"


class Provider:
    """An OpenID Connect provider: it vouches for `claims`, signed with `key`."""

    def __init__(self):
        self.key = self.published = RSAKey.generate_key(2048, {"kid": "1"})
        self.claims = {"email": "anna@example.com", "email_verified": True}
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        if request.url.path == "/.well-known/openid-configuration":
            endpoints = {"authorization_endpoint": "authorize", "token_endpoint": "token", "jwks_uri": "keys"}
            urls = {name: f"{ISSUER}/{path}" for name, path in endpoints.items()}
            return httpx2.Response(200, json={"issuer": ISSUER, **urls})
        if request.url.path == "/keys":
            return httpx2.Response(200, json={"keys": [self.published.as_dict(private=False)]})
        if parse_qs(request.content.decode())["code"] != ["good"]:
            return httpx2.Response(400, json={"error": "invalid_grant"})
        return httpx2.Response(200, json={"access_token": "t0ken", "token_type": "Bearer", "id_token": self._token()})

    def _token(self):
        now = int(time.time())
        fixed = {"iss": ISSUER, "aud": "convexplain", "sub": "1", "iat": now, "exp": now + 60, "nonce": self.nonce}
        return jwt.encode({"alg": "RS256", "kid": "1"}, {**fixed, **self.claims}, self.key)


@pytest.fixture
def provider():
    return Provider()


def door_of(provider, unverified=False):
    settings = {
        "client_id": "convexplain",
        "client_secret": "s3cret",
        "server_metadata_url": f"{ISSUER}/.well-known/openid-configuration",
        "client_kwargs": {"transport": httpx2.MockTransport(provider)},
    }
    return Door({}, Providers(f"http://testserver{CALLBACK}", {"default": settings}, LISTS, unverified))


def to_provider(browser, provider, place="/labels"):
    """Goes to the provider; gives what the browser is to bring there."""
    answer = browser.get("/sign-in/with/default", params={"to": place})
    assert answer.status_code == 302
    asked = {name: values[0] for name, values in parse_qs(urlsplit(answer.headers["location"]).query).items()}
    provider.nonce = asked["nonce"]
    return asked


def come_back(browser, state, code="good"):
    return browser.get(CALLBACK, params={"state": state, "code": code})


def test_a_person_on_the_list_comes_in_with_a_role(provider):
    door = door_of(provider)
    for email, role in (("Anna@example.com", "admin"), ("ben@example.com", "review")):
        provider.claims["email"] = email
        browser = door.browser()
        asked = to_provider(browser, provider)
        assert asked["redirect_uri"] == "http://testserver/oauth2callback"
        assert asked["code_challenge_method"] == "S256"
        answer = come_back(browser, asked["state"])
        assert (answer.status_code, answer.headers["location"]) == (303, "/labels")
        person = door.sessions.peek(browser.cookies["convexplain_session"])
        assert (person.name, person.role, person.source) == (email.lower(), role, "default")
    names = {name for name in browser.cookies if name != "convexplain_session"}
    cookies = "".join(base64.b64decode(browser.cookies[name].split(".")[0] + "==").decode() for name in names)
    assert "t0ken" not in cookies
    assert "s3cret" not in json.dumps(door.events)


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"email": "eve@evil.example"}, "default: not on the list"),
        ({"email": "anna@example.com.evil.example"}, "default: not on the list"),
        ({"email": "anna@example.com", "email_verified": False}, "default: e-mail not verified"),
        ({"email": "anna@example.com", "email_verified": "true"}, "default: e-mail not verified"),
        ({"email": "anna@example.com", "email_verified": None}, "default: e-mail not verified"),
        ({"email": None}, "default: not on the list"),
    ],
)
def test_everybody_else_stays_outside(provider, claims, reason):
    door, browser = door_of(provider), None
    provider.claims.update(claims)
    browser = door.browser()
    answer = come_back(browser, to_provider(browser, provider)["state"])
    assert answer.status_code == 403
    assert "You may not use this dashboard." in answer.text
    assert "convexplain_session" not in browser.cookies
    assert [(event[1], event[2]["reason"]) for event in door.events] == [("sign-in refused", reason)]


def test_an_operator_may_trust_a_provider_that_says_nothing_of_verification(provider):
    door = door_of(provider, unverified=True)
    for verified, status in ((None, 303), (False, 403)):
        provider.claims["email_verified"] = verified
        browser = door.browser()
        assert come_back(browser, to_provider(browser, provider)["state"]).status_code == status


def test_codes_states_and_signatures_of_others_are_refused(provider):
    door = door_of(provider)
    browser, other = door.browser(), door.browser()
    state = to_provider(browser, provider)["state"]
    foreign = to_provider(other, provider)["state"]
    answers = [come_back(door.browser(), state), come_back(browser, foreign)]
    answers.append(come_back(browser, to_provider(browser, provider)["state"], code="bad"))
    provider.key = RSAKey.generate_key(2048, {"kid": "1"})  # not the one that it publishes
    answers.append(come_back(browser, to_provider(browser, provider)["state"]))
    provider.key = provider.published
    provider.claims["aud"] = "another application"
    answers.append(come_back(browser, to_provider(browser, provider)["state"]))
    provider.claims["aud"] = "convexplain"
    state = to_provider(browser, provider)["state"]
    provider.nonce = "of an earlier sign-in"
    answers.append(come_back(browser, state))
    assert [answer.status_code for answer in answers] == [400, 403, 403, 403, 403, 403]
    assert len([event for event in door.events if event[1] == "sign in"]) == 0
    state = to_provider(browser, provider)["state"]
    assert come_back(browser, state).status_code == 303
    assert come_back(browser, state).status_code == 400  # a second time


def test_a_provider_that_is_away_is_said(provider):
    provider.__class__ = type("Away", (Provider,), {"__call__": lambda self, request: httpx2.Response(500)})
    answer = door_of(provider).browser().get("/sign-in/with/default")
    assert answer.status_code == 502
    assert "The identity provider cannot be reached." in answer.text


def test_only_the_providers_ways_are_open(provider):
    browser = door_of(provider).browser()
    assert 'href="/sign-in/with/default?to=%2F"' in browser.get("/sign-in").text
    assert browser.get("/sign-in/with/another").status_code == 401
    assert browser.get("/auth/login").status_code == 401
