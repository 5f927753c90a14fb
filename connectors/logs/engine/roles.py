"""From the words by which logs call their speakers to the four roles."""

from collections.abc import Sequence

from convexplain.types import Role, Turn

from .parse_results import ParsedTurn, UnreadableError, quoted

_WORDS: dict[Role, str] = {
    "system": "system, sys, developer, instruction, instructions, system prompt, system message",
    "user": "user, human, customer, client, prompter, visitor, end user, enduser, "
    "benutzer, benutzerin, nutzer, nutzerin, kunde, kundin, utilisateur, usuario, utente, "
    "пользователь, 用户, 使用者, ユーザー, 사용자",
    "assistant": "assistant, gpt, ai, bot, chatbot, chat bot, model, llm, language model, agent, "
    "ai assistant, virtual assistant, digital assistant, function call, tool call, "
    "support agent, customer support, customer service, "
    "assistent, assistentin, berater, beraterin, kundenberater, kundenberaterin, "
    "asistente, assistente, ассистент, 助手, 助理, アシスタント, 어시스턴트",
    "tool": "tool, function, observation, ipython, tool response, tool result, tool output, "
    "function response, function result, function output",
}
_PRODUCTS = ("chatgpt", "bing", "bard", "copilot", "gemini")
"""Assistants too, but the word says more than the role does: it stays as the turn's name."""

_ROLES: dict[str, Role] = {
    **{word: role for role, words in _WORDS.items() for word in words.split(", ")},
    **dict.fromkeys(_PRODUCTS, "assistant"),
}


def normalized(word: str) -> str:
    """A speaker's word as it is compared: case, underscores, hyphens and runs of blanks do not count."""
    return " ".join(word.casefold().replace("_", " ").replace("-", " ").split())


def normalized_names(words: Sequence[str]) -> frozenset[str]:
    """The words as they are compared, without empty ones."""
    return frozenset(filter(None, map(normalized, words)))


def role_of(word: str, assistant: frozenset[str] = frozenset()) -> Role | None:
    """The role that a word stands for, None when it is no known one.

    Args:
        word: the log's word for a speaker.
        assistant: names of the assistant, as `keys` gives them; they go before the table.
    """
    compared = normalized(word)
    return "assistant" if compared in assistant else _ROLES.get(compared)


def assign_roles(said: Sequence[ParsedTurn], assistant: frozenset[str], *, certain: bool = True) -> tuple[Turn, ...]:
    """The turns with their roles.

    A word that is in no table is resolved by two rules. Where it is the only such word and one of the two
    sides (user, assistant) is known, it is the other side. Where the caller named the assistant and it
    speaks here, everybody else without a role is a user; this one needs `certain` speakers.

    Args:
        said: the turns of one conversation.
        assistant: names of the assistant, as `keys` gives them.
        certain: whether every speaker's word is surely one.

    Raises:
        UnreadableError: a turn does not say who speaks, or speakers remain that neither rule resolves.
    """
    for number, item in enumerate(said, 1):
        if not normalized(item.speaker):
            raise UnreadableError(f"turn {number} does not say who speaks")
    found = [_role(item, assistant) for item in said]
    unknown = {normalized(item.speaker): item.speaker for item, role in zip(said, found, strict=True) if role is None}
    rest = _rest(said, found, unknown, assistant, certain=certain) if unknown else "user"
    return tuple(
        Turn(role or rest, item.content, item.name or _own_word(item.speaker), item.at, item.metadata)
        for item, role in zip(said, found, strict=True)
    )


def _role(item: ParsedTurn, assistant: frozenset[str]) -> Role | None:
    if item.name and normalized(item.name) in assistant:
        return "assistant"
    return role_of(item.speaker, assistant)


def _own_word(speaker: str) -> str | None:
    """The speaker's word where it says more than a role: somebody's name."""
    compared = normalized(speaker)
    return None if compared in _ROLES and compared not in _PRODUCTS else speaker


def _rest(
    said: Sequence[ParsedTurn],
    found: Sequence[Role | None],
    unknown: dict[str, str],
    assistant: frozenset[str],
    *,
    certain: bool,
) -> Role:
    """The role of the speakers that have none yet."""
    sides = {role for role in found if role in ("user", "assistant")}
    if len(unknown) == 1 and len(sides) == 1:
        return "assistant" if "user" in sides else "user"
    named = any(normalized(word) in assistant for item in said for word in (item.speaker, item.name or ""))
    if certain and named:
        return "user"
    speakers = {normalized(item.speaker): item.speaker for item in said}
    raise UnreadableError(
        f"cannot tell which role {quoted(list(unknown.values()))} has; the speakers are "
        f"{quoted(list(speakers.values()))}. Name the assistant's speakers with the option `assistant` "
        "(command line: --assistant NAME)"
    )
