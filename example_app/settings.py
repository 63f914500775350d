"""What the operator of the example decides, read once from the environment."""

import os
from typing import Annotated

import httpx
from pydantic import Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from clerk_fastapi import ConfigurationError, MemoryStore, RedisStore
from clerk_fastapi.stores.store import OnOutage, Store


def clerk_is_configured() -> bool:
    """Whether the environment holds any ``CLERK_*`` variable, even one that is empty or misspelt.

    Half a configuration must stop the start-up. If it quietly meant "use the embedded LocalClerk",
    one typing error would leave a server that believes tokens of its own making.
    """
    return any(name.startswith("CLERK_") for name in os.environ)


def webhooks_are_configured() -> bool:
    """Whether Clerk is to deliver webhooks here: whether there is a secret that it signs with."""
    return bool(os.environ.get("CLERK_WEBHOOK_SIGNING_SECRET", "").strip())


class Settings(BaseSettings):
    """Environment variables of the example; empty ones count as unset. Clerk reads its own."""

    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True)

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=1, le=65_535)] = 8000
    database_url: str = "sqlite:///example_app.db"
    authorized_parties: str = ""
    redis_url: SecretStr | None = None
    redis_on_outage: OnOutage = "refuse"
    jwt_template: str = "downstream"

    @property
    def url(self) -> httpx.URL:
        """Where this server reaches itself."""
        return httpx.URL(scheme="http", host=self.host, port=self.port)

    @property
    def store(self) -> Store:
        """Where workers meet; without REDIS_URL there is only this one."""
        if self.redis_url is None:
            return MemoryStore()
        return RedisStore(self.redis_url.get_secret_value(), on_outage=self.redis_on_outage)

    @property
    def parties(self) -> tuple[str, ...]:
        """The origins whose tokens are believed; unless told, this server's own on the loopback."""
        given = tuple(part.strip() for part in self.authorized_parties.split(",") if part.strip())
        return given or (f"http://localhost:{self.port}", f"http://127.0.0.1:{self.port}")


def read_settings() -> Settings:
    """Read them from the environment.

    :raises ConfigurationError: if one is malformed; it is named and not quoted.
    """
    try:
        return Settings()
    except ValidationError as error:
        wrong = [f"{each['loc'][0]}".upper() + f": {each['msg']}." for each in error.errors()]
    raise ConfigurationError(" ".join(wrong))
