"""Passwords from the files and variables that the fleet file names; read only where they are used."""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Iterable, Mapping
from pathlib import Path

from collectors.secret import NoSecret, Secret
from exporter.config_files.opening import open_regular, why_denied

MAX_BYTES = 4096
RUN_SECRETS = Path("/run/secrets")


def trusted_folders(environ: Mapping[str, str]) -> tuple[Path, ...]:
    """List the folders in which the platform sets the files' modes, not the user."""
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    return (RUN_SECRETS, Path(credentials)) if credentials else (RUN_SECRETS,)


def from_variable(name: str, environ: Mapping[str, str]) -> Secret:
    """Read a secret from the environment."""
    if name not in environ:
        message = f"the variable {name} is not set; set it for this program, or use password_file"
        raise NoSecret(message)
    text = environ[name]
    if not text.isprintable() and any("\ud800" <= character <= "\udfff" for character in text):
        message = f"the variable {name} is not UTF-8 text; set it to the password alone"
        raise NoSecret(message)
    return Secret(_not_empty(text, f"the variable {name}"))


def from_file(path: Path, trusted: Iterable[Path] = (RUN_SECRETS,)) -> Secret:
    """Read a secret from a file that nobody else can read, without its trailing newline; it can be read again."""
    trusted = tuple(trusted)
    return Secret(_text_of(path, trusted), _Rereading(path, trusted))


class _Rereading:
    """Reads a file once more: in a thread, for its file system may hang, and once for all that wait for it."""

    def __init__(self, path: Path, trusted: Iterable[Path]) -> None:
        self._path, self._trusted = path, trusted
        self._reading: asyncio.Future[Secret] | None = None

    async def __call__(self) -> Secret:
        if self._reading is None or self._reading.done():
            self._reading = asyncio.get_running_loop().run_in_executor(None, from_file, self._path, self._trusted)
        return await asyncio.shield(self._reading)


def _text_of(path: Path, trusted: Iterable[Path]) -> str:
    try:
        data = _read(path, trusted)
    except FileNotFoundError:
        message = f"{path}: no such file; create it with the password in it, and: chmod 600 {path}"
        raise NoSecret(message) from None
    except PermissionError:
        message = f"{path}: {why_denied(path)}"
        raise NoSecret(message) from None
    except OSError as error:
        message = f"{path}: cannot be read: {error.strerror}; name the file that holds the password"
        raise NoSecret(message) from None
    if len(data) > MAX_BYTES:
        message = f"{path}: is larger than {MAX_BYTES} bytes; it must hold the password alone"
        raise NoSecret(message)
    try:
        text = data.decode("utf-8-sig")  # Windows' editors begin a file by a mark that is no part of the password
    except UnicodeDecodeError:
        message = f"{path}: is not UTF-8 text; it must hold the password alone"
        raise NoSecret(message) from None
    return _not_empty(text.rstrip("\r\n"), f"{path}:")


def _read(path: Path, trusted: Iterable[Path]) -> bytes:
    with open_regular(path) as file:
        _refuse_unsafe(path, os.fstat(file.fileno()), trusted)
        return file.read(MAX_BYTES + 1)


def _not_empty(text: str, where: str) -> str:
    if not text:
        message = f"{where} is empty; put the password there"
        raise NoSecret(message)
    return text


def _refuse_unsafe(path: Path, status: os.stat_result, trusted: Iterable[Path]) -> None:
    mode = stat.S_IMODE(status.st_mode)
    folder = path.parent.resolve()
    if mode & 0o066 and not any(folder.is_relative_to(place.resolve()) for place in trusted):
        message = f"{path}: others than its owner have access (mode {mode:04o}); run: chmod 600 {path}"
        raise NoSecret(message)
