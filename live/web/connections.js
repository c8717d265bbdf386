// @ts-check
// Peer connections, one per (peer, attempt): they do what the participant says and tell it what comes of it.

/** @typedef {import("./protocol.js").Call} Call */
/** @typedef {import("./protocol.js").Candidate} Candidate */
/** @typedef {import("./protocol.js").Ice} Ice */
/** @typedef {import("./protocol.js").PathInfo} PathInfo */

const LABEL = "sametick";
const PATH_CHECK_MS = 2000; // a path that changes under way is seen within this time, at no noticeable cost

/** @typedef {{call: (call: Call) => void, direct: (peer: number, attempt: number, data: Uint8Array<ArrayBuffer>) => void}} Report */

/** @param {Report} report */
export function makeConnections(report) {
  /** @type {Map<string, ReturnType<typeof connect>>} */
  const open = new Map();
  const key = (/** @type {number} */ peer, /** @type {number} */ attempt) => `${peer}/${attempt}`;

  return {
    /** @param {number} peer @param {number} attempt @param {boolean} isOfferer @param {Ice} ice */
    connect(peer, attempt, isOfferer, ice) {
      open.set(key(peer, attempt), connect(peer, attempt, isOfferer, ice, report));
    },
    /** @param {number} peer @param {number} attempt @param {string} kind @param {string} sdp */
    describe(peer, attempt, kind, sdp) {
      open.get(key(peer, attempt))?.describe(kind, sdp);
    },
    /** @param {number} peer @param {number} attempt @param {Candidate | null} candidate */
    addCandidate(peer, attempt, candidate) {
      open.get(key(peer, attempt))?.addCandidate(candidate);
    },
    /** @param {number} peer @param {number} attempt @param {Uint8Array<ArrayBuffer>} data */
    send(peer, attempt, data) {
      open.get(key(peer, attempt))?.send(data);
    },
    /** @param {number} peer @param {number} attempt */
    disconnect(peer, attempt) {
      open.get(key(peer, attempt))?.close();
      open.delete(key(peer, attempt));
    },
    closeAll() {
      for (const each of open.values()) each.close();
      open.clear();
    },
  };
}

/** @param {number} peer @param {number} attempt @param {boolean} isOfferer @param {Ice} ice @param {Report} report */
function connect(peer, attempt, isOfferer, ice, report) {
  const connection = new RTCPeerConnection({ iceServers: ice.servers, iceTransportPolicy: ice.policy });
  /** @type {RTCDataChannel | null} */
  let channel = null;
  let isOver = false;
  let hasEnded = false; // its candidates
  let pathTimer = 0;
  let lastPath = "";

  const lost = () => {
    if (isOver) return;
    close();
    report.call(["channel", peer, attempt, false]);
  };

  function close() {
    isOver = true;
    clearInterval(pathTimer);
    connection.close();
  }

  // One after the other: a candidate must not overtake the description that it belongs to.
  let queue = Promise.resolve();
  const enqueue = (/** @type {() => Promise<void>} */ action) => {
    queue = queue.then(() => (isOver ? undefined : action())).catch(lost);
  };

  const describeSelf = async () => {
    await connection.setLocalDescription();
    const made = connection.localDescription;
    if (made && !isOver) report.call(["description", peer, attempt, made.type, made.sdp]);
  };

  const tellPath = async () => {
    const path = selectedPath(await connection.getStats());
    if (!path || isOver) return;
    const { rtt_us: _, ...kind } = path;
    const seen = JSON.stringify(kind);
    if (seen !== lastPath) report.call(["info", peer, attempt, path]);
    lastPath = seen;
  };

  const adopt = (/** @type {RTCDataChannel} */ made) => {
    if (made.label !== LABEL || channel) return;
    channel = made;
    channel.binaryType = "arraybuffer";
    channel.onopen = () => {
      report.call(["channel", peer, attempt, true]);
      pathTimer = window.setInterval(() => tellPath().catch(() => {}), PATH_CHECK_MS);
      tellPath().catch(() => {}); // statistics are a courtesy: without them the game goes on
    };
    channel.onmessage = ({ data }) => {
      if (data instanceof ArrayBuffer) report.direct(peer, attempt, new Uint8Array(data));
    };
    channel.onclose = lost;
  };

  connection.onicecandidate = ({ candidate }) => {
    if (isOver || hasEnded) return;
    // The end is null in some engines, an empty string in others, and both in some.
    hasEnded = !candidate?.candidate;
    report.call(["candidate", peer, attempt, hasEnded ? null : plainCandidate(candidate)]);
  };
  connection.onconnectionstatechange = () => {
    if (connection.connectionState === "failed") lost();
  };
  connection.ondatachannel = (event) => adopt(event.channel);
  if (isOfferer) {
    adopt(connection.createDataChannel(LABEL, { ordered: false, maxRetransmits: 0 }));
    enqueue(describeSelf);
  }

  return {
    /** @param {string} kind @param {string} sdp */
    describe(kind, sdp) {
      enqueue(async () => {
        await connection.setRemoteDescription({ type: /** @type {RTCSdpType} */ (kind), sdp });
        if (kind === "offer") await describeSelf();
      });
    },
    /** @param {Candidate | null} candidate */
    addCandidate(candidate) {
      enqueue(async () => {
        // One that this engine cannot read (another address family, say) is no reason to give the rest up.
        await connection.addIceCandidate(candidate ?? undefined).catch(() => {});
      });
    },
    /** @param {Uint8Array<ArrayBuffer>} data */
    send(data) {
      if (channel?.readyState !== "open") return;
      try {
        channel.send(data);
      } catch {
        // The channel's buffer is full or it closes just now: a datagram may be lost.
      }
    },
    close,
  };
}

/** @param {RTCIceCandidate | null} candidate @returns {Candidate} */
function plainCandidate(candidate) {
  return {
    candidate: candidate?.candidate ?? "",
    sdpMid: candidate?.sdpMid ?? null,
    sdpMLineIndex: candidate?.sdpMLineIndex ?? null,
  };
}

/**
 * The pair that carries the data now, from the statistics of a connection.
 * @param {{forEach: (visit: (entry: any) => void) => void}} stats @returns {PathInfo | null}
 */
export function selectedPath(stats) {
  /** @type {Map<string, any>} */
  const byId = new Map();
  stats.forEach((entry) => {
    byId.set(entry.id, entry);
  });
  const entries = [...byId.values()];
  const transport = entries.find((each) => each.type === "transport" && each.selectedCandidatePairId);
  const pair =
    byId.get(transport?.selectedCandidatePairId) ??
    entries.find((each) => each.type === "candidate-pair" && each.selected) ?? // Firefox without transports
    entries.find((each) => each.type === "candidate-pair" && each.nominated && each.state === "succeeded");
  const local = byId.get(pair?.localCandidateId);
  const remote = byId.get(pair?.remoteCandidateId);
  if (!pair || !local || !remote) return null;
  return {
    local: local.candidateType ?? "unknown",
    remote: remote.candidateType ?? "unknown",
    protocol: local.protocol ?? "unknown",
    is_turn: local.candidateType === "relay" || remote.candidateType === "relay",
    rtt_us: Math.round((pair.currentRoundTripTime ?? 0) * 1e6),
  };
}
