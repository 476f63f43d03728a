"""The hosts of fleets that several tests run; in a lab a host's name is its address."""

TWO_HOSTS = """
hosts:
  - {name: wf001, address: wf001, country: US}
  - {name: wf008, address: wf008, country: BR}
probes:
  icmp: {protocol: icmp}
  tcp: {protocol: tcp, port: 9102}
  ping: {protocol: http, url: "http://{address}:9102/ping"}
"""
"""Two hosts, and each kind of probe between hosts."""

THREE_HOSTS = """
hosts:
  - {name: wf001, address: wf001, location: wf001_usa, datacenter: wf001, country: US}
  - {name: wf008, address: wf008, location: wf008_brazil, datacenter: wf008, country: BR}
  - {name: wfdb01, address: wfdb01, location: wfdb01_usa, datacenter: wfdb01, country: US}
"""
