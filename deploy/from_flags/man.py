"""The man page ``latency-exporter(1)``: ``python -m deploy.from_flags.man >latency-exporter.1``."""

from __future__ import annotations

import datetime
import os
import sys
from collections.abc import Iterator

from deploy.from_flags.flags import Command, Flag, commands
from exporter import __version__

_HEAD = r"""
.TH LATENCY\-EXPORTER 1 "{date}" "latency\-exporter {version}" "User Commands"
.SH NAME
latency\-exporter \- round trips to a fleet of hosts and databases, for Prometheus
.SH SYNOPSIS
.B latency\-exporter
.RI [ COMMAND ]
.RI [ FLAG ]...
.SH DESCRIPTION
It measures round trips by ICMP, TCP and HTTP toward the hosts of one fleet file, and logins to databases, by the clock
of the kernel, and serves them on port 9102 for Prometheus to scrape. The command
.B run
is the default one. Text for people goes to the standard error, data to the standard output.
.SH COMMANDS
"""
_TAIL = r"""
.SH SIGNALS
.TP
.B SIGHUP
Read the fleet file and the web file again. A bad file changes nothing and is logged with its line.
.TP
.B SIGTERM\fR, \fBSIGINT
End.
.SH EXIT STATUS
.TP
.B 0
Fine; also after SIGTERM and SIGINT.
.TP
.B 1
A fault of the moment: the port is taken, a folder cannot be written, a probe failed, something was found broken.
.TP
.B 2
A bad fleet file or command line.
.SH ENVIRONMENT
.TP
.B LATENCY_EXPORTER_HOST
Which host of the fleet this is, where
.B \-\-host
does not say it.
.SH FILES
.TP
.I /etc/latency\-exporter/fleet.yml
The fleet file of the service: the same file on every host.
.TP
.I /etc/latency\-exporter/web.yml
TLS, users and headers of the service.
.TP
.I /etc/default/latency\-exporter
Further flags of the service, and its environment.
.SH SEE ALSO
.BR prometheus (1),
.BR systemd.service (5)
"""


def page(date: datetime.date) -> str:
    """Return the page in the language of man(7)."""
    head = _HEAD.format(date=date.isoformat(), version=__version__)
    return "".join([head.lstrip(), *(_section(command) for command in commands()), _TAIL.lstrip()])


def _section(command: Command) -> str:
    argument = rf" \fI{command.argument}\fR" if command.argument else ""
    words = f"\n.I {command.argument}\nis one of {', '.join(map(_plain, command.words))}." if command.words else ""
    begin = f".SS {_plain(command.name)}{argument}\n{_plain(command.text)}{words}\n"
    return begin + "".join(_entries(command.flags))


def _entries(flags: tuple[Flag, ...]) -> Iterator[str]:
    for flag in flags:
        value = rf"=\fI{_plain(flag.value)}\fR" if flag.value else ""
        yield f".TP\n.B {_plain(flag.name)}{value}\n{_plain(flag.text[0].upper() + flag.text[1:])}.\n"


def _plain(text: str) -> str:
    """Return text that man(7) prints as it is: no hyphen in the place of a minus, no dot or quote that is a request."""
    return "\n".join(rf"\&{line}" if line[:1] in (".", "'") else line for line in _escaped(text).splitlines())


def _escaped(text: str) -> str:
    return text.replace("\\", r"\e").replace("-", r"\-")


if __name__ == "__main__":
    _made = datetime.datetime.fromtimestamp(int(os.environ["SOURCE_DATE_EPOCH"]), datetime.UTC)  # noqa: TID251 - the build says it
    sys.stdout.write(page(_made.date()))
