"""The four roles of the words by which logs name their speakers."""

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import groupby

from convexplain.types import Role, Turn, plain_turn

from .parse_results import ParsedTurn, UnknownSpeakersError, UnreadableError, quoted_names
from .reasoning_marks import may_be_marked, parts_of_marked

_WORDS: dict[Role, str] = {
    "system": "system, sys, developer, instruction, instructions, system prompt, system message",
    "user": "user, human, customer, client, prompter, visitor, end user, enduser, "
    "benutzer, benutzerin, nutzer, nutzerin, kunde, kundin, utilisateur, usuario, utente, "
    "caller, requester, consumer, guest, anrufer, anruferin, besucher, besucherin, "
    "cliente, clienta, utilisatrice, usuaria, usuário, usuária, utilizador, visitante, visiteur, "
    "klient, klientka, użytkownik, klant, gebruiker, müşteri, kullanıcı, pelanggan, pengguna, nasabah, "
    "khách hàng, khách, người dùng, "
    "пользователь, клиент, клиентка, покупатель, клієнт, користувач, مستخدم, المستخدم, عميل, العميل, زبون, الزبون, "
    "مشتری, کاربر, ग्राहक, उपयोगकर्ता, গ্রাহক, ব্যবহারকারী, ลูกค้า, ผู้ใช้, "
    "用户, 用戶, 使用者, 客户, 客戶, 顾客, 顧客, 访客, 訪客, ユーザー, ユーザ, お客様, お客さま, 客, "
    "사용자, 고객, 고객님",
    "assistant": "assistant, gpt, ai, bot, chatbot, chat bot, model, llm, language model, agent, "
    "ai assistant, virtual assistant, digital assistant, function call, tool call, "
    "support agent, customer support, customer service, "
    "assistent, assistentin, berater, beraterin, kundenberater, kundenberaterin, "
    "operator, representative, customer service representative, csr, support, helpdesk, help desk, advisor, adviser, "
    "mitarbeiter, mitarbeiterin, sachbearbeiter, sachbearbeiterin, conseiller, conseillère, téléconseiller, opérateur, "
    "opératrice, agente, asesor, asesora, operador, operadora, operatore, operatrice, atendente, consultor, "
    "consultora, "
    "asistente, assistente, konsultant, konsultantka, doradca, asystent, medewerker, temsilci, müşteri temsilcisi, "
    "asistan, operatör, danışman, agen, asisten, petugas, nhân viên, trợ lý, tổng đài viên, "
    "ассистент, оператор, агент, бот, консультант, поддержка, помощник, асистент, "
    "مساعد, المساعد, وكيل, الوكيل, موظف, الموظف, الدعم, بوت, البوت, دستیار, پشتیبان, اپراتور, "
    "एजेंट, सहायक, बॉट, प्रतिनिधि, ऑपरेटर, এজেন্ট, সহকারী, প্রতিনিধি, เจ้าหน้าที่, พนักงาน, ผู้ช่วย, บอท, แอดมิน, "
    "助手, 助理, 客服, 人工客服, 机器人, 機器人, 坐席, 座席, アシスタント, オペレーター, オペレータ, "
    "担当者, サポート, ボット, "
    "어시스턴트, 상담원, 상담사, 챗봇, 봇",
    "tool": "tool, function, observation, ipython, tool response, tool result, tool output, "
    "function response, function result, function output",
}
_PRODUCT_NAMES = ("chatgpt", "bing", "bard", "copilot", "gemini")
"""Assistants too, but the word says more than the role does: it stays as the turn's name."""

_ROLES: dict[str, Role] = {
    **{word: role for role, words in _WORDS.items() for word in words.split(", ")},
    **dict.fromkeys(_PRODUCT_NAMES, "assistant"),
}
_ROLES_AND_NAMES = {word: (role, word if word in _PRODUCT_NAMES else None) for word, role in _ROLES.items()}
"""The role of each word, and the name that a turn has of it."""

_MAX_CACHED = 64
"""Characters of a speaker's word beyond which it is not remembered."""


def normalized_word(word: str) -> str:
    """Return a speaker's word as it is compared: case, underscores, hyphens and runs of blanks do not count."""
    return _cached_word(word) if len(word) <= _MAX_CACHED else _compared(word)


def _compared(word: str) -> str:
    return " ".join(word.casefold().replace("_", " ").replace("-", " ").split())


_cached_word = lru_cache(maxsize=4096)(_compared)


_PEOPLE = frozenset(["user", "human", "customer", "client", "bot", "chatbot", "assistant", "agent", "ai"])
_KINDS = frozenset(["response", "reply", "message", "input", "query", "question", "answer", "output", "says", "said"])


def _phrase_role(compared: str) -> Role | None:
    """Return the role of a person's word with a kind of message behind it: `bot response`."""
    person, _, kind = compared.rpartition(" ")
    return _ROLES.get(person) if person in _PEOPLE and kind in _KINDS else None


def role_of(word: str, assistant: frozenset[str] = frozenset()) -> Role | None:
    """Return the role of a speaker's word; None where the word is not known.

    Args:
        word: the log's word for a speaker.
        assistant: names of the assistant, as `normalized_word` returns them; they go before the table.
    """
    if not assistant and (role := _ROLES.get(word)) is not None:
        return role
    compared = normalized_word(word)
    return "assistant" if compared in assistant else _ROLES.get(compared) or _phrase_role(compared)


_BOT_NAME = re.compile(r"\w{0,40}[^\W\d_A-Z]Bot|[\w-]{0,40}[-_][Bb]ot|\w{1,40} Bot")


def speaker_role(word: str, assistant: frozenset[str] = frozenset()) -> Role | None:
    """Return the role of the word of somebody who surely speaks: as `role_of`, and a bot's name is the assistant's.

    `ShopBot`, `shop-bot` and `Shop Bot` are such names; `Talbot` and `Abbot` are people's.
    """
    return role_of(word, assistant) or ("assistant" if _BOT_NAME.fullmatch(word.strip()) else None)


def has_stranger(turns: Sequence[ParsedTurn], assistant: frozenset[str]) -> bool:
    """Return whether neither the table of words nor the names of the assistant tell the role of some speaker."""
    return any(_role(turn, assistant) is None for turn in turns)


def turn_of(turn: ParsedTurn, role: Role, name: str | None) -> Turn:
    """Return a turn with its role; reasoning that is marked in an assistant's text is taken out of it."""
    if role == "assistant" and (turn.parts or may_be_marked(turn.content)):
        parts = parts_of_marked(turn.all_parts)
        if parts is not None:
            return Turn.of_parts(role, parts, name, turn.at, turn.metadata)
    return Turn(role, turn.content, name, turn.at, turn.metadata, turn.parts)


def assign_roles(
    turns: Sequence[ParsedTurn], assistant: frozenset[str], *, certain: bool = True, remarks: list[str] | None = None
) -> tuple[Turn, ...]:
    """Return the turns with their roles.

    Three rules resolve a word that is in no table. Where it is the only such word and one of the two sides (user,
    assistant) is known, it is the other side. Where the caller named the assistant and the assistant speaks here,
    everybody else without a role is a user. Where the caller named nobody and one speaker has an assistant's word,
    the others are users, unless two of them talk to each other: one may be the assistant's colleague. The last two
    rules need `certain` speakers.

    Args:
        turns: the turns of one conversation.
        assistant: names of the assistant, as `normalized_word` returns them.
        certain: whether every speaker's word is surely one.
        remarks: receives that the third rule was used.

    Raises:
        UnreadableError: a turn does not say who speaks, or speakers remain that neither rule resolves.
    """
    if not assistant and (turns_of_table := _known_turns(turns)) is not None:
        return turns_of_table
    for number, turn in enumerate(turns, 1):
        if not normalized_word(turn.speaker):
            raise UnreadableError(f"message {number} does not say who speaks")
    roles = [_role(turn, assistant) for turn in turns]
    unknown = {
        normalized_word(turn.speaker): turn.speaker for turn, role in zip(turns, roles, strict=True) if role is None
    }
    default: Role = "user"
    remark = None
    if unknown:
        default, remark = _default_role(turns, roles, unknown, assistant, certain=certain)
    if remark is not None and remarks is not None:
        remarks.append(remark)
    names = [turn.name or _name_in_word(turn.speaker) for turn in turns]
    return tuple(turn_of(turn, role or default, name) for turn, role, name in zip(turns, roles, names, strict=True))


def _known_turns(turns: Sequence[ParsedTurn]) -> tuple[Turn, ...] | None:
    """Return the turns of speakers whose words stand in the table as they are; None where another speaks."""
    known_turns: list[Turn] = []
    for turn in turns:
        if (role_and_name := _ROLES_AND_NAMES.get(turn.speaker)) is None:
            return None
        role, name = role_and_name
        if turn.parts or (role == "assistant" and may_be_marked(turn.content)):
            known_turns.append(turn_of(turn, role, turn.name or name))
        else:
            known_turns.append(plain_turn(role, turn.content, turn.name or name, turn.at, turn.metadata))
    return tuple(known_turns)


def _role(turn: ParsedTurn, assistant: frozenset[str]) -> Role | None:
    if turn.name and normalized_word(turn.name) in assistant:
        return "assistant"
    return speaker_role(turn.speaker, assistant)


def sole_assistant(words: Sequence[str]) -> str | None:
    """Return the one speaker's word that is an assistant's, where all others have no role and do not talk to each
    other; None for any other conversation.

    Args:
        words: the speakers' words, turn by turn.
    """
    if not has_sole_assistant(words):
        return None
    speakers = {normalized_word(word): word for word in words}
    known = [word for word, spelling in speakers.items() if speaker_role(spelling) is not None]
    runs = [word for word, _ in groupby(map(normalized_word, words))]
    threes = zip(runs, runs[1:], runs[2:], strict=False)
    talk = any(first == third and known[0] not in (first, second) for first, second, third in threes)
    return None if talk else speakers[known[0]]


def has_sole_assistant(words: Iterable[str]) -> bool:
    """Return whether one speaker's word is an assistant's, and all others have no role."""
    roles = {normalized_word(word): speaker_role(word) for word in words if word}
    return [role for role in roles.values() if role is not None] == ["assistant"] and len(roles) > 1


def likely_assistant(turns: Mapping[Hashable, Mapping[str, int]]) -> str:
    """Return the speaker who is most likely the assistant: in the most conversations; of equals the one who begins the
    fewest, since users begin, then the one with the most turns.

    Args:
        turns: by conversation, how many turns each speaker has, the first who spoke first.
    """
    ranks: dict[str, tuple[int, int, int]] = {}
    for counts in turns.values():
        for place, (word, count) in enumerate(counts.items()):
            conversations, answered, total = ranks.get(word, (0, 0, 0))
            ranks[word] = conversations + 1, answered + (place > 0), total + count
    return max(reversed(list(ranks)), key=lambda word: ranks[word])


def _name_in_word(speaker: str) -> str | None:
    """Return the speaker's word where it says more than a role: somebody's name. None for any other word."""
    compared = normalized_word(speaker)
    is_role = compared in _ROLES or _phrase_role(compared) is not None
    return None if is_role and compared not in _PRODUCT_NAMES else speaker


def _default_role(
    turns: Sequence[ParsedTurn],
    roles: Sequence[Role | None],
    unknown: dict[str, str],
    assistant: frozenset[str],
    *,
    certain: bool,
) -> tuple[Role, str | None]:
    """Return the role of the speakers that have none yet, and what a person should know of it."""
    sides = {role for role in roles if role in ("user", "assistant")}
    if len(unknown) == 1 and len(sides) == 1:
        return ("assistant" if "user" in sides else "user"), None
    named = any(normalized_word(word) in assistant for turn in turns for word in (turn.speaker, turn.name or ""))
    if certain and named:
        return "user", None
    if certain and not assistant and (sole := sole_assistant([turn.speaker for turn in turns])) is not None:
        return "user", (
            f"the speaker {sole!r} was taken for the assistant, and all others for users; if another one is an "
            "assistant too, name it: --assistant NAME"
        )
    speakers = {normalized_word(turn.speaker): turn.speaker for turn in turns}
    assistants = [turn.speaker for turn, role in zip(turns, roles, strict=True) if role == "assistant"]
    raise UnknownSpeakersError(
        f"cannot tell which role {quoted_names(list(unknown.values()))} has; the speakers are "
        f"{quoted_names(list(speakers.values()))}"
        if assistants
        else f"it is not known which of the speakers {quoted_names(list(speakers.values()))} is the assistant",
        Counter(assistants or [unknown[word] for turn in turns if (word := normalized_word(turn.speaker)) in unknown]),
    )
