"""The dashboard: Streamlit pages over services that call the workspace."""
