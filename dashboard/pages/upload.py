"""Upload logs, look at what was recognised, and have them judged."""

import streamlit as st

from convexplain.dashboard.ui.job_list import show_jobs
from convexplain.dashboard.ui.log_preview import correct_reading, kept_files, looked_at, show_preview
from convexplain.dashboard.ui.place import database
from convexplain.dashboard.ui.run_form import estimate_and_start, run_options
from convexplain.workspace import LogSettings

st.title("Upload and run")
show_jobs(database())
given = st.file_uploader(
    "Chat logs of any format that convexplain reads",
    accept_multiple_files=True,
    help="JSON, JSON Lines, CSV, Parquet, Excel, text transcripts, exports of messengers; compressed or in an archive.",
)
files = kept_files(given)
if files:
    st.subheader("What was recognised")
    shown = st.container()
    reading = correct_reading([looked_at(file, LogSettings()) for file in files])
    with shown:
        for file in files:
            show_preview(looked_at(file, reading), opened=len(files) == 1)
    st.subheader("What to judge")
    spec = run_options(files, reading)
    if spec is not None:
        estimate_and_start(database(), spec)
else:
    st.info(
        "Drop a log above. It is kept on this machine, and nothing is asked of a judge before you say so. A file above "
        f"{st.get_option('server.maxUploadSize')} MB is refused here: `convexplain logs import` takes it, and "
        "`convexplain analyze --stored` judges it."
    )
