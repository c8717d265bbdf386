"""The TURN server of the tests relays between two headless peers that may use nothing else."""

import asyncio
import base64
import hashlib
import hmac
import time
from pathlib import Path

import pytest
from aiortc import RTCConfiguration, RTCDataChannel, RTCIceServer, RTCPeerConnection
from coturn import turn_server


@pytest.mark.slow
@pytest.mark.asyncio
async def test_time_limited_credentials_give_a_relayed_channel(tmp_path: Path) -> None:
    async with turn_server(tmp_path) as turn:
        user = f"{int(time.time()) + 600}:p1"
        password = base64.b64encode(hmac.new(turn.secret.encode(), user.encode(), hashlib.sha1).digest())
        servers = [RTCIceServer(urls=turn.url, username=user, credential=password.decode())]
        left, right = (RTCPeerConnection(RTCConfiguration(iceServers=servers)) for _ in range(2))
        heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        @right.on("datachannel")
        def on_channel(channel: RTCDataChannel) -> None:
            channel.on("message", heard.set_result)

        channel = left.createDataChannel("sametick", ordered=False, maxRetransmits=0)
        channel.on("open", lambda: channel.send(b"hello"))
        await left.setLocalDescription(await left.createOffer())
        await right.setRemoteDescription(_relay_only(left.localDescription))
        await right.setLocalDescription(await right.createAnswer())
        await left.setRemoteDescription(_relay_only(right.localDescription))
        assert await asyncio.wait_for(heard, 30) == b"hello"
        assert turn.allocations >= 2
        await left.close()
        await right.close()


def _relay_only(description):  # type: ignore[no-untyped-def]
    """The description without any candidate that is not relayed."""
    lines = [
        line for line in description.sdp.split("\r\n") if "a=candidate" not in line or " typ relay" in line
    ]
    return type(description)(sdp="\r\n".join(lines), type=description.type)
