"""One entry of ``hosts_from``, whatever its mechanism is: asked, it lists hosts."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

from collectors.transport.trust import Contexts
from exporter.config_files.problems import BadFile
from exporter.discovery import file_sd, http_sd
from exporter.discovery.dns import HostNames
from exporter.discovery.formats import read_json, read_json_file, read_yaml
from exporter.discovery.no_list import NoList
from exporter.fleet import MAX_HOSTS, CheckedFile, Dns, FileSd, FoundHost, HostsFrom, ListPlace, hosts_in
from exporter.wording import counted

Hosts = tuple[FoundHost, ...]
_MAX_FAULTS = 20


class Source:
    """Asks for one list; of an answer that is the same as before nothing is read again."""

    def __init__(self, file: CheckedFile, entry: HostsFrom, nameservers: Sequence[str] = ()) -> None:
        """``nameservers`` (``HOST:PORT``) replace the system's."""
        self.entry, self._file = entry, file
        self._contexts = Contexts()
        mechanism = entry.mechanism
        self._host_names = HostNames(mechanism, nameservers) if isinstance(mechanism, Dns) else None
        self._reading: asyncio.Future[list[tuple[str, bytes]]] | None = None
        """The files that are being read; where a file system hangs, no other thread begins to."""
        self._repeats_secret = False
        self._answer: object = None
        self._hosts: Hosts = ()

    async def ask(self) -> Hosts:
        """Return the hosts that are listed now, at least one; raises NoList."""
        answer = await self._asked()
        if answer != self._answer:
            try:
                hosts = await asyncio.to_thread(self._read, answer)
            except (BadFile, NoList) as fault:
                raise self._quotable(fault) from None
            self._answer, self._hosts = answer, hosts
        return self._hosts

    async def _asked(self) -> object:
        """Return what is said now: bytes of files or of a server, or what name servers have."""
        if self._host_names is not None:
            return await self._host_names.groups()
        if isinstance(self.entry.mechanism, FileSd):
            return await self._files(self.entry.mechanism)
        body, self._repeats_secret = await http_sd.answer(self._file, self.entry, self._contexts)
        return [(str(self.entry.mechanism), body)]

    async def _files(self, settings: FileSd) -> list[tuple[str, bytes]]:
        if self._reading is None:
            loop = asyncio.get_running_loop()
            self._reading = loop.run_in_executor(None, file_sd.contents, self._file, settings)
        reading = self._reading
        if not (await asyncio.wait([reading], timeout=file_sd.DEADLINE))[0]:
            raise NoList(f"its files cannot be read within {file_sd.DEADLINE:g} s: look at their file system")
        self._reading = None
        return reading.result()

    def _quotable(self, fault: BadFile | NoList) -> NoList:
        if self._repeats_secret:
            return NoList(
                "its answer cannot be used, and is not quoted, as it repeats the login or a value of the url's query"
            )
        return unusable(fault) if isinstance(fault, BadFile) else fault

    def _read(self, answer: object) -> Hosts:
        assert isinstance(answer, list)  # noqa: S101 - by `_asked`
        if self._host_names is not None:
            lists: list[tuple[object, ListPlace]] = [(answer, ListPlace(str(self.entry.mechanism)))]
        else:
            of_json = read_json_file if isinstance(self.entry.mechanism, FileSd) else read_json
            lists = [(read_yaml if name.endswith((".yml", ".yaml")) else of_json)(data, name) for name, data in answer]
        hosts = tuple(itertools.chain.from_iterable(hosts_in(*each, self.entry) for each in lists))
        if not hosts:
            raise NoList("it lists no host")
        if len(hosts) > MAX_HOSTS:
            raise NoList(f"it lists {counted(len(hosts), 'host')}, more than {MAX_HOSTS:,}")
        return hosts


def unusable(bad: BadFile) -> NoList:
    """Return the faults of a list; its text is the first, and how many more there are."""
    more = f" (and {len(bad.problems) - 1} more)" if len(bad.problems) > 1 else ""
    return NoList(f"{bad.problems[0]}{more}", [str(problem) for problem in bad.problems[:_MAX_FAULTS]])


def without_source(entry: HostsFrom, fault: str) -> str:
    """Leave out where a fault is, if that is what the entry is called by, which stands before it in messages."""
    return fault.removeprefix(f"{entry.mechanism}: ")
