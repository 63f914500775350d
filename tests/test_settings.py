"""Keys come from arguments or ``CLERK_*`` variables; what is wrong is named and never shown."""

import traceback
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from clerk_fastapi import Clerk, ConfigurationError
from clerk_fastapi.protocol.keys import PublishableKey
from clerk_fastapi.settings import (
    KeyArguments,
    RuleArguments,
    Settings,
    SiteArguments,
    read_settings,
)

TEST_KEY = PublishableKey.build("clerk.example.dev", "development").text
LIVE_KEY = PublishableKey.build("clerk.example.com", "production").text
SECRET = "sk_test_wanderer"
HIDDEN = "cadabra"  # part of every wrong value


def read(**given: object) -> Settings:
    """Read settings of which only a few were given."""
    groups: list[Any] = []
    for group in (KeyArguments, RuleArguments, SiteArguments):
        fields = group._fields
        groups.append(group(**{name: given.pop(name) for name in fields if name in given}))
    assert not given, "every argument belongs to a group"
    return read_settings(*groups)


def public(key: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey) -> str:
    """The public half of a key, as PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture(scope="module")
def private() -> rsa.RSAPrivateKey:
    """A key pair of the size that Clerk uses."""
    return rsa.generate_private_key(65_537, 2_048)


@pytest.fixture(scope="module")
def pem(private: rsa.RSAPrivateKey) -> str:
    """Its public half."""
    return public(private)


@pytest.fixture(scope="module")
def misfits(private: rsa.RSAPrivateKey) -> dict[str, str]:
    """PEM texts with which no session token may be checked."""
    secret = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    old = private.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    return {
        "words": "the key is under the mat",
        "cut": public(private)[:200],
        "short": public(rsa.generate_private_key(65_537, 1_024)),
        "elliptic": public(ec.generate_private_key(ec.SECP256R1())),
        "private": secret,
        "private-old": old.decode(),
        "private-bare": "".join(line for line in secret.splitlines() if "-----" not in line),
    }


# --- where values come from -----------------------------------------------------------------------


def test_keys_come_from_the_environment(monkeypatch: pytest.MonkeyPatch, pem: str) -> None:
    """Without arguments the ``CLERK_*`` variables decide."""
    monkeypatch.setenv("CLERK_PUBLISHABLE_KEY", TEST_KEY)
    monkeypatch.setenv("CLERK_SECRET_KEY", SECRET)
    monkeypatch.setenv("CLERK_JWT_KEY", pem)
    monkeypatch.setenv("CLERK_API_URL", "https://api.example.com")
    settings = read()
    assert settings.publishable_key == PublishableKey.parse(TEST_KEY)
    assert settings.secret_key is not None
    assert settings.secret_key.get_secret_value() == SECRET
    assert settings.jwt_key is not None
    assert settings.api_url == "https://api.example.com"


def test_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the program says counts more than what the machine says."""
    monkeypatch.setenv("CLERK_PUBLISHABLE_KEY", LIVE_KEY)
    monkeypatch.setenv("CLERK_API_URL", "https://api.example.com")
    settings = read(publishable_key=TEST_KEY, api_url="https://other.example.com")
    assert settings.publishable_key == PublishableKey.parse(TEST_KEY)
    assert settings.api_url == "https://other.example.com"


@pytest.mark.parametrize(
    "variable", ["CLERK_PUBLISHABLE_KEY", "CLERK_SECRET_KEY", "CLERK_JWT_KEY", "CLERK_API_URL"]
)
def test_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    """A line left empty in an ``.env`` file is no setting."""
    monkeypatch.setenv("CLERK_PUBLISHABLE_KEY", TEST_KEY)
    expected = read(issuer="https://clerk.example.dev", secret_key=SECRET)
    monkeypatch.setenv(variable, "")
    if variable == "CLERK_PUBLISHABLE_KEY":
        expected = read(issuer="https://clerk.example.dev", secret_key=SECRET)
        assert expected.publishable_key is None
    assert read(issuer="https://clerk.example.dev", secret_key=SECRET) == expected


@pytest.mark.parametrize("blank", ["", "  ", "\n"])
def test_empty_argument_overrules_the_environment(
    monkeypatch: pytest.MonkeyPatch, pem: str, blank: str
) -> None:
    """A program can do without what the machine offers; nothing else is read into emptiness."""
    monkeypatch.setenv("CLERK_PUBLISHABLE_KEY", LIVE_KEY)
    monkeypatch.setenv("CLERK_SECRET_KEY", SECRET)
    monkeypatch.setenv("CLERK_JWT_KEY", pem)
    monkeypatch.setenv("CLERK_API_URL", "https://api.example.com")
    settings = read(publishable_key=TEST_KEY, secret_key=blank, jwt_key=blank, api_url=blank)
    assert (settings.secret_key, settings.jwt_key) == (None, None)
    assert settings.api_url == "https://api.clerk.com"
    with pytest.raises(ConfigurationError, match="CLERK_PUBLISHABLE_KEY"):
        read(publishable_key=blank)


def test_blanks_around_values_do_not_matter() -> None:
    """Keys are copied by hand, with a line break at the end more often than not."""
    settings = read(publishable_key=f" {TEST_KEY}\n", secret_key=f"{SECRET}\n")
    assert settings == read(publishable_key=TEST_KEY, secret_key=SECRET)


def test_other_variables_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that are for somebody else stop nothing."""
    monkeypatch.setenv("CLERK_TELEMETRY_DEBUG", "not for us")
    monkeypatch.setenv("CLERK_AUDIENCE", "not for us")
    assert read(publishable_key=TEST_KEY).rules.audience is None


# --- which combinations are enough ----------------------------------------------------------------


def test_nothing_is_not_enough() -> None:
    """Missing configuration fails closed, at start-up, with both variables named."""
    with pytest.raises(ConfigurationError, match=r"CLERK_PUBLISHABLE_KEY.*CLERK_SECRET_KEY"):
        Clerk()


def test_issuer_must_be_known(pem: str) -> None:
    """Without a publishable key the instance has no name, so that one has to be given."""
    for keys in ({"jwt_key": pem}, {"secret_key": SECRET}):
        with pytest.raises(ConfigurationError, match="CLERK_PUBLISHABLE_KEY"):
            read(**keys)
        assert read(**keys, issuer="https://a.example").rules.issuers == {"https://a.example"}
        assert read(**keys, issuer=False).rules.issuers is None


def test_publishable_key_alone_will_do() -> None:
    """It names the issuer and the place where the keys are."""
    settings = read(publishable_key=TEST_KEY)
    assert settings.rules.issuers == {"https://clerk.example.dev"}
    assert (settings.secret_key, settings.jwt_key) == (None, None)


@pytest.mark.parametrize(
    ("publishable_key", "secret_key"),
    [(TEST_KEY, "sk_live_abc"), (TEST_KEY, "live_abc"), (LIVE_KEY, SECRET), (LIVE_KEY, "test_abc")],
)
def test_keys_of_two_instances_are_refused(publishable_key: str, secret_key: str) -> None:
    """A test key beside a live key is a mistake, whichever way round."""
    with pytest.raises(ConfigurationError, match=r"CLERK_SECRET_KEY.*CLERK_PUBLISHABLE_KEY"):
        read(publishable_key=publishable_key, secret_key=secret_key)


@pytest.mark.parametrize(
    ("publishable_key", "secret_key"),
    [(TEST_KEY, SECRET), (TEST_KEY, "test_abc"), (LIVE_KEY, "sk_live_a"), (LIVE_KEY, "live_a")],
)
def test_keys_of_one_kind_go_together(publishable_key: str, secret_key: str) -> None:
    """Old and new prefixes of secret keys are both known."""
    settings = read(publishable_key=publishable_key, secret_key=secret_key)
    assert settings.publishable_key is not None


# --- what is wrong is named and never shown -------------------------------------------------------


def assert_refused(naming: str, attempt: Callable[[], object], hiding: str = HIDDEN) -> None:
    """A mistake names its variable, and its value is in no text that a log could hold."""
    with pytest.raises(ConfigurationError, match=naming) as caught:
        attempt()
    told = "".join(traceback.format_exception(caught.value))
    assert hiding not in f"{caught.value.message} {caught.value!r} {told}"


@pytest.mark.parametrize(
    "value",
    [
        "abracadabra",
        "pk_test_abracadabra",
        "SK_TEST_abracadabra",
        "Bearer sk_test_abracadabra",
        "sk_abracadabra",
        "sk_test_abra cadabra",
        "sk_test_abra\ncadabra",
        "sk_test_abra\x00cadabra",
        "sk_test_abracadabra\u00e9",
    ],
)
def test_secret_key_that_is_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """A secret key with the wrong beginning or with blanks is refused, given or found."""
    keys = {"publishable_key": TEST_KEY, "secret_key": value}
    assert_refused("CLERK_SECRET_KEY", lambda: read(**keys))
    monkeypatch.setenv("CLERK_PUBLISHABLE_KEY", TEST_KEY)
    if "\0" not in value:
        monkeypatch.setenv("CLERK_SECRET_KEY", value)
        assert_refused("CLERK_SECRET_KEY", Clerk)


@pytest.mark.parametrize("value", ["abracadabra", "pk_test_abracadabra", "pk_live_abracadabra$"])
def test_publishable_key_that_is_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """A publishable key that names no host is refused, given or found."""
    assert_refused("CLERK_PUBLISHABLE_KEY", lambda: read(publishable_key=value))
    monkeypatch.setenv("CLERK_PUBLISHABLE_KEY", value)
    assert_refused("CLERK_PUBLISHABLE_KEY", Clerk)


@pytest.mark.parametrize(
    "kind",
    ["words", "cut", "short", "elliptic", "private", "private-old", "private-bare"],
)
def test_jwt_key_that_is_none(
    monkeypatch: pytest.MonkeyPatch, misfits: dict[str, str], kind: str
) -> None:
    """A PEM that is no RSA public key of 2048 bits is refused, and a private key is not shown."""
    value = misfits[kind]
    body = value.splitlines()[min(1, value.count("\n"))]
    keys = {"publishable_key": TEST_KEY, "jwt_key": value}
    assert_refused("CLERK_JWT_KEY", lambda: read(**keys), hiding=body)
    monkeypatch.setenv("CLERK_PUBLISHABLE_KEY", TEST_KEY)
    monkeypatch.setenv("CLERK_JWT_KEY", value)
    assert_refused("CLERK_JWT_KEY", Clerk, hiding=body)


@pytest.mark.parametrize(
    "value",
    [
        "abracadabra.example.com",
        "https://",
        "https:///abracadabra",
        "//abracadabra.example.com",
        "http://abracadabra.example.com",
        "ftp://localhost/abracadabra",
        "http://localhost.abracadabra.example",
        "https://user:abracadabra@api.clerk.com",
        "https://abracadabra@api.clerk.com",
        "https://api.clerk.com?abracadabra",
        "https://api.clerk.com#abracadabra",
        "https://[abracadabra",
        "https://api.clerk.com:abracadabra",
        "https://api.clerk.com:0",
        "https://api.clerk.com:65536",
    ],
)
def test_api_url_that_is_none(monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    """The secret key goes nowhere but over TLS or to this very machine."""
    keys = {"publishable_key": TEST_KEY, "api_url": value}
    assert_refused("CLERK_API_URL", lambda: read(**keys))
    monkeypatch.setenv("CLERK_PUBLISHABLE_KEY", TEST_KEY)
    monkeypatch.setenv("CLERK_API_URL", value)
    assert_refused("CLERK_API_URL", Clerk)


@pytest.mark.parametrize(
    ("value", "origin"),
    [
        ("https://api.clerk.com", "https://api.clerk.com"),
        ("https://api.clerk.com/", "https://api.clerk.com"),
        ("https://api.clerk.com/v1", "https://api.clerk.com"),
        ("https://api.clerk.com/v1/", "https://api.clerk.com"),
        ("https://proxy.example.com/clerk", "https://proxy.example.com/clerk"),
        ("http://localhost:8001", "http://localhost:8001"),
        ("http://127.0.0.1:8001/", "http://127.0.0.1:8001"),
        ("http://[::1]:8001", "http://[::1]:8001"),
        (None, "https://api.clerk.com"),
    ],
)
def test_api_url_is_an_origin(value: str | None, origin: str) -> None:
    """The version belongs to the calls and not to the setting."""
    assert read(publishable_key=TEST_KEY, api_url=value).api_url == origin


@pytest.mark.parametrize("name", ["publishable_key", "secret_key", "jwt_key", "api_url"])
@pytest.mark.parametrize("value", [5, b"bytes", ["list"]])
def test_keys_are_text(name: str, value: object) -> None:
    """A key of another type is a mistake that names the argument."""
    with pytest.raises(ConfigurationError, match=name):
        read(**{name: value})


# --- rules ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["authorized_parties", "audience", "issuer", "algorithms"])
@pytest.mark.parametrize("value", [[], [""], [5], [None], ["RS256", ""]])
def test_empty_list_does_not_switch_a_rule_off(name: str, value: object) -> None:
    """A list with nothing in it is a mistake, and neither "none" nor "any"."""
    with pytest.raises(ConfigurationError, match=name):
        read(publishable_key=TEST_KEY, **{name: value})


@pytest.mark.parametrize("name", ["authorized_parties", "algorithms"])
def test_text_is_not_a_list(name: str) -> None:
    """A text where a list belongs is not taken for a list of letters."""
    with pytest.raises(ConfigurationError, match=name):
        read(publishable_key=TEST_KEY, **{name: "RS256"})


@pytest.mark.parametrize("name", ["issuer", "audience"])
def test_one_name_needs_no_list(name: str) -> None:
    """An issuer and an audience may be given as text or as several."""
    one = read(publishable_key=TEST_KEY, **{name: "https://a.example"})
    assert one == read(publishable_key=TEST_KEY, **{name: ["https://a.example"]})
    two = read(publishable_key=TEST_KEY, **{name: ("https://a.example", "https://b.example")})
    assert two != one


def test_given_issuer_replaces_the_instances_own() -> None:
    """Whoever names the issuers means them and no other."""
    rules = read(publishable_key=TEST_KEY, issuer="https://proxy.example").rules
    assert rules.issuers == {"https://proxy.example"}


@pytest.mark.parametrize("name", ["HS256", "none", "ES256", "PS256", "rs256", "EdDSA"])
def test_only_rsa_algorithms_can_be_allowed(name: str) -> None:
    """No configuration opens the door for shared secrets or for no signature at all."""
    with pytest.raises(ConfigurationError, match="algorithms"):
        read(publishable_key=TEST_KEY, algorithms=["RS256", name])


def test_algorithms_can_be_widened() -> None:
    """What is not listed is not allowed; RS256 alone is, unless said otherwise."""
    assert read(publishable_key=TEST_KEY).rules.algorithms == {"RS256"}
    wider = read(publishable_key=TEST_KEY, algorithms=["RS384", "RS512"])
    assert wider.rules.algorithms == {"RS384", "RS512"}


@pytest.mark.parametrize("value", [-1, float("nan"), float("inf"), "5", None, True])
def test_clock_skew_is_a_number_of_seconds(value: object) -> None:
    """A skew that is no duration would keep expired tokens alive."""
    with pytest.raises(ConfigurationError, match="clock_skew"):
        read(publishable_key=TEST_KEY, clock_skew=value)


def test_secrets_are_masked(pem: str) -> None:
    """Printing the settings shows no secret."""
    settings = read(publishable_key=TEST_KEY, secret_key=SECRET, jwt_key=pem)
    assert "wanderer" not in f"{settings!r} {settings}"


@pytest.mark.parametrize(
    "party", ["https://a.example/", "a.example", "https://A.example", "https://a.example/x", "*"]
)
def test_authorized_party_that_no_browser_sends_is_refused(party: str) -> None:
    """An origin has a scheme, is in lower case, and ends with the host or port."""
    keys = {"publishable_key": TEST_KEY, "authorized_parties": [party]}
    assert_refused("authorized_parties", lambda: read(**keys))


@pytest.mark.parametrize("party", ["https://a.example", "http://localhost:3000", "capacitor://x"])
def test_authorized_party_is_an_origin(party: str) -> None:
    """Apps have origins of their own schemes."""
    settings = read(publishable_key=TEST_KEY, authorized_parties=[party])
    assert settings.rules.authorized_parties == {party}
