"""``/fleet``: what all exporters of a fleet see, asked when somebody looks, and who is to blame.

fleet file -> the peers, and how they are asked -> peer_pages: their pages -> reports: plain values
           -> paths -> network: who is to blame for bad ones, by blame's rules    faults: what else is wrong
           -> view: culprits and a cell for each host and place -> text, html_text, json_text
"""

from exporter.fleet_view.fleet_view import FleetView

__all__ = ["FleetView"]
