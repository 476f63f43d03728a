"""What the running program is made of, how it begins and ends, and how a configuration takes effect."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import logging
import os
import socket
import sys
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from typing import Any

from collectors.contract import Context, Notice, SocketOpened
from collectors.terms import Seconds
from collectors.transport import resolver
from exporter import __version__, ready
from exporter.app.auto_reload import reload_on_change
from exporter.app.double_host_watch import warn_of_double_hosts
from exporter.app.garbage import Garbage
from exporter.app.kernel_hints import SocketHints, hint_at_stamps
from exporter.app.maintenance_watch import warn_of_ended_maintenance
from exporter.app.reloads import Reloads
from exporter.app.signals import Signals
from exporter.configuration import Configuration, Options, configuration, with_list
from exporter.discovery import Answers, Discovery
from exporter.fleet import BadFile, FoundHost, HostsFrom, Pair, outside_sample
from exporter.fleet_view import FleetView
from exporter.overview import Overview
from exporter.probing import Addresses, Move, ProbeResult, Scheduler, collectors, refreshes, single
from exporter.recording.recorder import Recorder
from exporter.scrape_configs import targets_of
from exporter.web import Actions, ProbeEndpoint, Refused, WebServer, serve_protected, sparing_handler
from exporter.wording import counted

_log = logging.getLogger(__name__)

_FIRST_LOOKUPS: Seconds = 0.25
"""How long the first probes wait for the first addresses."""
_LONGEST_TURN: Seconds = 0.001
"""Until a thread lets the loop go on. Python's own 5 ms would be added to each system call beside a reload."""


class App:
    """One run of the program."""

    def __init__(self, options: Options, first: Configuration) -> None:
        self._options, self._current = options, first
        self._signals, self._socket_hints, self._garbage = Signals(), SocketHints(), Garbage()
        self._addresses = Addresses(resolver.addresses, self._refresh_failed, self._address_moved)
        self._recorder = Recorder(__version__, self._addresses)
        self._outside_sample: frozenset[str] = frozenset()
        """Listed once for each configuration: of 10,000 hosts that takes 5 ms."""
        self._probes: collectors.Probes = {}
        """Empty until the collectors are entered."""
        self._refresher = Scheduler("", self._addresses, at_once=True)
        self._prober = Scheduler(first.host.name, self._recorder)
        self._reloads = Reloads(
            lambda: configuration(options, self._current, self._run_in_loop),
            self._apply,
            lambda: self._current,
            self._recorder.reload_failed,
        )
        self._discovery = Discovery(lambda: self._current.fleet, self._take, self._recorder.discovery)
        self._overview = Overview(lambda: self._current.host.name, self._recorder.states, self._recorder.own_health)
        self._recorder.watch_lists(self._missing_hosts)
        probe_endpoint = ProbeEndpoint(
            self._recorder.states, self._ask, self._recorder.own_health, lambda: self._outside_sample
        )
        reload = self._reloads.reload_or_refuse if options.enable_lifecycle else None
        actions = Actions(probe_endpoint.explain, reload, self._targets)
        self._server = WebServer(self._recorder, self._overview, actions, options.telemetry_path)
        self._server.hosts_missing = self._missing_hosts
        self._unlisted = ""
        """What the log said last of this host being none of the fleet's."""
        if not options.disable_fleet:
            self._server.fleet = FleetView(lambda: self._current, self._server.own_page)

    async def run(self, sockets: Sequence[socket.socket]) -> None:
        """Probe and serve until SIGTERM or SIGINT; SIGHUP reloads."""
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(sparing_handler())
        sys.setswitchinterval(_LONGEST_TURN)
        self._signals.listen()
        hint_at_stamps()
        async with contextlib.AsyncExitStack() as stack:
            self._recorder.configure(self._current.fleet, self._current.host, self._current.pairs)
            self._probes = await stack.enter_async_context(collectors.probes(self._context()))
            await stack.enter_async_context(self._refresher)
            await stack.enter_async_context(self._prober)
            await stack.enter_async_context(serve_protected(self._server, lambda: self._current.web, sockets))
            await self._reloads.apply_first(lambda: self._discovery.first(self._take_first))
            self._server.ready = True
            ready.tell(os.environ)  # noqa: TID251 - systemd's word to this process
            _log.info("probing %s as %s", counted(len(self._current.pairs), "pair"), self._current.host.name)
            await self._until_stopped()

    def _context(self) -> Context:
        addresses = self._addresses
        return Context(address=addresses.get, lookup=addresses.look_up, notice=self._notice, others=addresses.others)

    async def _until_stopped(self) -> None:
        async with asyncio.TaskGroup() as group:
            beside = [
                group.create_task(self._reloads.on_each(self._signals.hangup)),
                group.create_task(warn_of_double_hosts(self._addresses, lambda: self._current)),
                group.create_task(warn_of_ended_maintenance(lambda: self._current.fleet.hosts)),
                group.create_task(self._discovery.run()),
            ]
            if self._options.auto_reload:
                file = self._options.config_file
                watch = reload_on_change(file, self._file_in_force, self._reloads.reload_or_refuse)
                beside.append(group.create_task(watch))
            number = await self._signals.stopped()
            for task in beside:
                task.cancel()
        _log.info("stopping on %s", number.name)

    async def _apply(self, new: Configuration) -> None:
        """Let a configuration take effect: first its names, then, without a pause, its pairs and their series."""
        new = dataclasses.replace(new, pairs=tuple(_with_targets_of(self._current.pairs, new.pairs)))
        keep = new.fleet.defaults.resolve_interval
        lookups = refreshes(new.pairs, keep)
        self._recorder.watch_names(lookup.target for lookup in lookups)
        self._addresses.keep_fresh(lookups, keep, self._refresher)
        await self._addresses.answered(_FIRST_LOOKUPS)
        self._recorder.configure(new.fleet, new.host, new.pairs)
        self._prober.replace((pair, self._probes[pair.protocol]) for pair in new.pairs)
        self._addresses.forget_others(pair.place for pair in new.pairs)
        self._overview.forget()
        self._outside_sample = frozenset(host.name for host in outside_sample(new.fleet, new.host))
        self._current = new
        self._warn_if_unlisted(new.unlisted)
        self._discovery.follow()
        self._addresses.changed.set()
        self._garbage.spare()
        self._socket_hints.hint(self._recorder.icmp_sockets())

    def _warn_if_unlisted(self, why: str) -> None:
        if why and why != self._unlisted:
            _log.warning("%s", why)
        self._unlisted = why

    async def _take(self, entry: HostsFrom, hosts: tuple[FoundHost, ...]) -> None:
        await self._reloads.take(lambda: with_list(self._options, self._current, entry, hosts))

    async def _take_first(self, entry: HostsFrom, hosts: tuple[FoundHost, ...]) -> None:
        self._current = await asyncio.to_thread(with_list, self._options, self._current, entry, hosts)

    def _run_in_loop(self, asking: Coroutine[Any, Any, Answers]) -> Answers:
        """Wait, in the thread of a reload, for what the loop does; the end of the loop is the end of it."""
        return asyncio.run_coroutine_threadsafe(asking, self._loop).result()

    def _file_in_force(self) -> bytes | None:
        return None if self._recorder.reload_has_failed else self._current.fleet.file.digest

    def _missing_hosts(self) -> str:
        return "; ".join(filter(None, (self._discovery.missing(), self._current.unlisted)))

    async def _ask(self, pairs: Sequence[Pair]) -> Sequence[ProbeResult]:
        return await single.ask(pairs, self._probes)

    async def _targets(self) -> Mapping[str, str]:
        if missing := self._discovery.never_had():
            raise Refused(503, f"not all hosts are known yet: {missing}")
        try:
            return await asyncio.to_thread(targets_of, self._current.fleet)
        except BadFile as bad:
            raise Refused(500, "\n".join(map(str, bad.problems))) from bad

    def _notice(self, notice: Notice) -> None:
        self._recorder.notice(notice)
        if isinstance(notice, SocketOpened):
            self._socket_hints.hint(self._recorder.icmp_sockets())

    # The recorder is made of the addresses, so these find it only when they are called.

    def _refresh_failed(self, target: str) -> None:
        self._recorder.dns_refresh_failed(target)

    def _address_moved(self, move: Move) -> None:
        self._recorder.address_moved(move)


def _with_targets_of(before: Iterable[Pair], pairs: Iterable[Pair]) -> Iterator[Pair]:
    """Reuse the old target object where it is equal: collectors and counters find it by identity."""
    known = {pair.identity: pair.aim for pair in before}
    for pair in pairs:
        aim = known.get(pair.identity)
        yield dataclasses.replace(pair, aim=aim) if aim is not None and aim == pair.aim else pair
