"""``make demo``: a fleet of three hosts on this machine, and what the program says when one thing breaks.

    python -m tests.demo [FAULT]

It starts a demo, and breaks the fault, if one is named, as soon as all is well. If a demo runs already, the fault is
broken there.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator

from tests.demo import control, ending
from tests.demo.faults import FAULTS
from tests.demo.fleet import ROUND_TRIP, Demo, built
from tests.demo.forwarding import Inside, Taken, forwarded
from tests.demo.telling import IsOver, Say, tell, wait_until_well
from tests.netlab import missing
from tests.system.database_server import program

LASTS = 3600.0
_PORTS = {"wf001": 19001, "wf008": 19008, "wfdb01": 19010}
_PROMETHEUS, _ALERTMANAGER = 19090, 19093
_SERVERS = ("prometheus", "prometheus-alertmanager", "setpriv", "unshare", "tc")


def say(line: str) -> None:
    """Write a line; when nobody reads any more, as after ``| head``, do what Ctrl-C does."""
    try:
        print(line, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what is written from now on fails no more
        signal.raise_signal(signal.SIGINT)


def main(fault: str = "") -> int:
    """Return the exit status: 0 fine, 1 not to be had on this machine now, 2 a fault that is none."""
    if fault and fault not in FAULTS:
        return _fail(f"no FAULT is called {fault!r}; there are {', '.join(FAULTS)}", 2)
    if lacking := [*missing(), *_missing_programs()]:
        return _fail(f"{', '.join(lacking)}: start it as root by `make demo`, which installs what is missing", 1)
    listener = control.hold()
    if listener is None:
        return _beside_another(fault)
    with listener:
        ending.by_signals()
        try:
            _run(control.Control(listener), fault)
        except KeyboardInterrupt:
            pass
        except Taken as error:
            return _fail(str(error), 1)
    say("demo: ended, nothing is left")
    return 0


def _missing_programs() -> Iterator[str]:
    yield from (f"no command `{name}`" for name in _SERVERS if shutil.which(name) is None)
    yield from (f"no command `{name}`" for name in ("initdb", "postgres") if not program(name).startswith("/"))


def _beside_another(fault: str) -> int:
    if not fault:
        return _fail(f"one is running already; make demo FAULT={'|'.join(FAULTS)} breaks something in it", 1)
    failed = control.ask(fault, say)
    return _fail(failed, 1) if failed else 0


def _fail(message: str, status: int) -> int:
    print(f"demo: {message}", file=sys.stderr)
    return status


def _run(asked: control.Control, fault: str) -> None:
    until = time.monotonic() + LASTS

    def is_over() -> bool:
        return time.monotonic() > until

    say("demo: starting three hosts, a database, Prometheus and Alertmanager")
    with built() as demo, forwarded(_forwards(demo)):
        _say_where()

        def shows(name: str, say: Say, is_over: IsOver) -> None:
            if wait_until_well(demo, say, is_over):
                tell(demo, FAULTS[name], say, is_over)

        if fault:
            shows(fault, say, asked.refusing_others(is_over))
        else:
            wait_until_well(demo, say, is_over)
        asked.serve(shows, is_over)
        say("demo: its hour is over")


def _forwards(demo: Demo) -> dict[int, Inside]:
    pages: dict[int, Inside] = {port: (demo.hosts[name], 9102) for name, port in _PORTS.items()}
    return {**pages, _PROMETHEUS: (demo.watcher, 9090), _ALERTMANAGER: (demo.watcher, 9093)}


def _say_where() -> None:
    places = {
        "wf001": "USA",
        "wf008": f"Brazil, {ROUND_TRIP * 1000:.0f} ms away",
        "wfdb01": "USA, with a database, a site and an api",
    }
    for name, port in _PORTS.items():
        say(f"  {name:13} http://127.0.0.1:{port}/                {places[name]}")
    say(f"  the fleet     http://127.0.0.1:{_PORTS['wf001']}/fleet           from wf001; each host has it")
    say(f"  Prometheus    http://127.0.0.1:{_PROMETHEUS}/classic/alerts")
    say(f"  Alertmanager  http://127.0.0.1:{_ALERTMANAGER}/api/v2/alerts")
    say(f"In another terminal: make demo FAULT={'|'.join(FAULTS)}")
    say("Alerts come eight times as fast as in a real fleet. Ctrl-C ends the demo; it ends by itself after an hour.")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2]))
