"""The fixtures that the pytest plugin brings."""

from clerk_fastapi.testing import LocalClerk, SigningKey

pytest_plugins = ["clerk_fastapi.testing.pytest_plugin"]


def test_fixture_is_an_instance_with_the_shared_key(
    local_clerk: LocalClerk, local_clerk_key: SigningKey
) -> None:
    """The instance signs with the key that the whole session shares."""
    assert local_clerk.jwt_key == local_clerk_key.pem
    assert local_clerk.users == {}
    local_clerk.add_user("ada@example.com")


def test_fixture_is_new_for_every_test(local_clerk: LocalClerk) -> None:
    """What another test added is not there, and may be added again."""
    local_clerk.add_user("ada@example.com")
