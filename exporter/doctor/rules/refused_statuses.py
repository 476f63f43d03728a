"""What a status other than 200 means, with what to do."""

from __future__ import annotations

from urllib.parse import urlsplit

from collectors.http.head import place_of
from exporter.doctor.stack import StackServer
from exporter.http_client.outcome import HttpAnswer
from exporter.wording import cleaned

REDIRECTS = (301, 302, 303, 307, 308)
_LOGIN_REFUSED = "refuses the login of {user} (401); look at {key}.user and the file in {key}.password_file"
_LOGIN_WANTED = "asks for a login (401); add user and password_file to {key}"
_SERVES_TLS = "serves TLS; write https:// in {key}.url"
_TEXTS = {
    403: "forbids it (403){excerpt}; let this machine, or {key}.user, through",
    404: "404 at {prefix}{path}, its documented path; {key}.url has to be where its paths begin, {hint}",
    502: "502 at {path}{excerpt}: a proxy answers, and what is behind it does not; start that",
    503: "503 at {path}{excerpt}: it is starting or overloaded, or what is behind a proxy is down; look at its log",
    504: "504 at {path}{excerpt}: a proxy answers, and what is behind it hangs; look at its log, restart it",
}
_OTHER = "answers {status} at {path}{excerpt}; look at its log"


def refusal_text(path: str, answer: HttpAnswer, server: StackServer) -> str:
    """Return what an answer to a health path, or a question, means that is not 200."""
    if answer.status in REDIRECTS:
        return _redirect(path, answer, server)
    text = _TEXTS.get(answer.status, _OTHER)
    if answer.status == 401:  # noqa: PLR2004 - known by its number
        text = _LOGIN_REFUSED if server.user else _LOGIN_WANTED
    if answer.status == 400 and not server.tls and "https" in answer.excerpt.lower():  # noqa: PLR2004 - likewise
        text = _SERVES_TLS
    prefix = urlsplit(server.url).path
    return text.format(
        status=answer.status,
        path=path,
        prefix=cleaned(prefix),
        hint=f"which {cleaned(prefix)} may not be" if prefix else "with the path prefix that it may have",
        key=server.key,
        user=cleaned(server.user or ""),
        excerpt=f" ('{answer.excerpt}')" if answer.excerpt else "",
    )


def _redirect(path: str, answer: HttpAnswer, server: StackServer) -> str:
    to = place_of(answer.location.encode()).decode()
    if to.endswith(path) and "//" in to:
        return f"redirects to {to} ({answer.status}); write {to.removesuffix(path)} as {server.key}.url"
    return (
        f"redirects {path} to {to or 'nowhere'} ({answer.status}), which is not followed: a login page, or another "
        f"site, stands in front of it; let {path} through there, or correct {server.key}.url"
    )
