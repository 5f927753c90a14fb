"""Passwords in URLs of models, which are refused: a URL is shown, logged and kept."""

from urllib.parse import urlsplit

from convexplain.errors import UsageError


def check_no_password(model: str) -> None:
    """Check that a model's URL holds no password. The message shows neither user nor password.

    Args:
        model: the name of a model; one that is no URL passes.

    Raises:
        UsageError: there is a password in it.
    """
    try:
        parts = urlsplit(model)
        password, host = parts.password, parts.netloc.rpartition("@")[2]
    except ValueError:  # no valid URL: whoever opens it says so
        return
    if parts.scheme.lower() in ("http", "https") and password is not None:
        raise UsageError(
            f"the model's URL for {host} holds a password, which would be shown and kept with it. Write only the user, "
            f"{parts.scheme}://USER@{host}, with the password in the environment variable CONVEXPLAIN_PASSWORD; or "
            "register both: `convexplain connections add NAME URL --key-stdin`"
        )
