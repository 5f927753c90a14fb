"""The screen: its rules case by case, and the naturalness under a scripted model of language."""

import asyncio
import time

import pytest

from convexplain import Turn, load_rubric
from convexplain.explain.screening import NATURALNESS_FLOOR, Screen, Screening
from convexplain.explain.text_language import language_of, scripts_of
from convexplain.models.editing import TokenLogprob

RUBRIC = load_rubric("helpfulness")
USER = "My parcel with the two blue lamps has not arrived yet, can you help?"
EARLIER = "Our courier leaves the parcel with a neighbour. Please ask there first."
BEFORE = "I do not know. Please wait a few days. Then write to us again."

INSTRUCTION = "It speaks of the instruction and not to the user."
REPEATED = "It repeats a sentence that stands there already."
LOOP = "It repeats the same words again and again."
PARROT = "It repeats the user's words, which the original does not."
HTML = "It has HTML that the original has not."
TOKENS = "It has special tokens of a model that the original has not."
CONTROL = "It has control characters that the original has not."
SCRIPT = "It has another script than the conversation."
LANGUAGE = "It has another language than the original."
NO_END = "It ends without an end of its sentence."
NO_START = "It begins in the middle of a sentence."
NOTHING = "Nothing is left of the text."
PUNCTUATION = "Nothing but punctuation is left of the text."
WORDING = "It repeats the wording of the rubric."

REFUSED = [
    (BEFORE, "", NOTHING),
    (BEFORE, " \n\t", NOTHING),
    (BEFORE, "...", PUNCTUATION),
    (BEFORE, "。", PUNCTUATION),
    (BEFORE, "I do not know.\x00 Please wait.", CONTROL),
    (BEFORE, "I do not know.\u202e Please wait.", CONTROL),
    (BEFORE, "I do not know.<|im_end|> Please wait.", TOKENS),
    (BEFORE, "[INST] Please wait. [/INST]", TOKENS),
    (BEFORE, "Please wait a <mask> days.", TOKENS),
    (BEFORE, "I do not \ufffd know.", TOKENS),
    (BEFORE, "<p>Please wait a few days.</p>", HTML),
    (BEFORE, "Please wait a few days.<br/>Then write to us.", HTML),
    (BEFORE, "Please&nbsp;wait a few days.", HTML),
    (BEFORE, "<!-- better --> Please wait.", HTML),
    (BEFORE, "The response fits what you asked.", INSTRUCTION),
    (BEFORE, "As requested, here is the rewritten sentence: please wait.", INSTRUCTION),
    (BEFORE, "Here's a revised version: I am sorry.", INSTRUCTION),
    (BEFORE, "Here is the improved answer. I am sorry.", INSTRUCTION),
    (BEFORE, 'I am sorry. "rewrites": I do not know.', INSTRUCTION),
    (BEFORE, "This fulfils the requirement.", INSTRUCTION),
    (BEFORE, "I should be helpful: it fits what the user just said.", WORDING),
    (BEFORE, "It ignores or misreads what was said, I am afraid.", WORDING),
    (BEFORE, "Я не знаю. Please wait a few days.", SCRIPT),
    (BEFORE, "我不知道。请等几天。", SCRIPT),
    (BEFORE, "Ich weiß es nicht, aber wir sind für Sie da und der Kurier kommt.", LANGUAGE),
    (BEFORE, "I do not know. Please wait a few days. Please wait a few days.", REPEATED),
    (BEFORE, "I do not know. Please ask there first. Then write to us again.", REPEATED),
    (BEFORE, "I do not know. PLEASE, ask there first!", REPEATED),
    (BEFORE, "Please wait wait wait wait a few days.", LOOP),
    (BEFORE, "Please wait a few days or wait a few days or wait a few days or more.", LOOP),
    (BEFORE, "My parcel with the two blue lamps has not arrived yet.", PARROT),
    (BEFORE, "I see that the two blue lamps has not arrived yet, sorry.", PARROT),
    (BEFORE, "I do not know (yet. Please wait a few days.", "Its brackets or quotation marks () do not match."),
    (BEFORE, "I do not know “yet. Please wait.", "Its brackets or quotation marks “” do not match."),
    ("他说「好」。", "他说「好。", "Its brackets or quotation marks 「」 do not match."),
    (BEFORE, 'I do not "know. Please wait.', 'A " is left open.'),
    (BEFORE, "I do **not know. Please wait.", "A ** is left open."),
    ("Use:\n```\nf()\n```", "Use:\n```\nf()\n", "A ``` is left open."),
    (BEFORE, "I do not know. Please wait a few", NO_END),
    (BEFORE, "I do not know. Please", NO_END),
    ("不知道。请等几天。", "不知道。请等几", NO_END),
    (BEFORE, "do not know. Please wait a few days.", NO_START),
    (BEFORE, "a few days. Then write to us again.", NO_START),
]


ADMITTED = [
    (BEFORE, BEFORE),
    (BEFORE, "Please wait a few days. Then write to us again."),
    (BEFORE, "I am sorry. I will ask the courier today, and write to you tomorrow."),
    (BEFORE, "I am sorry about the two lamps. When did you order them?"),
    (BEFORE, "Your parcel is at the depot (see the map); it comes on Friday."),
    (BEFORE, "Your parcel comes on Friday :)"),
    (BEFORE, "Great news 🎉"),
    (BEFORE, "No, no, it comes on Friday."),
    (BEFORE, "It is very, very late. I am sorry."),
    (BEFORE, 'The lamp is 5" wide and comes on Friday.'),
    (BEFORE, "Please check:\n1) the mailbox\n2) the shed"),
    (BEFORE, "Please check:\n- the mailbox\n- the shed"),
    (BEFORE, "| day | parcel |\n|---|---|\n| Friday | two lamps |"),
    (BEFORE, "Run `git fetch <branch>` and wait."),
    (BEFORE, "As you asked, I have written to the courier."),
    (BEFORE, "Here is the new label for your parcel."),
    (BEFORE, "The app (for iPhones) shows where it is."),
    ("i dont know lol", "it comes on friday"),
    ("i dont know", "It comes on Friday."),
    ("do you have its number?", "it comes on friday"),
    ("<b>No.</b>", "<b>Yes.</b>"),
    ("The response of our server is slow.", "The response of our server was slow today."),
    ("No", "Yes"),
    ("No.", "Yes."),
    ("不知道。", "您的快递今天下午送到。"),
    ("不知道。", "请打开 iPhone 上的地图。"),
    ("Use:\n```\nf()\n```", "Use:\n```\nf((1)\n```"),
    ("Ich weiß es nicht.", "Das ist nicht schön, aber der Kurier kommt und wir sind für Sie da."),
    ("Buy now, buy now, buy now.", "Buy now, buy now, buy now!"),
    ("I do not know (yet.", "I do not know (still."),
]


def talk(text, user=USER):
    return (Turn("user", "Hello"), Turn("assistant", EARLIER), Turn("user", user), Turn("assistant", text))


def screen(before, *afters, model=None):
    return asyncio.run(Screen(model).screen(talk(before), [talk(after) for after in afters], RUBRIC))


@pytest.mark.parametrize(("before", "after", "refusal"), REFUSED)
def test_what_reads_badly_is_refused_with_its_reason(before, after, refusal):
    assert screen(before, after) == [Screening(None, refusal)]


@pytest.mark.parametrize(("before", "after"), ADMITTED)
def test_natural_edits_pass(before, after):
    assert screen(before, after) == [Screening(None, "")]


def test_a_fault_of_any_edited_turn_counts():
    before = talk("Yes.")
    edited = (before[0], Turn("assistant", "Please ask"), *before[2:])
    assert asyncio.run(Screen().screen(before, [edited], RUBRIC)) == [Screening(None, NO_END)]


def test_a_copy_of_what_the_original_had_already_is_no_fault():
    before = "Please wait a few days. Please wait a few days. Thanks."
    assert screen(before, "Please wait a few days. Please wait a few days. Many thanks.")[0].refusal == ""


class WordModel:
    """Gives every word -4, and a listed one its own log-probability."""

    name = fingerprint = "words"

    def __init__(self, **logprobs):
        self.logprobs = logprobs
        self.texts = []

    async def token_logprobs(self, texts):
        self.texts += texts
        return [self._tokens(text.text) for text in texts]

    def _tokens(self, text):
        tokens, at = [], 0
        for word in text.split(" "):
            tokens.append(TokenLogprob(max(0, at - 1), at + len(word), self.logprobs.get(word.strip(".,"), -4.0)))
            at += len(word) + 1
        return tokens


def test_naturalness_of_candidates():
    model = WordModel(leather=-13.0)
    admitted, refused, ruled, same = screen(
        "I would take the large.",
        "I would take the small.",
        "I would leather the large.",
        "I would take",
        "I would take the large.",
        model=model,
    )
    assert admitted == Screening(0.0, "")
    # 9 below the usual -4, over one changed word and two more.
    assert refused == Screening(pytest.approx(-3.0), "It reads worse than the original.")
    assert ruled == Screening(None, NO_END)
    assert same == Screening(0.0, "")


def test_passages_stand_after_the_conversation_so_far():
    model = WordModel()
    screen("Yes. It is red.", "Yes. It is blue.", model=model)
    context = f"User: Hello\n\nAssistant: {EARLIER}\n\nUser: {USER}\n\nAssistant: Yes. "
    assert {(text.context, text.text) for text in model.texts} == {(context, "It is red."), (context, "It is blue.")}


def test_of_several_edited_turns_the_worst_counts():
    model = WordModel(leather=-13.0, cloth=-7.0)
    before = talk("It is fine.")
    edited = (
        before[0],
        Turn("assistant", EARLIER.replace("parcel", "leather")),
        before[2],
        Turn("assistant", "It cloth fine."),
    )
    (screening,) = asyncio.run(Screen(model).screen(before, [edited], RUBRIC))
    assert screening.naturalness == pytest.approx(-3.0)


def test_a_text_is_measured_once():
    model = WordModel()
    screen_ = Screen(model)
    turns = talk("It is red."), [talk("It is blue."), talk("It is blue.")]
    first, again = (asyncio.run(screen_.screen(*turns, RUBRIC)) for _ in range(2))
    assert first == again
    assert len(model.texts) == 2


def test_of_a_measured_text_only_the_number_is_kept():
    screen_ = Screen(WordModel())
    edited = [talk(f"It is {colour}. {'Long. ' * 2000}") for colour in ("blue", "green")]
    asyncio.run(screen_.screen(talk(f"It is red. {'Long. ' * 2000}"), edited, RUBRIC))
    assert [len(key) for key in screen_._naturalness] == [64, 64]


def test_a_long_text_is_read_fast():
    words = " ".join(f"w{i}" for i in range(10_000))
    start = time.process_time()
    assert screen(f"{words}.", f"{words} and more.")[0].refusal == ""
    assert time.process_time() - start < 5


def test_no_candidates():
    assert screen("Yes.", model=WordModel()) == []


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("I do not know what you are asking for.", "English"),
        ("Das ist nicht schön, aber wir sind für Sie da.", "German"),
        ("Ce n'est pas possible, mais nous sommes avec vous.", "French"),
        ("No lo sé, pero el paquete está en la tienda para usted.", "Spanish"),
        ("Yes.", ""),
        ("", ""),
        ("Pizza Margherita, 12 Euro", ""),
    ],
)
def test_language(text, language):
    assert language_of(text) == language


def test_scripts():
    assert scripts_of("ab Я 你好 あ 1!") == {"Latin": 2, "Cyrillic": 1, "Han": 2, "Kana": 1}


@pytest.mark.slow
def test_the_embedded_model_tells_salad_from_text(embedded_model):
    from convexplain.connectors.models.language_model import LocalLanguageModel

    model = LocalLanguageModel().using(embedded_model)
    before = "I would take the L. Its sleeves are 3 cm longer, while the body is only a little wider."
    good = before.replace("only a little wider", "just a bit wider")
    salad = "I would take the L. Its those are 3 mm other, while the next is only a same wider."
    user = "I'm 178 cm, normally an M, but with long arms. M or L?"
    screenings = asyncio.run(Screen(model).screen(talk(before, user), [talk(good, user), talk(salad, user)], RUBRIC))
    assert [screening.refusal for screening in screenings] == ["", "It reads worse than the original."]
    assert screenings[1].naturalness < NATURALNESS_FLOOR < screenings[0].naturalness
