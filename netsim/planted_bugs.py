"""The bugs that are planted, one at a time, to see that the laws would notice.

Each is a piece of a core module's source and what stands there instead. Most were found in changelogs
and issues of rollback libraries, some by thinking about what this core relies on.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Patch:
    """In `rollback_core.<module>`, `old` (found exactly once) becomes `new`."""

    summary: str
    module: str
    old: str
    new: str


PATCHES: Final[dict[str, Patch]] = {
    "predicted-frame-exported": Patch(
        "a wrong prediction is never mended, and the predicted frame is exported",
        "match",
        "if predicted != action and end < self.first_incorrect:",
        "if predicted != action and end > self.first_incorrect:",
    ),
    "first-incorrect-is-latest": Patch(
        "the latest wrong frame counts instead of the earliest",
        "match",
        "if predicted != action and end < self.first_incorrect:",
        "if predicted != action:",
    ),
    "wrong-state-loaded": Patch(
        "a rollback loads the state one frame too early",
        "timeline",
        "self.game.load_state(self.states[cut])",
        "self.game.load_state(self.states[cut - 1])",
    ),
    "saved-before-stepped": Patch(
        "a replayed frame's state is saved before the step instead of after",
        "episodes",
        "t, mask, countdown, save()))",
        "t, mask, countdown, states[-1][-1] if states else save()))",
    ),
    "committed-by-own-view": Patch(
        "a frame counts as committed when this peer alone has confirmed it",
        "play",
        "if link.reported_confirmed < known:",
        "if link.reported_confirmed < -1:",
    ),
    "cut-is-minimum": Patch(
        "a lost player's inputs are cut at the least that a survivor holds",
        "membership",
        "max(vote.ends[player] for vote in votes)",
        "min(vote.ends[player] for vote in votes)",
    ),
    "focus-not-in-input": Patch(
        "the focus flag does not ride with the input",
        "match",
        "queue.append(actions[index], focused)",
        "queue.append(actions[index], True)",
    ),
    "always-speculative": Patch(
        "every row is marked speculative",
        "timeline",
        "self.speculative.append(speculative)",
        "self.speculative.append(3)",
    ),
    "acknowledged-too-much": Patch(
        "a frame is acknowledged that has not come",
        "mailbox",
        "ack = queues[link.players[0]].end",
        "ack = queues[link.players[0]].end + 2",
    ),
    "never-compared": Patch(
        "the checksums of the partners are never found",
        "checksum",
        "theirs = self._theirs[peer].get(frame)",
        "theirs = self._theirs[peer].get(-frame)",
    ),
    "gap-filled-with-nothing": Patch(
        "an increase of the delay fills the gap with no input instead of the last",
        "match",
        "queue.append(queue.last_action, queue.last_focused)",
        "queue.append(0, queue.last_focused)",
    ),
    "always-resimulates": Patch(
        "frames are replayed whenever an input comes, whether the guess was wrong or not",
        "match",
        "if predicted != action and end < self.first_incorrect:",
        "if end < self.first_incorrect:",
    ),
    "window-not-kept": Patch(
        "play goes on past the prediction window",
        "match",
        "if current > confirmed + window or",
        "if current > confirmed + 2 * window or",
    ),
    "episode-time-not-restored": Patch(
        "a rollback forgets to restore one number of the state",
        "episodes",
        "self.phase, self.episode, self.t, self._ready_mask, self._countdown, inner = state",
        "self.phase, self.episode, _, self._ready_mask, self._countdown, inner = state",
    ),
    "not-mended-while-paused": Patch(
        "a wrong prediction is forgotten when it comes to light during a pause",
        "play",
        "                self._events.append(match.correct())\n            if self.is_paused:\n",
        "                if not self.is_paused:\n"
        "                    self._events.append(match.correct())\n"
        "                match.first_incorrect = NOTHING_WRONG\n"
        "            if self.is_paused:\n",
    ),
    "left-a-frame-late": Patch(
        "a lost player's first frame without it still counts as its own",
        "match",
        "for player, cut in self._left.items() if frame >= cut",
        "for player, cut in self._left.items() if frame > cut",
    ),
    "player-0-never-leaves": Patch(
        "player 0 counts as nobody in the list of those who left",
        "match",
        "for player, cut in self._left.items() if frame >= cut",
        "for player, cut in self._left.items() if player and frame >= cut",
    ),
    "one-ack-for-all": Patch(
        "one partner's acknowledgement counts for every partner",
        "mailbox",
        "            first = link.acked\n",
        "            first = max(each.acked for each in self.members)\n",
    ),
    "resumed-at-every-datagram": Patch(
        "the end of an interruption is told whether there was one or not",
        "session",
        "            return\n        if link.is_interrupted:\n",
        "            return\n        if True:\n",
    ),
    "confirmed-by-anyone": Patch(
        "a frame counts as confirmed when any player's input is known, not all",
        "match",
        "            if end < confirmed:",
        "            if end > confirmed:",
    ),
    "decided-without-votes": Patch(
        "a view is decided before all who stay have voted",
        "membership",
        "                if vote is None or vote.suspects != self.suspects:\n"
        "                    return None\n",
        "                if vote is None or vote.suspects != self.suspects:\n                    continue\n",
    ),
    "told-only-once": Patch(
        "what must arrive is sent once and never again",
        "control",
        "        self._next_to_send = self._first\n",
        "        self._next_to_send = self._next_to_send\n",
    ),
    "never-filled-in": Patch(
        "inputs of a lost player that others hold are not asked for",
        "departure",
        "        if is_short:\n",
        "        if False:\n",
    ),
    "waits-for-nobody": Patch(
        "time sync never lets the one who is ahead wait",
        "time_sync",
        "        if not self.owed:\n            return False\n",
        "        if True:\n            return False\n",
    ),
    "delay-never-falls": Patch(
        "a lower delay is accepted and has no effect: no input is ever dropped for it",
        "match",
        "            if end > target:\n                return False\n",
        "            if end > target + 99:\n                return False\n",
    ),
    "state-not-of-the-frame": Patch(
        "the snapshots after a loaded one are kept, so that later ones are found under the wrong frame",
        "timeline",
        "                del self.states[cut + 1 :]\n",
        "                del self.states[cut + 2 :]\n",
    ),
    "loads-the-present": Patch(
        "a tick loads the present state though nothing was wrong",
        "timeline",
        "    return TickPlan(NO_FRAME, current, stop)\n",
        "    return TickPlan(current, current, stop)\n",
    ),
    "correction-lost-at-a-stall": Patch(
        "a correction is crossed off when the window is full, before it is made",
        "play",
        "            if match.first_incorrect != NOTHING_WRONG:\n"
        "                self._events.append(match.correct())\n"
        "            if self.is_paused:\n",
        "            if match.first_incorrect != NOTHING_WRONG:\n"
        "                if match.timeline.current <= match.confirmed + match.window:\n"
        "                    self._events.append(match.correct())\n"
        "                match.first_incorrect = NOTHING_WRONG\n"
        "            if self.is_paused:\n",
    ),
    "interval-frame-missed": Patch(
        "a checksum is due only if its frame is the last of those committed together",
        "desync",
        "        while self._due <= last:\n            self._add(self._due)\n",
        "        while self._due <= last:\n"
        "            if self._due == last:\n"
        "                self._add(self._due)\n",
    ),
    "first-missing-not-compared": Patch(
        "what was assumed for the first missing frame is not compared with what came",
        "match",
        "            for used in timeline.used[end - base : stop - base]:\n",
        "            end += 1\n            for used in timeline.used[end - base : stop - base]:\n",
    ),
    "compared-with-the-last-input": Patch(
        "a guess counts as right if it equals the last known input, whatever was assumed",
        "match",
        "                predicted = used[player]\n",
        "                predicted = queue.last_action\n",
    ),
    "gap-of-one-only": Patch(
        "an increase of the delay by more than one frame fills one frame",
        "match",
        "            while end < target:\n"
        "                queue.append(queue.last_action, queue.last_focused)\n"
        "                end += 1\n",
        "            if end < target:\n"
        "                queue.append(queue.last_action, queue.last_focused)\n"
        "                end += 1\n",
    ),
    "only-the-newest-sent": Patch(
        "of many unacknowledged inputs the newest few are sent",
        "mailbox",
        "            first = link.acked\n            ack = queues",
        "            first = max(link.acked, own.end - 6)\n            ack = queues",
    ),
    "sent-counts-as-acknowledged": Patch(
        "inputs are packed against the last sent instead of the last acknowledged",
        "mailbox",
        "                    outbox.append((link.peer, data))\n                    continue\n",
        "                    outbox.append((link.peer, data))\n"
        "                    link.acked = own.end\n"
        "                    continue\n",
    ),
    "delayed-inputs-rejected": Patch(
        "inputs as far ahead as a partner's delay allows are rejected",
        "arrivals",
        "        news = stop - queue.end\n",
        "        news = stop - queue.end\n"
        "        if stop > match.timeline.current + match.window + 1:\n"
        '            raise WireError("too far ahead")\n',
    ),
    "silent-at-a-stall": Patch(
        "what a peer has confirmed is told with a new frame only",
        "play",
        "                self.note_plain()\n        self._mailbox.send_inputs(match)\n",
        "                self.note_plain()\n"
        "        if is_playing or self._game.phase != PLAYING:\n"
        "            self._mailbox.send_inputs(match)\n",
    ),
    "lost-peer-kept-in-the-fold": Patch(
        "the frames that a lost peer has confirmed still hold the others up",
        "views",
        "        self._mailbox.members = [link for link in self._links.values() if link.is_member]\n",
        "        self._mailbox.members = [*self._links.values()]\n",
    ),
    "filled-before-held": Patch(
        "a lost player's frames are filled with nothing before its last inputs are all held",
        "match",
        "            if queue.end >= cut:\n",
        "            if queue.end >= 0:\n",
    ),
    "stale-items-not-acknowledged": Patch(
        "an item that comes again is not acknowledged again",
        "control",
        "        if message.items:\n            self.is_ack_owed = True\n",
        "        if fresh:\n            self.is_ack_owed = True\n",
    ),
    "retransmission-starved": Patch(
        "every datagram sent puts the retransmission off",
        "mailbox",
        "        elif self._timers.at(Timer.CONTROL, link.peer) == NEVER:\n",
        "        else:\n",
    ),
    "history-overwritten": Patch(
        "a ring of four states is too short: a long rollback finds a later frame's state in its place",
        "timeline",
        "                del self.states[cut + 1 :]\n",
        "                self.states[cut] = self.states[cut::4][-1]\n"
        "                del self.states[cut + 1 :]\n",
    ),
    "couch-inputs-swapped": Patch(
        "the inputs of two people at one machine are taken for each other's",
        "arrivals",
        "            for player, runs in zip(players, streams, strict=True):\n",
        "            for player, runs in zip(players, reversed(streams), strict=True):\n",
    ),
    "out-of-order-asserted": Patch(
        "a datagram that was overtaken is taken for impossible",
        "arrivals",
        "        news = stop - queue.end\n",
        "        news = stop - queue.end\n        assert news >= 0\n",
    ),
    "newest-echo-only": Patch(
        "of the hellos sent, only the newest may be answered",
        "handshake",
        "        if hello.heard == self._config.incarnation and 0 < hello.echo_us <= now_us:\n",
        "        age_us = now_us - hello.echo_us - hello.echo_held_us\n"
        "        if hello.heard == self._config.incarnation and 0 < hello.echo_us and age_us < 50_000:\n",
    ),
    "forgotten-focus-kept": Patch(
        "the notes of focus are not forgotten together with their inputs",
        "input_queue",
        "        del self.focus[:keep]\n",
        "        del self.focus[: max(0, keep - 1)]\n",
    ),
    "sent-every-third-tick": Patch(
        "inputs go out at every third tick only",
        "play",
        "self._mailbox.send_inputs(match)",
        "self._mailbox.send_inputs(match) if not self._ticks % 3 else None",
    ),
    "chain-without-rows": Patch(
        "what was committed between two checksums is in none of them",
        "desync",
        "self._chain = checksum.chained(self._chain, self._unchained[:count])",
        "self._chain = 0",
    ),
    "blames-the-majority": Patch(
        "those who differ from the one are blamed, not the one",
        "checksum",
        "if answers[peer] != middle)",
        "if answers[peer] == middle and middle != values[0] or answers[peer] == middle != values[-1])",
    ),
    "desync-at-the-comparison": Patch(
        "a difference is said to begin where it was found",
        "checksum",
        "peer, self._mismatch[peer], frame, field, repr(left)",
        "peer, self._mismatch[peer], self._mismatch[peer], field, repr(left)",
    ),
    "desync-labels-nothing": Patch(
        "data are labelled invalid only from the comparison on at which the difference was found",
        "peer",
        'self.recorder.mark_invalid(event.first_frame, f"desync with peer {event.peer}")',
        'self.recorder.mark_invalid(event.checked_frame, f"desync with peer {event.peer}")',
    ),
    "never-located": Patch(
        "peers notice that they differ, and never find out where",
        "desync",
        "        if not self.exchange.can_locate(peer):\n",
        "        if peer >= 0:\n",
    ),
    "compared-until-the-first-loss": Patch(
        "once somebody has left, no more checksums are made",
        "desync",
        "        self.exchange.drop_partner(peer)\n",
        "        self.exchange.drop_partner(peer)\n        self._interval = 0\n",
    ),
    "checksums-never-pruned": Patch(
        "checksums that were compared are kept for ever",
        "checksum",
        "                del self._mine[frame]\n",
        "                self._mine[frame] = mine\n",
    ),
    "one-event-a-call": Patch(
        "of several events the host is given the first",
        "peer",
        "        return events\n",
        "        return events[:1]\n",
    ),
    "interrupted-at-every-poll": Patch(
        "an interruption is told again at every poll",
        "session",
        "            if not link.is_interrupted:\n"
        "                link.is_interrupted = True\n"
        "                self._update_pause()\n"
        "                self.events.append(Interrupted(link.peer))\n"
        "            self.timers.set(Timer.SILENCE, link.heard_at_us"
        " + self.terms.reconnect_limit_us, link.peer)\n",
        "            link.is_interrupted = True\n"
        "            self._update_pause()\n"
        "            self.events.append(Interrupted(link.peer))\n"
        "            self.timers.set(Timer.SILENCE, now_us + 20_000, link.peer)\n",
    ),
    "one-tag-both-ways": Patch(
        "what comes back to a peer has the tag of what it sent",
        "wire",
        '    text = f"{PROTOCOL_VERSION}|{session_id}|{build_id}|{sender}|{receiver}"\n',
        "    pair = sorted((sender, receiver))\n"
        '    text = f"{PROTOCOL_VERSION}|{session_id}|{build_id}|{pair}"\n',
    ),
    "foreign-tag-accepted": Patch(
        "a datagram with another session's tag is read",
        "session",
        '            raise WireError("foreign tag")\n',
        "            self._receive_other(link, data, now_us)\n",
    ),
    "hidden-is-action-zero": Patch(
        "who is hidden presses the game's first button instead of none",
        "play",
        "                actions = (game.game.spec.neutral_action,) * len(actions)\n        else:",
        "                actions = (1,) * len(actions)\n        else:",
    ),
    "agreed-leaks-into-the-next": Patch(
        "what a peer has compared in one session counts as compared in its next one",
        "checksum",
        "        self._verdicts: dict[int, int] = {peer: -1 for peer in partners}  # last agreed frame\n",
        '        self._verdicts: dict[int, int] = globals().setdefault("_leaked", {}).setdefault(me, {})\n'
        "        for peer in partners:\n"
        "            self._verdicts.setdefault(peer, -1)\n",
    ),
    "catch-up-confirms": Patch(
        "frames that were caught up on are committed, whatever is still assumed in them",
        "play",
        "            is_round = self._game.phase == PLAYING\n",
        "            if played > 1:\n"
        "                self._publication.publish(match.timeline.current - 1, now_us)\n"
        "            is_round = self._game.phase == PLAYING\n",
    ),
    "rollbacks-never-reset": Patch(
        "a rollback stays noted when its frame has been recorded",
        "recorder",
        "                    rollbacks[frame] = self.pending_rollbacks.pop(frame)\n",
        "                    rollbacks[frame] = self.pending_rollbacks[frame]\n",
    ),
    "silence-not-excused": Patch(
        "a peer's own absence counts as its partners' silence",
        "session",
        "                link.heard_at_us += away_us\n",
        "                link.heard_at_us += 0\n",
    ),
    "hash-of-the-process": Patch(
        "a checksum is made by a function that differs from process to process",
        "checksum",
        "    return hashlib.sha256(data).digest()[: wire.DIGEST_BYTES]\n",
        '    return hash(data.hex()).to_bytes(wire.DIGEST_BYTES, "little", signed=True)\n',
    ),
    "time-sync-off": Patch(
        "time sync is never told how far ahead its peer is",
        "play",
        "        if worst_us is not None and is_told:\n",
        "        if False:\n",
    ),
    "wait-taken-for-a-lag": Patch(
        "time sync takes a wait for the partners for a lag, and then both peers wait again",
        "play",
        "        self._note_no_frame()\n\n    def _note_no_frame(self) -> None:\n",
        "        self._told_at = self.own_queue.end + TICKS_PER_SAMPLE\n\n"
        "    def _note_no_frame(self) -> None:\n        return\n",
    ),
    "kept-frames-never-forgotten": Patch(
        "committed frames are kept after their states are forgotten",
        "match",
        "        if self._kept and self._kept[0].frame < self.timeline.base:\n",
        "        if not self._kept:\n",
    ),
    "rtt-for-the-one-way-time": Patch(
        "a delay that follows the network covers the whole round trip instead of the way there",
        "delay_policy",
        "        one_way_us = rtt_us // 2 + rtt_var_us\n",
        "        one_way_us = rtt_us + rtt_var_us\n",
    ),
    "window-of-the-round-trip": Patch(
        "a window sized to the network covers the whole round trip instead of the way there",
        "handshake",
        "            worst_us = max(worst_us, link.rtt_us // 2 + 2 * link.rtt_var_us)\n",
        "            worst_us = max(worst_us, link.rtt_us + 2 * link.rtt_var_us)\n",
    ),
    "stalls-a-frame-early": Patch(
        "the window ends a frame before it does",
        "match",
        "        if current > confirmed + window or current >",
        "        if current > confirmed + max(0, window - 1) or current >",
    ),
    "written-when-confirmed": Patch(
        "rows are written when this peer has confirmed them, before all others have",
        "play",
        "        if known >= match.committed + (COMMIT_BATCH if is_playing else 1):\n",
        "        known = match.confirmed\n"
        "        if known >= match.committed + (COMMIT_BATCH if is_playing else 1):\n",
    ),
    "pruned-past-confirmed": Patch(
        "inputs are forgotten up to the frame in play, not the one that all have",
        "match",
        "            queue.forget_before(min(inputs_before, limit))\n",
        "            queue.forget_before(min(queue.end, self.timeline.current))\n",
    ),
    "checksum-of-the-present": Patch(
        "a checksum is made of the newest state, a predicted one, not of the frame's",
        "desync",
        "            encoded = game.encode_state(state)\n",
        "            encoded = game.encode_state(self._match.timeline.states[-1])\n",
    ),
    "half-is-a-majority": Patch(
        "half of the members may go on, and so may the other half",
        "membership",
        "    return 2 * survivors.bit_count() > members.bit_count()\n",
        "    return 2 * survivors.bit_count() >= members.bit_count()\n",
    ),
    "committed-before-mended": Patch(
        "frames are committed, and their checksums made, before a wrong prediction in them is mended",
        "play",
        "            if match.first_incorrect != NOTHING_WRONG:\n"
        "                self._events.append(match.correct())\n"
        "            if self.is_paused:\n",
        "            if match.first_incorrect != NOTHING_WRONG:\n"
        "                known = min(link.reported_confirmed for link in self._mailbox.members)\n"
        "                self._publication.publish(min(known, match.update_confirmed()), now_us)\n"
        "                self._events.append(match.correct())\n"
        "            if self.is_paused:\n",
    ),
    "vote-freezes-nothing": Patch(
        "inputs of a lost player are still taken in after the vote that says how far they go",
        "views",
        "            if departure.refuses(link.peer):\n",
        "            if False:\n",
    ),
    "lost-player-leaves-the-fold": Patch(
        "a lost player's inputs that have still to come no longer hold up what is confirmed",
        "match",
        "        confirmed = self.queues[0].end\n        for queue in self.queues:\n"
        "            if queue.end < confirmed:\n                confirmed = queue.end\n",
        "        confirmed = max(queue.end for queue in self.queues)\n"
        "        for player, queue in enumerate(self.queues):\n"
        "            if queue.end < confirmed and player not in self._left:\n"
        "                confirmed = queue.end\n",
    ),
    "base-not-moved": Patch(
        "inputs are forgotten, and where the rest begins is not noted",
        "input_queue",
        "        self.base = frame\n        keep = 0\n",
        "        keep = 0\n",
    ),
    "tag-of-any-session": Patch(
        "datagrams of an older session between the same peers are read",
        "wire",
        '    text = f"{PROTOCOL_VERSION}|{session_id}|{build_id}|{sender}|{receiver}"\n',
        '    text = f"{PROTOCOL_VERSION}|{build_id}|{sender}|{receiver}"\n',
    ),
    "promoted-at-the-end": Patch(
        "when a match seems to be over, all its frames count as committed",
        "match",
        "        last = timeline.current - 1\n        if known < last:\n",
        "        last = timeline.current - 1\n        if known < last and timeline.game.phase != FINISHED:\n",
    ),
    "adaptive-delay-never-falls": Patch(
        "a delay that follows the network never gets shorter",
        "delay_policy",
        "            if self._low_for >= DOWN_AFTER:\n",
        "            if self._low_for < 0:\n",
    ),
    "gives-up-too-late": Patch(
        "a handshake that does not succeed goes on for longer than it should",
        "session",
        "        self.timers.set(Timer.HANDSHAKE, now_us + config.handshake_timeout_us)\n",
        "        self.timers.set(Timer.HANDSHAKE, now_us + config.handshake_timeout_us + 300_000)\n",
    ),
    "hello-only-once": Patch(
        "a hello that was lost is not sent again",
        "session",
        "                    self.timers.set(Timer.HELLO, now_us + HELLO_INTERVAL_US)\n",
        "                    self.timers.set(Timer.HELLO, now_us + 3_600_000_000)\n",
    ),
    "lingers-too-long": Patch(
        "a peer that has ended stays for longer than it should",
        "life",
        "        self._timers.set(Timer.LINGER, now_us + self._config.linger_us)\n",
        "        self._timers.set(Timer.LINGER, now_us + self._config.linger_us + 300_000)\n",
    ),
}

ACROSS_PROCESSES: Final = frozenset({"hash-of-the-process"})
"""Bugs that no single process shows: both peers of a simulation are in one."""

NOT_EXPRESSIBLE: tuple[tuple[str, str], ...] = (
    (
        "two increases of the delay before the next input; an increase and a decrease between two inputs",
        "no change of the delay touches the inputs. What is missing up to the frame that the next input is"
        " for is counted when that input is queued, from the end of the queue; so there is nothing that could"
        " remember one change and forget another (`gap-of-one-only` and `delay-never-falls` are the nearest)",
    ),
    (
        "fills of a gap after an increase of the delay not sent",
        "fills are inputs like others, in the one queue that every datagram is cut from, and what is cut is"
        " counted by frames: to leave them out, sending would have to know which they are, and nothing notes"
        " it (`gap-of-one-only` is the nearest)",
    ),
    (
        "inputs sent when any local player is ready instead of all",
        "the actions of all players at one machine come in one call; a call with fewer is refused before"
        " anything is queued, so one player's input for a frame is never there without the other's",
    ),
    (
        "only one packet taken per poll",
        "nothing is polled. The host hands over each datagram as it arrives, by a call of its own; what is"
        " taken out of the core in one call are events (`one-event-a-call`)",
    ),
    (
        "inputs of variable width split at the wrong place",
        "an input is the number of an action, and all of a game's have one width that follows from the"
        " agreed number of actions; a datagram has one row of runs per player, and both sides know how many"
        " players there are (`couch-inputs-swapped` is the nearest)",
    ),
    (
        "a prediction that is the same again is not replayed, though the state before it was wrong",
        "a replay has no such short cut: it steps every frame from the wrong one to the present, and each"
        " frame's guess is compared with what came, whatever else was replayed meanwhile"
        " (`compared-with-the-last-input` is the nearest)",
    ),
    (
        "a checksum that ignores a loss that is being agreed on",
        "a checksum is made of committed frames. A frame is committed when every member of the view has"
        " confirmed it, the lost one too, and what it sends is not taken in after the vote; so while a loss"
        " is being agreed on, the last committed frame is one that all held before it"
        " (`committed-before-mended`, `vote-freezes-nothing` and `checksum-of-the-present` are the nearest)",
    ),
    (
        "focus taken from a notification instead of the input",
        "a notification is there for a pause only, which is no data; the flag that is recorded comes from the"
        " queue of inputs, and no frame has another (`focus-not-in-input` is the nearest)",
    ),
    (
        "negative frame accepted",
        "a frame is an unsigned number on the wire: there are no bytes that say a negative one. An"
        " acknowledgement is said by its distance from one, which may say less than 0: then the whole"
        " datagram is refused, before anything in it is looked at",
    ),
    (
        "wall clock stepped",
        "the core has no clock: every call is told the time, by a clock of the host's that never goes back."
        " What the host's clock might do is a fault of the simulator's (`clock-step`), under every law",
    ),
    (
        "inputs of one view taken for those of the next",
        "planted, no frame is committed that would not be otherwise, for what it lets in is true in either"
        " view; how soon one is, and who counts as silent, may differ. A"
        " member's own inputs are the same in both. What it reports from the old view, it held before its"
        " vote, which froze what it holds of the lost player; the cut is the most that any voter holds, so it"
        " reports no frame of the lost player past the cut. And what it reports from a newer view reaches"
        " only a member of that view, whose own vote counted for the cut: it holds nothing past it either,"
        " and commits only what it has confirmed itself. Into a view that nobody else enters, nobody sends."
        " The tag of a view is a second lock on the same door",
    ),
)
"""Bugs of other libraries that have no counterpart here, each with the reason."""
