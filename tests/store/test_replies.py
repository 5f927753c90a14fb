"""Leases of requests in flight: who asks, who waits, and when a lease ends."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from convexplain.models.chat import LabelLogprobs, Reply, ReplyRecord
from convexplain.store import RunStore, replies, schema
from convexplain.store.database import writing


def leases(store):
    with store.engine.connect() as connection:
        return sorted(connection.execute(sa.select(schema.leases.c.key)).scalars())


def lease(store, key, owner, seconds):
    """A lease that somebody else has, for so many more seconds."""
    row = {"key": key, "owner": owner, "expires_at": datetime.now(UTC) + timedelta(seconds=seconds)}
    with writing(store.engine) as connection:
        connection.execute(sa.insert(schema.leases).values(**row))


def test_a_request_is_leased_to_one_holder_and_its_reply_ends_the_lease(store):
    store.put("stored", "m", Reply("x"))
    assert store.claim(["stored", "a", "b"], "first") == {"stored": Reply("x"), "a": None, "b": None}
    assert store.claim(["stored", "a", "b", "c"], "second") == {"stored": Reply("x"), "c": None}
    store.keep_replies([ReplyRecord("a", "m", Reply("of a"))])
    assert leases(store) == ["b", "c"]
    assert store.claim(["a", "b"], "second") == {"a": Reply("of a")}
    store.release(["b"], "second")  # not the second's to end
    assert store.claim(["b"], "second") == {}
    store.release(["b"], "first")
    assert store.claim(["b"], "second") == {"b": None}


def test_a_holder_has_its_own_lease_again(store):
    assert store.claim(["a"], "first") == store.claim(["a"], "first") == {"a": None}


@pytest.mark.parametrize(
    ("owner", "seconds", "free"),
    [
        ("elsewhere:7#x", 20, False),
        ("elsewhere:7#x", -1, True),  # it was not renewed
        ("here:999999999#x", 20, True),  # its process is gone
        ("here:1#x", 20, False),  # that one is always there
    ],
)
def test_a_lease_ends_with_its_time_or_its_process(store, monkeypatch, owner, seconds, free):
    monkeypatch.setattr("socket.gethostname", lambda: "here")
    lease(store, "a", owner, seconds)
    lease(store, "another", "elsewhere:7#x", -1)  # nobody asks for it again
    assert store.claim(["a"], "first") == ({"a": None} if free else {})
    assert leases(store) == (["a"] if free else ["a", "another"])


def test_a_renewed_lease_goes_on(store, monkeypatch):
    store.claim(["a", "b"], "first")
    monkeypatch.setattr(replies, "LEASE_SECONDS", -1.0)
    store.renew(["b"], "first")  # to a moment that is over
    assert store.claim(["a", "b"], "second") == {"b": None}


def test_the_first_reply_stays_and_comes_back_as_it_was(store):
    reply = Reply('{"label": "yes"}', LabelLogprobs({"yes": -0.1}, 0.01, 20), True, features=(0.5, 1.0), seconds=0.2)
    store.keep_replies([ReplyRecord("b", "m", reply), ReplyRecord("a", "m", Reply("x"))])
    store.keep_replies([ReplyRecord("b", "m", Reply("later"))])
    store.keep_replies([])
    assert (store.get("b"), store.get("a"), store.get("c")) == (reply, Reply("x"), None)


def test_more_keys_than_one_statement_takes(store):
    keys = [f"{i:04}" for i in range(1_201)]
    assert store.claim(keys, "first") == dict.fromkeys(keys)
    assert store.claim(keys, "second") == {}
    store.release(keys, "first")
    assert leases(store) == []


def test_a_reply_that_comes_between_the_first_look_and_the_lease_is_taken(store, monkeypatch):
    """The other holder's reply is stored just before this one writes: it asks nothing, and leaves no lease."""
    real = replies.writing

    def late(engine):
        monkeypatch.setattr(replies, "writing", real)
        store.put("a", "m", Reply("just now"))
        return real(engine)

    monkeypatch.setattr(replies, "writing", late)
    assert store.claim(["a"], "first") == {"a": Reply("just now")}
    assert leases(store) == []


def test_two_stores_on_one_place_share_leases(url):
    first, second = RunStore(url), RunStore(url)
    try:
        assert (first.claim(["a"], "x"), second.claim(["a"], "y")) == ({"a": None}, {})
        assert first.claim(["b"], "x") == second.claim(["b"], "x") == {"b": None}  # one holder of one process
    finally:
        first.close()
        second.close()
