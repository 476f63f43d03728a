"""A password on its way from its file to the wire, which no ``repr``, log or traceback can show."""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable


class NoSecret(Exception):
    """A named secret cannot be had; the message says what to do and holds nothing secret."""


class Secret:
    """Text that shows itself only when asked by ``reveal()``; equal secrets compare as equal.

    ``read_again`` reads it where it came from, off the loop; NoSecret if that is not possible now.
    """

    __slots__ = ("_read_again", "_text", "not_read")

    def __init__(self, text: str, read_again: Callable[[], Awaitable[Secret]] | None = None) -> None:
        self._text, self._read_again = text, read_again
        self.not_read = ""
        """Why it could not be read again, the latest time; it continues a sentence about a refused login."""

    def reveal(self) -> str:
        """Return the text, for the one line that puts it on the wire."""
        return self._text

    async def has_changed(self) -> bool:
        """Read it again, because a server refuses it; keep what stands there now, and return whether that is new."""
        if self._read_again is None:
            return False
        before, self.not_read = self._text, ""
        try:
            self._text = (await self._read_again()).reveal()
        except NoSecret as error:  # it may be in the middle of being replaced: next time
            self.not_read = f"; and the password was not read again: {error}"
            return False
        return self._text != before

    def __repr__(self) -> str:
        return "Secret('***')"

    __str__ = __repr__

    def __format__(self, format_spec: str) -> str:
        return format(repr(self), format_spec)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        mine, theirs = (text.encode("utf-8", "surrogatepass") for text in (self._text, other._text))
        return hmac.compare_digest(mine, theirs)

    def __hash__(self) -> int:
        return hash(Secret)  # the text may change, and a key of a dict must keep its hash

    def __reduce__(self) -> str:
        msg = "a Secret is not pickled: it would be readable there"
        raise TypeError(msg)
