"""Which ICE servers a participant is told, with TURN credentials that are good for a limited time.

The secret is shared with the TURN server (coturn's use-auth-secret; the scheme of the expired draft
"A REST API For Access To TURN Services") and comes from the environment only.
"""

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import Any, Final

TURN_SECRET_VARIABLE: Final = "SAMETICK_TURN_SECRET"
CREDENTIALS_S: Final = 6 * 3600  # a long session; an allocation outlives its credentials anyway


@dataclass(frozen=True, slots=True, kw_only=True)
class IceConfig:
    """`relay_only` keeps participants' addresses from each other: everything goes over TURN."""

    stun_urls: tuple[str, ...] = ()
    turn_urls: tuple[str, ...] = ()
    turn_secret: str = field(default="", repr=False)
    relay_only: bool = False

    def for_participant(self, name: str, now_s: int) -> dict[str, Any]:
        """The `ice` of a match message, as RTCPeerConnection takes it."""
        servers: list[dict[str, Any]] = [{"urls": url} for url in self.stun_urls]
        if self.turn_urls:
            user = f"{now_s + CREDENTIALS_S}:{name}"
            digest = hmac.new(self.turn_secret.encode(), user.encode(), hashlib.sha1).digest()
            credential = base64.b64encode(digest).decode()
            servers += [{"urls": url, "username": user, "credential": credential} for url in self.turn_urls]
        return {"servers": servers, "policy": "relay" if self.relay_only else "all"}
