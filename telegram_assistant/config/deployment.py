"""What DEPLOYED asks of the other variables: other people can reach an installation that is."""

from collections.abc import Collection, Iterator
from typing import Final

from events.sentences import Sentence
from events.sentences import gettext_noop as _

LOOPBACK: Final = ("localhost", "127.0.0.1", "[::1]")
"""Names by which only this host reaches itself: the default of ALLOWED_HOSTS."""
KEY_CHARS: Final = 50
KEY_DISTINCT_CHARS: Final = 5
"""Below either of these, Django calls a key guessable."""
_INSECURE: Final = Sentence(_("%(origins)s; only https:// can be trusted here"))
_GUESSABLE: Final = Sentence(
    _(
        "has fewer than %(chars)s characters, or always the same ones, so that sessions can be"
        " forged; leave DJANGO_SECRET_KEY out, and one is made, or take the output of"
        ' python -c "import secrets; print(secrets.token_urlsafe(50))"'
    )
)


def objections(
    *, debug: bool, allowed_hosts: Collection[str], trusted_origins: Collection[str]
) -> Iterator[str]:
    """Yield what stands in the way of a deployment: the variable, what is wrong, and the remedy."""
    if debug:
        yield (
            _(
                "DEBUG: is on, and its error pages show code, settings and data to whoever causes an"
                " error; leave it out where DEPLOYED is on"
            )
        )
    if "*" in allowed_hosts:
        yield _("ALLOWED_HOSTS: * lets anybody choose the name in links; list the names people use")
    elif not set(allowed_hosts) - set(LOOPBACK):
        yield _("ALLOWED_HOSTS: only this host could reach it; list the names people use")
    if insecure := [origin for origin in trusted_origins if not origin.startswith("https://")]:
        yield "CSRF_TRUSTED_ORIGINS: " + _INSECURE % {"origins": ", ".join(insecure)}


def key_objection(key: str) -> str | None:
    """Say why a key can be guessed, without the key; None if it is long enough."""
    if len(key) >= KEY_CHARS and len(set(key)) >= KEY_DISTINCT_CHARS:
        return None
    return _GUESSABLE % {"chars": KEY_CHARS}
