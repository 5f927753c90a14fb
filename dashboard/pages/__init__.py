"""One script a page of the dashboard."""
