"""The fleet file: which hosts there are and what is measured; all its checks and all its messages.

    path -> load() -> Fleet -> who_am_i() -> Host -> pairs_of() -> the pairs of this host

Whatever is wrong with the file, with the choice of the host or with a password that a pair needs is in one
BadFile, a Problem for each line.
"""

from exporter.config_files.problems import BadFile, Problem
from exporter.fleet.access import NamedFiles
from exporter.fleet.checked_file import CheckedFile, Lists
from exporter.fleet.double_hosts import double_host_warning
from exporter.fleet.fleet import Fleet
from exporter.fleet.found import MAX_HOSTS, FoundHost, ListPlace, hosts_in
from exporter.fleet.hosts_from import Dns, FileSd, HostsFrom, HttpSd
from exporter.fleet.identity import NotListed, ensure_exporter, standing_by, who_am_i
from exporter.fleet.list_servers import ListServer, list_server
from exporter.fleet.loading import fleet_of, load, read_fleet_file
from exporter.fleet.maintenance import in_maintenance, maintenance_in_words, maintenance_is_over, until_in_words
from exporter.fleet.mesh import STRANGER, Mesh
from exporter.fleet.own_paths import HOST_HEADER, PING_PATH, SD_PATH
from exporter.fleet.pair import LOGIN, QUERY, READ, Pair
from exporter.fleet.pairs import outside_sample, pairs_of, roles, sampled_datacenters, survey
from exporter.fleet.peers import PeerExporter, own_probes, peers_of, pinging
from exporter.fleet.probes import PROBES
from exporter.fleet.probes.http import host_header
from exporter.fleet.reload_summaries import reload_summary
from exporter.fleet.schema import OWN_JOB, PROTOCOLS, Host, Scrape, ScrapeJob, StackServerKeys

__all__ = [
    "HOST_HEADER",
    "LOGIN",
    "MAX_HOSTS",
    "OWN_JOB",
    "PING_PATH",
    "PROBES",
    "PROTOCOLS",
    "QUERY",
    "READ",
    "SD_PATH",
    "STRANGER",
    "BadFile",
    "CheckedFile",
    "Dns",
    "FileSd",
    "Fleet",
    "FoundHost",
    "Host",
    "HostsFrom",
    "HttpSd",
    "ListPlace",
    "ListServer",
    "Lists",
    "Mesh",
    "NamedFiles",
    "NotListed",
    "Pair",
    "PeerExporter",
    "Problem",
    "Scrape",
    "ScrapeJob",
    "StackServerKeys",
    "double_host_warning",
    "ensure_exporter",
    "fleet_of",
    "host_header",
    "hosts_in",
    "in_maintenance",
    "list_server",
    "load",
    "maintenance_in_words",
    "maintenance_is_over",
    "outside_sample",
    "own_probes",
    "pairs_of",
    "peers_of",
    "pinging",
    "read_fleet_file",
    "reload_summary",
    "roles",
    "sampled_datacenters",
    "standing_by",
    "survey",
    "until_in_words",
    "who_am_i",
]
