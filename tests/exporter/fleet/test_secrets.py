"""The passwords that a fleet file names come with the pairs that need them, and are shown by none."""

import pytest

from collectors.http.target import HttpTarget
from collectors.secret import Secret
from collectors.sql.target import DatabaseTarget
from exporter.fleet import BadFile, pairs_of

CANARY = "canary-7f3a"
"""What the fixture ``password`` writes; it must show up nowhere."""


FLEET = """
hosts:
  - {name: a, address: a.example}
  - {name: b, address: b.example}
  - {name: c, address: c.example}
probes:
  one: {protocol: http, url: "http://{address}/", to: b, user: me, password_file: password, from: a}
  two: {protocol: http, url: "http://{address}/", to: b, user: me, password_env: WORD, from: a}
databases:
  - {name: db, type: mysql, host: b, user: me, password_file: /nonexistent, from: c}
  - {name: own, type: postgresql, host: b, user: me, password_file: password, from: a}
"""


def test_a_pair_gets_its_password_and_does_not_show_it(fleet, password):
    loaded = fleet(FLEET)
    one, two, *database = pairs_of(loaded, loaded.hosts[0], {"WORD": CANARY})
    for pair in (one, two, *database):
        assert isinstance(pair.aim, HttpTarget | DatabaseTarget)
        assert pair.aim.user == "me"
        assert pair.aim.password == Secret(CANARY)
    assert CANARY not in repr((one, two, *database, loaded))
    assert one.aim.for_once() == one.aim


def test_secrets_that_are_missing_are_problems_with_name_and_line_all_at_once(fleet, tmp_path):
    loaded = fleet(FLEET)
    with pytest.raises(BadFile) as caught:
        pairs_of(loaded, loaded.hosts[0], {})
    path = tmp_path / "password"
    assert [str(problem).removeprefix(loaded.source_file) for problem in caught.value.problems] == [
        f":7: probes.one.password_file: {path}: no such file; create it with the password in it, and: chmod 600 {path}",
        ":8: probes.two.password_env: the variable WORD is not set; set it for this program, or use password_file",
        f":11: databases[1].password_file: {path}: no such file; create it with the password in it, and: "
        f"chmod 600 {path}",
    ]


def test_a_host_that_does_not_use_a_secret_does_not_need_it(fleet):
    loaded = fleet(FLEET)
    assert pairs_of(loaded, loaded.hosts[1], {}) == ()
