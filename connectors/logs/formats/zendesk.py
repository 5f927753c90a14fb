"""Zendesk: tickets with their comments. The requester is the user, everybody else the assistant; private comments are
left out.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.fields import (
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

_ROLES = {"end-user": "user", "end_user": "user", "agent": "assistant", "admin": "assistant", "bot": "assistant"}
_USED_KEYS = {"comments", "description", "users", "created_at", "url", "custom_fields", "fields"}
_METADATA_KEYS = ("id", "type", "via")

_Users = Mapping[str, Mapping[str, Any]]


def is_zendesk(value: Any) -> bool:
    """Return whether a JSON value is a ticket, a list of comments, or an object that holds tickets."""
    return bool(_tickets(value)) or _is_comments(value)


def conversations_of(value: Mapping[str, Any]) -> Iterator[tuple[str | None, Sequence[ParsedConversation]]]:
    """Yield the conversations in a record, one a ticket.

    Raises:
        UnreadableError: a ticket has neither comments nor a description.
    """
    users = _users_of(value)
    tickets = _tickets(value)
    for ticket in tickets:
        comments = ticket.get("comments")
        if comments is None and len(tickets) == 1:
            comments = value.get("comments")
        yield (
            identifier(ticket, "id") or None,
            [_parse_ticket(ticket, objects(_comment_list(comments)), {**users, **_users_of(ticket)})],
        )
    if not tickets:
        yield identifier(value, "ticket_id", "id") or None, [_parse_ticket({}, objects(value["comments"]), users)]


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
    comments = objects(_comment_list(value.get("comments"))) if isinstance(value, dict) else []
    return any("author_id" in item and "public" in item for item in comments)


def _comment_list(value: Any) -> Any:
    """Return comments, which some exports wrap once more."""
    return value.get("comments") if isinstance(value, dict) else value


def _users_of(value: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the users in a record, by their ids."""
    users = value.get("users")
    if isinstance(users, dict):
        return {key: item for key, item in users.items() if isinstance(item, dict)}
    return {user_id: user for user in objects(users) if (user_id := identifier(user, "id"))}


def _parse_ticket(
    ticket: Mapping[str, Any], comments: Sequence[Mapping[str, Any]], users: _Users
) -> ParsedConversation:
    conversation = ParsedConversation([], extra_metadata(ticket, _USED_KEYS | {"id"}))
    asker = (
        identifier(ticket, "requester_id")
        or identifier(object_at(ticket, "requester"), "id")
        or identifier(ticket, "submitter_id")
    )
    private = 0
    for comment in comments:
        if comment.get("public") is False:
            private += 1
            conversation.aside.append(comment)
        else:
            _add_comment(conversation, comment, asker, users)
    if private:
        conversation.remarks.append(f"{private} private comments are left out")
    if comments:
        return conversation
    description = ticket.get("description")
    if not isinstance(description, str) or not description.strip():
        raise UnreadableError("a ticket without comments: they are exported by themselves (tickets/ID/comments)")
    _add_comment(
        conversation, {"author_id": asker, "created_at": ticket.get("created_at"), "body": description}, asker, users
    )
    conversation.remarks.append("the ticket has no comments, only its description: they are exported by themselves")
    return conversation


def _add_comment(conversation: ParsedConversation, comment: Mapping[str, Any], asker: str, users: _Users) -> None:
    author_id = identifier(comment, "author_id")
    user = users.get(author_id, {})
    kind = first_text(user, "role").strip().lower()
    speaker = _ROLES.get(kind, "")
    if author_id and author_id == asker:
        speaker = "user"
    elif not speaker:
        speaker = "assistant" if author_id and asker else author_id
    about = extra_metadata({key: comment.get(key) for key in _METADATA_KEYS}, ())
    if author_id:
        about["author_id"] = author_id
    if kind:
        about["author_type"] = kind
    name = first_text(user, "name") or None
    conversation.turns.append(
        ParsedTurn(speaker, _comment_text(comment), name, parse_timestamp(comment.get("created_at")), about),
    )


def _comment_text(comment: Mapping[str, Any]) -> str:
    """Return the text of a comment, then its attachments."""
    html = first_text(comment, "html_body")
    body = first_text(comment, "body", "plain_body")
    lines = [html_to_text(html or body) if html or is_html(body) else body]
    for file in objects(comment.get("attachments")):
        if not (html and file.get("inline") is True):  # that one is in the text
            lines.append(file_placeholder(file.get("content_type"), first_text(file, "file_name", "filename")))
    return "\n".join(filter(None, lines))


ZENDESK = LogFormat(
    "zendesk",
    "Zendesk tickets with their comments (and users); who asked is the user, private comments are left out.",
    '{"id": 1, "subject": "Help", "requester_id": 7, "comments": [{"id": 1, "author_id": 7, "public": true, '
    '"body": "Hi"}, {"id": 2, "author_id": 8, "public": true, "body": "Hello"}]}',
    is_zendesk,
    read_records=record_reader(conversations_of),
)
