"""What a test may need of the machine, by its marker; and a run never hides what it left out.

Where CI runs (``CI`` is set) everything is to be had, so there a test left out fails the run.
"""

import gc
import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path

import hypothesis
import pytest

from collectors import kernel
from tests.authority import Authority
from tests.netlab import requirements
from tests.system.databases import requires_databases
from tests.system.rooted import requires_newer_databases

_LEFT_OUT = "NOT TESTED, "
"""How the reason begins when it is the machine that lacks something (tests.netlab says it likewise)."""
_SERVERS = Path(__file__).parent.parent / ".cache/servers/usr/bin"
_ONLY_BY_NAME = ("image", "packages", "n8n", "culprits", "large")
_SLOWEST = "tests/system/"
"""These wait for minutes and compute little: begun first, they are not what is left at the end, one after another."""
_SERVER_PROGRAMS = (
    *("prometheus", "promtool", "victoria-metrics", "prometheus-alertmanager", "amtool", "prometheus-node-exporter"),
)

# First on the PATH, so that a test says `prometheus` and gets the one that tests/servers.sh unpacked.
os.environ["PATH"] = f"{_SERVERS}:{os.environ.get('PATH', '/usr/bin:/bin')}:/usr/sbin:/sbin"

# How long an example takes says how busy the machine is. Where CI is set, Hypothesis knows that by itself.
if not os.environ.get("CI"):
    hypothesis.settings.register_profile("unhurried", deadline=None)
    hypothesis.settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def _stamping() -> Iterator[None]:
    """Switch the kernel's receive stamps on, which takes it some milliseconds, before anything is measured."""
    with kernel.keep_stamping() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(1)
        for _ in range(1000):
            sock.sendto(b"", sock.getsockname())
            if kernel.receive_stamp(sock.recvmsg(1, 256)[1]) is not None:
                break
        yield


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Makes certificates; nobody trusts it who is not told to."""
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.hookimpl(tryfirst=True)  # before -m selects by markers
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks who needs root or databases, skips where something is lacking; some run only when asked by name."""
    for item in items:
        conditions = list(item.iter_markers("skipif"))
        if requirements.requires_root.mark in conditions:
            item.add_marker(pytest.mark.root)
        if requires_databases.mark in conditions or requires_newer_databases.mark in conditions:
            item.add_marker(pytest.mark.databases)
        for reason in _lacking(item):
            item.add_marker(pytest.mark.skip(reason=_LEFT_OUT + reason))
    for marker in _ONLY_BY_NAME:
        if marker not in config.option.markexpr:
            items[:] = [item for item in items if item.get_closest_marker(marker) is None]
    if hasattr(config, "workerinput"):  # of several processes, which all see one order
        items.sort(key=lambda item: _SLOWEST not in item.nodeid)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Python's collector finds no garbage among tests, and most of what there is: it leaves them alone for good."""
    gc.disable()
    result = yield
    gc.collect()
    gc.freeze()
    gc.enable()
    return result


def _lacking(item: pytest.Item) -> Iterator[str]:
    if item.get_closest_marker("root") and (missing := requirements.missing()):
        yield f"the network lab cannot be built here: {', '.join(missing)}"
    if item.get_closest_marker("servers") and (
        missing := [name for name in _SERVER_PROGRAMS if shutil.which(name) is None]
    ):
        yield f"needs real servers (tests/servers.sh gets them): no {', '.join(missing)}"
    if item.get_closest_marker("browser") and shutil.which("chromium") is None:
        yield "needs a browser: no chromium"


def _left_out(config: pytest.Config) -> dict[str, int]:
    """Reason -> how many tests."""
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    counts: dict[str, int] = {}
    for report in reporter.stats.get("skipped", []) if reporter else []:
        if isinstance(report.longrepr, tuple) and _LEFT_OUT in (reason := report.longrepr[2]):
            reason = reason.partition(_LEFT_OUT)[2]
            counts[reason] = counts.get(reason, 0) + 1
    return counts


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI, a test left out is a failure."""
    if os.environ.get("CI") and _left_out(session.config) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(wrapper=True, tryfirst=True)  # after everybody else's summary
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> Iterator[None]:
    """The last thing on the screen is what was not tested, and why."""
    yield
    if not (left_out := _left_out(config)):
        return
    terminalreporter.section("LEFT OUT", sep="!", red=True, bold=True)
    for reason, count in left_out.items():
        terminalreporter.line(f"{count} test{'s' * (count != 1)}: {reason}", red=True)
    if os.environ.get("CI"):
        terminalreporter.line("CI is set, where everything is to be had: the run has failed", red=True)
