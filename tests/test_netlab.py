"""The test hosts themselves: a lab is only a witness if its delays, losses and clean-up are true."""

from __future__ import annotations

import dataclasses
import functools
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.netlab import (
    Capture,
    CommandFailed,
    Fate,
    Lab,
    leftovers,
    missing,
    pair_echoes,
    pair_handshakes,
    pair_requests,
    requires_root,
    round_trips,
    sweep,
    wait_until,
)
from tests.netlab.delaybox.box import Box
from tests.netlab.delaybox.line import Line, Settings
from tests.netlab.delaybox.packets import flow_of, key_of, parse

ROOT = Path(__file__).parent.parent
ECHO_REQUEST = bytes.fromhex("4500001c000140004001000001020304050607080800000012340007")
SYN6 = bytes.fromhex("6000000000140640" + "fd77" + "00" * 13 + "01" + "fd77" + "00" * 13 + "02") + bytes.fromhex(
    "c350238e00000009000000005002ffff00000000"
)


def ping(host, address, count=50, interval=0.01, *options):
    """Round trips in seconds as ping printed them, in its order of arrival; duplicates are left out."""
    argv = ["ping", "-n", "-i", str(interval), "-c", str(count), "-W", "1", *options, address]
    printed = host.run(argv, check=False).stdout
    lines = [line for line in printed.splitlines() if "DUP!" not in line]
    return [float(match[1]) / 1000 for line in lines if (match := re.search(r"time=([\d.]+) ms", line))]


def parsed(data):
    packet = parse(data, 1.5, "out", "to-b")
    assert packet
    return packet


def serve_once(host, port, answer=b"answer"):
    """A server inside that accepts one connection at a time and answers every request the same."""
    code = (
        "import socket,sys\n"
        f"s=socket.create_server(('::',{port}),family=socket.AF_INET6,dualstack_ipv6=True)\n"
        "print('ready',flush=True)\n"
        "while True:\n"
        "  c,_=s.accept()\n"
        f"  while c.recv(9999): c.sendall({answer!r})\n"
        "  c.close()\n"
    )
    program = host.popen([sys.executable, "-S", "-c", code])
    wait_until(lambda: "ready" in program.output(), "the server listens")
    return program


def connect(host, address, port):
    with host.entered():
        connection = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
    connection.settimeout(5.0)
    try:
        connection.connect((address, port))
    except OSError:
        connection.close()
        raise
    return connection


@pytest.fixture
def lab():
    with Lab() as made:
        yield made


@pytest.fixture
def pair(lab):
    return lab.host("wf001"), lab.host("wf008")


class TestByValue:
    def test_a_packet_is_known_by_its_protocol_its_type_and_its_ends(self):
        flow = flow_of(key_of(ECHO_REQUEST))
        assert (flow.src, flow.dst, flow.kind) == ("1.2.3.4", "5.6.7.8", "icmp echo-request")
        flow = flow_of(key_of(SYN6))
        assert (flow.src, flow.dst, flow.kind) == ("fd77::1", "fd77::2", "tcp SYN")

    def test_headers_are_read(self):
        echo = parsed(ECHO_REQUEST)
        assert (echo.identifier, echo.sequence, echo.hop_limit, echo.payload_length) == (0x1234, 7, 64, 0)
        syn = parsed(SYN6)
        assert (syn.source_port, syn.destination_port, syn.tcp_sequence, syn.payload_length) == (50000, 9102, 9, 0)

    @pytest.mark.parametrize("data", [b"", b"\x45", bytes(60), b"\x60" + bytes(20)])
    def test_what_is_no_packet_is_none(self, data):
        assert parse(data, 0.0, "in", "x") is None

    def test_a_truncated_header_inside_is_no_fault(self):
        assert parsed(ECHO_REQUEST[:21]).kind == "icmp echo-request"

    def test_the_same_seed_gives_the_same_losses(self):
        lines = [Line(Settings(loss=0.3), seed=5) for _ in range(2)]
        fates = [[line.take(ECHO_REQUEST, 0.0)[0] for _ in range(200)] for line in lines]
        assert fates[0] == fates[1]
        assert set(fates[0]) == {Fate.LOST, Fate.FORWARDED}

    def test_half_of_the_round_trip_is_spent_in_each_direction(self):
        assert Line(Settings(delay=0.180), seed=1).take(ECHO_REQUEST, 100.0)[1] == [100.090]

    def test_jitter_keeps_the_order_unless_asked_otherwise(self):
        def dues(reorder):
            line = Line(Settings(delay=0.1, jitter=0.02, reorder=reorder), seed=1)
            return [line.take(ECHO_REQUEST, n / 1000)[1][0] for n in range(100)]

        assert dues(reorder=False) == sorted(dues(reorder=False))
        assert dues(reorder=True) != sorted(dues(reorder=True))
        assert all(0.03 <= due - n / 1000 <= 0.07 for n, due in enumerate(dues(reorder=True)))

    def test_a_rate_makes_packets_wait_for_one_another_and_overflow_in_the_end(self):
        line = Line(Settings(rate=len(ECHO_REQUEST) * 8 * 10), seed=1)  # ten of these a second
        taken = [line.take(ECHO_REQUEST, 0.0) for _ in range(13)]
        assert [due for _, dues in taken[:3] for due in dues] == pytest.approx([0.1, 0.2, 0.3])
        assert taken[-1] == (Fate.OVERFLOWED, [])

    def test_exactly_the_next_packets_of_a_kind_are_lost(self):
        line = Line(Settings(), seed=1)
        line.drop_next(2, "tcp SYN")
        fates = [line.take(data, 0.0)[0] for data in (ECHO_REQUEST, SYN6, SYN6, SYN6)]
        assert fates == [Fate.FORWARDED, Fate.LOST, Fate.LOST, Fate.FORWARDED]

    @pytest.mark.parametrize("wrong", [{"loss": 1.1}, {"duplicate": -1}, {"delay": -0.1}, {"rate": 0}])
    def test_impossible_settings_are_refused(self, wrong):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Settings(**wrong)

    def test_a_box_ends_when_its_lab_does_before_it_reads_the_answer(self):
        lab, control = socket.socketpair()
        with lab, control:
            box = Box((), (), control, None)
            lab.sendall(b'{"lines": [0]}\n')
            lab.close()
            box.serve()

    def test_waiting_ends_and_says_for_what(self):
        with pytest.raises(TimeoutError, match=r"^not within 0.02 s: the moon$"):
            wait_until(lambda: False, "the moon", timeout=0.02)


@requires_root
class TestPaths:
    @pytest.mark.parametrize("delay", [0.002, 0.010, 0.180])
    def test_the_delay_asked_for_is_the_delay_ping_sees(self, lab, pair, delay):
        lab.link(*pair, delay=delay)
        for address in (pair[1].address, pair[1].address6):
            seen = ping(pair[0], address)
            assert len(seen) == 50
            assert 0 <= statistics.median(seen) - delay < 0.0005

    def test_the_delay_changes_while_it_runs_also_in_one_direction(self, lab, pair):
        path = lab.link(*pair, delay=0.010)
        path.change(delay=0.050)
        assert statistics.median(ping(pair[0], pair[1].address)) == pytest.approx(0.050, abs=0.001)
        path.change(delay=0.010, toward="wf008")
        assert statistics.median(ping(pair[0], pair[1].address)) == pytest.approx(0.030, abs=0.001)
        assert (path.settings("wf008").delay, path.settings("wf001").delay) == (0.010, 0.050)

    def test_jitter_spreads_round_trips_around_the_delay(self, lab, pair):
        lab.link(*pair, delay=0.030, jitter=0.005)
        seen = ping(pair[0], pair[1].address, interval=0.02, count=60)
        low, _, high = statistics.quantiles(seen)  # what a busy machine holds up is beyond them
        assert 0.019 < min(seen) < 0.028
        assert 0.024 < low < 0.030 < high < 0.042
        assert 0.003 < high - low < 0.010

    def test_what_the_link_lost_is_what_ping_missed(self, lab, pair):
        path = lab.link(*pair, delay=0.002, loss=0.1)
        seen = ping(pair[0], pair[1].address, count=300, interval=0.004)
        path.settle()
        traffic = path.traffic()
        assert traffic.dropped(kind="icmp") == 300 - len(seen) > 20
        requests = {"kind": "icmp echo-request", "src": pair[0].address, "dst": pair[1].address}
        assert traffic.dropped(**requests) + traffic.forwarded(**requests) == 300
        assert path.traffic(toward="wf008").dropped(kind="icmp echo-reply") == 0
        assert path.overflowed() == 0

    def test_duplicates_are_seen_and_counted(self, lab, pair):
        path = lab.link(*pair, delay=0.002)
        path.change(duplicate=1.0, toward="wf001")
        with Capture(pair[0], path.device_of(pair[0])) as capture:
            ping(pair[0], pair[1].address, count=20)
            path.settle()
        assert [len(echo.answers) for echo in pair_echoes(capture.packets())] == [2] * 20
        assert path.traffic().duplicated(kind="icmp echo-reply") == 20
        assert path.traffic().duplicated(kind="icmp echo-request") == 0

    def test_a_blackhole_swallows_in_silence_until_it_is_restored(self, lab, pair):
        path = lab.link(*pair, delay=0.002)
        path.blackhole(toward="wf001")
        assert ping(pair[0], pair[1].address, 10, 0.01) == []
        assert path.traffic().count(Fate.BLACKHOLED, kind="icmp echo-reply", dst=pair[0].address) == 10
        path.restore()
        assert len(ping(pair[0], pair[1].address, 10)) == 10

    def test_a_link_that_is_down_is_unreachable_at_once_and_comes_back(self, lab, pair):
        path = lab.link(*pair, delay=0.002)
        path.down()
        with pytest.raises(OSError, match="Network is unreachable"):
            connect(pair[0], pair[1].address, 9102)
        path.up()
        assert len(ping(pair[0], pair[1].address, 10)) == len(ping(pair[0], pair[1].address6, 10)) == 10

    def test_a_lost_syn_is_a_handshake_asked_twice(self, lab, pair):
        path = lab.link(*pair, delay=0.010, log=True)
        serve_once(pair[1], 9102)
        path.drop_next(1, "tcp SYN", toward="wf008")
        connect(pair[0], pair[1].address, 9102).close()
        [handshake] = pair_handshakes(path.seen_from("wf001"))
        assert len(handshake.requests) == 2
        assert handshake.round_trip is None
        assert path.traffic().dropped() == 1

    def test_the_log_is_the_truth_that_the_capture_sees(self, lab, pair):
        path = lab.link(*pair, delay=0.020, log=True)
        with Capture(pair[0], path.device_of(pair[0])) as capture:
            ping(pair[0], pair[1].address, count=30)
        truth, seen = (round_trips(pair_echoes(packets)) for packets in (path.seen_from("wf001"), capture.packets()))
        assert len(truth) == len(seen) == 30
        assert statistics.median(abs(a - b) for a, b in zip(truth, seen, strict=True)) < 0.0001

    def test_a_slow_line_makes_a_queue(self, lab, pair):
        lab.link(*pair, delay=0.0, rate=1_000_000)
        seen = ping(pair[0], pair[1].address, 10, 0.05, "-s", "1222")  # 1,250 bytes: 10 ms each way
        assert statistics.median(seen) == pytest.approx(0.020, abs=0.001)


@requires_root
class TestHosts:
    def test_three_hosts_see_each_other_and_a_watcher_sees_all(self, lab):
        mesh = [lab.host(name) for name in ("wf001", "wf008", "wfdb01")]
        for a, b in ((0, 1), (0, 2), (1, 2)):
            lab.link(mesh[a], mesh[b], delay=0.002)
        watcher = lab.host("prometheus")
        lab.attach(watcher)
        for host in (*mesh, watcher):
            for peer in (*mesh, watcher):
                if peer is not host:
                    assert len(ping(host, peer.address, 2)) == len(ping(host, peer.address6, 2)) == 2

    def test_names_resolve_inside_and_can_change(self, lab):
        a, b = lab.host("wf001"), lab.host("wf008", aliases=("wf008.vya.digital",))
        assert a.run(["getent", "ahostsv4", "wf008.vya.digital"]).stdout.startswith(b.address + " ")
        lab.name("site.example", "192.0.2.7")
        assert a.run(["getent", "hosts", "site.example"]).stdout.startswith("192.0.2.7 ")
        lab.name("site.example")
        assert a.run(["getent", "hosts", "site.example"], check=False).returncode == 2

    def test_a_host_that_moves_is_found_by_its_name_and_not_at_its_old_address(self, lab, pair):
        lab.link(*pair, delay=0.002)
        old = pair[1].address
        lab.readdress(pair[1])
        assert pair[1].address != old
        assert len(ping(pair[0], "wf008", 3)) == len(ping(pair[0], pair[1].address6, 3)) == 3
        assert ping(pair[0], old, 2) == []

    def test_a_thread_goes_in_and_comes_back_and_its_sockets_stay(self, lab, pair):
        lab.link(*pair, delay=0.020)
        outside = Path("/proc/thread-self/ns/net").readlink()
        server = serve_once(pair[1], 9102)
        with connect(pair[0], pair[1].address6, 9102) as connection:
            assert Path("/proc/thread-self/ns/net").readlink() == outside
            began = time.monotonic()
            connection.sendall(b"?")
            assert connection.recv(10) == b"answer"
            assert time.monotonic() - began > 0.020
        assert server.stop() == -signal.SIGTERM

    def test_the_way_back_is_taken_after_a_failure_too(self, lab):
        host, outside = lab.host("wf001"), Path("/proc/thread-self/ns/net").readlink()
        with pytest.raises(LookupError), host.entered():
            raise LookupError
        assert Path("/proc/thread-self/ns/net").readlink() == outside

    def test_who_may_ping_by_datagram_socket_is_the_hosts_own_affair(self, pair):
        pair[0].allow_ping_groups()
        pair[1].allow_ping_groups(1, 0)
        with pair[0].entered():
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP).close()
        with pair[1].entered(), pytest.raises(PermissionError):
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM, socket.IPPROTO_ICMP)

    def test_a_rule_drops_exactly_one_in_n_and_counts(self, lab, pair):
        lab.link(*pair, delay=0.002)
        rule = pair[1].drop_every(5, "-p", "icmp")
        assert len(ping(pair[0], pair[1].address, 50)) == 40
        assert rule.packets() == 10
        rule.remove()
        assert len(ping(pair[0], pair[1].address, 5)) == 5

    @pytest.mark.parametrize(("family", "error"), [("ipv4", ConnectionRefusedError), ("ipv6", ConnectionRefusedError)])
    def test_a_rule_refuses(self, lab, pair, family, error):
        lab.link(*pair, delay=0.002)
        serve_once(pair[1], 9102)
        pair[1].reject("-p", "tcp", "--dport", "9102", ip_family=family, reject_with="tcp-reset")
        address = pair[1].address if family == "ipv4" else pair[1].address6
        with pytest.raises(error):
            connect(pair[0], address, 9102)
        pair[1].flush_firewall()
        connect(pair[0], address, 9102).close()

    @pytest.mark.parametrize(
        ("how", "message"),
        [("unreachable", "No route to host"), ("prohibit", "Permission denied"), ("blackhole", "Invalid argument")],
    )
    def test_a_route_can_be_forbidden_and_allowed_again(self, lab, pair, how, message):
        lab.link(*pair, delay=0.002)
        pair[0].forbid_route(pair[1], how)
        for address in (pair[1].address, pair[1].address6):
            with pytest.raises(OSError, match=message):
                connect(pair[0], address, 9102)
        pair[0].allow_route(pair[1])
        assert len(ping(pair[0], pair[1].address, 3)) == len(ping(pair[0], pair[1].address6, 3)) == 3

    def test_a_wrong_command_says_what_it_was(self, lab):
        with pytest.raises(CommandFailed, match=r"ip -n lex-\d+-\d+-wf001 link show nonsense: exit 1: Device"):
            lab.host("wf001").ip("link", "show", "nonsense")


@requires_root
class TestCapture:
    def test_handshakes_and_first_bytes_are_paired(self, lab, pair):
        path = lab.link(*pair, delay=0.020)
        serve_once(pair[1], 9102)
        with Capture(pair[0], path.device_of(pair[0])) as capture:
            with connect(pair[0], pair[1].address, 9102) as connection:
                for _ in range(3):
                    connection.sendall(b"?")
                    connection.recv(10)
            [handshake] = round_trips(pair_handshakes(capture.packets()))
        first_bytes = round_trips(pair_requests(capture.packets(), server_port=9102))
        assert handshake == pytest.approx(0.020, abs=0.005)
        assert len(first_bytes) == 3
        assert statistics.median(first_bytes) == pytest.approx(0.020, abs=0.002)

    def test_a_capture_does_not_mind_the_hosts_firewall(self, lab, pair):
        lab.link(*pair, delay=0.002)
        pair[0].drop()
        with Capture(pair[0]) as capture:
            assert ping(pair[0], pair[1].address, 3) == []
        assert [len(echo.answers) for echo in pair_echoes(capture.packets())] == [1] * 3

    def test_nothing_is_missed_at_thousands_of_packets_a_second(self, lab, pair):
        wire = lab.veth(*pair)
        with Capture(pair[0], wire.device_of(pair[0])) as capture:
            pair[0].run(["ping", "-q", "-f", "-i", "0.0002", "-c", "5000", pair[1].address])
        echoes = pair_echoes(capture.packets())
        assert capture.dropped() == 0
        assert [len(echo.answers) for echo in echoes] == [1] * 5000


@requires_root
class TestNothingStays:
    def test_after_a_failure_no_namespace_no_process_and_no_file_is_left(self):
        with pytest.raises(LookupError), Lab() as lab:  # noqa: PT012 - the failure is the subject
            a, b = lab.host("wf001"), lab.host("wf008")
            path = lab.link(a, b, log=True)
            sleeper = a.popen(["sh", "-c", "setsid sleep 987 & echo $!; wait"])
            grandchild = int(wait_until(sleeper.output, "the shell has forked"))
            folder = lab.folder
            raise LookupError
        assert leftovers(os.getpid()) == []
        assert not folder.exists()
        for pid in (path.pid, sleeper.pid, grandchild):
            wait_until(functools.partial(gone, pid), f"process {pid} has ended")

    def test_what_a_killed_run_left_is_swept_and_nothing_else(self, lab):
        host = lab.host("wf001")
        killed = be_killed("l.host('x'); print(*leftovers(os.getpid()), flush=True)")
        assert killed.output.split() == [f"lex-{killed.pid}-1-x"]
        sweep()
        assert leftovers(killed.pid) == []
        assert leftovers(os.getpid()) == [host.namespace.name]

    def test_what_still_runs_inside_what_a_killed_run_left_ends_and_its_files_go(self):
        killed = be_killed(
            "x = l.host('x'); sleeper = x.popen(['sleep', '987'])\n"
            "while sleeper.pid not in x.namespace.pids(): pass  # ip(8) is still on its way in\n"
            "print(l.folder, sleeper.pid, flush=True)"
        )
        folder, sleeper = killed.output.split()
        sweep()
        wait_until(functools.partial(gone, int(sleeper)), "its program has ended")
        assert not Path(folder).exists()

    def test_a_lab_of_another_prefix_is_left_alone(self):
        killed = be_killed("print(l.host('x').namespace.name, flush=True)", prefix="lex-other-")
        assert killed.output.split() == [f"lex-other-{killed.pid}-1-x"]
        sweep()
        assert leftovers(killed.pid, "lex-other-") == killed.output.split()
        assert sweep("lex-other-") == killed.output.split()

    def test_a_box_whose_lab_was_killed_ends_by_itself(self):
        killed = be_killed("print(l.link(l.host('x'), l.host('y')).pid, flush=True)")
        wait_until(functools.partial(gone, int(killed.output)), "the box has ended")
        sweep()


@dataclasses.dataclass
class Killed:
    pid: int
    output: str


def be_killed(code, prefix="lex-"):
    """A process that makes a lab ``l``, does something with it and is killed before it can clean up."""
    begin = f"import os\nfrom tests.netlab import Lab, leftovers; l = Lab(prefix={prefix!r}).__enter__()"
    code = f"{begin}\n{code}\nos.kill(os.getpid(), 9)"
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        output, _ = process.communicate(timeout=20)
    assert process.returncode == -signal.SIGKILL
    return Killed(process.pid, output)


def gone(pid):
    """Whether a process does not exist, or is no more than its exit status."""
    try:
        return Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_what_is_missing_is_named():
    """Whatever this machine is, the reason of a skip is text for people."""
    assert all(reason and reason[0] != " " for reason in missing())
