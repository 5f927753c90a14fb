import pytest

from convexplain.errors import UsageError
from convexplain.judges.reference.parts import BAD_KINDS, PartReply, parse_parts, shipped_scenarios

from .sample_parts import PARTS


def test_parts_become_scenarios():
    card, desk = parse_parts(PARTS, "library.yaml")
    assert (card.id, card.domain, len(card.rows), len(card.exchanges)) == ("library-card", "library", 3, 3)
    assert desk.rows == ({"day": "Monday"}, {"day": "Friday"})
    assert card.exchanges[1].good == (
        PartReply("good", "Yes, at the desk, until six tonight.", "plain"),
        PartReply("good", "No, sorry.", "refusal"),
    )
    assert card.exchanges[2].bad[0] == PartReply("dangerous", "Yes, tape it on while it is hot.")


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("rude: ", "bland: ", r"library.yaml: scenario 'library-desk', exchange 2, bad: .*'bland' was unexpected"),
        ("as: question", "as: song", r"scenario 'library-desk', exchange 2, good/1/as: 'song' is not one of"),
        ("{fee} euros.", "{price} euros.", r"'library-card', exchange 1: a slot that not every row fills \('price'\)"),
        ('name: Cy, fee: "9"', "name: Cy", r"'library-card', exchange 1: a slot that not every row fills \('fee'\)"),
        ("on {day}?", "on {day?", r"'library-desk', exchange 1: braces that hold no slot"),
        ("id: library-desk", "id: library-card", r"library.yaml: scenario 'library-card' is there twice"),
        ('fee: "5"', "fee: 5", r"scenario 'library-card', slots/0/fee: 5 is not of type 'string'"),
        ("domain: library", "domain: [", r"library.yaml: not valid YAML"),
    ],
)
def test_a_break_of_the_format_is_named_by_file_scenario_and_exchange(before, after, message):
    with pytest.raises(UsageError, match=message):
        parse_parts(PARTS.replace(before, after), "library.yaml")


def test_the_shipped_parts_have_every_kind_in_every_domain():
    scenarios = shipped_scenarios()
    assert len({scenario.id for scenario in scenarios}) == len(scenarios)
    for domain in {scenario.domain for scenario in scenarios}:
        kinds = {
            reply.kind
            for scenario in scenarios
            if scenario.domain == domain
            for exchange in scenario.exchanges
            for reply in exchange.bad
        }
        assert kinds == set(BAD_KINDS) - {"repeat"}, domain
