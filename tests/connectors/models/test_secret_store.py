"""Where keys are kept: in a keyring that works, else in a file that nobody else can read."""

import json
import logging
import os
import stat
import sys
from types import SimpleNamespace

import pytest

from convexplain.connectors.models import secret_store
from convexplain.connectors.models.secret_store import drop_secret, keep_secret, place_words, read_secret, secrets_file
from convexplain.errors import UnavailableError, UsageError

ORIGIN = "https://h.example"
SYSTEM_KEYRING = secret_store.system_keyring


class Keyring:
    """A keyring in memory.

    Args:
        priority: what `keyring` gives it; from 1 on it is recommended.
    """

    def __init__(self, priority=5):
        self.priority = priority
        self.passwords = {}

    def get_password(self, service, name):
        return self.passwords.get((service, name))

    def set_password(self, service, name, secret):
        self.passwords[service, name] = secret

    def delete_password(self, service, name):
        del self.passwords[service, name]


def test_without_a_keyring_a_key_is_in_a_file_of_mode_0600():
    previous = os.umask(0)  # the mode does not hang on the user's
    try:
        assert keep_secret("team", ORIGIN, "sekret") == "file"
        assert keep_secret("more", ORIGIN, "other") == "file"
    finally:
        os.umask(previous)
    assert stat.S_IMODE(secrets_file().stat().st_mode) == 0o600
    assert [path.name for path in secrets_file().parent.iterdir()] == ["secrets.json"]
    assert read_secret("file", "team", ORIGIN) == "sekret"
    assert place_words("file") == f"{secrets_file()} (mode 0600)"
    drop_secret("file", "team", ORIGIN)
    assert "sekret" not in secrets_file().read_text()
    assert read_secret("file", "more", ORIGIN) == "other"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o620])
def test_a_file_that_others_can_read_or_write_is_not_used(mode):
    keep_secret("team", ORIGIN, "sekret")
    secrets_file().chmod(mode)
    with pytest.raises(UnavailableError, match=rf"connection team: .*\(mode {mode:04o}\).*chmod 600"):
        read_secret("file", "team", ORIGIN)
    with pytest.raises(UsageError, match="chmod 600"):
        keep_secret("more", ORIGIN, "other")
    assert "other" not in secrets_file().read_text()


@pytest.mark.parametrize("content", ["", "[]", '{"team https://h.example": 3}'])
def test_a_broken_file_is_named_and_not_overwritten(content):
    keep_secret("team", ORIGIN, "sekret")
    secrets_file().write_text(content)
    with pytest.raises(UsageError, match=r"secrets\.json .*mend it, or delete it"):
        keep_secret("more", ORIGIN, "other")
    assert secrets_file().read_text() == content


def test_a_key_is_found_for_its_origin_only():
    keep_secret("team", ORIGIN, "sekret")
    for name, origin in (("team", "https://evil.example"), ("other", ORIGIN), ("team", "http://h.example")):
        with pytest.raises(UnavailableError, match=f"connection {name}: its key for {origin} is not in ") as missing:
            read_secret("file", name, origin)
        assert "sekret" not in str(missing.value)


def test_a_keyring_that_works_keeps_the_key(monkeypatch):
    keyring = Keyring()
    monkeypatch.setattr(secret_store, "system_keyring", lambda: keyring)
    assert keep_secret("team", ORIGIN, "sekret") == "keyring"
    assert keyring.passwords == {("convexplain", "team https://h.example"): "sekret"}
    assert not secrets_file().exists()
    assert read_secret("keyring", "team", ORIGIN) == "sekret"
    drop_secret("keyring", "team", ORIGIN)
    drop_secret("keyring", "team", ORIGIN)  # it is gone already
    assert keyring.passwords == {}


def test_a_keyring_that_refuses_leaves_it_to_the_file(monkeypatch, caplog):
    class Locked(Keyring):
        def set_password(self, service, name, secret):
            raise RuntimeError(secret)

    monkeypatch.setattr(secret_store, "system_keyring", Locked)
    with caplog.at_level(logging.WARNING):
        assert keep_secret("team", ORIGIN, "sekret") == "file"
    assert "does not take the key (RuntimeError)" in caplog.text
    assert "sekret" not in caplog.text
    assert json.loads(secrets_file().read_text()) == {"team https://h.example": "sekret"}


def test_a_key_in_a_keyring_that_is_gone_is_said_to_be_there():
    with pytest.raises(UnavailableError, match=r"connection team: its key is in the system's keyring.*\[keyring\]"):
        read_secret("keyring", "team", ORIGIN)


@pytest.mark.parametrize(
    ("backend", "usable"),
    [(Keyring(5), True), (Keyring(1), True), (Keyring(0.5), False), (Keyring(0), False), (SimpleNamespace(), False)],
)
def test_a_keyring_counts_where_its_package_recommends_it(monkeypatch, backend, usable):
    monkeypatch.setitem(sys.modules, "keyring", SimpleNamespace(get_keyring=lambda: backend))
    assert (SYSTEM_KEYRING() is backend) is usable


def test_without_the_package_there_is_no_keyring(monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    assert SYSTEM_KEYRING() is None
