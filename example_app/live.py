"""A WebSocket that hears of every change to the items that its user may read."""

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream
from fastapi import APIRouter, WebSocket, WebSocketDisconnect, status

from example_app.guards import Reader, SignedIn
from example_app.hub import Event
from example_app.services import HubDep, NowDep

router = APIRouter()


@router.websocket("/live")
async def live(socket: WebSocket, owner: Reader, auth: SignedIn, hub: HubDep, now: NowDep) -> None:
    """Send the owner's changes until the token runs out.

    A session token lives for a minute. A socket that outlived it would go on telling a user who has
    signed out, or has left the organization; the page opens the next one with a fresh token.
    """
    with hub.listen(owner) as events:
        await socket.accept()  # only now: whoever sees the socket open misses nothing
        left = False
        with anyio.move_on_after(auth.claims.exp - now) as lifetime:
            left = await _forward(events, socket)
    if lifetime.cancelled_caught:
        await socket.close(status.WS_1008_POLICY_VIOLATION, "token-expired")
    elif not left:
        await socket.close(status.WS_1013_TRY_AGAIN_LATER, "too-slow")


async def _forward(events: MemoryObjectReceiveStream[Event], socket: WebSocket) -> bool:
    """Send events until the client leaves (True) or the hub lets go of it (False)."""
    left = False

    async def listen_for_goodbye() -> None:
        nonlocal left
        while (await socket.receive())["type"] != "websocket.disconnect":
            pass  # this socket only speaks
        left = True
        tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(listen_for_goodbye)
        try:
            async for event in events:
                await socket.send_json(event)
        except WebSocketDisconnect:
            left = True
        tasks.cancel_scope.cancel()
    return left
