"""What the oracle sees: with a part of the gate taken out, it finds what is wrong."""

from collections.abc import Callable
from typing import Any

import pytest
from fastapi.routing import _FrontendRouteGroup
from starlette.routing import Router, WebSocketRoute

from clerk_fastapi.web.routing import gate, routes
from tests.tricks.application import Site
from tests.tricks.conftest import Instance
from tests.tricks.declared import Level
from tests.tricks.memory import plain_scopes, wrong_answers
from tests.web.serving import running

pytestmark = pytest.mark.anyio

Patch = pytest.MonkeyPatch


def originals_are_armed(patch: Patch) -> None:
    """Instead of the copies that FastAPI makes of what it includes."""
    effective = routes._effective

    def original(context: Any) -> tuple[Any, Any]:
        return context.original_route, effective(context)[1]

    patch.setattr(routes, "_effective", original)


def directories_are_not_armed(patch: Patch) -> None:
    """Whether copies serve those of included routers, as in FastAPI 0.138, or originals."""
    _not_for(patch, _FrontendRouteGroup)
    patch.setattr(gate, "arm_frontend", lambda included: None)


def _not_for(patch: Patch, kind: type[Any]) -> None:
    arm: Any = vars(gate)["arm"]
    patch.setattr(gate, "arm", lambda route: None if isinstance(route, kind) else arm(route))


def what_is_left_over_is_not_armed(patch: Patch) -> None:
    """What a router does with requests that none of its routes is for."""
    _not_for(patch, Router)


def websockets_are_not_armed(patch: Patch) -> None:
    """Only routes for HTTP are."""
    _not_for(patch, WebSocketRoute)


def changes_are_not_noticed(patch: Patch) -> None:
    """What was there at the start is all there is."""
    patch.setattr(routes.Tree, "is_current", lambda tree: True)


def mounts_note_nothing(patch: Patch) -> None:
    """So nobody knows by which of two mounts a request came."""
    patch.setattr(gate, "arm_mount", lambda route: None)


def places_are_not_told_apart(patch: Patch) -> None:
    """Of a router that is included twice."""
    patch.setattr(routes.Leaf, "is_selected", lambda leaf, scope: False)


REMOVALS: dict[Callable[[Patch], None], str] = {
    originals_are_armed: "PUBLIC reached deep_raw",
    directories_are_not_armed: "PUBLIC reached private frontend",
    what_is_left_over_is_not_armed: "PUBLIC reached left_over",
    websockets_are_not_armed: "PUBLIC reached ws_room",
    changes_are_not_noticed: "PUBLIC reached late",
    mounts_note_nothing: "WRONG NO: PUBLIC got",
    places_are_not_told_apart: "WRONG NO: PUBLIC got",
}


@pytest.mark.parametrize("remove", [None, *REMOVALS], ids=lambda each: each and each.__name__)
async def test_oracle_sees_what_is_missing(
    unguarded: Callable[..., Site],
    guarded: Callable[..., Site],
    instance: Instance,
    monkeypatch: Patch,
    remove: Callable[[Patch], None] | None,
) -> None:
    """And complains of nothing where nothing is missing."""
    if remove is not None:
        remove(monkeypatch)
    plain, site = unguarded(), guarded("closed")
    async with running(plain.app), running(site.app):
        for each in (plain, site):
            each.app.add_route("/late", each.visits.page("late", Level.SIGNED_IN))
        wrong = await wrong_answers(plain, site, instance.tokens, plain_scopes("/late"))
    said = [complaint for _, complaint in wrong]
    if remove is None:
        assert said == []
    else:
        assert any(REMOVALS[remove] in complaint for complaint in said)
