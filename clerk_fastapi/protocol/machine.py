"""API keys, M2M tokens and OAuth access tokens: what they look like and what they say."""

from __future__ import annotations

from typing import Literal

__all__ = ["TokenType"]

TokenType = Literal["session_token", "api_key", "m2m_token", "oauth_token"]
"""The kinds of token, by Clerk's names."""
