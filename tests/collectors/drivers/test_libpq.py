import _ctypes

import pytest
from psycopg2 import _psycopg, extensions

from collectors.contract import ProbeFailed
from collectors.drivers import libpq
from collectors.terms import Reason


def test_the_step_of_a_login_is_that_of_the_library_that_psycopg2_is_linked_to():
    assert libpq.step(_psycopg.__file__, extensions.libpq_version())(0) == 0  # no connection: PGRES_POLLING_FAILED


@pytest.mark.parametrize("module", ["/nonexistent/module.so", _ctypes.__file__])
def test_where_it_is_not_found_the_fault_is_this_hosts(module):
    with pytest.raises(ProbeFailed) as failed:
        libpq.step(module, 170000)

    assert failed.value.reason is Reason.LOCAL
    assert failed.value.detail == "psycopg2 does not show its libpq; install psycopg2-binary"


def test_another_version_than_psycopg2_says_is_not_used():
    with pytest.raises(ProbeFailed, match="does not show its libpq"):
        libpq.step(_psycopg.__file__, 1)
