"""The holders of a port, as /proc names them."""

from __future__ import annotations

from pathlib import Path

from exporter.web.port_holders import holders_of


class Proc:
    """A made-up /proc."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / "net").mkdir()

    def table(self, name: str, *rows: tuple[str, str, int]) -> None:
        lines = ["  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"]
        for number, (local, state, inode) in enumerate(rows):
            queues_timer_retries_user_timeout = "00000000:00000000 00:00000000 00000000 0 0"
            lines.append(f"{number:4}: {local} 00000000:0000 {state} {queues_timer_retries_user_timeout} {inode} 1")
        (self.root / "net" / name).write_text("\n".join([*lines, ""]))

    def process(self, pid: int, comm: str, *targets: str) -> None:
        folder = self.root / str(pid) / "fd"
        folder.mkdir(parents=True)
        (folder.parent / "comm").write_text(f"{comm}\n")
        for number, target in enumerate(targets):
            (folder / str(number)).symlink_to(target)


def test_holders_are_found_over_both_families_and_only_where_they_listen(tmp_path: Path) -> None:
    proc = Proc(tmp_path)
    proc.table("tcp", ("0100007F:238E", "0A", 11), ("0100007F:238E", "01", 12), ("00000000:238F", "0A", 13))
    proc.table("tcp6", ("00000000000000000000000000000000:238E", "0A", 14))
    proc.process(7, "statsd_exporter", "/dev/null", "socket:[11]")
    proc.process(8, "other", "socket:[12]", "socket:[13]")
    proc.process(9, "python3", "socket:[14]", "socket:[1]")
    assert holders_of(0x238E, proc.root) == ["python3 (pid 9)", "statsd_exporter (pid 7)"]


def test_a_descriptor_that_vanishes_hides_no_holder(tmp_path: Path) -> None:
    proc = Proc(tmp_path)
    proc.table("tcp", ("0100007F:238E", "0A", 11))
    proc.process(7, "holder", "/dev/null", "socket:[11]")
    (tmp_path / "7/fd/0").unlink()
    (tmp_path / "7/fd/0").write_text("")  # cannot be read as a link, like one that was just closed
    assert holders_of(0x238E, proc.root) == ["holder (pid 7)"]


def test_without_a_proc_nobody_is_named(tmp_path: Path) -> None:
    assert holders_of(9102, tmp_path / "missing") == []
