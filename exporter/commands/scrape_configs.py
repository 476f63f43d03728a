"""``latency-exporter scrape-configs``: write, compare or check the scrape configuration of the whole fleet."""

from __future__ import annotations

import argparse

from exporter import scrape_configs
from exporter.commands.terminal import BAD_CONFIGURATION, FAULT, FINE, complain, print_data, tell
from exporter.discovery import with_hosts_from
from exporter.fleet import Fleet

_NEXT = {
    "otel": "the jobs have changed: name their file in a --config of the Collector, or reload it (SIGHUP)",
    "alloy": "the jobs have changed: import their file into Alloy's configuration; where it is, Alloy reads it again",
}
_PASTE = "the jobs have changed: paste their stanzas into prometheus.yml (or include them) and reload"


def run(flags: argparse.Namespace) -> int:
    """Write the files, or print, compare or check them, as the flags say."""
    targets_location = flags.sd_url if flags.format == "http-sd" else flags.targets_dir
    if flags.format == "http-sd" and not targets_location:
        return complain(
            "latency-exporter: --format=http-sd needs --sd-url, the exporter that the servers ask for their targets, "
            "such as --sd-url=http://wf001:9102",
            BAD_CONFIGURATION,
        )
    fleet, lacking = with_hosts_from(flags.config_file)
    if lacking:
        return complain("\n".join([*map(str, lacking), "nothing was written"]), FAULT)
    if flags.check:
        return _check(fleet, flags, targets_location)
    changed = scrape_configs.changes(fleet, flags.output_dir, targets_location, flags.format)
    if flags.diff:
        return print_data(scrape_configs.difference(changed))
    written = scrape_configs.write(changed, force=flags.force)
    for path in written:
        tell(f"wrote {path}")
    if not written:
        tell(f"{flags.output_dir}: all files are current")
    elif flags.output_dir / scrape_configs.stanzas_file(flags.format) in written:
        tell(_NEXT.get(flags.format, _PASTE))
    return FINE


def _check(fleet: Fleet, flags: argparse.Namespace, targets_location: str | None) -> int:
    from exporter.scrape_configs import dry_run  # noqa: PLC0415 - `run` has no use for subprocess, and pays for it

    changed = scrape_configs.changes(fleet, flags.output_dir, targets_location, flags.format)
    for change in changed:
        tell(f"{change.path}: not current; run the command without --check")
    if flags.format == "alloy":
        tell("only Alloy judges its own syntax: `alloy fmt` and `alloy validate`")
        return FAULT if changed else FINE
    judged = dry_run.CHECKED_AS.get(flags.format, flags.format)
    texts = scrape_configs.files(fleet, targets_location or str(flags.output_dir.absolute()), judged)
    verdicts = list(dry_run.complaints(texts[scrape_configs.STANZAS], judged))
    for name, complaint in verdicts:
        tell(f"{name}: " + ("accepts it" if complaint is None else f"refuses it:\n{complaint}"))
    if not verdicts:
        tell("neither promtool nor VictoriaMetrics is on the PATH: what they would say is not known")
    return FAULT if changed or any(complaint is not None for _, complaint in verdicts) else FINE
