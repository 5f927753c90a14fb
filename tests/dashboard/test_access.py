"""Who may come in: passwords and their roles, identity providers and their lists."""

import pytest

from convexplain.dashboard.services.access import (
    PASSWORDS,
    configured_passwords,
    configured_providers,
    is_loopback,
    password_role,
)
from convexplain.errors import UsageError

AUTH = """
[auth]
redirect_uri = "https://chat.example.com/oauth2callback"
cookie_secret = "0123456789abcdef0123456789abcdef"
client_id = "convexplain"
client_secret = "s3cret"
server_metadata_url = "https://login.example.com/.well-known/openid-configuration"
"""
LISTS = """
[convexplain]
admins = ["Anna@Example.com"]
reviewers = ["@example.com", "ben@partner.example"]
"""


@pytest.fixture(autouse=True)
def no_passwords(monkeypatch):
    for name in PASSWORDS.values():
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def providers(tmp_path):
    """Reads the providers of a secrets.toml with this text."""

    def read(text):
        (tmp_path / ".streamlit").mkdir(exist_ok=True)
        (tmp_path / ".streamlit" / "secrets.toml").write_text(text)
        return configured_providers([tmp_path])

    return read


def test_each_password_gives_its_role(monkeypatch):
    assert configured_passwords() == {}
    monkeypatch.setenv(PASSWORDS["admin"], "correct horse")
    monkeypatch.setenv(PASSWORDS["review"], "battery staple")
    passwords = configured_passwords()
    assert password_role("correct horse", passwords) == "admin"
    assert password_role("battery staple", passwords) == "review"
    for typed in ("", "correct hors", "correct horse ", "CORRECT HORSE", "\udcff", "battery staplé"):
        assert password_role(typed, passwords) is None
    assert password_role("", {}) is None


def test_short_and_equal_passwords_are_refused(monkeypatch):
    monkeypatch.setenv(PASSWORDS["review"], "s3cret")
    with pytest.raises(UsageError, match=r"REVIEW_PASSWORD has 6 characters; .* at least 12") as refused:
        configured_passwords()
    assert "s3cret" not in str(refused.value)
    for name in PASSWORDS.values():
        monkeypatch.setenv(name, "correct horse")
    with pytest.raises(UsageError, match="are the same"):
        configured_passwords()


def test_the_lists_say_who_may_come_in_and_as_what(providers):
    read = providers(AUTH + LISTS)
    assert read.redirect_uri == "https://chat.example.com/oauth2callback"
    assert list(read.clients) == ["default"]
    assert read.unverified is False
    roles = {
        "anna@example.com": "admin",
        "ANNA@example.COM ": "admin",
        "carl@example.com": "review",
        "ben@partner.example": "review",
        "eve@partner.example": None,
        "eve@evil-example.com": None,
        "eve@sub.example.com": None,
        "eve@evil.com@example.com": None,
        "@example.com": None,
        "example.com": None,
        "": None,
    }
    assert {email: read.role(email) for email in roles} == roles


def test_several_providers_have_names(providers):
    text = AUTH.split("client_id")[0] + "".join(
        f'[auth.{name}]\nclient_id = "a"\nclient_secret = "b"\nserver_metadata_url = "https://{name}.example"\n'
        for name in ("google", "okta")
    )
    assert list(providers(text + LISTS).clients) == ["google", "okta"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (AUTH, "nobody may sign in. Name people in the section convexplain"),
        (AUTH + "[convexplain]\nadmins = []", "nobody may sign in"),
        (AUTH + "[convexplain]\nadmins = 'anna@example.com'", "admins is not valid; it must be a list"),
        (AUTH + "[convexplain]\nreviewers = ['example.com']", "reviewers is not valid"),
        ("[auth]\nclient_id = 'x'", "has no auth.redirect_uri, auth.cookie_secret, default: client_secret, default: s"),
        ("[auth", r"secrets.toml cannot be read \(TOMLDecodeError\)"),
    ],
)
def test_settings_that_let_in_nobody_or_everybody_are_refused(providers, text, message):
    with pytest.raises(UsageError, match=message):
        providers(text)


def test_without_the_section_there_is_no_provider(providers, tmp_path):
    assert providers("") is None
    assert providers("auth = 1") is None
    assert configured_providers([tmp_path / "elsewhere"]) is None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1.2.3", "::1", "[::1]", "localhost"])
def test_only_this_machine_reaches_it(host):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.168.1.5", "example.com", "localhost.example.com", ""])
def test_other_machines_reach_it(host):
    assert not is_loopback(host)
