"""The findings as people and as programs read them.

The worst come last, above the verdict: that is where a terminal stands when all has been printed.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence

from collectors.terms import Seconds
from exporter.doctor.diagnosis import Diagnosis, Status
from exporter.wording import cleaned, counted, some, span

_ROWS = 50
"""Of one status; a fleet may have a thousand hosts."""
_LONGEST = 1000
"""Characters of a finding."""
_WIDEST = 40
"""Characters of what it is about."""


@dataclasses.dataclass(frozen=True, slots=True)
class Report:
    """All diagnoses, and how long it took to get them."""

    diagnoses: tuple[Diagnosis, ...]
    took: Seconds

    @property
    def broken(self) -> bool:
        """Whether anything is broken."""
        return bool(self._of(Status.BROKEN))

    def verdict(self) -> str:
        """Summarise the diagnoses in one line."""
        warnings = self._of(Status.WARNING)
        more = f"; {counted(len(warnings), 'warning')}" if warnings else ""
        if broken := self._of(Status.BROKEN):
            return f"broken: {some(dict.fromkeys(diagnosis.what for diagnosis in broken))}{more}"
        if unseen := self._of(Status.UNSEEN):
            named = some(dict.fromkeys(diagnosis.what for diagnosis in unseen))
            return f"nothing is broken as far as can be seen from here; not visible: {named}{more}"
        return f"well{more}"

    def text(self) -> str:
        """Write the table, and the verdict below it."""
        rows = [("STATUS", "WHAT", "FINDING")]
        for status in Status:
            diagnoses = self._of(status)
            word = status.value.upper() if status is Status.BROKEN else status.value
            rows += [(word, cleaned(each.what, _WIDEST), cleaned(each.text, _LONGEST)) for each in diagnoses[:_ROWS]]
            if len(diagnoses) > _ROWS:
                rows.append((word, "", f"{len(diagnoses) - _ROWS:,} more like these; --json has them all"))
        widths = [max(len(row[column]) for row in rows) for column in range(2)]
        lines = [f"{one.ljust(widths[0])}  {two.ljust(widths[1])}  {three}" for one, two, three in rows]
        summary = f"{counted(len(self.diagnoses), 'finding')} in {span(self.took)}"
        return "\n".join([*lines, "", f"{self.verdict()} ({summary})", ""])

    def json(self) -> str:
        """Write all of it for a program."""
        findings = [
            {
                "status": each.status.value,
                "what": cleaned(each.what),
                "finding": cleaned(each.text, _LONGEST),
                "names": list(each.names),
            }
            for status in Status
            for each in self._of(status)
        ]
        whole = {
            "verdict": self.verdict(),
            "broken": self.broken,
            "took_seconds": round(self.took, 3),
            "findings": findings,
        }
        return json.dumps(whole, indent=2) + "\n"

    def _of(self, status: Status) -> Sequence[Diagnosis]:
        return [diagnosis for diagnosis in self.diagnoses if diagnosis.status is status]
