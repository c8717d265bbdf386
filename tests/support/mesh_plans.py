"""Strategies for whole matches: who plays, how, and over which network."""

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st
from mesh import Path

from rollback_core.config import TimeSyncKind

PREDICTORS = ("repeat-last", "neutral")

CUTS = st.lists(
    st.tuples(st.integers(0, 1_500_000), st.integers(1, 400_000)).map(lambda cut: (cut[0], sum(cut))),
    max_size=2,
).map(tuple)

PATHS = st.builds(
    Path,
    delay_us=st.sampled_from([0, 3_000, 20_000, 60_000, 120_000]),
    jitter_us=st.sampled_from([0, 0, 5_000, 40_000]),
    loss_permille=st.sampled_from([0, 0, 50, 200, 300]),
    duplicate_permille=st.sampled_from([0, 0, 100, 500]),
    cuts=CUTS,
    seed=st.integers(0, 1_000),
)


@dataclass(frozen=True, slots=True)
class Network:
    """A path for every direction: the first for all, or one each."""

    paths: tuple[Path, ...]

    def __call__(self, source: int, target: int) -> Path:
        return self.paths[(source * 3 + target) % len(self.paths)]


NETWORKS = st.lists(PATHS, min_size=1, max_size=4).map(lambda paths: Network(tuple(paths)))
SEATS = st.sampled_from([(0, 1), (0, 1), (1, 0), (0, 1, 2), (2, 0, 1), (0, 1, 2, 3), (0, 0, 1), (0, 1, 0, 1)])


def peer_configs(count: int, **fixed: Any) -> st.SearchStrategy[dict[int, dict[str, Any]]]:
    """Every peer's own choices."""
    one = st.fixed_dictionaries(
        {
            "input_delay_frames": st.integers(0, 6),
            "predictor": st.sampled_from(PREDICTORS),
            "time_sync": st.sampled_from(TimeSyncKind),
            **{name: st.just(value) for name, value in fixed.items()},
        }
    )
    return st.fixed_dictionaries({peer: one for peer in range(count)})


def delays_of(configs: dict[int, dict[str, Any]]) -> list[int]:
    return [configs[peer]["input_delay_frames"] for peer in sorted(configs)]


def windows() -> st.SearchStrategy[int]:
    return st.one_of(st.sampled_from([0, 1, 8, 20]), st.integers(0, 20))
