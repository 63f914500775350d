"""How browsers reach the application and Clerk is configured, and machines' keys; checked once."""

from typing import Any

import pytest

from clerk_fastapi import Clerk, ConfigurationError, OrganizationSync
from clerk_fastapi.protocol.site import Proxies
from clerk_fastapi.testing import SigningKey
from tests.test_settings import LIVE_KEY, SECRET, TEST_KEY, read

SIGN_IN = "https://www.example.com/sign-in"
SIGN_UP = "https://www.example.com/sign-up"
SATELLITE = {"is_satellite": True, "domain": "satellite.example", "sign_in_url": SIGN_IN}


def site(**given: Any) -> Any:
    """The part of the settings that concerns browsers."""
    return read(**{"publishable_key": TEST_KEY} | given).site


# --- where values come from -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("variable", "text", "name", "value"),
    [
        ("CLERK_PROXY_URL", "/__clerk", "proxy_url", "/__clerk"),
        ("CLERK_PROXY_URL", " /__clerk\n", "proxy_url", "/__clerk"),
        ("CLERK_DOMAIN", "satellite.example", "domain", "satellite.example"),
        ("CLERK_SIGN_IN_URL", SIGN_IN, "sign_in_url", SIGN_IN),
        ("CLERK_SIGN_UP_URL", SIGN_UP, "sign_up_url", SIGN_UP),
        ("CLERK_SIGN_UP_URL", "/sign-up", "sign_up_url", "/sign-up"),
        ("CLERK_PROXY_URL", "", "proxy_url", None),
    ],
)
def test_site_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, variable: str, text: str, name: str, value: str | None
) -> None:
    """Unless the program says otherwise; an empty argument overrules the variable."""
    monkeypatch.setenv(variable, text)
    assert getattr(site(), name) == value
    assert getattr(site(**{name: "other.example" if name == "domain" else "/x"}), name) != value
    assert getattr(site(**{name: ""}), name) is None


@pytest.mark.parametrize(
    ("text", "value"),
    [("true", True), ("True", True), ("1", True), ("false", False), ("FALSE", False), ("0", False)],
)
def test_satellite_is_said_in_a_word(
    monkeypatch: pytest.MonkeyPatch, text: str, value: bool
) -> None:
    """As environment files say it."""
    monkeypatch.setenv("CLERK_IS_SATELLITE", text)
    found = site(domain="satellite.example", sign_in_url=SIGN_IN)
    assert found.is_satellite is value
    for given in (True, False):
        found = site(domain="satellite.example", sign_in_url=SIGN_IN, is_satellite=given)
        assert found.is_satellite is given


@pytest.mark.parametrize("text", ["yes", "on", "2", "no", "satellite.example"])
def test_other_words_are_a_mistake(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    """Nobody can tell what they mean."""
    monkeypatch.setenv("CLERK_IS_SATELLITE", text)
    with pytest.raises(ConfigurationError, match="CLERK_IS_SATELLITE"):
        site(domain="satellite.example")


@pytest.mark.parametrize(
    "name", ["proxy_url", "domain", "sign_in_url", "sign_up_url", "machine_secret_key"]
)
def test_texts_are_texts(name: str) -> None:
    """A key of another type is a mistake that names the argument."""
    with pytest.raises(ConfigurationError, match=name):
        read(publishable_key=TEST_KEY, **{name: 5})


# --- what goes together ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "instance_type"),
    [
        ({"publishable_key": TEST_KEY}, "development"),
        ({"publishable_key": LIVE_KEY}, "production"),
        ({"publishable_key": "", "secret_key": "sk_test_a", "issuer": "x"}, "development"),
        ({"publishable_key": "", "secret_key": "sk_live_a", "issuer": "x"}, "production"),
    ],
)
def test_keys_tell_the_kind_of_instance(given: dict[str, Any], instance_type: str) -> None:
    """What nobody tells is production, where the rules are stricter."""
    assert site(**given).instance_type == instance_type


def test_kind_of_instance_that_nobody_tells_is_production() -> None:
    """With a PEM key alone."""
    pem = SigningKey.generate().pem
    assert site(publishable_key="", jwt_key=pem, issuer="x").instance_type == "production"


@pytest.mark.parametrize(("secret", "takes"), [(SECRET, True), ("", False)])
def test_nonces_need_a_secret_key(secret: str, takes: bool) -> None:
    """Without one a handshake has to bring its token itself."""
    assert site(secret_key=secret).takes_nonces is takes


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({"is_satellite": True}, "CLERK_DOMAIN"),
        ({"is_satellite": True, "domain": "satellite.example"}, "CLERK_SIGN_IN_URL"),
        (SATELLITE | {"sign_in_url": "/sign-in"}, "CLERK_SIGN_IN_URL"),
    ],
)
def test_half_a_satellite_stops_the_start_up(given: dict[str, Any], missing: str) -> None:
    """At start-up, and not at the first page."""
    with pytest.raises(ConfigurationError, match=missing):
        Clerk(publishable_key=TEST_KEY, **given)


@pytest.mark.parametrize(
    ("key", "given", "issuers"),
    [
        (LIVE_KEY, {}, {"https://clerk.example.com"}),
        (LIVE_KEY, {"proxy_url": "/__clerk"}, {"https://clerk.example.com"}),
        (
            LIVE_KEY,
            {"proxy_url": "https://app.example.com/__clerk/"},
            {"https://clerk.example.com", "https://app.example.com/__clerk"},
        ),
        (LIVE_KEY, SATELLITE, {"https://clerk.example.com", "https://clerk.satellite.example"}),
        (TEST_KEY, SATELLITE, {"https://clerk.example.dev"}),
        (LIVE_KEY, SATELLITE | {"issuer": "https://x.example"}, {"https://x.example"}),
    ],
)
def test_issuers_follow_from_where_clerk_is(
    key: str, given: dict[str, Any], issuers: set[str]
) -> None:
    """Behind a proxy and on a satellite the Frontend API goes by another name, too."""
    assert read(publishable_key=key, **given).rules.issuers == issuers


def test_satellites_that_are_answered_are_named() -> None:
    """Authorized parties are known anyway."""
    found = site(
        authorized_parties=["https://app.example.com"],
        allowed_redirect_origins=["https://satellite.example"],
    )
    assert found.redirect_origins == {"https://app.example.com", "https://satellite.example"}
    assert site().redirect_origins == frozenset()


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({}, False),
        ({"allowed_redirect_origins": ["https://satellite.example"]}, False),
        ({"authorized_parties": ["https://app.example.com"]}, True),
    ],
)
def test_own_origins_are_known_by_the_authorized_parties(
    given: dict[str, Any], named: bool
) -> None:
    """Whoever names nothing but satellites has not said which origin is the primary's."""
    assert site(**given).names_own_origins is named


@pytest.mark.parametrize(
    "url", ["sign-up", "//evil.example/", "/a b", "javascript:alert(1)", "https://u@a.example/", 5]
)
def test_sign_up_page_is_a_place_that_browsers_can_be_sent_to(url: Any) -> None:
    """A URL or a path of this site, as the sign-in page is."""
    with pytest.raises(ConfigurationError, match=r"sign_up_url|CLERK_SIGN_UP_URL"):
        Clerk(publishable_key=TEST_KEY, sign_up_url=url)


def test_sign_up_page_in_production_is_encrypted() -> None:
    """In development it may be on another machine of the house."""
    url = "http://a.example/sign-up"
    assert site(sign_up_url=url).sign_up_url == url
    with pytest.raises(ConfigurationError, match="CLERK_SIGN_UP_URL must be https"):
        site(publishable_key=LIVE_KEY, sign_up_url=url)


@pytest.mark.parametrize(
    "origins",
    [
        ["https://satellite.example/"],
        ["satellite.example"],
        ["https://*.example"],
        ["https://satellite.example:443"],
        ["https://ada@satellite.example"],
        ["null"],
        ["*"],
        [],
        "https://satellite.example",
    ],
)
def test_origin_that_is_none_is_refused(origins: Any) -> None:
    """A browser's token is sent there: no wildcards, and nothing that no browser would send."""
    with pytest.raises(ConfigurationError, match="allowed_redirect_origins"):
        site(allowed_redirect_origins=origins)


def test_proxies_are_trusted_by_name_only() -> None:
    """None are, unless they are named."""
    assert site().proxies == Proxies()
    assert site(trusted_proxies=["10.0.0.0/8"]).proxies.include("10.0.0.7")
    with pytest.raises(ConfigurationError, match="trusted_proxies"):
        Clerk(publishable_key=TEST_KEY, trusted_proxies=["proxy.example"])


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("organization_sync", {"organization_patterns": ["/orgs/:slug"]}),
        ("organization_sync", ["/orgs/:slug"]),
        ("satellite_auto_sync", "false"),
        ("satellite_auto_sync", None),
        ("satellite_auto_sync", 1),
    ],
)
def test_argument_of_another_type_is_a_mistake(name: str, value: Any) -> None:
    """At start-up, with the name of it."""
    with pytest.raises(ConfigurationError, match=name):
        site(**{name: value})


def test_organizations_are_synchronized_by_path() -> None:
    """As the application's pages are."""
    sync = OrganizationSync(["/orgs/:slug"])
    assert site(organization_sync=sync).organization_sync is sync
    assert site().organization_sync is None


def test_pem_key_is_good_for_one_algorithm() -> None:
    """It does not say for which, so RS256 or the only one that is allowed."""
    pem = SigningKey.generate().pem
    for algorithms, expected in ((["RS256", "RS512"], "RS256"), (["RS512"], "RS512")):
        key = read(publishable_key=TEST_KEY, jwt_key=pem, algorithms=algorithms).jwt_key
        assert key is not None
        assert key.algorithm == expected
    with pytest.raises(ConfigurationError, match="one algorithm"):
        read(publishable_key=TEST_KEY, jwt_key=pem, algorithms=["RS384", "RS512"])


# --- machines -------------------------------------------------------------------------------------


def test_machine_secret_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or from the program, and is shown to nobody."""
    monkeypatch.setenv("CLERK_MACHINE_SECRET_KEY", "ak_wanderer ")
    settings = read(publishable_key=TEST_KEY)
    assert settings.machine_secret_key is not None
    assert settings.machine_secret_key.get_secret_value() == "ak_wanderer"
    assert "wanderer" not in f"{settings!r} {settings}"
    assert read(publishable_key=TEST_KEY, machine_secret_key="").machine_secret_key is None


@pytest.mark.parametrize("secret", ["a b", "ak_\u00e9", "ak\n_x", "sk_test_x", "pk_test_x"])
def test_machine_secret_key_that_is_none(secret: str) -> None:
    """Another key in its place would be sent to Clerk in vain; the message does not repeat it."""
    with pytest.raises(ConfigurationError, match="CLERK_MACHINE_SECRET_KEY") as caught:
        read(publishable_key=TEST_KEY, machine_secret_key=secret)
    assert secret not in str(caught.value)


@pytest.mark.parametrize("ttl", [-1, float("nan"), float("inf"), "60", True])
def test_memory_of_opaque_tokens_is_a_number_of_seconds(ttl: Any) -> None:
    """Zero is none, and the default."""
    assert Clerk(publishable_key=TEST_KEY, opaque_token_ttl=0)
    with pytest.raises(ConfigurationError, match="opaque_token_ttl"):
        Clerk(publishable_key=TEST_KEY, opaque_token_ttl=ttl)
