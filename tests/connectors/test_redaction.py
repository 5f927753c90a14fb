"""Personal data: what is found and what is not, by hand; and that nothing of it is left."""

import re
import sys
import types
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convexplain import Conversation, Turn
from convexplain.connectors.redaction import PersonalSpan, Redactor, names, names_of, patterns, presidio, redacted
from convexplain.errors import MissingExtraError, UsageError


def shown(text, *finders):
    talk = Conversation("c", (Turn("user", text),))
    return Redactor(finders or (patterns,))(talk).turns[0].content


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Mail ann.b+x@mail.example.co.uk!", "Mail [e-mail 1]!"),
        ("<jörg@büro.example>", "<[e-mail 1]>"),
        ("Card 4111 1111 1111 1111, please", "Card [card 1], please"),
        ("4111-1111-1111-1112 fails Luhn's sum", "4111-1111-1111-1112 fails Luhn's sum"),
        ("IBAN DE89 3704 0044 0532 0130 00.", "IBAN [IBAN 1]."),
        ("gb82west12345698765432", "[IBAN 1]"),
        ("DE88370400440532013000", "DE88370400440532013000"),  # its check digits are wrong
        ("BE68 5390 0754 7034 from here", "[IBAN 1] from here"),  # words of four letters are no more of it
        ("AB12 with from here that", "AB12 with from here that"),
        ("4111 1111 1111 1111 12/25", "[card 1] 12/25"),  # nor are the digits of its last month
        ("12 4111 1111 1111 1111", "12 [card 1]"),
        ("378282246310005, 1700000000000 ms", "[card 1], 1700000000000 ms"),
        ("?to=ann%40mail.example&x", "?to=[e-mail 1]&x"),
        ("'o'brien@mail.example'", "'[e-mail 1]'"),
        ("a@b, @ann.lee and @@c.example", "a@b, @ann.lee and @@c.example"),
        ("ann@xn--bcher-kva.xn--p1ai", "[e-mail 1]"),
        ("from 192.168.0.1 on", "from [IP address 1] on"),
        ("version 1.2.3.4000 or 999.1.1.1", "version 1.2.3.4000 or 999.1.1.1"),
        ("at 2001:db8::8a2e:370:7334", "at [IP address 1]"),
        ("ip:2001:DB8::1: refused, [2001:db8::1]:80", "ip:[IP address 1]: refused, [[IP address 1]]:80"),
        ("::ffff:192.168.0.1", "[IP address 1]"),
        ("f :: Int, a::b, x[1::2], dead::beef", "f :: Int, a::b, x[1::2], dead::beef"),
        ("at 10:30:45 today", "at 10:30:45 today"),
        ("Call +49 (0)30 123456-78", "Call [phone 1]"),
        ("Call 030/1234567 or (555) 123-4567", "Call [phone 1] or [phone 2]"),
        ("555-123-4567, 555\u2011123\u20114567", "[phone 1], [phone 1]"),
        ("Tel:0171 2345678: mine", "Tel:[phone 1]: mine"),
        ("a,0171 2345678,b", "a,[phone 1],b"),
        ("00491711234567", "[phone 1]"),
        ("on 01-02-2024 0171 2345678", "on 01-02-2024 [phone 1]"),
        ("+49 171 1234567 1000000000", "[phone 1] 1000000000"),
        ("0.12345678, ISBN 0-306-40615-7", "0.12345678, ISBN 0-306-40615-7"),
        ("1999 2000 2001", "1999 2000 2001"),
        ("05008400-1229-41d4-a716-446655440000", "05008400-1229-41d4-a716-446655440000"),
        ("on 2024-05-01 or 01.05.2024 at 3", "on 2024-05-01 or 01.05.2024 at 3"),
        ("order 12345678901, 1 234 567 890 euros", "order 12345678901, 1 234 567 890 euros"),
        ("pi is 3.14159265358979", "pi is 3.14159265358979"),
        ("nothing here", "nothing here"),
    ],
)
def test_what_is_replaced_and_what_is_not(text, expected):
    assert shown(text) == expected


def test_the_same_thing_has_the_same_number_in_a_conversation():
    talk = Conversation(
        "+49 30 1234567",
        (
            Turn("user", "I am a@b.example, not c@d.example.", name="a@b.example"),
            Turn("assistant", "Hello A@B.example, call +49 301234567.", metadata={"to": ["c@d.example", 3, None]}),
        ),
        "log",
        {"who": {"mail": "a@b.example"}},
    )
    redactor = Redactor()
    found = redactor(talk)
    assert found.id == "[phone 1]"
    assert [turn.content for turn in found.turns] == [
        "I am [e-mail 1], not [e-mail 2].",
        "Hello [e-mail 1], call [phone 1].",
    ]
    assert (found.turns[0].name, found.turns[1].metadata) == ("[e-mail 1]", {"to": ["[e-mail 2]", 3, None]})
    assert found.metadata == {"who": {"mail": "[e-mail 1]"}}
    assert dict(redactor.counts) == {"e-mail": 6, "phone": 2}
    other = redactor(replace(talk, turns=(Turn("user", "c@d.example"),)))
    assert other.turns[0].content == "[e-mail 1]"  # numbers begin anew: two conversations cannot be joined by them


def test_what_a_word_has_shown_once_is_replaced_wherever_it_stands():
    talk = Conversation("c", (Turn("assistant", "612345678?"), Turn("user", "Yes, my phone is 612345678.")))
    redaction = Redactor().redaction(talk)
    assert [turn.content for turn in redaction.conversation.turns] == ["[phone 1]?", "Yes, my phone is [phone 1]."]
    assert redaction.clean("The user gives 612345678, not 6123456789.") == "The user gives [phone 1], not 6123456789."
    assert redaction.repeated == {"612345678": "phone"}


def test_numbers_of_placeholders_in_a_text_are_not_used_again():
    talk = Conversation("c", (Turn("user", "[e-mail 1] or [e-mail 7], a@b.example"),))
    redacted_talk = Redactor()(talk)
    assert redacted_talk.turns[0].content == "[e-mail 1] or [e-mail 7], [e-mail 8]"
    assert Redactor()(redacted_talk) == redacted_talk


@pytest.mark.parametrize(
    ("start", "end", "expected"),
    [  # "to a@b.example or c@d.example!" becomes "to [e-mail 1] or [e-mail 2]!"
        (0, 2, "to"),
        (0, 30, "to [e-mail 1] or [e-mail 2]!"),
        (3, 14, "[e-mail 1]"),
        (5, 6, "[e-mail 1]"),  # a placeholder stays whole
        (15, 17, "or"),
        (10, 20, "[e-mail 1] or [e-mail 2]"),
        (18, 29, "[e-mail 2]"),
        (29, 30, "!"),
    ],
)
def test_places_in_a_text_move_with_it(start, end, expected):
    redaction = Redactor().redaction(Conversation("c", (Turn("user", "to a@b.example or c@d.example!"),)))
    new_start, new_end = redaction.moved(0, start, end)
    assert redaction.conversation.turns[0].content[new_start:new_end] == expected


def test_ids_stay_apart():
    """Two conversations whose ids are addresses must not become one."""
    redactor = Redactor()
    ids = ["a@b.example", "c@d.example", "plain", "a@b.example"]
    found = [redactor(Conversation(id, ())).id for id in ids]
    assert found == ["[e-mail 1]", "[e-mail 1]#2", "plain", "[e-mail 1]"]


def test_what_is_the_same_however_it_is_written():
    text = "+49 171 1234567, +491711234567; a.b@c.example, ab@c.example, A.B%40c.example"
    assert shown(text) == "[phone 1], [phone 1]; [e-mail 1], [e-mail 2], [e-mail 1]"


def test_names_are_whole_words_in_any_case():
    find = names(["Ann", "Ann Lee", " ", "M\u00fcller"])
    assert (
        shown("ANN  LEE met Ann and Anna. Herr m\u00fcller!", find) == "[name 1] met [name 2] and Anna. Herr [name 3]!"
    )
    assert shown("_Ann_'s Mu\u0308ller, M\u00fcller", find) == "_[name 1]_'s [name 2], [name 2]"
    with pytest.raises(UsageError, match="holds none"):
        names(["", " "])


def test_names_in_scripts_that_set_no_words_apart():
    find = names(["\u674e\u96f7", "Ann"])
    assert shown("\u6211\u53eb\u674e\u96f7\u3002Ann", find) == "\u6211\u53eb[name 1]\u3002[name 2]"


@given(st.lists(st.text("aAbB -.(\u00e9\u674e", min_size=1, max_size=6).filter(str.strip), min_size=1, max_size=8))
def test_every_name_of_a_list_is_found(given_names):
    text = " | ".join(given_names)
    found = shown(text, names(given_names))
    assert [part.strip()[:5] for part in found.split("|")] == ["[name"] * len(given_names)


def test_names_of_a_file(tmp_path):
    (tmp_path / "n.txt").write_text("\ufeffAnn\nBen\n", encoding="utf-8")
    assert shown("Ben and Ann", names_of(tmp_path / "n.txt")) == "[name 1] and [name 2]"
    with pytest.raises(UsageError, match=r"nowhere\.txt"):
        names_of(tmp_path / "nowhere.txt")


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ([(0, 4, "short"), (2, 9, "long"), (10, 11, "apart")], "[long 1] [apart 1]"),  # nothing of either is left
        ([(2, 4, "inside"), (1, 6, "around")], "a[around 1]ghi k"),
        ([(0, 2, "a"), (2, 4, "b"), (5, 5, "empty")], "[a 1][b 1]efghi k"),
        ([(0, 3, "first"), (2, 5, "same"), (4, 9, "end")], "[first 1] k"),
    ],
)
def test_what_overlaps_is_replaced_as_one(spans, expected):
    def find(text):
        return [PersonalSpan(*span) for span in spans] if len(text) > 1 else []

    assert shown("abcdefghi k", find) == expected


def test_any_function_will_do():
    talk = Conversation("c", (Turn("user", "secret"),))
    (found,) = redacted([talk], lambda one: replace(one, turns=(Turn("user", "gone"),)))
    assert found.turns[0].content == "gone"


def test_presidio_is_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'convexplain\[presidio\]'"):
        presidio()


def test_what_presidio_finds_is_replaced(monkeypatch):
    """With its engine's answers scripted: its models cannot be had without the network."""

    class Engine:
        def analyze(self, text, language):
            at = text.find("Paris")
            return [] if at < 0 else [types.SimpleNamespace(start=at, end=at + 5, entity_type="LOCATION_NAME")]

    monkeypatch.setitem(sys.modules, "presidio_analyzer", types.SimpleNamespace(AnalyzerEngine=Engine))
    assert shown("In Paris, a@b.example", presidio(), patterns) == "In [location name 1], [e-mail 1]"


def luhn(digits):
    """Digits with the check digit that makes them a card's, found by trying."""
    return next(
        digits + last
        for last in "0123456789"
        if sum(sum(map(int, str(int(d) * (1 + i % 2)))) for i, d in enumerate(reversed(digits + last))) % 10 == 0
    )


def iban(country, account):
    rest = int("".join(str(int(one, 36)) for one in account + country + "00")) % 97
    return f"{country}{98 - rest:02}{account}"


def in_fours(text, gap):
    return gap.join(text[at : at + 4] for at in range(0, len(text), 4))


LETTERS = "abcdefghijklmnopqrstuvwxyz"
DIGITS = "0123456789"
GAPS = st.sampled_from(["", " ", "-"])
WORD = st.text("abcxyz019", min_size=1, max_size=8)
SECRETS = {
    "e-mail": st.builds("{}.{}@{}.example".format, WORD, WORD, WORD),
    "card": st.builds(
        lambda first, rest, gap: in_fours(luhn(first + rest), gap),
        st.sampled_from("3456"),
        st.text(DIGITS, min_size=14, max_size=14),
        GAPS,
    ),
    "IBAN": st.builds(
        lambda country, account, gap: in_fours(iban(country, account), gap),
        st.sampled_from(["DE", "GB", "NO", "MT"]),
        st.text(DIGITS, min_size=11, max_size=27),
        GAPS,
    ),
    "IP address": st.one_of(st.ip_addresses(v=4).map(str), st.ip_addresses(v=6).map(lambda one: one.exploded)),
    "phone": st.builds(
        "{}{}{}{}{}".format,
        st.sampled_from(["+49", "+1", "0049", "03"]),
        st.sampled_from([" ", "-", "/"]),
        st.text(DIGITS, min_size=3, max_size=3),
        st.sampled_from([" ", "-", ""]),
        st.text(DIGITS, min_size=5, max_size=5),
    ),
}
SECRET = st.one_of(*SECRETS.values())


@pytest.mark.slow
@settings(max_examples=400, deadline=None)
@given(
    st.lists(SECRET, min_size=1, max_size=4),
    st.sampled_from([" ", ", ", "\n", " and ", "; ", " | ", ") (", "\u3002", ": ", " <"]),
)
def test_nothing_that_was_put_in_is_left(secrets, between):
    text = f"it is{between}" + between.join(secrets) + ". Bye"
    found = shown(text)
    assert not any(secret in found for secret in secrets)
    # Not a part of one either: all digits that are left are numbers of placeholders.
    assert not re.search(r"\d", re.sub(r"\[[^\[\]]* \d+\]", "", found))


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(SECRETS)).flatmap(lambda kind: st.tuples(st.just(kind), SECRETS[kind])))
def test_each_kind_is_called_what_it_is(case):
    kind, secret = case
    assert shown(f"It is {secret}, I think.") in (f"It is [{kind} 1], I think.", "It is [card 1], I think.")


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    st.text(st.characters(exclude_categories=("Nd",)), max_size=60).filter(
        lambda text: "@" not in text and "%40" not in text
    )
)
def test_text_without_personal_data_stays_as_it_is(text):
    assert shown(text) == text


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.one_of(
            st.dates().map(str),
            st.times().map(str),
            st.integers(-9999999, 9999999).map(str),
            st.floats(-1000, 1000).map(str),
            st.uuids().map(str),
            st.sampled_from(["a", "v1.2.3", "20 %"]),
        ),
        max_size=6,
    )
)
def test_dates_times_amounts_and_ids_stay(parts):
    text = ", ".join(parts)
    assert shown(text) == text


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    [
        "a",
        "1",
        "1 ",
        "1111 ",
        "01 ",
        "0171 ",
        "a@",
        "@a.",
        "1.",
        "ab11",
        "+",
        "+1 ",
        "(1)",
        "a.b-",
        ":",
        "f::",
        "01-02-2024 ",
    ],
)
def test_long_lines_take_linear_time(piece):
    # A pattern that went back over them would not end within the life of the test.
    text = piece * (300_000 // len(piece))
    assert len(shown(text)) > 0


@pytest.mark.slow
def test_very_many_different_things_take_linear_time():
    text = " ".join(f"a{number}@b.example" for number in range(30_000))
    found = shown(text)
    assert found.startswith("[e-mail 1] [e-mail 2] ")
    assert found.endswith(" [e-mail 30000]")


@pytest.mark.slow
def test_many_names_take_little_time():
    find = names(f"{first}{second}{third} Lee" for first in LETTERS for second in LETTERS for third in LETTERS)
    assert shown("lorem ipsum dolor sit " * 5_000 + "abc lee", find).endswith("sit [name 1]")
