"""Noticing that peers have diverged: in time, at the right frame, and the right one of them."""

from collections.abc import Iterator, Sequence
from typing import Final

from netsim.host import Host
from netsim.oracle import Oracle
from netsim.oracles_quality import is_lossless
from netsim.oracles_safety import Reference
from netsim.world import World
from rollback_core.events import (
    Committed,
    CommittedFrame,
    DesyncAttributed,
    DesyncDetected,
    EndReason,
    Event,
)

_DECIDED: Final = (EndReason.COMPLETED, EndReason.FOCUS_TIMEOUT)


class DesyncDetection(Oracle):
    """Checksums are compared whenever due; they differ if and only if a peer was made to diverge.

    Then every partner notices, at the first compared frame whose state is wrong or to which a wrong row has
    led, and names the first wrong frame since the comparison before. Without loss it notices within a round
    trip and the window.
    """

    id = "O9"
    name = "desync detection"
    unit = "frames"

    def __init__(self, world: World, reference: Reference) -> None:
        super().__init__()
        scenario = world.scenario
        self._interval = scenario.session.checksum_interval_frames
        self._wrong = reference.wrong
        self._first_wrong_row = reference.first_wrong_row
        self.due: dict[int, int] = {}  # by peer that is wrong: the frame at which its partners notice
        self._hosts: dict[int, Host] = {}
        self._agreed: dict[tuple[int, int], int] = {}  # (peer, partner that it finds to differ): last agreed
        links = [path.link for path in scenario.network.paths]
        round_trip_us = 2 * max((link.delay_us + link.jitter_us + link.slot_us for link in links), default=0)
        self._round_trip_frames = -(-round_trip_us // world.terms.period_us)
        self._is_prompt = bool(self._interval and self._wrong) and is_lossless(world)

    def committed_all(self, host: Host, frames: Sequence[CommittedFrame]) -> None:
        if host.index not in self._wrong or not self._interval or host.index in self.due:
            return
        first, stop = frames[0].frame, frames[-1].frame + 1
        for frame in range(first + -first % self._interval, stop, self._interval):
            if frame and self.shows(host.index, frame):
                self.due[host.index] = frame
                return

    def shows(self, peer: int, frame: int) -> bool:
        """A checksum of this frame tells that the peer is wrong."""
        return frame in self._wrong.get(peer, ()) or self._first_wrong_row.get(peer, frame + 1) <= frame

    def event(self, host: Host, event: Event) -> None:
        if not isinstance(event, DesyncDetected):
            return
        what = f"desync with peer {event.peer}"
        frame = event.first_frame if event.is_located else event.checked_frame
        wrong = [peer for peer in (host.index, event.peer) if self._wrong.get(peer)]
        if not wrong:
            place = f": {event.field} {event.mine} != {event.theirs}" if event.is_located else ", not located"
            self.fail(what + place, frame=frame, peer=host.index)
            return
        self.checks += 1
        expected = min(self.due.get(peer, event.checked_frame) for peer in wrong)
        if event.is_located:
            agreed = self._agreed[host.index, event.peer]
            expected = min(each for peer in wrong for each in self._wrong[peer] if each > agreed)
        else:
            self._agreed[host.index, event.peer] = event.first_frame - 1
        if frame != expected or not any(self.shows(peer, frame) for peer in wrong):
            self.fail(f"{what} found here, due at frame {expected}", frame=frame, peer=host.index)

    def _unnoticed(self, host: Host) -> Iterator[tuple[int, int]]:
        """Partners that differ from this peer and are not known to, each with the frame that should tell."""
        for partner in host.peer.session.links:
            due = [self.due[peer] for peer in (host.index, partner) if peer in self.due]
            if due and (host.index, partner) not in self._agreed:
                yield partner, min(due)

    def after_tick(self, host: Host, played: int) -> None:
        self._hosts[host.index] = host
        session = host.peer.session
        if not self._is_prompt or not session.life.is_running:
            return
        for partner, due in self._unnoticed(host):
            room = due + self._round_trip_frames + session.match.window - session.committed_frame
            self.checks += 1
            self.note_room(room)
            if room < 0:
                self.fail(f"peer {partner} differs, not noticed in time", frame=due, peer=host.index)

    def finish(self) -> None:
        self.checks += sum(h.peer.session.desync.exchange.comparisons for h in self._hosts.values())
        if not self._interval or not _is_whole(self._hosts):
            return
        for host in self._hosts.values():
            session = host.peer.session
            # A partner's Done follows its checksums on an ordered stream: then nothing may be missing.
            if not all(link.is_done for link in session.links.values()):
                continue
            due = session.committed_frame // self._interval * len(session.links)
            made = session.desync.exchange.comparisons
            if made < due:
                self.fail(f"{made} comparisons, at least {due} were due", peer=host.index)
            for peer in self._wrong:
                if self.shows(peer, session.committed_frame):
                    self.due.setdefault(peer, session.committed_frame)
            for partner, frame in self._unnoticed(host):
                self.fail(f"peer {partner} differs, never noticed", frame=frame, peer=host.index)


class Attribution(Oracle):
    """Of three or more, the one that was made to diverge is named by all, and nobody else is ever accused."""

    id = "O12"
    name = "attribution"

    def __init__(self, desyncs: DesyncDetection) -> None:
        super().__init__()
        self._desyncs = desyncs
        self._hosts: dict[int, Host] = {}
        self._named: set[int] = set()  # peers that have named someone

    def event(self, host: Host, event: Event) -> None:
        if isinstance(event, Committed):
            self.checks += len(event.frames)
            self._hosts[host.index] = host
        elif isinstance(event, DesyncAttributed):
            self._named.add(host.index)
            if not all(self._desyncs.shows(peer, event.frame) for peer in event.peers):
                self.fail(f"peers {event.peers} are accused", frame=event.frame, peer=host.index)

    def finish(self) -> None:
        wrong = self._desyncs.due
        if not wrong or 2 * len(wrong) >= len(self._hosts) or not _is_whole(self._hosts):
            return
        for host in self._hosts.values():
            if all(link.is_done for link in host.peer.session.links.values()):
                self.checks += 1
                if host.index not in self._named:
                    self.fail(f"peers {sorted(wrong)} differ and were not named", peer=host.index)


def _is_whole(hosts: dict[int, Host]) -> bool:
    """The session was played to its end by all."""
    sessions = [host.peer.session for host in hosts.values()]
    return all(
        session.ended is not None and session.ended.reason in _DECIDED and not session.epoch
        for session in sessions
    )
