"""One conversation: the chat, its scores, and why a turn has its score."""

import streamlit as st

from convexplain.dashboard.services.conversation import nearest, open_talk, window
from convexplain.dashboard.ui.looking import attribution_shown, headline, show_details
from convexplain.dashboard.ui.place import store
from convexplain.dashboard.ui.reading import choose
from convexplain.dashboard.ui.strip import strip
from convexplain.dashboard.ui.talk import show_talk
from convexplain.dashboard.ui.walking import (
    follow,
    look_at,
    place_from_address,
    say_failure,
    show_whole,
    turn_chosen,
    walk,
)

st.title("Conversation")
opened = store()
reading = choose(opened)
if reading is None:
    st.stop()
place = place_from_address(opened, reading)
if place is None:
    st.info("This run has no judged turn on this maxim. Choose another maxim or run.")
    st.stop()
talk = open_talk(opened, reading.run.id, place.conversation, place.number)
turn = None if talk is None else nearest(talk, place.turn, reading.maxim.rubric)
if talk is None or turn is None:
    st.error("The run has no such conversation, or has judged no turn of it on this maxim.", icon=None)
    walk(opened, reading, place.number or 0, place.turn or 0)
    st.stop()
rubric = next(one for one in talk.rubrics if one.id == reading.maxim.rubric)
turn_chosen(reading, talk, turn)
walk(opened, reading, talk.number, turn, talk)
follow(strip(talk, turn, rubric.id), turn, rubric.id)
say_failure()
left, right = st.container(key="reversed").columns([3, 2], gap="medium")
with right:
    headline(talk, turn, rubric)
    show_details(opened, talk, turn, rubric)
with left:
    span = window(len(talk.conversation.turns), turn, show_whole(talk))
    show_talk(talk, span, turn, attribution_shown(opened, talk, turn, rubric), look_at)
