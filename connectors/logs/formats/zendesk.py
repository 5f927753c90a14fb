"""Zendesk: tickets with their comments. Who asked is the user, everybody else the assistant; private comments are left
out.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from convexplain.connectors.logs.engine.drafts import Draft, Said, UnreadableError
from convexplain.connectors.logs.engine.hypertext import is_html, plain
from convexplain.connectors.logs.engine.picking import add, dicts, part, placeholder, text, word
from convexplain.connectors.logs.engine.values import extras, moment

_USERS = {"end-user": "user", "end_user": "user", "agent": "assistant", "admin": "assistant", "bot": "assistant"}
_USED = {"comments", "description", "users", "created_at", "url", "custom_fields", "fields"}
_KEPT = ("id", "type", "via")

_People = Mapping[str, Mapping[str, Any]]


def is_zendesk(value: Any) -> bool:
    """Whether a JSON value is a ticket, a list of comments, or an object that holds tickets."""
    return bool(_tickets(value)) or _is_comments(value)


def tickets(value: Mapping[str, Any]) -> Iterator[tuple[str | None, Sequence[Draft]]]:
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
        yield word(ticket, "id") or None, [_draft(ticket, dicts(_listed(comments)), {**people, **_people(ticket)})]
    if not found:
        yield word(value, "ticket_id", "id") or None, [_draft({}, dicts(value["comments"]), people)]


def _tickets(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, dict):
        return []
    if _is_ticket(value):
        return [value]
    held = [value["ticket"]] if isinstance(value.get("ticket"), dict) else dicts(value.get("tickets"))
    return [ticket for ticket in held if _is_ticket(ticket) or _is_comments(ticket)]


def _is_ticket(value: Any) -> bool:
    if not isinstance(value, dict) or value.keys().isdisjoint(("requester_id", "submitter_id", "requester")):
        return False
    return not value.keys().isdisjoint(("subject", "raw_subject", "description", "comments"))


def _is_comments(value: Any) -> bool:
    comments = dicts(_listed(value.get("comments"))) if isinstance(value, dict) else []
    return any("author_id" in item and "public" in item for item in comments)


def _listed(value: Any) -> Any:
    """Comments, which some exports wrap once more."""
    return value.get("comments") if isinstance(value, dict) else value


def _people(value: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """The users that a record holds by their ids."""
    users = value.get("users")
    if isinstance(users, dict):
        return {key: item for key, item in users.items() if isinstance(item, dict)}
    return {own: user for user in dicts(users) if (own := word(user, "id"))}


def _draft(ticket: Mapping[str, Any], comments: Sequence[Mapping[str, Any]], people: _People) -> Draft:
    draft = Draft([], extras(ticket, _USED | {"id"}))
    asker = word(ticket, "requester_id") or word(part(ticket, "requester"), "id") or word(ticket, "submitter_id")
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


def _add(draft: Draft, comment: Mapping[str, Any], asker: str, people: _People) -> None:
    own = word(comment, "author_id")
    user = people.get(own, {})
    kind = text(user, "role").strip().lower()
    speaker = _USERS.get(kind, "")
    if own and own == asker:
        speaker = "user"
    elif not speaker:
        speaker = "assistant" if own and asker else own
    about = extras({key: comment.get(key) for key in _KEPT}, ())
    if own:
        about["author_id"] = own
    if kind:
        about["author_type"] = kind
    name = text(user, "name") or None
    add(draft, Said(speaker, _shown(comment), name, moment(comment.get("created_at")), about))


def _shown(comment: Mapping[str, Any]) -> str:
    """The text of a comment, then its attachments."""
    html = text(comment, "html_body")
    body = text(comment, "body", "plain_body")
    shown = [plain(html or body) if html or is_html(body) else body]
    for file in dicts(comment.get("attachments")):
        if not (html and file.get("inline") is True):  # that one is in the text
            shown.append(placeholder(file.get("content_type"), text(file, "file_name", "filename")))
    return "\n".join(filter(None, shown))
