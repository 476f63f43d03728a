"""The running program: collectors, schedulers, metrics and server put together, until a signal ends it."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import gc
import logging
import os
import resource
import signal
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from aiohttp import web

from collectors import kernel
from collectors.contract import Context, Notice, SocketOpened, one_by_one
from collectors.terms import IpFamily, Seconds
from collectors.transport import resolver
from exporter import __version__, ready
from exporter.fleet import BadFile, Fleet, Host, Pair, doubles, ensure_exporter, load, pairs, who_am_i
from exporter.fleet.changes import changes
from exporter.overview import Overview
from exporter.probing import collectors, single
from exporter.probing.addresses import Addresses, refreshes
from exporter.probing.scheduler import Scheduler
from exporter.probing.single import ProbeResult
from exporter.recording import icmp_sockets, metrics
from exporter.recording.recorder import Recorder
from exporter.scrape_configs import targets_of
from exporter.web.config import WebConfig, authenticate, extra_headers
from exporter.web.config import load as load_web_config
from exporter.web.connections import Connections, Limits, close_after_body, refuse_expectations, serve, sparing_handler
from exporter.web.on_request import ProbeEndpoint
from exporter.web.server import Actions, Refused, WebServer
from exporter.wording import host_and_port

_log = logging.getLogger(__name__)

_FIRST_LOOKUPS: Seconds = 0.25
"""How long the first probes wait for the first addresses."""
_ALL_LOOKUPS: Seconds = 6.0
"""How long they may take."""
_HANG_UP: Seconds = 0.5
"""How long a scrape under way may go on when we stop."""
_NO_STAMPS = (
    "this kernel stamps no packets (SO_TIMESTAMPING; an emulator, a sandbox or WSL 1?): ICMP, HTTP and databases are "
    "timed by this program's own clock, which bears its delays, and are counted as clock='user'"
)


@dataclasses.dataclass(frozen=True, slots=True)
class Options:
    """What the command line says of a run."""

    config_file: Path
    host: str | None
    telemetry_path: str
    enable_lifecycle: bool
    web_config_file: Path | None


@dataclasses.dataclass(frozen=True, slots=True)
class Configuration:
    """A fleet file that was read well, and what it means for this host."""

    fleet: Fleet
    host: Host
    pairs: tuple[Pair, ...]
    web: WebConfig
    """How the web side is protected."""


def identified(config_file: Path, host: str | None) -> tuple[Fleet, Host]:
    """Read the fleet file and find out which of its hosts this is; raises BadFile."""
    collectors.ensure_complete()
    fleet = load(config_file)
    environ = os.environ  # noqa: TID251 - together with the flag it says who we are
    return fleet, who_am_i(fleet, flag=host, environ=environ, hostname=socket.gethostname())


def configuration(options: Options) -> Configuration:
    """Read what is to be run here; raises BadFile, also for a password that is missing."""
    fleet, me = identified(options.config_file, options.host)
    ensure_exporter(fleet, me)
    web_config = load_web_config(options.web_config_file) if options.web_config_file else WebConfig()
    found = pairs(fleet, me)
    metrics.ensure_recorded(fleet, found)
    return Configuration(fleet, me, found, web_config)


class App:
    """One run of the program."""

    def __init__(self, options: Options, first: Configuration) -> None:
        self._options, self._current = options, first
        self._recorder = Recorder(__version__)
        self._addresses = Addresses(resolver.addresses, self._recorder.dns_refresh_failed, self._recorder.address_moved)
        self._recorder.choice = self._addresses
        self._reloading = asyncio.Lock()
        self._icmp_sockets: dict[IpFamily, SocketOpened] = {}
        self._hinted: set[IpFamily] = set()
        self._hangup = asyncio.Event()
        self._stopped: asyncio.Future[signal.Signals] = asyncio.get_running_loop().create_future()
        self._overview = Overview(lambda: self._current.host.name, self._recorder.states, self._recorder.own_health)
        probe_endpoint = ProbeEndpoint(self._recorder.states, self._ask, self._recorder.own_health)
        reload = self._reload_or_refuse if options.enable_lifecycle else None
        actions = Actions(probe_endpoint.explain, reload, self._targets)
        self._server = WebServer(self._recorder, self._overview, actions, options.telemetry_path)

    async def run(self, sockets: Sequence[socket.socket]) -> None:
        """Probe and serve until SIGTERM or SIGINT; SIGHUP reloads."""
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(sparing_handler())
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop, number)
        signal.signal(signal.SIGHUP, lambda *_: loop.call_soon_threadsafe(self._hangup.set))
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})  # ``exporter.__main__`` has kept those before
        if not kernel.can_stamp():
            _log.warning("%s", _NO_STAMPS)
        async with contextlib.AsyncExitStack() as stack:
            addresses = self._addresses
            context = Context(
                address=addresses.get, lookup=addresses.look_up, notice=self._notice, others=addresses.others
            )
            self._probes = await stack.enter_async_context(collectors.probes(context))
            self._refresher = await stack.enter_async_context(Scheduler("", self._addresses, at_once=True))
            self._prober = await stack.enter_async_context(Scheduler(self._current.host.name, self._recorder))
            self._recorder.configure(self._current.fleet, self._current.host, self._current.pairs)
            await self._serve(stack, sockets)
            async with self._reloading:
                await self._apply(self._current)
            self._server.ready = True
            ready.tell(os.environ)  # noqa: TID251 - systemd's word to this process
            _log.info("probing %d pairs as %s", len(self._current.pairs), self._current.host.name)
            await self._until_stopped()

    async def reload(self) -> str:
        """Read the fleet file again and return what changed; BadFile or whatever else it may be changes nothing."""
        async with self._reloading:
            before = self._current
            try:
                await self._apply(await asyncio.to_thread(configuration, self._options))
            except Exception as error:  # what runs must go on running on what it has
                problems = error.problems if isinstance(error, BadFile) else [f"a bug: {type(error).__name__}"]
                more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
                self._recorder.reload_failed(f"{problems[0]}{more}")
                raise
            told = changes(before.fleet, self._current.fleet, before.pairs, self._current.pairs)
            _log.info("reloaded: %s", told)
            return told

    async def _ask(self, pairs: Sequence[Pair]) -> Sequence[ProbeResult]:
        return await single.ask(pairs, self._probes)

    async def _targets(self) -> Mapping[str, str]:
        try:
            return await asyncio.to_thread(targets_of, self._current.fleet)
        except BadFile as bad:
            raise Refused(500, "\n".join(map(str, bad.problems))) from bad

    async def _apply(self, new: Configuration) -> None:
        """Let a configuration take effect: first its names, then, in one go, its pairs and their series."""
        new = dataclasses.replace(new, pairs=tuple(_with_targets_of(self._current.pairs, new.pairs)))
        keep = new.fleet.defaults.resolve_interval
        names = refreshes(new.pairs, keep)
        self._recorder.watch_names(name.target for name in names)
        self._addresses.expect(names, keep)
        refresh = one_by_one(self._addresses.refresh)
        self._refresher.replace((name, refresh) for name in names)
        await self._addresses.answered(_FIRST_LOOKUPS)
        self._recorder.configure(new.fleet, new.host, new.pairs)
        self._prober.replace((pair, self._probes[pair.protocol]) for pair in new.pairs)
        self._overview.forget()
        self._current = new
        self._addresses.changed.set()
        _spare_the_collector()
        self._hint()

    async def _serve(self, stack: contextlib.AsyncExitStack, sockets: Sequence[socket.socket]) -> None:
        limits = Limits().within(resource.getrlimit(resource.RLIMIT_NOFILE)[0])
        application = self._server.application(authenticate(self._web), refuse_expectations)
        application.on_response_prepare.extend((extra_headers(self._web), close_after_body))
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=_HANG_UP)
        await runner.setup()
        assert runner.server is not None  # noqa: S101 - setup() has made it
        connections = Connections(runner.server, self._web, limits, self._server.refused)
        stack.callback(connections.close)
        stack.push_async_callback(runner.cleanup)
        for sock in sockets:
            stack.callback((await serve(sock, connections)).close)
            _log.info("listening on %s", host_and_port(*sock.getsockname()[:2]))

    async def _until_stopped(self) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(work()) for work in (self._reload_on_hangups, self._look_for_doubles)]
            number = await self._stopped
            for task in tasks:
                task.cancel()
        _log.info("stopping on %s", number.name)

    async def _reload_on_hangups(self) -> None:
        """Reload on SIGHUP; on many at once, once more than the one under way."""
        while await self._hangup.wait():
            self._hangup.clear()
            with contextlib.suppress(Refused):
                await self._reload_or_refuse()

    async def _look_for_doubles(self) -> None:
        """Warn of hosts that are this one, when their names are looked up after each reload, and when one moves."""
        seen, before = None, ""
        while await self._addresses.changed.wait():
            self._addresses.changed.clear()
            await self._addresses.answered(_ALL_LOOKUPS)
            now = self._current
            told = await asyncio.to_thread(doubles.warning, now.fleet, now.host, self._addresses.of)
            if told and (seen is not now or told != before):
                _log.warning("%s", told)
            seen, before = now, told

    async def _reload_or_refuse(self) -> str:
        """Reload, and log why if it can't be done; Refused(500) with the same text."""
        try:
            return f"reloaded: {await self.reload()}\n"
        except BadFile as bad:
            for problem in bad.problems:
                _log.error("not reloaded: %s", problem)
            raise Refused(500, "\n".join(map(str, bad.problems))) from bad
        except Exception as bug:
            _log.exception("not reloaded, by a bug")
            raise Refused(500, f"not reloaded, by a bug: {type(bug).__name__}") from bug

    def _stop(self, number: signal.Signals) -> None:
        # To the end of the process, in all threads; so the loop has no handler, which it would put back to the default.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        if not self._stopped.done():
            self._stopped.set_result(number)

    def _web(self) -> WebConfig:
        """Return the protection in force now: a reload may change it between two connections."""
        return self._current.web

    def _notice(self, notice: Notice) -> None:
        self._recorder.notice(notice)
        if isinstance(notice, SocketOpened):
            self._icmp_sockets[notice.ip_family] = notice
            self._hint()

    def _hint(self) -> None:
        """Say once for each family that is used what its socket lacks, and what to do about it."""
        for ip_family in sorted(icmp_sockets.families(self._current.pairs) - self._hinted):
            opened = self._icmp_sockets.get(ip_family)
            if opened is not None and (told := icmp_sockets.warning(opened)):
                self._hinted.add(ip_family)
                _log.warning("%s", told)


def _with_targets_of(before: Iterable[Pair], pairs: Iterable[Pair]) -> Iterator[Pair]:
    """Let a target that stays as it is be the same object: by that its collector and its counters know it."""
    known = {pair.identity: pair.aim for pair in before}
    for pair in pairs:
        aim = known.get(pair.identity)
        yield dataclasses.replace(pair, aim=aim) if aim is not None and aim == pair.aim else pair


def _spare_the_collector() -> None:
    """Let the garbage collector look at what is made from now on, and not again and again at what stays.

    A full collection over 3,000 pairs would hold the loop for 50 ms every other minute.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()
