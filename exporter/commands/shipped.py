"""Files that come with the program beside its code, and writing them where somebody wants them.

``shipped/`` holds links to the folders of the clone; an installed package has the files themselves in their place.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from exporter.commands.terminal import FINE, tell
from exporter.scrape_configs import CannotWrite, Change, write

SHIPPED = Path(__file__).parents[1] / "shipped"


def save(texts: Mapping[str, str], folder: Path, *, force: bool) -> int:
    """Write files below a folder and name them; return the exit code.

    Raises CannotWrite, also where a file has other content, unless ``force`` is set.
    """
    changed = [
        Change(folder / file, before, after)
        for file, after in texts.items()
        if (before := _before(folder / file)) != after
    ]
    edited = [str(change.path) for change in changed if change.before is not None]
    if edited and not force:
        raise CannotWrite(
            f"{', '.join(edited)}: there already, with other content; nothing was written. Name another folder with "
            "--output-dir, or add --force to replace"
        )
    for path in write(changed, force=True):
        tell(f"wrote {path}")
    if not changed:
        tell(f"{folder}: all files are there already")
    return FINE


def _before(path: Path) -> str | None:
    """Return the text of a file, or None if there is no file."""
    try:
        return path.read_text("utf-8", errors="replace")
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise CannotWrite(f"{path}: cannot be read: {error.strerror}; name another folder with --output-dir") from None
