import pytest

from rollback_core.errors import UsageError
from scenarios.games.kitchen_layouts import FAR, FLOOR, LAYOUTS, draw_board, read_board


@pytest.mark.parametrize("name", LAYOUTS)
def test_a_plan_is_closed_and_everything_on_it_can_be_reached(name: str) -> None:
    board = read_board(name)
    rows = LAYOUTS[name]
    assert {len(row) for row in rows} == {board.width}
    rim = rows[0] + rows[-1] + "".join(row[0] + row[-1] for row in rows)
    assert FLOOR not in rim
    assert not any(mark in rim for mark in "1234")
    assert set("".join(rows)) <= set("#.odps1234")
    for mark, stations in zip("odps", (board.crates, board.racks, board.pots, board.hatches), strict=True):
        assert len(stations) == "".join(rows).count(mark) >= 1
    assert len(board.starts) >= 2


def test_the_known_coordination_problems_are_there() -> None:
    boards = [read_board(name) for name in LAYOUTS]
    assert len(boards) >= 5
    assert sum(len(board.starts) == 4 for board in boards) >= 2
    separated = [board.name for board in boards if max(board.to_pot) > 0 or max(board.to_hatch) > 0]
    assert separated == ["divided", "exchange"]
    assert sorted({room for room in read_board("asymmetric").rooms if room >= 0}) == [0, 1]
    ring = read_board("ring")
    floor = [tile for tile, kind in enumerate(ring.tiles) if kind == FLOOR]
    assert [len(ring.neighbours[tile]) for tile in floor] == [2] * 16


@pytest.mark.parametrize("name", ["divided", "exchange"])
@pytest.mark.parametrize("players", [2, 3, 4])
def test_whoever_begins_there_each_room_has_a_cook(name: str, players: int) -> None:
    board = read_board(name)
    assert sorted({board.rooms[tile] for tile in board.starts[:players]}) == [0, 1]


def test_a_small_drawing_reads_as_drawn() -> None:
    board = draw_board("small", ("#o###", "#1#.p", "d.#2#", "###s#"))
    assert board.starts == (6, 13)
    assert (board.crates, board.racks, board.pots, board.hatches) == ((1,), (10,), (9,), (18,))
    assert board.counters == (3, 5, 7, 12, 14, 16)
    assert [board.rooms[tile] for tile in (6, 11, 8, 13, 0)] == [0, 0, 1, 1, -1]
    assert board.neighbours[7] == (6, 8)
    assert [board.routes[1][tile] for tile in (6, 11, 8)] == [0, 1, FAR]
    assert (board.to_pot, board.to_hatch) == ((1, 0), (1, 0))
    assert board.rooms_beside[7] == (0, 1)
    assert board.shared == (7, 12)


def test_an_unknown_plan_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"'attic'.*cramped.*doorway"):
        read_board("attic")
