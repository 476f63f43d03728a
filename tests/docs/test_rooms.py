"""The drawing of the rooms in docs/architecture.md."""

from tests.docs import rooms


def test_the_drawing_of_the_rooms_is_current() -> None:
    assert rooms.PAGE.read_text("utf-8") == rooms.page(), "python -m tests.docs.rooms draws it anew"


def test_no_room_imports_itself_by_way_of_others() -> None:
    rooms.reduced(rooms.arrows())  # graphlib.CycleError names the circle
