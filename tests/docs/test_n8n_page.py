"""The page of n8n: its tables of metrics and alerts against what there is, and what its queries answer."""

from __future__ import annotations

import re

from tests.docs.known import known_metrics
from tests.docs.markdown import PAGES, ROOT, words

N8N = PAGES["n8n"]


def test_every_metric_of_n8n_is_in_the_table_with_its_type_and_labels_and_no_other() -> None:
    table = {
        words(name)[0]: (kind, frozenset({"n8n", *words(labels)})) for name, kind, labels, _ in N8N.table("metric")
    }
    assert table == {name: of for name, of in known_metrics().items() if name.startswith("n8ndb_")}


def test_the_alerts_of_the_page_are_those_of_the_rules() -> None:
    rules = (ROOT / "prometheus/rules/n8n.yml").read_text("utf-8")
    assert [words(alert)[0] for alert, _ in N8N.table("n8n's alert")] == re.findall(r"- alert: (\w+)", rules)
