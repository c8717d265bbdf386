from rollback_core.simulation import DrawItem
from scenarios.games import drawing


def test_every_shape_has_the_documented_length_and_an_id_adds_one() -> None:
    made: list[tuple[DrawItem, DrawItem]] = [
        (drawing.rect(1, 2, 3, 4, "#000000"), drawing.rect(1, 2, 3, 4, "#000000", "a")),
        (drawing.circle(1, 2, 3, "#000000"), drawing.circle(1, 2, 3, "#000000", "a")),
        (drawing.half_circle(1, 2, 3, "#000000"), drawing.half_circle(1, 2, 3, "#000000", "a")),
        (drawing.line(1, 2, 3, 4, 5, "#000000"), drawing.line(1, 2, 3, 4, 5, "#000000", "a")),
        (drawing.text(1, 2, 3, "x", "#000000"), drawing.text(1, 2, 3, "x", "#000000", "a")),
    ]
    assert [plain[0] for plain, _ in made] == list(drawing.ITEM_LENGTHS)
    for plain, named in made:
        assert len(plain) == drawing.ITEM_LENGTHS[plain[0]]
        assert named == (*plain, "a")
