import traceback

import pytest

from collectors.contract import Facts, ProbeFailed
from collectors.drivers.worker import Worker
from collectors.terms import Reason


async def test_a_failure_holds_nothing_of_what_the_thread_had_in_hand():
    def fails(_):
        packet = b"none"
        try:
            int(packet)
        except ValueError:
            raise ProbeFailed(Reason.QUERY) from None

    worker = Worker("test")
    with pytest.raises(ProbeFailed) as failed:
        await worker.run(fails, 600.0, Facts())
    assert failed.value.__context__ is None
    assert "fails" not in [frame.name for frame in traceback.extract_tb(failed.value.__traceback__)]
    worker.end(lambda: None)
