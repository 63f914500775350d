"""From where somebody signs in with the embedded LocalClerk, as far as the browser says."""

import re

from fastapi import Request

from clerk_fastapi.testing import Session

# Browsers call themselves by the names of others, too; the first that fits is the right one.
_BROWSERS = {"Edg": "Edge", "Firefox": "Firefox", "Chrome": "Chrome", "Safari": "Safari"}
_DEVICES = ("iPhone", "iPad", "Android", "Windows", "Macintosh", "Linux")
_PRODUCT = re.compile(r"([^/()\s]+)/([\w.]+)")


def note_device(session: Session, request: Request) -> None:
    """Write down what Clerk would find out: browser, device and address."""
    agent = request.headers.get("User-Agent", "")
    products = dict(_PRODUCT.findall(agent.replace("HeadlessChrome", "Chrome")))
    product = next((name for name in [*_BROWSERS, *products] if name in products), "")
    seen = session.activity
    seen.browser_name = _BROWSERS.get(product, product) or None
    seen.browser_version = products.get("Version", products.get(product))
    seen.device_type = next((device for device in _DEVICES if device in agent), None)
    seen.is_mobile = "Mobile" in agent
    seen.ip_address = request.client.host if request.client else None
