"""The audit log in the store."""

from datetime import UTC, datetime, timedelta

from convexplain.store import RunStore
from convexplain.store.audit import audit_events, record_event, system_user


def test_events_come_back_newest_first(url):
    store = RunStore(url)
    record_event(store, "anna@example.com", "export", {"run": 3, "job": 7})
    record_event(store, "", "delete run", {"run": 3, "name": "\x00\ud800"})
    newest, oldest = audit_events(store)
    assert (oldest.person, oldest.action, oldest.details) == ("anna@example.com", "export", {"run": 3, "job": 7})
    assert (newest.person, newest.details) == (system_user(), {"run": 3, "name": "\x00\ud800"})
    assert timedelta(0) <= datetime.now(UTC) - newest.at < timedelta(minutes=5)
    assert [event.action for event in audit_events(store, 1)] == ["delete run"]
    assert oldest.to_dict() == {
        "at": oldest.at.isoformat(),
        "person": "anna@example.com",
        "action": "export",
        "details": {"run": 3, "job": 7},
    }
    store.close()
