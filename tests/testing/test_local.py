"""LocalClerk as a whole: its keys, and an application that believes it."""

from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI

from clerk_fastapi import Auth, Clerk, ConfigurationError, SessionClaims, require_permission
from clerk_fastapi.protocol.keys import PublishableKey
from clerk_fastapi.testing import SEED_CLAIMS, LocalClerk, Session, SigningKey, seed
from tests.testing.conftest import Clock
from tests.testing.reading import claims_of

LIVE = "sk_" + "live_"  # in two parts, so that nobody's scanner takes it for a leak


class Claims(SessionClaims):
    """What the session token was customized to carry."""

    email: str


def application(local: LocalClerk) -> FastAPI:
    """An application with one route, which needs a permission."""
    clerk = Clerk(**local.settings(), claims=Claims)
    app = FastAPI(lifespan=clerk.lifespan)

    @app.get("/data")
    async def data(
        auth: Annotated[Auth[Claims], Depends(require_permission("org:data:write"))],
    ) -> str:
        return auth.claims.email

    return app


@pytest.mark.anyio
async def test_application_believes_the_instance_it_was_given(clock: Clock) -> None:
    """Bearer tokens and cookies of members get in, and what they may do follows the records."""
    local = LocalClerk(clock=clock, session_claims=SEED_CLAIMS)
    answers = []
    app = application(local)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client,
    ):
        for member in seed(local):
            session = local.sign_in(
                member.user, organization=member.organization, status=member.status
            )
            response = await client.get("/data", headers=local.bearer(session))
            answers.append(response.status_code)
            client.cookies.update(local.cookies(session))
            response = await client.get("/data")
            answers.append(response.status_code)
            client.cookies.clear()
    assert answers == [200, 200, 200, 200, 403, 403, 200, 200, 403, 403, 401, 401]
    assert local.jwks_requests == 1


def test_settings_name_the_instance_and_share_its_clock(local: LocalClerk, clock: Clock) -> None:
    """What a ``Clerk`` is given is enough to belong to this instance."""
    settings = local.settings()
    assert settings["publishable_key"] == local.publishable_key
    assert settings["secret_key"] == local.secret_key
    assert settings["clock"] is clock
    assert "proxy_url" not in settings


def test_settings_say_where_browsers_are_sent(local: LocalClerk) -> None:
    """Once it is known where the instance is served."""
    local.proxy_url = "http://127.0.0.1:8787"
    assert local.settings()["proxy_url"] == "http://127.0.0.1:8787"


def test_cookies_carry_both_names(local: LocalClerk, session: Session) -> None:
    """A browser keeps each cookie plain and under the instance's suffix."""
    suffix = PublishableKey.parse(local.publishable_key).cookie_suffix
    cookies = local.cookies(session)
    plain = {"__session", "__client_uat", "__clerk_db_jwt"}
    assert cookies.keys() == plain | {f"{name}_{suffix}" for name in plain}
    assert claims_of(cookies["__session"])["sid"] == session.id
    assert cookies[f"__client_uat_{suffix}"] == "1800000000"
    assert cookies["__clerk_db_jwt"] == session.browser.token


def test_refresh_token_is_a_cookie_for_those_who_ask(local: LocalClerk, session: Session) -> None:
    """Most tests do without; it is only ever suffixed."""
    with_refresh = local.cookies(session, refresh=True)
    assert with_refresh.keys() - local.cookies(session).keys() == {
        f"__refresh_{local.cookie_suffix}"
    }


def test_production_knows_no_dev_browser(production: LocalClerk) -> None:
    """The cookies of a live page are the session and the time of the last change."""
    session = production.sign_in(production.add_user("ada@example.com"))
    suffix = production.cookie_suffix
    names = {"__session", "__client_uat", f"__session_{suffix}", f"__client_uat_{suffix}"}
    assert production.cookies(session).keys() == names


def test_cookies_of_a_browser_are_what_is_true_of_it(
    local: LocalClerk, session: Session, clock: Clock
) -> None:
    """Of a session they are what a page still holds that has not noticed that it has ended."""
    browser = session.browser
    assert claims_of(local.cookies(browser)["__session"])["sid"] == session.id
    clock.now += 10
    local.end_session(session)
    assert "__session" not in local.cookies(browser, refresh=True)
    assert local.cookies(browser)["__client_uat"] == "0"
    assert claims_of(local.cookies(session)["__session"])["sts"] == "active"


def test_publishable_key_names_the_host(local: LocalClerk) -> None:
    """The key is a test key, and what it names has a dot, as Clerk's SDKs demand."""
    key = PublishableKey.parse(local.publishable_key)
    assert key.text.startswith("pk_test_")
    assert key.host == local.host == "local-clerk-0.clerk.accounts.dev"
    assert key.issuer == local.issuer == "https://local-clerk-0.clerk.accounts.dev"


def test_every_instance_has_keys_of_its_own() -> None:
    """Two instances share neither secret key nor signing key."""
    one, other = LocalClerk(), LocalClerk()
    assert one.secret_key.startswith("sk_test_")
    assert one.secret_key != other.secret_key
    assert one.jwt_key != other.jwt_key
    assert one.jwks() != other.jwks()


def test_production_instance_makes_keys_that_look_live(key: SigningKey) -> None:
    """What differs in production can be tried out, with keys that open nothing elsewhere."""
    local = LocalClerk(host="clerk.example.com", instance_type="production", signing_key=key)
    assert local.publishable_key == "pk_live_Y2xlcmsuZXhhbXBsZS5jb20k"
    assert local.secret_key.startswith(LIVE)


@pytest.mark.parametrize("secret_key", [f"{LIVE}0123456789", "live_0123456789", "0123456789", ""])
def test_live_secret_keys_are_refused(secret_key: str) -> None:
    """A key that is not surely a test key is not taken."""
    with pytest.raises(ConfigurationError, match="live secret key"):
        LocalClerk(secret_key=secret_key)


def test_test_secret_key_is_taken(key: SigningKey) -> None:
    """Two processes can agree on one."""
    assert LocalClerk(secret_key="sk_test_ours", signing_key=key).secret_key == "sk_test_ours"


@pytest.mark.parametrize("host", ["", "localhost", "https://a.b", "a.b/c", "a b.c"])
def test_hosts_that_no_key_can_name_are_refused(host: str) -> None:
    """A host has a dot, and nothing but a host."""
    with pytest.raises(ConfigurationError):
        LocalClerk(host=host)


def test_keys_are_not_shown(local: LocalClerk) -> None:
    """Printing an instance or a key shows nothing secret."""
    assert repr(local) == "<LocalClerk local-clerk-0.clerk.accounts.dev>"
    assert "private" not in repr(SigningKey.generate())
