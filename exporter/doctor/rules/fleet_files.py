"""Which fleet file the hosts run, judged as the alert ConfigurationInDoubt does: that of more than half is right."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple

from exporter.doctor.diagnosis import Diagnosis, Status
from exporter.doctor.knowledge import Exporter
from exporter.wording import some

_NOT_RELOADED = "it could not read its fleet file and runs the one before; its page at / says why"
_NO_LIST = (
    "it has no list of hosts by {mechanisms} that it can take, and goes on with the one before; the foot of its page "
    "at / says why"
)
_OTHER_FILE = "it runs another fleet file than this one; copy this one there and reload it"
_UNLIKE_MOST = "its fleet file is not that of most hosts; copy theirs there and reload it"
_NO_MAJORITY = (
    "it runs another fleet file than this one; copy this one to all hosts if it is the right one, and reload: none is "
    "that of most hosts"
)
OURS_IS_ODD = "it runs the fleet file of most hosts, which is not the one that was read here"
_ODD = (
    "most hosts run one fleet file, and it is not the one that was read here: copy theirs here, or name it by "
    "--config.file; if this one is newer, roll it out"
)


class FleetFiles(NamedTuple):
    """The file that was read here beside those in force, by their hashes."""

    ours: int | None
    """None where not all of it is known."""
    several: bool
    """More than one exporter serves its hash, so that they can be compared."""
    common: float | None
    """That of more than half of several exporters."""

    @property
    def ours_is_odd(self) -> bool:
        """Whether most hosts run another file than the one that was read here."""
        return self.ours is not None and self.common not in {None, self.ours}

    def diagnosis(self, server: str) -> Diagnosis | None:
        """Report once for all hosts that the file that was read here is the odd one."""
        return Diagnosis(Status.WARNING, f"fleet file in {server}", _ODD) if self.ours_is_odd else None

    def fault(self, exporter: Exporter) -> str | None:
        """Return what is wrong with the file that an exporter runs, or with the hosts that it finds."""
        if exporter.reloaded is False:
            return _NOT_RELOADED
        if exporter.lists_failing:
            return _NO_LIST.format(mechanisms=some(exporter.lists_failing))
        return self._other(exporter)

    def _other(self, exporter: Exporter) -> str | None:
        if exporter.config_hash is None:
            return None
        if self.common is not None and exporter.config_hash != self.common:
            return _OTHER_FILE if self.common == self.ours else _UNLIKE_MOST
        if self.ours is None or exporter.config_hash == self.ours:
            return None
        if self.ours_is_odd:
            return OURS_IS_ODD
        return _NO_MAJORITY if self.several else _OTHER_FILE


def compared(ours: int | None, exporters: Sequence[Exporter], names: Collection[str]) -> FleetFiles:
    """Count the files in force on these hosts; a host counts once, however many jobs scrape it.

    One whose list of hosts fails does not count: its hash is of an older list.
    """
    comparable = [each for each in exporters if not each.lists_failing]
    newest = {each.host: each.config_hash for each in sorted(comparable, key=lambda each: each.sampled)}
    hashes = [config_hash for name, config_hash in newest.items() if name in names and config_hash is not None]
    several = len(hashes) > 1
    common = [config_hash for config_hash, count in Counter(hashes).items() if several and count > len(hashes) / 2]
    return FleetFiles(ours, several, common[0] if common else None)
