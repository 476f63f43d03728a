"""How the limits of clients follow those of the process."""

from exporter.web.connections.limits import Limits


def test_half_of_the_file_descriptors_are_left_to_the_probes():
    assert Limits().within(1024).connections == 512
    assert Limits().within(256) == Limits(connections=128)
    assert Limits().within(40) == Limits(connections=20, per_address=20)
