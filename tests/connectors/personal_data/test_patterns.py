"""Personal data in texts, kind by kind; what is not personal data stays."""

import sys

import pytest

from benchmarks.redaction import cases, replaced
from benchmarks.redaction_of_names import name_cases
from benchmarks.redaction_of_names import replaced as replaced_name
from convexplain.connectors.personal_data import patterns
from convexplain.connectors.redaction import Redactor, checked_patterns, names
from convexplain.errors import MissingExtraError
from convexplain.types import Conversation, Turn


def shown(text):
    return Redactor()(Conversation("c", (Turn("user", text),))).turns[0].content


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("it's mike dot brown at gmail dot com", "it's [e-mail 1]"),
        ("sara.lind (at) posten (dot) se", "[e-mail 1]"),
        ("ben_1987 (at) yahoo.com works", "[e-mail 1] works"),
        ("juan arroba gmail punto com", "[e-mail 1]"),
        ("Look at example dot com, or at shop.example", "Look at example dot com, or at shop.example"),
        ("at home dot the i's", "at home dot the i's"),
        ("mac 00:1A:2B:3C:4D:5E, 00-1a-2b-3c-4d-5e", "mac [MAC address 1], [MAC address 1]"),
        ("at 12:34:56:78, MAC A483E7123456", "at 12:34:56:78, MAC [MAC address 1]"),
        ("A483E7123456 is a hash", "A483E7123456 is a hash"),
        ("my cell is 415 555 2671", "my cell is [phone 1]"),
        ("mon tél 0612345678, call 612 34 56 78", "mon tél [phone 1], call [phone 2]"),
        ("手机号是13123456789。", "手机号是[phone 1]。"),
        ("Order 0123456789 is late", "Order 0123456789 is late"),
        ("8 336 817 (2022), 600 123 456 units", "8 336 817 (2022), 600 123 456 units"),
        ("at 883-237-8876x232, 030 1234567 Durchwahl 89", "at [phone 1], [phone 2]"),
        ("my cell is 415 555 2671 ext. 12, x 3", "my cell is [phone 1], x 3"),
        ("at 62055 Martinez Spurs Apt. 861, now", "at [address 1], now"),
        ("418 Cedar Hollow, Dayton, OH 45402 is new", "[address 1] is new"),
        ("12 Green Hills and 3 Lakes", "12 Green Hills and 3 Lakes"),  # neither a unit nor a place
        ("Koivukuja 3, 00100 Helsinki", "[address 1]"),
        ("Hi, my name is Ann Lee and I call", "Hi, my name is [name 1] and I call"),
        ("This is Bo Carter speaking", "This is [name 1] speaking"),
        ("This is Windows 11", "This is Windows 11"),
        ("Frau Dr. Weber-Klein rief an", "Frau Dr. [name 1] rief an"),
        ("Mijn naam is Jan van den Berg.", "Mijn naam is [name 1]."),
        ("Best regards,\nSarah O'Neill", "Best regards,\n[name 1]"),
        ("Best regards to your team", "Best regards to your team"),
        ("Best regards,\nThe Support Team", "Best regards,\nThe Support Team"),
        ("Viele Grüße\nIhr Kundendienst", "Viele Grüße\nIhr Kundendienst"),
        ("My name is not on the list.", "My name is not on the list."),
        ("我叫王小明。", "我叫[name 1]。"),
        ("我叫了外卖。", "我叫了外卖。"),  # I have ordered
        ("Tom told me", "Tom told me"),  # no word introduces him
        ("SSN 536-90-4399", "SSN [national number 1]"),
        ("SIN 604 239 756; sin 604239756", "SIN [national number 1]; sin [national number 1]"),
        ("SIN 604 239 757", "SIN 604 239 757"),  # Luhn's sum is 31, not 30
        ("604239756 pieces", "604239756 pieces"),  # without a word it may be anything
        ("DNI 08301661H and 08301661J", "DNI [national number 1] and 08301661J"),  # 8301661 modulo 23 is 21: H
        ("NI number AB 12 34 56 C", "NI number [national number 1]"),
        ("passport no. C01234567", "passport no. [national number 1]"),
        ("born on 12 March 1984 in York", "born on [date of birth 1] in York"),
        ("Geburtsdatum: 17.08.1992", "Geburtsdatum: [date of birth 1]"),
        ("On 12 March 1984 it was born.", "On 12 March 1984 it was born."),
        ("Born in 1950, on 12 March", "Born in 1950, on 12 March"),
        ("at 742 Evergreen Terrace, Springfield.", "at [address 1]."),
        ("221B Baker Street, London NW1 6XE now", "[address 1] now"),
        ("Hauptstraße 12a, 10115 Berlin; Lange Gasse 7", "[address 1]; [address 2]"),
        ("12 rue de la Paix, 75002 Paris", "[address 1]"),
        ("Via Garibaldi 22, 20121 Milano", "[address 1]"),
        ("P.O. Box 1234, via email", "[address 1], via email"),
        ("The street has 12 houses.", "The street has 12 houses."),
        ("my password is Hunter2!!", "my password is [secret 1]"),
        ('{"password": "qwerty", "max_tokens": 20}', '{"password": "[secret 1]", "max_tokens": 20}'),
        ("my password is wrong. It is long.", "my password is wrong. It is long."),
        ("Your password must have 8 characters", "Your password must have 8 characters"),
        ("postgres://bob:p4ss@db:5432/a", "postgres://bob:[secret 1]@db:5432/a"),
        ("Bearer abcdef0123456789abcd", "Bearer [secret 1]"),
        ("PIN is 4821, cvv 123", "PIN is [secret 1], cvv [secret 2]"),
        ("-----BEGIN PRIVATE KEY-----\nMIIE\n", "-----BEGIN PRIVATE KEY-----[secret 1]"),  # cut: to its end
        ("ghp_" + "a1" * 18, "[secret 1]"),
    ],
)
def test_data_of_each_kind_are_replaced_and_nothing_else_is(text, expected):
    assert shown(text) == expected


def test_the_benchmark_keeps_its_aims():
    found = [(case, replaced(case)) for case in cases()]
    data = [hit for case, hit in found if case.spans and case.kind != "name"]
    named = [hit for case, hit in found if case.kind == "name"]
    decoys = [hit for case, hit in found if not case.spans]
    assert (len(data), len(decoys)) == (344, 121)
    assert sum(data) >= 0.95 * len(data)
    assert sum(decoys) <= 0.03 * len(decoys)
    assert (sum(named), len(named)) == (19, 24)  # no word introduces the other five


def test_names_by_the_words_before_them_and_by_a_list_of_customers():
    cases = name_cases()
    listed = names(case.listed for case in cases if case.spans)
    found = {
        way: [[replaced_name(case, finders) for case in cases if bool(case.spans) is named] for named in (True, False)]
        for way, finders in {"words": (patterns,), "list": (patterns, listed)}.items()
    }
    assert {way: [(sum(hits), len(hits)) for hits in both] for way, both in found.items()} == {
        "words": [(26, 108), (0, 54)],
        "list": [(68, 108), (0, 54)],
    }


def test_the_libraries_are_an_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "phonenumbers", None)
    with pytest.raises(
        MissingExtraError, match=r"Redaction needs the extra 'redact': pip install 'convexplain\[redact\]'"
    ):
        checked_patterns()


@pytest.mark.slow
@pytest.mark.parametrize(
    "piece",
    [
        *(
            " at a dot ",
            "a at ",
            " dot ",
            "[at]",
            "password:",
            "password is ",
            "token=",
            "born 1",
            "born ",
            "1 Main ",
            "1a ",
        ),
        *(
            "Via A ",
            "Am-",
            "rue de la ",
            "12 rue ",
            "call 1 ",
            "SSN 1 ",
            "99-",
            "999 99 ",
            "aa:bb:",
            "eyJ",
            "sk-",
            "://a:",
        ),
        *("geboren 1. ", "PIN ", "A1 1AA ", "Straße 1", "x\u4e001"),
    ],
)
def test_long_lines_take_linear_time(piece):
    # A pattern that went back over them would not end within the life of the test.
    assert len(list(patterns(piece * (200_000 // len(piece))))) >= 0
