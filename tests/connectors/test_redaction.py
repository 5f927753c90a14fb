"""Personal data: what is found and what is not, by hand; and that nothing of it is left."""

import sys
import types
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from convexplain import Conversation, Turn
from convexplain.connectors.redaction import Found, Redactor, names, names_of, patterns, presidio, redacted
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
        ("DE88 3704 0044 0532 0130 00", "DE88 3704 0044 0532 0130 00"),  # its check digits are wrong
        ("from 192.168.0.1 on", "from [IP address 1] on"),
        ("version 1.2.3.4000 or 999.1.1.1", "version 1.2.3.4000 or 999.1.1.1"),
        ("at 2001:db8::8a2e:370:7334", "at [IP address 1]"),
        ("at 10:30:45 today", "at 10:30:45 today"),
        ("Call +49 (0)30 123456-78", "Call [phone 1]"),
        ("Call 030/1234567 or (555) 123-4567", "Call [phone 1] or [phone 2]"),
        ("555-123-4567", "[phone 1]"),
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


def test_names_are_whole_words_in_any_case():
    find = names(["Ann", "Ann Lee", " ", "Müller"])
    assert shown("ANN LEE met Ann and Anna. Herr müller!", find) == "[name 1] met [name 2] and Anna. Herr [name 3]!"
    with pytest.raises(UsageError, match="holds none"):
        names(["", " "])


def test_names_of_a_file(tmp_path):
    (tmp_path / "n.txt").write_text("\ufeffAnn\nBen\n", encoding="utf-8")
    assert shown("Ben and Ann", names_of(tmp_path / "n.txt")) == "[name 1] and [name 2]"
    with pytest.raises(UsageError, match=r"nowhere\.txt"):
        names_of(tmp_path / "nowhere.txt")


def test_of_what_overlaps_the_longer_one_counts():
    def find(text):
        return [Found(0, 4, "short"), Found(2, 9, "long"), Found(10, 11, "apart")]

    assert shown("abcdefghi k", find) == "ab[long 1] [apart 1]"


def test_any_function_will_do():
    talk = Conversation("c", (Turn("user", "secret"),))
    (found,) = redacted([talk], lambda one: replace(one, turns=(Turn("user", "gone"),)))
    assert found.turns[0].content == "gone"


def test_presidio_is_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "presidio_analyzer", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'convexplain\[redact\]'"):
        presidio()


def test_what_presidio_finds_is_replaced(monkeypatch):
    """With its engine's answers scripted: its models cannot be had without the network."""

    class Engine:
        def analyze(self, text, language):
            at = text.find("Paris")
            return [] if at < 0 else [types.SimpleNamespace(start=at, end=at + 5, entity_type="LOCATION_NAME")]

    monkeypatch.setitem(sys.modules, "presidio_analyzer", types.SimpleNamespace(AnalyzerEngine=Engine))
    assert shown("In Paris, a@b.example", presidio(), patterns) == "In [location name 1], [e-mail 1]"


SECRETS = st.sampled_from(
    ["ann@mail.example", "4111 1111 1111 1111", "DE89370400440532013000", "192.168.17.4", "+49 30 1234567"]
)


@settings(max_examples=200, deadline=None)
@given(st.lists(SECRETS, min_size=1, max_size=4), st.text("ab. ,\n(<é", max_size=6))
def test_nothing_that_was_put_in_is_left(secrets, between):
    text = f" {between} ".join(["", *secrets, ""])
    found = shown(text)
    assert not any(secret in found for secret in secrets)


@settings(max_examples=200, deadline=None)
@given(
    st.text(st.characters(exclude_categories=("Nd",)), max_size=60).filter(
        lambda text: "@" not in text and ":" not in text
    )
)
def test_text_without_personal_data_stays_as_it_is(text):
    assert shown(text) == text


@pytest.mark.parametrize("piece", ["a", "1", "1 ", "a@", "1.", "DE89 ", "+", "a.b-", ":", "0:"])
def test_long_lines_take_linear_time(piece):
    # A million characters; a pattern that went back over them would not end within the life of the test.
    text = piece * (1_000_000 // len(piece))
    assert len(shown(text)) > 0
