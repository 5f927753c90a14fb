"""Upload of logs: a preview of what was recognised, and the start of a run."""

import streamlit as st

from convexplain.dashboard.services.people import allowed
from convexplain.dashboard.ui.current_store import database, open_store
from convexplain.dashboard.ui.job_list import show_jobs
from convexplain.dashboard.ui.log_preview import cached_preview, reading_form, show_preview, stored_files
from convexplain.dashboard.ui.run_form import estimate_and_start, run_options
from convexplain.dashboard.ui.run_tools import run_tools
from convexplain.workspace import LogSettings

st.title("Upload and run")
if not allowed("run models"):
    st.info("Your role reads and labels. Somebody with the role admin uploads logs and starts runs.")
    show_jobs(database())
    st.stop()
uploads = st.file_uploader(
    "Chat logs in any format that convexplain reads",
    accept_multiple_files=True,
    help="JSON, JSON Lines, CSV, Parquet, Excel, text transcripts, exports of messengers; compressed or in an archive.",
)
files = stored_files(uploads)
if files:
    st.header("Preview")
    previews = st.container()
    reading = reading_form([cached_preview(file, LogSettings()) for file in files])
    with previews:
        for file in files:
            show_preview(cached_preview(file, reading), opened=len(files) == 1)
    st.header("Judge these logs")
    spec = run_options(files, reading)
    if spec is not None:
        estimate_and_start(database(), spec)
else:
    st.info(
        "Drop a log above. It stays on this machine, and no judge is asked before you start a run. A file above "
        f"{st.get_option('server.maxUploadSize')} MB is refused here: read it with `convexplain logs import`, and "
        "judge it with `convexplain analyze --stored`."
    )
show_jobs(database())  # below the button that starts one, where people look then
run_tools(open_store(), database())
