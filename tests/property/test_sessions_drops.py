"""Losing peers of three or more: survivors agree on the cut and go on, and nobody's rows are taken back."""

from collections.abc import Callable

from hypothesis import event, given
from hypothesis import strategies as st
from mesh import Mesh, Path, acting, agree_on_common_prefix, changing, replayed, shared, terms_for

from rollback_core.commands import Leave
from rollback_core.events import Committed, CommittedFrame, Ended, EndReason, PlayersLeft

FOREVER_US = 1 << 60
LIMITS = {"interrupt_us": 250_000, "reconnect_limit_us": 800_000, "max_steps": 150}
BAD_LINKS = st.builds(
    Path,
    delay_us=st.sampled_from([0, 20_000, 70_000]),
    jitter_us=st.sampled_from([0, 30_000]),
    loss_permille=st.sampled_from([0, 100, 200]),
    duplicate_permille=st.sampled_from([0, 200]),
    seed=st.integers(0, 1_000),
)
WHEN = st.integers(500_000, 1_500_000)


def reasons(mesh: Mesh) -> list[EndReason]:
    """Why each peer ended; a crashed one has no end."""
    return [mesh.kinds(peer, Ended)[0].reason for peer in range(len(mesh.peers)) if mesh.kinds(peer, Ended)]


def assert_safe(mesh: Mesh) -> list[list[CommittedFrame]]:
    """What holds whoever is lost, ended or crashed: one history, of which everyone has a first part."""
    histories = []
    for peer in range(len(mesh.peers)):
        told = [frame for each in mesh.kinds(peer, Committed) for frame in each.frames]
        histories.append(shared(mesh.history(peer)))
        assert shared(told) == histories[peer]
        assert [frame.frame for frame in told] == list(range(len(told)))
        assert replayed(mesh.terms, histories[peer]) == histories[peer]
    assert agree_on_common_prefix(histories)
    return histories


def assert_survived(mesh: Mesh, survivors: list[int], lost: set[int]) -> None:
    histories = assert_safe(mesh)
    cuts: dict[int, int] = {}
    for peer in survivors:
        assert mesh.kinds(peer, Ended)[0].reason is EndReason.COMPLETED, (peer, reasons(mesh))
        assert histories[peer] == histories[survivors[0]]
        mine = {}
        for left in mesh.kinds(peer, PlayersLeft):
            mine.update(dict(zip(left.players, left.cuts, strict=True)))
        cuts = cuts or mine
        assert mine == cuts
    whole = histories[survivors[0]]
    assert {mesh.terms.seats[player] for player in cuts} == lost
    for player, cut in cuts.items():
        # Nothing that anyone committed is cut off.
        assert cut >= max(len(histories[peer]) for peer in lost)
        for frame in whole:
            assert bool(frame.left_mask >> player & 1) == (frame.frame >= cut)
            if frame.frame >= cut:
                assert frame.outcome is None or frame.outcome.actions[player] == 0
                assert not frame.focus_mask >> player & 1
            elif frame.outcome is not None and frame.outcome.t >= 2:
                assert frame.actions[player] == mesh.act(player, frame.frame)
    for player, seat in enumerate(mesh.terms.seats):
        if seat in survivors:  # no survivor's input is lost
            assert all(
                frame.outcome.actions[player] == mesh.act(player, frame.frame)
                for frame in whole
                if frame.outcome is not None and frame.outcome.t >= 2
            )


@given(st.integers(3, 5), st.integers(0, 4), WHEN, BAD_LINKS, st.booleans(), st.integers(0, 12))
def test_the_others_go_on_without_one_that_crashes_or_leaves(
    peers: int, lost: int, at_us: int, path: Path, leaves: bool, window: int
) -> None:
    lost %= peers
    mesh = Mesh(terms_for(range(peers), prediction_window_frames=window, **LIMITS), path=path, act=acting(2))
    mesh.at(at_us, lambda: mesh.command(lost, Leave("enough")) if leaves else mesh.crash(lost))
    mesh.run()
    if leaves:
        assert mesh.kinds(lost, Ended)[0].reason is EndReason.LEFT
    assert_survived(mesh, [peer for peer in range(peers) if peer != lost], {lost})


@given(st.integers(4, 5), st.integers(0, 4), st.integers(1, 3), WHEN, st.integers(0, 1_200_000), BAD_LINKS)
def test_a_second_loss_at_any_moment_of_the_agreement(
    peers: int, first: int, offset: int, at_us: int, later_us: int, path: Path
) -> None:
    first %= peers
    second = (first + offset) % peers
    survivors = [peer for peer in range(peers) if peer not in (first, second)]
    mesh = Mesh(terms_for(range(peers), **LIMITS), path=path, act=acting(3))
    mesh.at(at_us, lambda: mesh.crash(first))
    mesh.at(at_us + later_us, lambda: mesh.crash(second))
    mesh.run()
    if peers == 5 or len({left.peers for left in mesh.kinds(survivors[0], PlayersLeft)}) == 2:
        assert_survived(mesh, survivors, {first, second})
        event("went on")
        return
    # Of four, two lost at once leave no majority; one after the other leaves three, then two.
    assert_safe(mesh)
    assert {mesh.kinds(peer, Ended)[0].reason for peer in survivors} == {EndReason.NO_MAJORITY}
    event("no majority")


@given(st.integers(3, 5), st.integers(0, 4), WHEN, BAD_LINKS)
def test_the_smaller_part_of_a_partition_ends_and_the_larger_goes_on(
    peers: int, first: int, at_us: int, path: Path
) -> None:
    small = {(first + index) % peers for index in range((peers - 1) // 2)}
    large = [peer for peer in range(peers) if peer not in small]
    cuts = [(one, other) for one in small for other in large]
    both_ways = cuts + [(other, one) for one, other in cuts]
    mesh = Mesh(
        terms_for(range(peers), **LIMITS), path=changing(both_ways, at_us, FOREVER_US, path), act=acting(4)
    )
    mesh.run()
    assert_survived(mesh, large, small)
    for peer in small:
        assert mesh.kinds(peer, Ended)[0].reason in (EndReason.NO_MAJORITY, EndReason.EXCLUDED)


@given(WHEN, BAD_LINKS, st.sampled_from([(0, 1), (0, 2), (0, 3)]))
def test_two_halves_both_end_and_neither_commits_what_the_other_did_not(
    at_us: int, path: Path, half: tuple[int, int]
) -> None:
    cuts = [(one, other) for one in range(4) for other in range(4) if (one in half) != (other in half)]
    mesh = Mesh(terms_for(range(4), **LIMITS), path=changing(cuts, at_us, FOREVER_US, path))
    mesh.run()
    assert_safe(mesh)
    assert reasons(mesh) == [EndReason.NO_MAJORITY] * 4


@given(st.integers(3, 5), st.integers(0, 4), st.integers(1, 4), WHEN, BAD_LINKS)
def test_one_direction_that_dies_costs_one_peer_at_most(
    peers: int, source: int, offset: int, at_us: int, path: Path
) -> None:
    source %= peers
    target = (source + 1 + (offset - 1) % (peers - 1)) % peers
    # Ten tries at each item before patience ends: with four, one in hundreds of sessions loses them all.
    limits = {**LIMITS, "reconnect_limit_us": 2_000_000}
    mesh = Mesh(terms_for(range(peers), **limits), path=changing([(source, target)], at_us, FOREVER_US, path))
    mesh.run()
    assert mesh.is_over
    histories = assert_safe(mesh)
    done = [peer for peer in range(peers) if mesh.kinds(peer, Ended)[0].reason is EndReason.COMPLETED]
    out = set(range(peers)) - set(done)
    assert len(out) == 1, reasons(mesh)
    assert out < {source, target}
    assert mesh.kinds(min(out), Ended)[0].reason in (EndReason.EXCLUDED, EndReason.NO_MAJORITY)
    assert all(histories[peer] == histories[done[0]] for peer in done)


@given(st.integers(3, 5), st.integers(0, 4), WHEN, BAD_LINKS)
def test_one_that_nobody_hears_any_more_learns_that_it_is_out(
    peers: int, lost: int, at_us: int, path: Path
) -> None:
    """It still hears the others: their decision, or that both vote against it."""
    lost %= peers
    cuts = [(lost, other) for other in range(peers) if other != lost]
    mesh = Mesh(
        terms_for(range(peers), **LIMITS), path=changing(cuts, at_us, FOREVER_US, path), act=acting(6)
    )
    mesh.run()
    assert_survived(mesh, [peer for peer in range(peers) if peer != lost], {lost})
    assert mesh.kinds(lost, Ended)[0].reason in (EndReason.EXCLUDED, EndReason.NO_MAJORITY)


@given(WHEN, st.integers(0, 2_500_000), BAD_LINKS)
def test_one_that_was_away_too_long_is_told_so_when_it_is_back(at_us: int, extra_us: int, path: Path) -> None:
    terms = terms_for((0, 1, 2), **{**LIMITS, "max_steps": 400})
    # What waits for it while it sleeps is lost: a suspended machine has no network.
    cut: Callable[[int, int], Path] = changing(
        [(0, 2), (1, 2), (2, 0), (2, 1)], at_us, at_us + 1_500_000 + extra_us, path
    )
    mesh = Mesh(terms, path=cut, act=acting(7))
    mesh.at(at_us, lambda: mesh.suspend(2, at_us + 1_500_000 + extra_us))
    mesh.run()
    assert_survived(mesh, [0, 1], {2})
    ended = mesh.kinds(2, Ended)[0]
    assert ended.reason in (EndReason.EXCLUDED, EndReason.NO_MAJORITY)
    if ended.reason is EndReason.EXCLUDED:
        assert ended.peer in (0, 1), "the end names who told of it"
    event(f"learns it as {ended.reason.value}")


@given(WHEN, st.integers(0, 700_000), BAD_LINKS)
def test_an_outage_within_the_limit_costs_nobody(at_us: int, for_us: int, path: Path) -> None:
    cuts = [(0, 1), (1, 0), (0, 2), (2, 0)]
    mesh = Mesh(
        terms_for((0, 1, 2), interrupt_us=250_000, reconnect_limit_us=3_000_000, max_steps=100),
        path=changing(cuts, at_us, at_us + for_us, path),
    )
    mesh.run()
    histories = assert_safe(mesh)
    assert reasons(mesh) == [EndReason.COMPLETED] * 3
    assert histories[0] == histories[1] == histories[2]
    assert not mesh.kinds(0, PlayersLeft)
