from collectors.n8n.pieces import in_pieces


def test_after_each_piece_other_threads_have_their_turn(monkeypatch):
    turns: list[float] = []
    monkeypatch.setattr("time.sleep", turns.append)

    passed = [(item, len(turns)) for item in in_pieces("abcde", 2)]

    assert passed == [("a", 0), ("b", 0), ("c", 1), ("d", 1), ("e", 2)]
    assert set(turns) == {0}
