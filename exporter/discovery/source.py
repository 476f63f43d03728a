"""One entry of ``hosts_from``, whatever its mechanism is: asked, it lists hosts."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Sequence

from collectors.transport.trust import Contexts
from exporter.config_files.problems import BadFile
from exporter.discovery import file_sd, http_sd
from exporter.discovery.dns import HostNames
from exporter.discovery.formats import read_json, read_yaml
from exporter.discovery.no_list import NoList
from exporter.fleet import MAX_HOSTS, CheckedFile, Dns, FileSd, FoundHost, HostsFrom, ListPlace, hosts_in
from exporter.wording import counted

Hosts = tuple[FoundHost, ...]


class Source:
    """Asks for one list; of an answer that is the same as before nothing is read again."""

    def __init__(self, file: CheckedFile, entry: HostsFrom, nameservers: Sequence[str] = ()) -> None:
        """``nameservers`` (``HOST:PORT``) replace the system's."""
        self.entry, self._file = entry, file
        self._contexts = Contexts()
        mechanism = entry.mechanism
        self._host_names = HostNames(mechanism, nameservers) if isinstance(mechanism, Dns) else None
        self._answer: object = None
        self._hosts: Hosts = ()

    async def ask(self) -> Hosts:
        """Return the hosts that are listed now, at least one; raises NoList."""
        answer = await self._asked()
        if answer != self._answer:
            try:
                hosts = await asyncio.to_thread(self._read, answer)
            except BadFile as bad:
                raise NoList(in_a_line(bad)) from bad
            self._answer, self._hosts = answer, hosts
        return self._hosts

    async def _asked(self) -> object:
        """Return what is said now: bytes of files or of a server, or what name servers have."""
        if self._host_names is not None:
            return await self._host_names.groups()
        if isinstance(self.entry.mechanism, FileSd):
            return await asyncio.to_thread(file_sd.contents, self._file, self.entry.mechanism)
        return [(str(self.entry.mechanism), await http_sd.answer(self._file, self.entry, self._contexts))]

    def _read(self, answer: object) -> Hosts:
        assert isinstance(answer, list)  # noqa: S101 - by `_asked`
        if self._host_names is not None:
            lists: list[tuple[object, ListPlace]] = [(answer, ListPlace(str(self.entry.mechanism)))]
        else:
            lists = [
                (read_yaml if name.endswith((".yml", ".yaml")) else read_json)(data, name) for name, data in answer
            ]
        hosts = tuple(itertools.chain.from_iterable(hosts_in(*each, self.entry) for each in lists))
        if not hosts:
            raise NoList("it lists no host")
        if len(hosts) > MAX_HOSTS:
            raise NoList(f"it lists {counted(len(hosts), 'host')}, more than {MAX_HOSTS:,}")
        return hosts


def in_a_line(bad: BadFile) -> str:
    """Write the first problem, and how many more there are."""
    more = f" (and {len(bad.problems) - 1} more)" if len(bad.problems) > 1 else ""
    return f"{bad.problems[0]}{more}"
