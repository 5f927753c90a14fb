"""`convexplain dashboard`: the pages, served on this machine."""

import os
from importlib.resources import files
from importlib.util import find_spec

import click
from rich.console import Console

from convexplain.dashboard.services.access import PASSWORD, configured_password, has_identity_provider, is_loopback
from convexplain.errors import MissingExtraError, UsageError

from .options.store import db_option, open_workspace

_OPTIONS = {
    "server.headless": "true",
    "server.fileWatcherType": "none",
    "server.maxUploadSize": "200",
    "server.showEmailPrompt": "false",
    "browser.gatherUsageStats": "false",
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "type",
    "client.showErrorLinks": "false",
    "runner.magicEnabled": "false",
}


@click.command("dashboard")
@db_option
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, metavar="N")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="H", help="Address to listen on.")
@click.option("--insecure", is_flag=True, help="Listen on a network address although nobody has to sign in.")
def command(db: str | None, port: int, host: str, insecure: bool) -> int:
    """Serve the dashboard in a browser: upload, read, label, export.

    On an address that others reach, people have to sign in: set a password in CONVEXPLAIN_DASHBOARD_PASSWORD, or an
    identity provider (OpenID Connect) in the section `auth` of .streamlit/secrets.toml, as Streamlit describes it.

    \b
        convexplain dashboard
        convexplain dashboard --db postgresql://team@db/convexplain --port 8600
        CONVEXPLAIN_DASHBOARD_PASSWORD=… convexplain dashboard --host 0.0.0.0
    """
    if find_spec("streamlit") is None:
        raise MissingExtraError("The dashboard", "dashboard")
    if not is_loopback(host) and configured_password() is None and not has_identity_provider():
        if not insecure:
            raise UsageError(
                f"--host {host}: others reach this address, and nobody has to sign in. Set {PASSWORD}, or an identity "
                "provider in .streamlit/secrets.toml; or give --insecure"
            )
        Console(stderr=True).print(
            f"Warning: whoever reaches {host} sees all conversations and may start runs.", style="bold", markup=False
        )
    open_workspace(db).store.close()  # says now what is wrong with it
    if db:
        os.environ["CONVEXPLAIN_DB"] = db  # not on the command line: it may hold a password
    click.echo(f"Dashboard: http://{_shown(host)}:{port}   (Ctrl-C stops it)")
    import altair  # noqa: F401 - like the next one loaded now, not when the first visitor comes
    import pandas  # noqa: F401
    from streamlit.web.cli import main

    import convexplain.dashboard.services.jobs
    import convexplain.dashboard.services.overview  # noqa: F401

    main(_arguments(port, host), standalone_mode=False)
    return 0


def _arguments(port: int, host: str) -> list[str]:
    """Return the arguments of `streamlit`."""
    from convexplain.dashboard.ui.style import THEME

    options = {**_OPTIONS, **{f"theme.{name}": value for name, value in THEME.items()}}
    options |= {"server.port": str(port), "server.address": host}
    app = str(files("convexplain.dashboard.ui") / "app.py")
    return ["run", app, *(f"--{name}={value}" for name, value in options.items())]


def _shown(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104 - only shown
        return "localhost"
    return f"[{host}]" if ":" in host else host
