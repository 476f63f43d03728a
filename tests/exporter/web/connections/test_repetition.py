"""The loop's exception handler: what repeats is logged once a while, and counted."""

import asyncio

from exporter.web.connections import sparing_handler


async def test_what_repeats_is_logged_once_and_then_counted(caplog):
    now = 0.0
    handle, loop = sparing_handler(60.0, lambda: now), asyncio.get_running_loop()
    for _ in range(1000):
        handle(loop, {"message": "no descriptor", "exception": OSError(24, "too many")})
    handle(loop, {"message": "another", "exception": OSError(24, "too many")})
    handle(loop, {"message": "no exception at all"})
    now = 61.0
    handle(loop, {"message": "no descriptor", "exception": OSError(24, "too many")})
    assert [record.getMessage().splitlines()[0] for record in caplog.records] == [
        "no descriptor",
        "another",
        "no exception at all",
        "999 more times since the last such line:",
        "no descriptor",
    ]


async def test_kinds_without_end_take_no_memory_without_end(caplog):
    handle, loop = sparing_handler(60.0, lambda: 0.0), asyncio.get_running_loop()
    for number in range(1000):
        handle(loop, {"message": f"kind {number}"})
    kept = [cell.cell_contents for cell in handle.__closure__ or () if isinstance(cell.cell_contents, dict)]
    assert max(map(len, kept)) <= 100
