"""The shapes: what a token says, what the database keeps, what a request and an answer hold."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, StringConstraints
from sqlalchemy import BigInteger, CheckConstraint, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from clerk_fastapi import SessionClaims

# --- what a token says: the claims that "Customize session token" adds in the Clerk dashboard -----


class Metadata(BaseModel):
    """The user's public metadata."""

    role: str | None = None
    plan: Literal["free", "pro"] = "free"


class Claims(SessionClaims):
    """A session token of this application."""

    metadata: Metadata = Metadata()
    email: str | None = None


# --- what the database keeps ----------------------------------------------------------------------


class Base(DeclarativeBase):
    """All tables."""


class Item(Base):
    """A note of an organization or of a user: ``owner_kind`` says which of them ``owner_id`` is."""

    __tablename__ = "items"
    __table_args__ = (
        UniqueConstraint("owner_kind", "owner_id", "title"),
        CheckConstraint("owner_kind IN ('organization', 'user')"),
        Index("items_by_owner", "owner_kind", "owner_id", "id"),
        # An id is never used twice, so a repeated DELETE cannot hit a younger item.
        {"sqlite_autoincrement": True},
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_kind: Mapped[str] = mapped_column(String(12))
    owner_id: Mapped[str] = mapped_column(String(255))
    title: Mapped[str] = mapped_column(String(200))
    body: Mapped[str] = mapped_column(Text)
    created_by: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[int] = mapped_column(BigInteger)


class OrganizationSettings(Base):
    """What an organization's admins decided; one row for each organization."""

    __tablename__ = "organization_settings"

    organization_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    display_name: Mapped[str] = mapped_column(String(100))
    about: Mapped[str] = mapped_column(Text)
    updated_by: Mapped[str] = mapped_column(String(255))
    updated_at: Mapped[int] = mapped_column(BigInteger)


class EndedSession(Base):
    """A session that Clerk has told us is over, once however often it was told."""

    __tablename__ = "ended_sessions"
    __table_args__ = (Index("ended_sessions_by_user", "user_id", "at"),)

    session_id: Mapped[str] = mapped_column(String(255), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(255))
    how: Mapped[str] = mapped_column(String(20))
    at: Mapped[int] = mapped_column(BigInteger)


# --- what a request and an answer hold; times are seconds since the epoch -------------------------


def _storable(text: str) -> str:
    if "\0" in text:  # PostgreSQL has no such character
        raise ValueError("must not contain the NUL character")
    return text


Line = Annotated[
    str,
    StringConstraints(strip_whitespace=True, min_length=1, max_length=200),
    AfterValidator(_storable),
]
Prose = Annotated[str, StringConstraints(max_length=10_000), AfterValidator(_storable)]


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Answer(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ItemIn(_Request):
    """A note to be made; the title is unique among the notes of its owner."""

    title: Line
    body: Prose = ""


class ItemOut(_Answer):
    """A note."""

    id: int
    title: str
    body: str
    created_by: str
    created_at: int


class SettingsIn(_Request):
    """An organization's settings, all of them."""

    display_name: Annotated[Line, StringConstraints(max_length=100)]
    about: Prose = ""


class SettingsOut(_Answer):
    """An organization's settings, and who decided them last."""

    organization_id: str
    display_name: str
    about: str
    updated_by: str | None
    updated_at: int | None


class Purged(_Answer):
    """How many items are gone."""

    deleted: int


class Account(_Answer):
    """What the session token says of its bearer."""

    user_id: str
    email: str | None
    plan: Literal["free", "pro"]
    organization_id: str | None
    role: str | None
    permissions: tuple[str, ...]


class SessionAge(_Answer):
    """How long ago the user proved who they are: the ``fva`` claim, and the age of the token."""

    session_id: str
    seconds: float


class WhoAmI(_Answer):
    """What stands in the header ``x-user-id``."""

    user_id: str | None
    note: str = "The middleware writes x-user-id, and takes away what clients send under that name."


class SessionOut(_Answer):
    """A session in which a user is signed in, and where it was used last, as far as is known."""

    id: str
    is_this_one: bool
    browser: str
    device: str
    address: str
    place: str
    created_at: int | None
    last_active_at: int | None


class Report(_Answer):
    """What the downstream service believes, by a token of which template."""

    template: str
    believed: dict[str, object]
