"""The server in front of the pages: it asks people to sign in, and answers nothing before."""
