"""Arguments that could never work are named when a Clerk is made."""

import pytest

from clerk_fastapi import Clerk, ConfigurationError
from clerk_fastapi.protocol.keys import PublishableKey

KEY = PublishableKey.build("clerk.example.dev", "development").text


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"organization_sync": {"organization_patterns": ["/orgs/:slug"]}}, "OrganizationSync"),
        ({"satellite_auto_sync": "false"}, "satellite_auto_sync"),
        ({"opaque_token_ttl": -1.0}, "opaque_token_ttl"),
        ({"opaque_token_ttl": float("nan")}, "opaque_token_ttl"),
        ({"machine_secret_key": "cl\u00e9"}, "CLERK_MACHINE_SECRET_KEY"),
        ({"machine_secret_key": "a\r\nb"}, "CLERK_MACHINE_SECRET_KEY"),
        ({"machine_secret_key": "sk_live_x"}, "CLERK_MACHINE_SECRET_KEY"),
        ({"trusted_proxies": [1]}, "trusted_proxies"),
        ({"trusted_proxies": ["::ffff:10.0.0.0/104"]}, "trusted_proxies"),
        ({"authorized_parties": ["https://app.example.com:443"]}, "authorized_parties"),
        ({"authorized_parties": ["https://*.example.com"]}, "authorized_parties"),
        ({"authorized_parties": ["https://u@app.example.com"]}, "authorized_parties"),
        ({"allowed_redirect_origins": ["http://app.example.com:80"]}, "allowed_redirect_origins"),
    ],
)
def test_argument_that_could_never_work_stops_the_start_up(
    given: dict[str, object], named: str
) -> None:
    """Found at the first request, it would be a 500 or a 401 for everybody."""
    with pytest.raises(ConfigurationError, match=named):
        Clerk(publishable_key=KEY, **given)  # type: ignore[arg-type]  # that is what must fail


def test_application_that_is_no_web_page_is_an_authorized_party() -> None:
    """Browser extensions and desktop shells have origins of their own kind."""
    party = "chrome-extension://abcdefghijklmnopabcdefghijklmnop"
    assert Clerk(publishable_key=KEY, authorized_parties=[party])
