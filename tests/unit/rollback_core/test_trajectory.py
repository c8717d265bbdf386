"""The actions that a check plays: well mixed, now held and now new, and the same in every version."""

from hypothesis import given
from hypothesis import strategies as st

from rollback_core.trajectory import _HELD_FRAMES, _mix, actions_at
from scenarios.games.counter import Counter

SEEDS = st.integers(0, 2**31 - 1)


def test_mixing_is_the_published_generator() -> None:
    """The first two outputs of splitmix64 from seed 0."""
    assert _mix(0) == 0xE220A8397B1DCDAF
    assert _mix(1) == 0x6E789E6AA1B965F4


@given(SEEDS)
def test_every_bit_is_set_half_of_the_time(seed: int) -> None:
    values = [_mix(seed, number) for number in range(1_000)]
    for bit in range(64):
        assert 400 < sum(value >> bit & 1 for value in values) < 600


@given(SEEDS)
def test_each_player_now_holds_an_action_and_now_takes_another_each_frame(seed: int) -> None:
    spec = Counter(3).spec
    for player in range(3):
        stretches = [
            {actions_at(spec, seed, stretch * _HELD_FRAMES + frame)[player] for frame in range(_HELD_FRAMES)}
            for stretch in range(60)
        ]
        held = sum(len(taken) == 1 for taken in stretches)
        assert 12 < held < 48
        assert set().union(*stretches) == set(range(spec.action_count))
        assert len({frozenset(taken) for taken in stretches if len(taken) == 1}) > 1


def test_another_seed_gives_other_actions_held_ones_too() -> None:
    spec = Counter(2).spec
    openings = [[actions_at(spec, seed, frame)[0] for frame in range(_HELD_FRAMES)] for seed in range(200)]
    assert {taken[0] for taken in openings if len(set(taken)) == 1} == set(range(spec.action_count))
    assert {taken[0] for taken in openings if len(set(taken)) > 1} == set(range(spec.action_count))
