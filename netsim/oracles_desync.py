"""Noticing that peers have diverged: in time, at the right frame, and the right one of them."""

from collections.abc import Sequence
from typing import Final

from netsim.host import Host
from netsim.oracle import Oracle
from netsim.oracles_quality import is_lossless
from netsim.oracles_safety import Reference
from netsim.world import World
from rollback_core.events import CommittedFrame, DesyncAttributed, DesyncDetected, EndReason, Event
from rollback_core.play import COMMIT_BATCH
from rollback_core.session import Session

_DECIDED: Final = (EndReason.COMPLETED, EndReason.FOCUS_TIMEOUT)


class DesyncDetection(Oracle):
    """Checksums are compared whenever due; they differ if and only if a peer was made to diverge.

    Then every partner notices, at the first compared frame whose state is wrong or to which a wrong row has
    led, and names the first wrong frame since the comparison before. Without loss it notices within a round
    trip and the window, and names within another round trip.
    """

    id = "O9"
    name = "desync detection"
    unit = "frames"

    def __init__(self, world: World, reference: Reference) -> None:
        super().__init__()
        scenario = world.scenario
        self._world = world
        self.interval = scenario.session.checksum_interval_frames
        self._wrong = reference.wrong
        self._first_wrong_row = reference.first_wrong_row
        self.due: dict[int, int] = {}  # by peer that is wrong: the frame at which its partners notice
        self.hosts: dict[int, Host] = {}
        self._agreed: dict[tuple[int, int], int] = {}  # (peer, partner that it finds to differ): last agreed
        self._located: set[tuple[int, int]] = set()  # of these: where the difference begins has been named
        links = [path.link for path in scenario.network.paths]
        round_trip_us = 2 * max((link.delay_us + link.jitter_us + link.slot_us for link in links), default=0)
        self._round_trip_frames = -(-round_trip_us // world.terms.period_us)
        self._is_prompt = bool(self.interval and self._wrong) and is_lossless(world)

    def committed_all(self, host: Host, frames: Sequence[CommittedFrame]) -> None:
        if host.index not in self._wrong or not self.interval or host.index in self.due:
            return
        first, stop = frames[0].frame, frames[-1].frame + 1
        for frame in range(first + -first % self.interval, stop, self.interval):
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
        pair = host.index, event.peer
        if not event.is_located:
            self._agreed[pair] = event.first_frame - 1
            expected = min(self.due.get(peer, frame) for peer in wrong)
        elif pair in self._agreed:
            self._located.add(pair)
            expected = self._first_wrong(*pair)
        else:
            self.fail(f"{what} located, but never told before", frame=frame, peer=host.index)
            return
        if frame != expected or not any(self.shows(peer, frame) for peer in wrong):
            self.fail(f"{what} found here, due at frame {expected}", frame=frame, peer=host.index)

    def _first_wrong(self, peer: int, partner: int) -> int:
        """The first frame since the last comparison without a difference in which either is wrong."""
        agreed = self._agreed[peer, partner]
        wrong = [frame for one in (peer, partner) for frame in self._wrong.get(one, ()) if frame > agreed]
        return min(wrong, default=agreed)

    def _due_of(self, peer: int, partner: int) -> int | None:
        """The frame that should tell these two that they differ, if they do."""
        return min((self.due[one] for one in (peer, partner) if one in self.due), default=None)

    def after_tick(self, host: Host, played: int) -> None:
        self.hosts[host.index] = host
        session = host.peer.session
        if not self._is_prompt or not session.life.is_running:
            return
        for partner in session.links:
            pair = host.index, partner
            due = self._due_of(*pair)
            if due is None or pair in self._located:
                continue
            is_noticed = pair in self._agreed
            # The partner commits it with later ones, notices as late as this, and what it then tells takes
            # its time as well.
            due += COMMIT_BATCH - 1 + self._round_trip_frames * (1 + is_noticed) + session.match.window
            self.checks += 1
            self.note_room(due - session.committed_frame)
            if due < session.committed_frame:
                missing = "located" if is_noticed else "noticed"
                self.fail(f"peer {partner} differs, not {missing} in time", frame=due, peer=host.index)

    @property
    def through(self) -> list[Host]:
        """Those whose sessions have come to their end, where nothing may be missing."""
        if not self.interval or self._world.is_another_session:
            return []
        return [host for host in self.hosts.values() if is_through(host.peer.session)]

    def finish(self) -> None:
        self.checks += sum(host.peer.session.desync.exchange.comparisons for host in self.hosts.values())
        for pair in self._agreed:
            if pair not in self._located and self._can_be_located(*pair):
                peer, partner = pair
                self.fail(f"peer {partner} differs, never located", frame=self._first_wrong(*pair), peer=peer)
        for host in self.through:
            self._judge_whole(host)

    def _judge_whole(self, host: Host) -> None:
        """All that it had to compare has come."""
        session = host.peer.session
        exchange = session.desync.exchange
        last = session.committed_frame
        partners = members(session)
        due = max(1, -(-last // self.interval)) * len(partners)  # the last frame is always among them
        if exchange.comparisons < due:
            self.fail(f"{exchange.comparisons} comparisons, at least {due} were due", peer=host.index)
        if partners and exchange.oldest is not None:
            self.fail("not compared with everyone", frame=exchange.oldest, peer=host.index)
        for peer in self._wrong:
            if self.shows(peer, last):
                self.due.setdefault(peer, last)
        if (
            partners
            and exchange.agreed < last
            and not any(self._wrong.get(peer) for peer in (host.index, *partners))
        ):
            self.fail("not compared at the end", frame=last, peer=host.index)
        for partner in partners:
            frame = self._due_of(host.index, partner)
            if frame is not None and (host.index, partner) not in self._agreed:
                self.fail(f"peer {partner} differs, never noticed", frame=frame, peer=host.index)

    def _can_be_located(self, peer: int, partner: int) -> bool:
        """Both have noticed, all that they have told each other has come, and both still keep the frame.

        Each tells the short checksums of the frames in question, then the bytes of the first that differs.
        """
        if (partner, peer) not in self._agreed:
            return False
        first = self._first_wrong(peer, partner)
        for one, other in ((peer, partner), (partner, peer)):
            session = self.hosts[one].peer.session
            link = session.links[other]
            # A page that was reloaded has a fresh session, which has noticed nothing.
            if session.desync.exchange.is_clean or not link.is_member or link.control.pending:
                return False
            if session.match.timeline.base > first:
                return False
        return True


class Attribution(Oracle):
    """Of three or more, the one that was made to diverge is named by all, and nobody else is ever accused."""

    id = "O12"
    name = "attribution"

    def __init__(self, desyncs: DesyncDetection) -> None:
        super().__init__()
        self._desyncs = desyncs
        self._named: dict[int, set[int]] = {}  # peer: those that it has named

    def event(self, host: Host, event: Event) -> None:
        if isinstance(event, DesyncAttributed):
            self.checks += 1
            self._named.setdefault(host.index, set()).update(event.peers)
            if not all(self._desyncs.shows(peer, event.frame) for peer in event.peers):
                self.fail(f"peers {event.peers} are accused", frame=event.frame, peer=host.index)

    def finish(self) -> None:
        for host in self._desyncs.through:
            session = host.peer.session
            # At the last frame everyone who is left is compared with everyone.
            left = (host.index, *members(session))
            wrong = {peer for peer in left if self._desyncs.shows(peer, session.committed_frame)}
            if not wrong or 2 * len(wrong) >= len(left):
                continue
            self.checks += 1
            if wrong - self._named.get(host.index, set()):
                self.fail(f"peers {sorted(wrong)} differ and were not named", peer=host.index)


def members(session: Session) -> list[int]:
    """The partners with which it has gone on."""
    return [link.peer for link in session.links.values() if link.is_member]


def is_through(session: Session) -> bool:
    """It was played to its end, and so it was by every partner that it has gone on with, as they have told.

    A partner's Done follows its checksums on an ordered stream.
    """
    is_decided = session.ended is not None and session.ended.reason in _DECIDED
    return is_decided and all(link.is_done for link in session.links.values() if link.is_member)
