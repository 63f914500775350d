"""Custom claims: typed, refused by name if they do not fit, and nobody's but the request's own."""

import logging
from collections.abc import Callable
from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from clerk_fastapi import Clerk, ConfigurationError, SessionClaims
from clerk_fastapi.errors import CustomClaimsInvalid
from clerk_fastapi.testing import ABSENT, LocalClerk, Session
from tests.engine.connections import auth_of, bearer, browser, code_of

pytestmark = pytest.mark.anyio

MakeClerk = Callable[..., Clerk[Any]]


class Address(BaseModel):
    """Something nested."""

    model_config = ConfigDict(extra="forbid")

    city: str = "Paris"


class Metadata(BaseModel):
    """What an application keeps in the public metadata of its users."""

    plan: Literal["free", "pro"] = "free"
    tags: list[str] = []
    seats: dict[str, int] = {}
    address: Address = Address()


class Claims(SessionClaims):
    """What "Customize session token" adds."""

    metadata: Metadata = Metadata()
    email: str | None = None
    locale: Annotated[str, Field(alias="https://example.com/locale")] = "en"
    team: Metadata | None = None


class Demanding(SessionClaims):
    """A claim that has to be there."""

    email: str


class Closed(SessionClaims):
    """No other claims than these."""

    model_config = ConfigDict(extra="forbid")

    metadata: dict[str, Any] | None = None


class Agreeing(Claims):
    """Claims that have to agree with each other, and with Clerk's own."""

    @model_validator(mode="after")
    def agree(self) -> "Agreeing":
        """Only members of an organization may have seats."""
        if self.metadata.seats and self.org_id is None:
            raise ValueError("seats without an organization")
        return self


class Checking(SessionClaims):
    """A claim with a rule of its own."""

    email: str | None = None

    @field_validator("email")
    @classmethod
    def has_at(cls, value: str) -> str:
        """Only addresses will do."""
        if "@" not in value:
            raise ValueError(value)
        return value


class Finishing(SessionClaims):
    """Claims that are looked at once more when all are there."""

    seats: int = 0

    def model_post_init(self, context: Any) -> None:
        """There cannot be fewer seats than none."""
        if self.seats < 0:
            raise ValueError(f"swordfish {self.seats}")


async def test_claims_are_typed(make_clerk: MakeClerk, local: LocalClerk, session: Session) -> None:
    """The application's own model is what a handler gets, Clerk's claims included."""
    auth = await make_clerk(claims=Claims).verify_token(local.token(session))
    assert isinstance(auth.claims, Claims)
    assert auth.claims.metadata.plan == "pro"
    assert auth.claims.org_role == "org:admin"
    assert auth.claims.locale == "en"


async def test_unknown_claims_are_kept(clerk: Clerk, local: LocalClerk, session: Session) -> None:
    """Without a model of one's own, everything is still there."""
    auth = await clerk.verify_token(local.token(session, claims={"more": [1, {"a": None}]}))
    assert auth.claims.model_extra == {"metadata": {"plan": "pro"}, "more": [1, {"a": None}]}


@pytest.mark.parametrize(
    "text", ["NaN", "Infinity", "-Infinity", "null", "mch_1", "\u0000", "\u2028"]
)
async def test_texts_may_say_anything(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, text: str
) -> None:
    """What would be no number is a text like any other where a text belongs."""
    token = local.token(session, claims={"email": text, "more": [text]})
    auth = await make_clerk(claims=Claims).verify_token(token)
    assert auth.claims.email == text
    assert auth.claims.model_extra == {"more": [text]}


MISFITS: list[tuple[type[SessionClaims], dict[str, object], str]] = [
    (Claims, {"metadata": {"plan": "swordfish"}}, "metadata.plan"),
    (Claims, {"metadata": "swordfish"}, "metadata"),
    (Claims, {"metadata": None}, "metadata"),
    (Claims, {"metadata": {"tags": ["a", {"swordfish": 1}]}}, "metadata.tags"),
    (Claims, {"metadata": {"tags": "swordfish"}}, "metadata.tags"),
    (Claims, {"metadata": {"seats": {"swordfish": "many"}}}, "metadata.seats"),
    (Claims, {"metadata": {"address": {"swordfish": 1}}}, "metadata.address"),
    (Claims, {"metadata": {"address": {"city": ["swordfish"]}}}, "metadata.address.city"),
    (Claims, {"email": ["swordfish"]}, "email"),
    (Claims, {"https://example.com/locale": {"swordfish": 1}}, "locale"),
    (Claims, {"team": {"plan": "swordfish"}}, "team"),
    (Demanding, {"swordfish": 1}, "email"),
    (Demanding, {"email": None, "swordfish": 1}, "email"),
    (Closed, {"swordfish": 1}, "Closed"),
    (Checking, {"email": "swordfish"}, "email"),
    (Finishing, {"seats": -1}, "Finishing"),
    (Agreeing, {"metadata": {"seats": {"swordfish": 1}}, "o": ABSENT}, "Agreeing"),
]


@pytest.mark.parametrize(("model", "says", "field"), MISFITS)
async def test_misfit_is_refused_and_the_log_names_the_field(
    make_clerk: MakeClerk,
    local: LocalClerk,
    session: Session,
    caplog: pytest.LogCaptureFixture,
    model: type[SessionClaims],
    says: dict[str, object],
    field: str,
) -> None:
    """It has a code of its own; neither values nor keys that the token brought are written down."""
    caplog.set_level(logging.DEBUG)
    clerk, token = make_clerk(claims=model), local.token(session, claims=says)
    for _ in range(2):  # a misfit is not remembered as a fit
        with pytest.raises(CustomClaimsInvalid) as caught:
            await clerk.verify_token(token)
        assert code_of(await clerk.authenticate(bearer(token))) == "token-custom-claims-invalid"
    (record, *_) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert f"{model.__name__}: {field};" in record.getMessage()
    assert "swordfish" not in f"{caplog.text} {caught.value!r} {caught.value.__cause__!r}"


@pytest.mark.parametrize(("model", "says", "field"), MISFITS)
async def test_misfit_of_a_forged_token_is_not_looked_at(
    make_clerk: MakeClerk,
    local: LocalClerk,
    session: Session,
    caplog: pytest.LogCaptureFixture,
    model: type[SessionClaims],
    says: dict[str, object],
    field: str,
) -> None:
    """Nobody but the instance can make the log name fields."""
    good = local.token(session).rpartition(".")[2]
    forged = f"{local.token(session, claims=says).rpartition('.')[0]}.{good}"
    state = await make_clerk(claims=model).authenticate(bearer(forged))
    assert code_of(state) == "token-invalid-signature"
    assert field not in caplog.text


@pytest.mark.parametrize("says", [{"sid": ""}, {"exp": "5"}, {"o": 5}, {"fva": [True, 0]}])
async def test_standard_claims_are_judged_before_custom_ones(
    make_clerk: MakeClerk, local: LocalClerk, session: Session, says: dict[str, object]
) -> None:
    """What Clerk got wrong is not blamed on the application's model."""
    for model in (Demanding, Closed, Agreeing):
        token = local.token(session, claims={"swordfish": 1} | says)
        state = await make_clerk(claims=model).authenticate(bearer(token))
        assert code_of(state) == "token-verification-failed"


async def test_model_of_the_wrong_kind_stops_the_start_up(make_clerk: MakeClerk) -> None:
    """A mistake in the model is said before the first request."""
    for model in (dict, Metadata, None, "Claims"):
        with pytest.raises(ConfigurationError, match="claims"):
            make_clerk(claims=model)


async def test_model_that_is_not_finished_stops_the_start_up(make_clerk: MakeClerk) -> None:
    """A name that nothing defines is said before the first request, too."""
    annotations = {"metadata": "Undefined"}
    unfinished = type("Unfinished", (SessionClaims,), {"__annotations__": annotations})
    with pytest.raises(ConfigurationError, match="Unfinished"):
        make_clerk(claims=unfinished)


# --- nobody changes what the next request is judged by --------------------------------------------


async def test_claims_belong_to_one_request(
    make_clerk: MakeClerk, local: LocalClerk, session: Session
) -> None:
    """Whatever a handler does to its claims, the next request sees what Clerk signed."""
    clerk, token = make_clerk(claims=Claims), local.token(session, claims={"more": {"a": [1]}})
    for _ in range(3):
        auth = auth_of(await clerk.authenticate(bearer(token)))
        claims = auth.claims
        assert auth.claims is claims
        assert (claims.metadata.plan, claims.metadata.tags) == ("pro", [])
        assert claims.model_extra == {"more": {"a": [1]}}
        claims.metadata.plan = "free"
        claims.metadata.tags.append("admin")
        claims.model_extra["more"]["a"].append(2)
        claims.model_extra.clear()
        claims.__dict__["metadata"] = None
    assert Claims.model_validate_json(
        b'{"iss":"a","sub":"a","sid":"a","iat":1,"exp":1}'
    ).metadata == (Metadata())


async def test_changed_claims_change_no_rights(
    clerk: Clerk, local: LocalClerk, session: Session
) -> None:
    """Rights rest on what was signed, within the same request and in the next."""
    token = local.token(session)
    for _ in range(2):
        auth = auth_of(await clerk.authenticate(bearer(token)))
        planted = {
            "org_role": "org:owner",
            "org_permissions": ("org:x:y",),
            "org_id": "org_other",
            "sub": "user_other",
            "sts": "pending",
            "fva": (0, 0),
            "exp": 2**33,
        }
        auth.claims.__dict__.update(planted)
        assert not auth.has(role="owner")
        assert not auth.has(permission="x:y")
        assert auth.user_id == session.user.id
        assert auth.org_role == "org:admin"
        assert auth.is_pending is False


async def test_claims_can_be_read_by_the_first_and_by_later_requests(
    make_clerk: MakeClerk, local: LocalClerk, session: Session
) -> None:
    """A remembered token has the same claims as a new one."""
    clerk, token = make_clerk(claims=Claims), local.token(session)
    first, second = [await clerk.verify_token(token) for _ in range(2)]
    assert first.claims == second.claims
    assert first.claims is not second.claims
    with pytest.raises(ValidationError):
        first.claims.email = "eve@example.com"


# --- sizes ----------------------------------------------------------------------------------------


def sizes(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The warnings about size."""
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def filler(size: int) -> dict[str, object]:
    """Custom claims that take so many bytes of JSON in all."""
    empty = '{"metadata":{"plan":"pro"},"filler":""}'
    return {"filler": "x" * (size - len(empty))}


@pytest.mark.parametrize(("size", "warns"), [(500, False), (1_200, False), (1_201, True)])
async def test_custom_claims_beyond_the_limit_are_warned_of(
    clerk: Clerk,
    local: LocalClerk,
    session: Session,
    caplog: pytest.LogCaptureFixture,
    size: int,
    warns: bool,
) -> None:
    """1.2 KB is what Clerk leaves for custom claims in a cookie; the token is still believed."""
    auth = await clerk.verify_token(local.token(session, claims=filler(size)))
    assert auth.user_id == session.user.id
    assert len(sizes(caplog)) == warns
    if warns:
        assert f"{size} of them custom claims" in sizes(caplog)[0]
        assert "xxx" not in caplog.text


async def test_token_beyond_the_cookie_limit_is_warned_of(
    clerk: Clerk, local: LocalClerk, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    """Clerk's own claims can be too many, too: an organization with very many features."""
    features = ",".join(f"o:feature-{number}" for number in range(250))
    small = local.token(session, claims={"fea": features[:1_800]})
    assert len(small) < 4_096
    await clerk.verify_token(small)
    assert sizes(caplog) == []
    large = local.token(session, claims={"fea": features})
    assert len(large) > 4_096
    await clerk.verify_token(large)
    assert f"{len(large)} bytes" in sizes(caplog)[0]
    assert "feature-1" not in caplog.text


async def test_size_is_warned_of_once(
    clerk: Clerk, local: LocalClerk, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    """A log that says the same with every request is not read."""
    for size in (1_300, 1_301, 1_300):
        await clerk.verify_token(local.token(session, claims=filler(size)))
    assert len(sizes(caplog)) == 1


async def test_refused_token_is_not_warned_of(
    clerk: Clerk, local: LocalClerk, session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    """Strangers cannot fill the log with warnings."""
    token = local.token(session, claims=filler(2_000))
    bent = f"{token[:-4]}AAAA"
    assert code_of(await clerk.authenticate(browser({"__session": bent}))) != "accepted"
    assert sizes(caplog) == []
