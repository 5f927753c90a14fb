"""The data that the pages show, and the actions that they start; nothing here imports Streamlit."""
