"""The page to sign in: plain HTML without scripts, since nothing of the pages answers before."""

from collections.abc import Sequence
from html import escape
from urllib.parse import quote

from .gate import SIGN_IN

_STYLE = """
:root { color-scheme: light dark; font-family: system-ui, sans-serif; line-height: 1.45; }
body { max-width: 22rem; margin: 12vh auto; padding: 0 1rem; }
label { display: block; margin: .8rem 0 .2rem; }
input { width: 100%; box-sizing: border-box; padding: .5rem; font: inherit; }
button, a.button { display: inline-block; margin-top: 1.2rem; padding: .5rem 1.1rem; font: inherit; border: 0;
  border-radius: .4rem; background: #14608f; color: #fff; text-decoration: none; cursor: pointer; }
.problem { border-left: 3px solid #b3541e; padding-left: .7rem; }
.soft { font-size: .9em; }
"""


def sign_in_page(password: bool, providers: Sequence[str], place: str, problem: str = "") -> str:
    """Return the page as HTML.

    Args:
        password: whether people sign in by a password.
        providers: the names of the identity providers.
        place: the path that is shown afterwards.
        problem: why the last try failed; empty: there was none.
    """
    parts = [f'<p class="problem" role="alert">{escape(problem)}</p>'] if problem else []
    for name in providers:
        address = f"{SIGN_IN}/with/{quote(name)}?to={quote(place, safe='')}"
        text = "Sign in" if name == "default" else f"Sign in with {name}"
        parts.append(f'<p><a class="button" href="{escape(address)}">{escape(text)}</a></p>')
    if password:
        parts.append(_form(place))
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Sign in · convexplain</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{_STYLE}</style></head>'
        f"<body><main><h1>convexplain</h1>{''.join(parts)}</main></body></html>"
    )


def _form(place: str) -> str:
    return (
        f'<form method="post" action="{SIGN_IN}"><input type="hidden" name="to" value="{escape(place)}">'
        '<label for="name">Your name</label>'
        '<input id="name" name="name" required maxlength="60" autocomplete="username" aria-describedby="name-use">'
        '<p class="soft" id="name-use">It stands beside your labels and in the audit log.</p>'
        '<label for="password">Password</label>'
        '<input id="password" name="password" type="password" required autocomplete="current-password">'
        '<button type="submit">Sign in</button></form>'
    )
