"""Methods by which the bot receives updates: `getUpdates` and the webhook's settings."""

import re
from typing import Any

from sandbox.account import BotAccount
from sandbox.errors import bad_request, conflict
from sandbox.parameters import Parameters
from sandbox.webhook import is_acceptable

_SECRET = re.compile(r"[A-Za-z0-9_-]{0,256}")
_WEBHOOK_ACTIVE = (
    "can't use getUpdates method while webhook is active; use deleteWebhook to delete the "
    "webhook first"
)


async def get_updates(account: BotAccount, parameters: Parameters) -> list[dict[str, Any]]:
    """Return unconfirmed updates, after a wait for the first."""
    if account.webhook.url:
        raise conflict(_WEBHOOK_ACTIVE)
    _read_allowed(account, parameters)
    limit = parameters.integer("limit", 100)
    return await account.updates.poll(
        parameters.integer("offset"),
        limit if 0 < limit <= 100 else 100,
        parameters.integer("timeout", low=0),
    )


async def set_webhook(account: BotAccount, parameters: Parameters) -> bool:
    """Start to post updates to a URL."""
    url = parameters.text("url").strip()
    if not url:
        return await delete_webhook(account, parameters)
    if not is_acceptable(url):
        raise bad_request("bad webhook: the sandbox posts to http:// loopback addresses only")
    secret = parameters.text("secret_token")
    if not _SECRET.fullmatch(secret):
        raise bad_request("secret token contains unallowed characters")
    _read_allowed(account, parameters)
    if parameters.boolean("drop_pending_updates"):
        account.updates.clear()
    account.updates.end_poll("terminated by setWebhook request")
    account.webhook.set(url, secret)
    return True


async def delete_webhook(account: BotAccount, parameters: Parameters) -> bool:
    """Stop posting updates."""
    if parameters.boolean("drop_pending_updates"):
        account.updates.clear()
    account.webhook.set("", "")
    return True


async def get_webhook_info(account: BotAccount, _: Parameters) -> dict[str, Any]:
    """Show the webhook's state."""
    return account.webhook.info()


def _read_allowed(account: BotAccount, parameters: Parameters) -> None:
    if "allowed_updates" not in parameters.values:
        return
    wanted = parameters.json("allowed_updates")
    if not isinstance(wanted, list) or not all(isinstance(kind, str) for kind in wanted):
        raise bad_request("can't parse allowed_updates: expected an Array of Strings")
    account.updates.allow(wanted)


METHODS = {
    "getUpdates": get_updates,
    "setWebhook": set_webhook,
    "deleteWebhook": delete_webhook,
    "getWebhookInfo": get_webhook_info,
}
