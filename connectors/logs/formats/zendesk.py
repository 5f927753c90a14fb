"""Zendesk: tickets with their comments. Who asked is the user, everybody else the assistant; private comments are left
out.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.fields import (
    add_turn,
    file_placeholder,
    first_text,
    identifier,
    object_at,
    objects,
    record_reader,
)
from convexplain.connectors.logs.engine.html_text import html_to_text, is_html
from convexplain.connectors.logs.engine.log_format import LogFormat
from convexplain.connectors.logs.engine.metadata import extra_metadata, parse_timestamp
from convexplain.connectors.logs.engine.parse_results import ParsedConversation, ParsedTurn, UnreadableError

_USERS = {"end-user": "user", "end_user": "user", "agent": "assistant", "admin": "assistant", "bot": "assistant"}
_USED = {"comments", "description", "users", "created_at", "url", "custom_fields", "fields"}
_KEPT = ("id", "type", "via")

_People = Mapping[str, Mapping[str, Any]]


def is_zendesk(value: Any) -> bool:
    """Whether a JSON value is a ticket, a list of comments, or an object that holds tickets."""
    return bool(_tickets(value)) or _is_comments(value)


def tickets(value: Mapping[str, Any]) -> Iterator[tuple[str | None, Sequence[ParsedConversation]]]:
    """The conversations in a record, one a ticket.

    Raises:
        UnreadableError: a ticket has neither comments nor a description.
    """
    people = _people(value)
    found = _tickets(value)
    for ticket in found:
        comments = ticket.get("comments")
        if comments is None and len(found) == 1:
            comments = value.get("comments")
        yield (
            identifier(ticket, "id") or None,
            [_draft(ticket, objects(_listed(comments)), {**people, **_people(ticket)})],
        )
    if not found:
        yield identifier(value, "ticket_id", "id") or None, [_draft({}, objects(value["comments"]), people)]


def _tickets(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, dict):
        return []
    if _is_ticket(value):
        return [value]
    held = [value["ticket"]] if isinstance(value.get("ticket"), dict) else objects(value.get("tickets"))
    return [ticket for ticket in held if _is_ticket(ticket) or _is_comments(ticket)]


def _is_ticket(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys().isdisjoint(("requester_id", "submitter_id", "requester")):
        return False
    return not value.keys().isdisjoint(("subject", "raw_subject", "description", "comments"))


def _is_comments(value: Any) -> bool:
    comments = objects(_listed(value.get("comments"))) if isinstance(value, dict) else []
    return any("author_id" in item and "public" in item for item in comments)


def _listed(value: Any) -> Any:
    """Comments, which some exports wrap once more."""
    return value.get("comments") if isinstance(value, dict) else value


def _people(value: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The users that a record holds by their ids."""
    users = value.get("users")
    if isinstance(users, dict):
        return {key: item for key, item in users.items() if isinstance(item, dict)}
    return {own: user for user in objects(users) if (own := identifier(user, "id"))}


def _draft(ticket: Mapping[str, Any], comments: Sequence[Mapping[str, Any]], people: _People) -> ParsedConversation:
    draft = ParsedConversation([], extra_metadata(ticket, _USED | {"id"}))
    asker = (
        identifier(ticket, "requester_id")
        or identifier(object_at(ticket, "requester"), "id")
        or identifier(ticket, "submitter_id")
    )
    private = 0
    for comment in comments:
        if comment.get("public") is False:
            private += 1
        else:
            _add(draft, comment, asker, people)
    if private:
        draft.remarks.append(f"{private} private comments are left out")
    if comments:
        return draft
    description = ticket.get("description")
    if not isinstance(description, str) or not description.strip():
        raise UnreadableError("a ticket without comments: they are exported by themselves (tickets/ID/comments)")
    _add(draft, {"author_id": asker, "created_at": ticket.get("created_at"), "body": description}, asker, people)
    draft.remarks.append("the ticket has no comments, only its description: they are exported by themselves")
    return draft


def _add(draft: ParsedConversation, comment: Mapping[str, Any], asker: str, people: _People) -> None:
    own = identifier(comment, "author_id")
    user = people.get(own, {})
    kind = first_text(user, "role").strip().lower()
    speaker = _USERS.get(kind, "")
    if own and own == asker:
        speaker = "user"
    elif not speaker:
        speaker = "assistant" if own and asker else own
    about = extra_metadata({key: comment.get(key) for key in _KEPT}, ())
    if own:
        about["author_id"] = own
    if kind:
        about["author_type"] = kind
    name = first_text(user, "name") or None
    add_turn(draft, ParsedTurn(speaker, _shown(comment), name, parse_timestamp(comment.get("created_at")), about))


def _shown(comment: Mapping[str, Any]) -> str:
    """The text of a comment, then its attachments."""
    html = first_text(comment, "html_body")
    body = first_text(comment, "body", "plain_body")
    shown = [html_to_text(html or body) if html or is_html(body) else body]
    for file in objects(comment.get("attachments")):
        if not (html and file.get("inline") is True):  # that one is in the text
            shown.append(file_placeholder(file.get("content_type"), first_text(file, "file_name", "filename")))
    return "\n".join(filter(None, shown))


ZENDESK = LogFormat(
    "zendesk",
    "Zendesk tickets with their comments (and users); who asked is the user, private comments are left out.",
    '{"id": 1, "subject": "Help", "requester_id": 7, "comments": [{"id": 1, "author_id": 7, "public": true, '
    '"body": "Hi"}, {"id": 2, "author_id": 8, "public": true, "body": "Hello"}]}',
    is_zendesk,
    read_records=record_reader(tickets),
)
