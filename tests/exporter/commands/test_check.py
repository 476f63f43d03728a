"""What `check` prints of a fleet."""

from __future__ import annotations

from pathlib import Path

import pytest

from exporter.commands import check, samples
from exporter.recording.metrics import cost
from tests.exporter.pages import DATABASE, SMALL, Small
from tests.exporter.readings import N8N

MANY = "hosts:\n" + "".join(f"  - {{name: h{n}, address: 192.0.2.{n}}}\n" for n in range(100))


def test_the_pairs_of_a_host_are_a_table_and_a_sum(tmp_path: Path) -> None:
    fleet = Small(tmp_path)
    assert check.describe(fleet.fleet, fleet.host, fleet.pairs) == (
        "TARGET   PROBE  PROTOCOL  FAMILY  ADDRESS          EVERY  TIMEOUT  SERIES\n"
        "wf008    icmp   icmp      ipv4    wf008.example    5 s    4 s      19\n"
        "wf008    tcp    tcp       ipv4    wf008.example    15 s   10 s     20\n"
        "wf008    ping   http      ipv4    wf008.example    15 s   10 s     46\n"
        "grafana  http   http      ipv4    grafana.example  15 s   10 s     48\n"
        "wf001: 4 pairs, at most 133 series of theirs, 0.4 probes per second\n"
        "the fleet: 2 exporters, at most 264 series in Prometheus, 18 samples per second at a scrape every 15 s\n"
    )


def test_a_sample_is_described_by_what_is_left_and_what_can_be_seen_by_it(tmp_path: Path) -> None:
    hosts = "".join(f"  - {{name: {d}{n}, address: {d}{n}.example, datacenter: {d}}}\n" for d in "ab" for n in range(9))
    sample = "sample: {within: 4, across: 2}"
    probes = (
        f"icmp: {{protocol: icmp, interval: 5s, timeout: 4s, {sample}}}\n  tcp: {{protocol: tcp, port: 9102, {sample}}}"
    )
    few = Small(
        tmp_path, f"hosts:\n{hosts}  - {{name: c1, address: c1.example, datacenter: c}}\nprobes:\n  {probes}\n", "a0"
    )
    *_, icmp, tcp = check.describe(few.fleet, few.host, few.pairs).splitlines()
    assert icmp == (
        "icmp is a sample: 130 pairs of hosts, each host is probed by 6 to 18 others; "
        "1 % loss of one host is seen within 4.2 min, of one pair within 25 min"
    )
    assert tcp.endswith("; 1 % loss of one host is seen within 13 min, of one pair within 75 min")
    assert check.describe(few.fleet, few.host, few.pairs).count("is a sample") == 2


@pytest.mark.parametrize(
    ("exporter", "words"),
    [
        ("true", "by 1 other; 1 % loss of one host is seen within 75 min, of one pair within 75 min"),
        ("false", "by 0 to 1 other; 1 % loss of a host that nobody probes is not seen, of one pair within 75 min"),
    ],
)
def test_a_sample_of_which_nobody_probes_a_host_does_not_promise_to_see_its_loss(
    exporter: str, words: str, tmp_path: Path
) -> None:
    hosts = f"  - {{name: a0, address: a0.example}}\n  - {{name: a1, address: a1.example, exporter: {exporter}}}\n"
    few = Small(tmp_path, f"hosts:\n{hosts}probes: {{icmp: {{protocol: icmp, sample: {{within: 1}}}}}}\n", "a0")
    assert check.describe(few.fleet, few.host, few.pairs).endswith(f"each host is probed {words}\n")


def test_one_percent_is_seen_with_95_percent_certainty_by_the_binomial_distribution() -> None:
    assert 0.99**samples.PROBES <= 0.05 < 0.99 ** (samples.PROBES - 1)


def test_the_hosts_in_maintenance_are_named(tmp_path: Path) -> None:
    state = "country: US, state: maintenance, until: 2999-12-31T23:00-03:00"
    text = SMALL.replace("country: US", state).replace("country: BR", "country: BR, state: maintenance")
    fleet = Small(tmp_path, text)
    last = check.describe(fleet.fleet, fleet.host, fleet.pairs).splitlines()[-1]
    assert last == "in maintenance: wf001 until 3000-01-01 02:00 UTC, wf008"


def test_a_host_that_measures_nothing_is_said_to(tmp_path: Path) -> None:
    fleet = Small(tmp_path, "hosts: [{name: wf001, address: 192.0.2.1}]\n")
    assert check.describe(fleet.fleet, fleet.host, fleet.pairs) == (
        "wf001: 0 pairs, at most 0 series of theirs, 0 probes per second\n"
        "the fleet: 1 exporter, at most 0 series in Prometheus, 0 samples per second at a scrape every 15 s\n"
    )


def test_an_n8n_has_a_row_and_its_series_stand_apart_because_they_depend_on_its_workflows(tmp_path: Path) -> None:
    without = Small(tmp_path, SMALL + DATABASE)
    *_, total, whole = check.describe(without.fleet, without.host, without.pairs).splitlines()
    small = Small(tmp_path, SMALL + DATABASE + N8N.replace("from", "max_workflows: 20, from"))
    *_, row, its_total, its_whole = check.describe(small.fleet, small.host, small.pairs).splitlines()
    assert row.split("  ")[0] == "orders"
    count = cost.series(small.fleet, small.pairs[-1:])
    assert row.endswith(f" {count}")
    assert its_total == total
    assert its_whole == f"{whole}; of n8n at most {count:,} series more, by its workflows"
    large = Small(tmp_path, SMALL + DATABASE + N8N)
    assert cost.series(large.fleet, large.pairs) > 10_000
    assert check.warnings(large.fleet, large.pairs) == []


def test_a_name_of_several_lines_breaks_no_table(tmp_path: Path) -> None:
    fleet = Small(tmp_path, SMALL.replace("name: wf008", 'name: "two\\nlines"'))
    table = check.describe(fleet.fleet, fleet.host, fleet.pairs)
    assert len(table.splitlines()) == 7
    assert "'two\\nlines'  icmp" in table


def test_the_files_own_warnings_are_told(tmp_path: Path) -> None:
    fleet = Small(tmp_path, SMALL.replace("port: 9102}", "port: 5432}"))
    (warning,) = check.warnings(fleet.fleet, fleet.pairs)
    assert warning.startswith(f"{tmp_path}/fleet.yml:7: probes.tcp.port: ")


def test_many_series_are_warned_of_with_the_ways_out(tmp_path: Path) -> None:
    few = Small(tmp_path, MANY + "probes: {icmp: {protocol: icmp}, tcp: {protocol: tcp, port: 9102}}\n", "h1")
    assert cost.series(few.fleet, few.pairs) < 10_000
    assert check.warnings(few.fleet, few.pairs) == []
    many = Small(tmp_path, MANY + 'probes: {ping: {protocol: http, url: "http://{address}:9102/ping"}}\n', "h1")
    assert check.warnings(many.fleet, many.pairs) == [
        f"{tmp_path}/fleet.yml: {cost.series(many.fleet, many.pairs):,} series on this host, more than "
        "10,000; measure fewer pairs with 'from' and 'to' of the probes, or leave out histograms with "
        "'histogram: false'"
    ]
