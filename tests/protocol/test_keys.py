"""Publishable keys, and the instances they name."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clerk_fastapi import ConfigurationError
from clerk_fastapi.protocol.keys import InstanceType, PublishableKey, secret_key_instance_type

SUFFIXES = {
    "pk_live_Y2xlcmsuY2xlcmsuZGV2JA": "1Z8AzTQD",
    "pk_test_Y2xlcmsuY2xlcmsuZGV2JA": "QvfNY2dr",
    "pk_test_Zm9vLWJhci0xMy5jbGVyay5hY2NvdW50cy5kZXYk": "nx2hSE6I",
    "pk_live_Y2xlcmsuZXhhbXBsZS5jb20k": "naoXFJnI",
}
LABELS = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
HOSTS = st.lists(LABELS, min_size=2, max_size=4).map(".".join)


def encoded(text: str | bytes) -> str:
    """Base64 as Clerk writes it in keys."""
    data = text if isinstance(text, bytes) else text.encode()
    return base64.b64encode(data).decode().rstrip("=")


@pytest.mark.parametrize(("key", "suffix"), SUFFIXES.items())
def test_cookie_suffix_is_clerks_own(key: str, suffix: str) -> None:
    """The suffix is the one that Clerk's SDKs compute for the same key."""
    assert PublishableKey.parse(key).cookie_suffix == suffix


def test_cookie_suffix_comes_from_the_key_as_it_is_written() -> None:
    """Padding changes the suffix, because Clerk hashes the text and not what it means."""
    text = f"pk_live_{encoded('clerk.example.co$')}"
    plain, padded = PublishableKey.parse(text), PublishableKey.parse(f"{text}=")
    assert padded.host == plain.host
    digest = hashlib.sha1(f"{text}=".encode()).digest()
    assert padded.cookie_suffix == base64.urlsafe_b64encode(digest).decode()[:8]
    assert padded.cookie_suffix != plain.cookie_suffix


def test_key_names_its_instance() -> None:
    """Host, issuer and kind of instance are read out of the key."""
    key = PublishableKey.parse("pk_test_Zm9vLWJhci0xMy5jbGVyay5hY2NvdW50cy5kZXYk")
    assert key.text == "pk_test_Zm9vLWJhci0xMy5jbGVyay5hY2NvdW50cy5kZXYk"
    assert key.host == "foo-bar-13.clerk.accounts.dev"
    assert key.issuer == "https://foo-bar-13.clerk.accounts.dev"
    assert key.instance_type == "development"
    assert PublishableKey.parse("pk_live_Y2xlcmsuZXhhbXBsZS5jb20k").instance_type == "production"


@pytest.mark.parametrize(
    ("host", "padding"), [("a.exampl", ""), ("a.example", "=="), ("aa.example", "=")]
)
def test_padding_is_optional(host: str, padding: str) -> None:
    """A key is read whether or not its base64 was padded."""
    text = f"pk_test_{encoded(f'{host}$')}"
    assert len(f"{text[8:]}{padding}") % 4 == 0
    assert PublishableKey.parse(text).host == host
    assert PublishableKey.parse(text + padding).host == host


@pytest.mark.parametrize(
    "host", ["clerk.example.com", "a.b", "1.2", "CLERK.Example.com", "x-1.y-2.z"]
)
def test_bare_host_is_accepted(host: str) -> None:
    """Any host name with a dot in it can be an instance's."""
    assert PublishableKey.parse(f"pk_live_{encoded(f'{host}$')}").host == host


GOOD = encoded("clerk.example.com$")
NOT_KEYS = [
    "",
    "pk_test_",
    "pk_live_",
    "pk_test",
    "pk_test_====",
    "pk_test_$",
    "pk_test_-_-_",
    "pk_test_clerk.example.com$",
    f"pk_prod_{GOOD}",
    f"sk_test_{GOOD}",
    f"PK_TEST_{GOOD}",
    f" pk_test_{GOOD}",
    f"pk_test_{GOOD} ",
    f"pk_test_{GOOD}\n",
    f"pk_test_{GOOD[:8]}\n{GOOD[8:]}",
    f"pk_test_{GOOD}_more",
    f"pk_test_{GOOD}_{GOOD}",
    f"pk_test_=={GOOD}",
    f"pk_test_{GOOD}=",
    f"pk_test_{GOOD}==",
    f"pk_test_{encoded('clerk.example.co$')}==",
    f"pk_test_{GOOD}\u00e9",
]
NOT_HOSTS = [
    "clerk.example.com",
    "clerk.example.com$$",
    "$clerk.example.com$",
    "clerk$.example.com$",
    "$",
    "localhost$",
    "localhost:8000$",
    "https://clerk.example.com$",
    "clerk.example.com/path$",
    "clerk.example.com?query$",
    "user@clerk.example.com$",
    "clerk.example.com:$",
    "clerk.example.com:http$",
    "clerk.example.com:123456$",
    "clerk.example.com:1 $",
    ".example.com$",
    "clerk..example.com$",
    "clerk.example.com.$",
    "-clerk.example.com$",
    "clerk-.example.com$",
    "clerk.example.com-$",
    "clerk_1.example.com$",
    "cl erk.example.com$",
    "clerk.example.com\n$",
    "clerk.example.com$\n",
    f"{'a' * 64}.example.com$",
    "cl\u00e9rk.example.com$",
    "[::1]$",
    b"clerk.example.com\xff$",
    "clerk.example.com$".encode("utf-16"),
]


@pytest.mark.parametrize(
    "text", [*NOT_KEYS, *(f"pk_test_{encoded(decoded)}" for decoded in NOT_HOSTS)]
)
def test_anything_else_is_refused(text: str) -> None:
    """What is not a key is refused in words that name the variable and not the value."""
    with pytest.raises(ConfigurationError, match="CLERK_PUBLISHABLE_KEY") as caught:
        PublishableKey.parse(text)
    value = text[8:].strip()
    assert not value or value not in caught.value.message


def test_port_belongs_to_development() -> None:
    """Only a stand-in on this machine has a port, so that only a development key can name one."""
    development = f"pk_test_{encoded('127.0.0.1:8000$')}"
    assert PublishableKey.parse(development).issuer == "https://127.0.0.1:8000"
    with pytest.raises(ConfigurationError):
        PublishableKey.build("127.0.0.1:8000", "production")


@given(host=HOSTS, instance_type=st.sampled_from(["development", "production"]))
def test_built_key_names_its_host(host: str, instance_type: InstanceType) -> None:
    """Building and taking apart are each other's inverse, and the key is not padded."""
    key = PublishableKey.build(host, instance_type)
    assert key == PublishableKey.parse(key.text)
    assert (key.host, key.instance_type) == (host, instance_type)
    assert key.text.startswith("pk_test_" if instance_type == "development" else "pk_live_")
    assert not key.text.endswith("=")
    assert len(key.cookie_suffix) == 8


@given(text=st.text() | st.binary().map(lambda data: f"pk_test_{encoded(data)}"))
def test_nothing_but_a_configuration_error_comes_out(text: str) -> None:
    """Whatever is configured, it is a key or a mistake that is said."""
    try:
        key = PublishableKey.parse(text)
    except ConfigurationError:
        return
    assert base64.b64decode(text[8:].rstrip("=") + "==") == f"{key.host}$".encode()


@pytest.mark.parametrize("host", ["", "localhost", "https://a.b", "a.b$", "a.b/c", "ä.example"])
def test_no_key_is_built_for_what_is_no_host(host: str) -> None:
    """A host that no key can name is refused where it is given."""
    with pytest.raises(ConfigurationError):
        PublishableKey.build(host, "development")


@pytest.mark.parametrize(
    ("secret_key", "instance_type"),
    [
        ("sk_test_abc", "development"),
        ("test_abc", "development"),
        ("sk_live_abc", "production"),
        ("live_abc", "production"),
    ],
)
def test_secret_key_tells_its_kind_of_instance(
    secret_key: str, instance_type: InstanceType
) -> None:
    """Today's prefixes are known, and those of old keys too."""
    assert secret_key_instance_type(secret_key) == instance_type
