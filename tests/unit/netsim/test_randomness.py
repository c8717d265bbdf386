from netsim.randomness import generator


def test_a_generator_is_named_by_seed_purpose_and_indices() -> None:
    names = [(1, "a"), (1, "b"), (2, "a"), (1, "a", 1), (1, "a", 1, 2), (1, "a", 12), (1, "a,1"), (11, "a")]
    first = [generator(*name).getrandbits(64) for name in names]  # type: ignore[arg-type]
    assert len(set(first)) == len(names)
    assert first == [generator(*name).getrandbits(64) for name in names]  # type: ignore[arg-type]


def test_known_values_pin_the_draws_on_every_python() -> None:
    rng = generator(7, "link/direct", 0, 1)
    assert [rng.getrandbits(32), rng.getrandbits(32), rng.randbytes(4).hex(), rng.random()] == [
        3781036615,
        37999416,
        "3a77b799",
        0.43119140721936455,
    ]
