"""What a request carried is not printed: tracebacks show the values of variables."""

import pytest

from clerk_fastapi.protocol.credentials import Facts
from clerk_fastapi.protocol.tokens import UnverifiedToken
from clerk_fastapi.protocol.url import PublicUrl
from tests.protocol.browsers import DOCUMENT, NO_COOKIES
from tests.protocol.material import judged, signed

TOKEN = signed()
URL = PublicUrl("https://app.example.com", "/secret", "secret=secret")
SEEN = DOCUMENT._replace(target=b"/?secret", referrer=b"https://app.example.com/?secret")


@pytest.mark.parametrize(
    "value",
    [
        SEEN,
        Facts("http", "https", b"Bearer secret", b"__session=secret", b"host", None, SEEN),
        NO_COOKIES._replace(session="secret", refresh="secret", handshake_nonce="secret"),
        URL,
        UnverifiedToken.parse(TOKEN),
        judged(TOKEN),
    ],
    ids=lambda value: type(value).__name__,
)
def test_nothing_that_may_be_secret_is_printed(value: object) -> None:
    """Neither tokens nor cookies nor queries; what it is, is said."""
    assert type(value).__name__ in repr(value)
    assert "secret" not in repr(value)
    assert repr(TOKEN)[2:20] not in repr(value)
    assert "sess_1" not in repr(value)


def test_url_is_written_where_it_is_meant_to_be() -> None:
    """The query goes into redirects, and only there."""
    assert str(URL) == "https://app.example.com/secret?secret=secret"
