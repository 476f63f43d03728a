"""What n8n says of its executions and what the exporter's page says, as the same kinds of figures."""

from __future__ import annotations

import dataclasses
import itertools
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Self

from collectors.n8n.rows import OpenStatus
from collectors.n8n.tallies import TIMED
from tests.n8n.editor import Editor
from tests.system import n8n_tables
from tests.system.database_server import Server
from tests.system.running import Page

Key = tuple[str, ...]
_OPEN = frozenset(OpenStatus)


@dataclasses.dataclass(frozen=True)
class Figures:
    """Without those that are 0."""

    finished: Counter[Key]
    """By workflow's id, mode and status."""
    open: Counter[Key]
    """By workflow's id and status."""
    lifetime: Counter[Key]
    """By workflow's id, kind and result: n8n's statistics."""

    @classmethod
    def of_n8n(cls, editor: Editor, workflows: Iterable[str]) -> Self:
        """Return what n8n says by its own interfaces."""
        executions = editor.all_executions()
        ended = [each for each in executions if each["status"] not in _OPEN]
        still_open = [each for each in executions if each["status"] in _OPEN]
        lifetime: Counter[Key] = Counter()
        for workflow in workflows:
            statistics = editor.statistics(workflow)
            for kind, result in itertools.product(("production", "manual"), ("success", "error")):
                lifetime[workflow, kind, result] = statistics[kind + result.capitalize()]
        return cls(
            finished=Counter((each["workflowId"], each["mode"], each["status"]) for each in ended),
            open=Counter((each["workflowId"], each["status"]) for each in still_open),
            lifetime=+lifetime,
        )

    @classmethod
    def of_page(cls, page: Page) -> Self:
        """Return what the program counts."""
        return cls(
            finished=read(page, "n8ndb_executions_finished_total", "workflow_id", "mode", "status"),
            open=read(page, "n8ndb_executions_open", "workflow_id", "status"),
            lifetime=read(page, "n8ndb_workflow_runs_total", "workflow_id", "kind", "result"),
        )


def not_listed(database: Server) -> Counter[Key]:
    """Return the executions that n8n holds and lists no more, as ``Figures.finished``.

    It has marked them for deletion: because there are too many, or because they are not to be kept. The latter have no
    end, which is ``running`` here, unless they have crashed: n8n writes the crash first.
    """
    marked = 'FROM execution_entity WHERE "deletedAt" IS NOT NULL GROUP BY 1, 2, 3'
    query = f'SELECT "workflowId", mode, status, count(*) {marked}'
    return Counter({(str(workflow), mode, status): n for workflow, mode, status, n in n8n_tables.run(database, query)})


def timed(finished: Counter[Key]) -> Counter[Key]:
    """Return those whose duration counts, by workflow's id and status."""
    counts: Counter[Key] = Counter()
    for (workflow, _, status), number in finished.items():
        if status in TIMED:
            counts[workflow, status] += number
    return counts


def read(page: Page, name: str, *keys: str) -> Counter[Key]:
    """Return the samples of a name by these labels, without those that are 0."""
    counts: Counter[Key] = Counter()
    for (sample, labels), value in page.samples.items():
        if sample == name:
            by_name = dict(labels)
            counts[tuple(by_name[key] for key in keys)] += int(value)
    return +counts


def missed_and_twice(listed: Counter[Key], counted: Counter[Key]) -> tuple[int, int]:
    """Return how many listed executions were not counted, and how many were counted that are not listed."""
    return (listed - counted).total(), (counted - listed).total()


def table(listed: Counter[Key], counted: Counter[Key], names: Mapping[str, str]) -> str:
    """Return both for people: by name of workflow, mode and status."""
    lines = (
        f"  {names.get(key[0], key[0])!r:<40} {key[1]:<10} {key[2]:<8} {listed[key]:6} {counted[key]:6}"
        for key in sorted(listed | counted, key=lambda key: (names.get(key[0], key[0]), *key[1:]))
    )
    return "\n".join([f"  {'workflow':<40} {'mode':<10} {'status':<8} {'listed':>6} {'counted':>6}", *lines])
