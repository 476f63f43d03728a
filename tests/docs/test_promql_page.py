"""The PromQL examples: names and labels that exist, understood by Prometheus, and answers to their questions."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.docs.known import base, known_metrics, target_labels
from tests.docs.markdown import DOCUMENTS, ROOT
from tests.yaml_files import content

EXAMPLES = [example for page in DOCUMENTS for example in page.blocks("promql")]


def vectors(expression: str) -> list[tuple[str, list[str]]]:
    """Give the metrics that an expression asks, each with the labels that it selects by."""
    bare = re.sub(r'"[^"]*"', '""', expression)
    used = re.findall(r"(?<!:)\b((?:network_latency_|latency_exporter_|database_|n8ndb_)\w+)(?:\{([^}]*)\})?", bare)
    return [(name, re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", matchers)) for name, matchers in used]


def recorded() -> set[str]:
    groups = content(ROOT / "prometheus/rules/recording.yml")["groups"]
    return {rule["record"] for group in groups for rule in group["rules"]}


def test_every_recorded_series_of_an_example_is_recorded() -> None:
    asked = {name for expression in EXAMPLES for name in re.findall(r"\w+:\w+:\w+", expression)}
    assert asked
    assert asked <= recorded()


def test_every_recorded_series_is_read_by_a_rule_or_stands_on_the_page() -> None:
    rules = "".join((ROOT / f"prometheus/rules/{name}.yml").read_text("utf-8") for name in ("recording", "alerts"))
    listed: set[str] = set()
    for names, meaning in re.findall(
        r"^\| (`\w+:.*?) \| (.*) \|$", (ROOT / "docs/promql.md").read_text(), re.MULTILINE
    ):
        series = re.findall(r"`(\w+:\w+:\w+)`", names)
        likewise = re.findall(r"`(p\d\d)`", meaning)
        listed |= {name.replace("p50", each) for name in series for each in ("p50", *likewise)}
    assert listed <= recorded()
    assert {name for name in recorded() if len(re.findall(rf"{name}\b", rules)) == 1} <= listed


def test_every_promql_example_uses_metrics_and_labels_that_exist() -> None:
    for expression in EXAMPLES:
        if re.match(r"\w+:", expression):  # a recorded series
            continue
        asked = [(base(name), labels) for name, labels in vectors(expression)]
        assert asked, expression
        available = {"le", *target_labels()}
        for name, labels in asked:
            own = known_metrics()[name][1]
            assert set(labels) <= own | target_labels(), expression
            available |= own
        grouped = re.findall(r"\b(?:by|without|on|ignoring) \(([^)]*)\)", expression)
        assert {label.strip() for group in grouped for label in group.split(",")} <= available, expression


@pytest.mark.servers
def test_every_promql_example_is_understood_by_prometheus(tmp_path: Path) -> None:
    rules = [{"record": f"example:{number}", "expr": text} for number, text in enumerate(EXAMPLES)]
    promtool("check", "rules", written(tmp_path / "rules.yml", {"groups": [{"name": "examples", "rules": rules}]}))


THERE = 'source="wf001",target="wf008",probe="icmp",protocol="icmp"'
BACK = 'source="wf008",target="wf001",probe="icmp",protocol="icmp"'
WEB = 'source="wf001",target="wf008",probe="ping",protocol="http"'
FLOW = 'n8n="n8n",workflow_id="w1"'
SERIES = {
    f"network_latency_probes_total{{{THERE}}}": "0+4x60",
    f'network_latency_probe_failures_total{{{THERE},reason="timeout"}}': "0+1x60",
    f'network_latency_probe_failures_total{{{THERE},reason="unreachable"}}': "0+1x60",
    f'network_latency_probe_failures_total{{{THERE},reason="local"}}': "0+2x60",
    f'network_latency_rtt_distribution_seconds_bucket{{{THERE},le="0.2"}}': "0+0x60",
    f'network_latency_rtt_distribution_seconds_bucket{{{THERE},le="0.4"}}': "0+4x60",
    f'network_latency_rtt_distribution_seconds_bucket{{{THERE},le="+Inf"}}': "0+4x60",
    f'network_latency_rtt_distribution_seconds_bucket{{{BACK},le="0.2"}}': "0+4x60",
    f'network_latency_rtt_distribution_seconds_bucket{{{BACK},le="0.4"}}': "0+4x60",
    f'network_latency_rtt_distribution_seconds_bucket{{{BACK},le="+Inf"}}': "0+4x60",
    f"network_latency_rtt_variation_seconds_sum{{{THERE}}}": "0+0.06x60",
    f"network_latency_rtt_variation_seconds_count{{{THERE}}}": "0+4x60",
    f"network_latency_rtt_distribution_seconds_sum{{{WEB}}}": "0+1x60",
    f"network_latency_rtt_distribution_seconds_count{{{WEB}}}": "0+4x60",
    f"network_latency_http_response_distribution_seconds_sum{{{WEB}}}": "0+2x60",
    f"network_latency_http_response_distribution_seconds_count{{{WEB}}}": "0+4x60",
    f"network_latency_tls_certificate_expiry_timestamp_seconds{{{WEB}}}": "867600x59 _",
    'latency_exporter_measurements_total{source="wf001",protocol="icmp",clock="user"}': "0+1x60",
    'latency_exporter_measurements_total{source="wf001",protocol="icmp",clock="kernel"}': "0+3x60",
    'latency_exporter_config_hash{source="wf001"}': "265781854329840x60",
    'latency_exporter_config_hash{source="wf008"}': "265781854329841x60",
    'latency_exporter_config_hash{source="wfdb01"}': "265781854329841x60",
    f'n8ndb_workflow_info{{{FLOW},workflow_name="Orders"}}': "1x60",
    f"n8ndb_workflow_active{{{FLOW}}}": "1x60",
    f'n8ndb_workflow_last_run_timestamp_seconds{{{FLOW},kind="production",result="success"}}': "-1800x60",
    f'n8ndb_executions_finished_total{{{FLOW},mode="trigger",status="success"}}': "0+2x60",
    f'n8ndb_executions_finished_total{{{FLOW},mode="webhook",status="success"}}': "0+4x60",
    f'n8ndb_executions_finished_total{{{FLOW},mode="trigger",status="error"}}': "0+1x60",
    f'n8ndb_executions_finished_total{{{FLOW},mode="trigger",status="crashed"}}': "0+1x60",
    f'n8ndb_executions_finished_total{{{FLOW},mode="trigger",status="canceled"}}': "0+5x60",
    f'n8ndb_execution_oldest_timestamp_seconds{{{FLOW},status="waiting"}}': "-60x60",
    f'n8ndb_node_runs_total{{{FLOW},node="Ask",node_type="http",status="success"}}': "0+3x60",
    f'n8ndb_node_runs_total{{{FLOW},node="Ask",node_type="http",status="error"}}': "0+1x60",
    f'n8ndb_node_run_seconds_total{{{FLOW},node="Ask",node_type="http",status="success"}}': "0+12x60",
    f'n8ndb_node_run_seconds_total{{{FLOW},node="Set",node_type="set",status="success"}}': "0+4x60",
    'n8ndb_table_bytes{n8n="n8n",table="execution_data"}': "1000000+1000x60",
    'n8n_workflow_info{workflow_id="w1",workflow_name="Bestellungen"}': "1x60",
    f'n8ndb_executions_open{{{FLOW},status="running"}}': "2x60",
    f'n8ndb_executions_open{{{FLOW},status="waiting"}}': "1x60",
}
"""An hour of a fleet, a sample a minute."""
ANSWERS: dict[str, list[tuple[str, float]]] = {
    'reason!="local"': [(f"{{{THERE}}}", 0.5)],
    "quantile(0.99, sum by (source, target": [
        ('{source="wf001",target="wf008",probe="icmp"}', 0.398),
        ('{source="wf008",target="wf001",probe="icmp"}', 0.198),
    ],
    'source="wf008", target="wf001"': [("{}", 0.2)],
    '1 - (rate(network_latency_rtt_distribution_seconds_sum{protocol="http"}': [(f"{{{WEB}}}", 0.5)],
    "rtt_variation": [(f"{{{THERE}}}", 0.015)],
    "certificate_expiry": [('{target="wf008",probe="ping"}', 10)],
    'clock="user"': [('{source="wf001",protocol="icmp"}', 0.25)],
    "count_values": [("{}", 2)],
    "sort_desc((time() - n8ndb_workflow_last_run": [
        (f'{{{FLOW},workflow_name="Orders",kind="production",result="success"}}', 1.5)
    ],
    'n8ndb_executions_finished_total{status=~"error|crashed"}': [(f"{{{FLOW}}}", 0.25)],
    "60 * sum by (n8n, status)": [
        ('{n8n="n8n",status="success"}', 6),
        ('{n8n="n8n",status="error"}', 1),
        ('{n8n="n8n",status="crashed"}', 1),
        ('{n8n="n8n",status="canceled"}', 5),
    ],
    "sum by (n8n, status) (n8ndb_executions_open)": [
        ('{n8n="n8n",status="running"}', 2),
        ('{n8n="n8n",status="waiting"}', 1),
    ],
    "topk(5, time() - n8ndb_execution_oldest": [(f'{{{FLOW},status="waiting"}}', 3660)],
    'n8ndb_node_runs_total{status="error"}': [(f'{{{FLOW},node="Ask"}}', 0.25)],
    "topk(10, sum by (n8n, workflow_id, node) (rate(n8ndb_node_run_seconds_total[1h]))\n  / (sum": [
        (f'{{{FLOW},node="Ask"}}', 3)
    ],
    "group_left () (sum by (n8n, workflow_id) (rate(n8ndb_node_run_seconds_total[1h]))": [
        (f'{{{FLOW},node="Ask"}}', 0.75),
        (f'{{{FLOW},node="Set"}}', 0.25),
    ],
    "deriv(n8ndb_table_bytes[1d])": [('{n8n="n8n"}', 1440000)],
    "group_left (workflow_name) n8n_workflow_info": [('{workflow_id="w1",workflow_name="Bestellungen"}', 2)],
}
"""Part of an example that tells it from the others -> what it says of that hour at its end."""


@pytest.mark.servers
def test_the_promql_examples_answer_their_questions(tmp_path: Path) -> None:
    tests = []
    for part, answers in ANSWERS.items():
        (expression,) = [text for text in EXAMPLES if part in text]
        # Rounded, because promtool compares floating point numbers to the last bit.
        samples = [{"labels": labels, "value": round(value, 3)} for labels, value in answers]
        tests.append({"expr": f"round({expression}, 0.001)", "eval_time": "1h", "exp_samples": samples})
    series = [{"series": name, "values": values} for name, values in SERIES.items()]
    suite = {"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": tests}]}
    promtool("test", "rules", written(tmp_path / "test.yml", suite))


def written(file: Path, content: object) -> str:
    """Write a file that is JSON, and so YAML."""
    file.write_text(json.dumps(content))
    return str(file)


def promtool(*arguments: str) -> None:
    program = shutil.which("promtool")
    assert program
    done = subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
