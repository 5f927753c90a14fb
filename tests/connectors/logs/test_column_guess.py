"""What a table says whose columns have unusual names."""

import pytest

from convexplain.connectors.logs import read_log
from convexplain.errors import UsageError

TICKETS = """Ticket;Datum;Wer;Gesagt
T1;1.5.;Kunde Müller;Wo ist mein Paket?
T1;1.5.;Berta;Ich sehe nach.
T2;1.5.;Kundin Roth;Ich möchte kündigen.
T2;2.5.;Berta;Gern.
T2;2.5.;Kundin Roth;Danke.
T2;2.5.;Berta;Bitte.
"""


@pytest.mark.parametrize(
    ("table", "option"),
    [
        (TICKETS, "--columns conversation=Ticket,role=Wer,content=Gesagt (from"),
        (TICKETS[: TICKETS.index("T2;2.5.;Kundin")], "--columns conversation=Ticket,role=Wer,content=Gesagt (from"),
        (TICKETS.replace("Ticket", "Ticket Nr", 1), "--columns 'conversation=Ticket Nr,role=Wer,content=Gesagt' (from"),
        ("role,text,x\nuser,Hi,1\nbot,Ho,2\n", "--columns conversation=…,role=role,content=text (from"),
        ("a,b\n", "--columns conversation=…,role=…,content=… (from"),
    ],
)
def test_the_option_to_copy_holds_a_guess(tmp_path, table, option):
    (tmp_path / "t.csv").write_text(table)
    with pytest.raises(UsageError) as error:
        list(read_log(tmp_path / "t.csv", format="csv"))
    assert f"Give them: {option} Python: columns=…)" in str(error.value)


def test_msg_is_a_content(tmp_path):
    (tmp_path / "t.csv").write_text("chat id,who,msg\n1,user,Hi\n1,bot,Hello\n")
    (conversation,) = read_log(tmp_path / "t.csv")
    assert [turn.content for turn in conversation.turns] == ["Hi", "Hello"]
