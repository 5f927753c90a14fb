"""`convexplain dashboard`: the pages, served on this machine."""

import os
import sys
from importlib.util import find_spec
from typing import Any

import click
from rich.console import Console

from convexplain.dashboard.services.access import PASSWORDS, configured_passwords, configured_providers, is_loopback
from convexplain.errors import MissingExtraError, UsageError

from .options.store import db_option, open_workspace

_OPTIONS: dict[str, Any] = {
    "server.headless": True,
    "server.fileWatcherType": "none",
    "server.maxUploadSize": 200,
    "server.showEmailPrompt": False,
    "server.enableStaticServing": False,
    "server.enableAgentApi": False,
    "browser.gatherUsageStats": False,
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "type",
    "client.showErrorLinks": False,
    "runner.magicEnabled": False,
}
_QUOTA = 1000  # MB


@click.command("dashboard")
@db_option
@click.option("--port", type=click.IntRange(1, 65535), default=8501, show_default=True, metavar="N")
@click.option("--host", default="127.0.0.1", show_default=True, metavar="H", help="Address to listen on.")
@click.option("--insecure", is_flag=True, help="Listen on a network address although nobody has to sign in.")
@click.option(
    "--upload-quota",
    type=click.IntRange(1),
    default=_QUOTA,
    show_default=True,
    metavar="MB",
    help="How much a person who has signed in may upload in 24 hours.",
)
@click.option(
    "--any-model",
    is_flag=True,
    help="Let the pages name any model, by URL, file or repository. Only on this machine, without sign-in.",
)
def command(db: str | None, port: int, host: str, insecure: bool, upload_quota: int, any_model: bool) -> int:
    """Serve the dashboard in a browser: upload, read, label, export.

    On an address that others reach, people have to sign in. Set a password in CONVEXPLAIN_DASHBOARD_PASSWORD, and one
    for people who only read and label in CONVEXPLAIN_DASHBOARD_REVIEW_PASSWORD. Or name an identity provider (OpenID
    Connect) and the people who may come in, in .streamlit/secrets.toml.

    \b
        convexplain dashboard
        convexplain dashboard --db postgresql://team@db/convexplain --port 8600
        CONVEXPLAIN_DASHBOARD_PASSWORD=… convexplain dashboard --host 0.0.0.0
    """
    if find_spec("streamlit") is None:
        raise MissingExtraError("The dashboard", "dashboard")
    signs_in = bool(configured_passwords()) or configured_providers() is not None
    if any_model and (signs_in or not is_loopback(host)):
        raise UsageError(
            f"--any-model does not go with {'a sign-in' if signs_in else f'--host {host}'}: whoever reaches the pages "
            "could have this server read files and send keys to any address. Register servers by "
            "`convexplain connections add`"
        )
    if not is_loopback(host) and not signs_in:
        if not insecure:
            raise UsageError(
                f"--host {host}: others reach this address, and nobody has to sign in. Set {PASSWORDS['admin']}, or an "
                "identity provider in .streamlit/secrets.toml; or give --insecure"
            )
        Console(stderr=True).print(
            f"Warning: whoever reaches {host} sees all conversations and may start runs.", style="bold", markup=False
        )
    open_workspace(db).store.close()  # says now what is wrong with it
    if db:
        os.environ["CONVEXPLAIN_DB"] = db  # not on the command line: it may hold a password
    import altair  # noqa: F401 - like the next ones loaded now, not when the first visitor comes
    import pandas  # noqa: F401

    import convexplain.dashboard.services.jobs
    import convexplain.dashboard.services.overview  # noqa: F401
    from convexplain.dashboard.server.app import SCRIPT, dashboard_app
    from convexplain.dashboard.services.model_choices import allow_any_model
    from convexplain.dashboard.ui.style import THEME

    allow_any_model(any_model)
    app = dashboard_app(quota=upload_quota * 10**6, local_only=is_loopback(host))
    click.echo(f"Dashboard: http://{_shown(host)}:{port}   (Ctrl-C stops it)")
    sys.argv[:] = [str(SCRIPT)]  # Streamlit takes its folder for that of the program
    theme = {f"theme.{name}": value for name, value in THEME.items()}
    app.run(config={**_OPTIONS, **theme, "server.port": port, "server.address": host})
    return 0


def _shown(host: str) -> str:
    if host in ("0.0.0.0", "::"):  # noqa: S104 - only shown
        return "localhost"
    return f"[{host}]" if ":" in host else host
