"""Which connection gives way where there is no room."""

from exporter.web.connections.open_connections import OpenConnections


class Client:
    def __init__(self, name):
        self.name, self.is_cut = name, False

    def cut(self):
        self.is_cut = True


def add(connections, *names, address):
    clients = [Client(name) for name in names]
    for client in clients:
        connections.add(client, address)
    return clients


def cut(*clients):
    return [client.name for client in clients if client.is_cut]


def test_beyond_its_own_cap_an_address_loses_its_own_oldest_connection():
    connections = OpenConnections(10, 2)
    other = add(connections, "other", address="b")
    ours = add(connections, "first", "second", "third", address="a")
    assert cut(*other, *ours) == ["first"]


def test_beyond_the_cap_of_all_the_oldest_of_all_goes():
    connections = OpenConnections(3, 2)
    clients = [*add(connections, "1", "2", address="a"), *add(connections, "3", "4", address="b")]
    assert cut(*clients) == ["1"]


def test_a_connection_that_brought_a_request_goes_after_those_that_brought_none():
    connections = OpenConnections(2, 2)
    first, second = add(connections, "first", "second", address="a")
    connections.used(first)
    add(connections, "third", address="b")
    assert cut(first, second) == ["second"]


def test_a_connection_that_was_removed_makes_room_and_may_be_removed_twice():
    connections = OpenConnections(1, 1)
    (first,) = add(connections, "first", address="a")
    connections.remove(first)
    connections.remove(first)
    connections.used(first)
    (second,) = add(connections, "second", address="a")
    assert not cut(first, second)
    connections.remove(second)
    assert not connections._all
    assert not connections._by_address
