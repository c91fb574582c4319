"""Checks of the database, Redis and Telegram."""

from telegram.error import InvalidToken, TelegramError

from bot.cli.doctor.findings import Finding, bad, good, warning
from bot.context import open_database, telegram_bot
from bot.crisis.safe_mode import SafeMode
from bot.settings import Settings
from bot.transport.surroundings import what_to_check
from review.lexicon.live_lexicon import stacked
from safety.screening.lexicon import load_lexicon
from storage import Database, SecretKeyError, StorageError
from storage.companion import round_cache
from storage.database import keys, schema_version
from storage.review import lexicon_changes
from storage.review.lexicon_changes import LexiconChange


async def check_database(settings: Settings) -> list[Finding]:
    """Check that the database answers, has the current schema and opens with the key."""
    if settings.secret_key is None:
        return []  # the check of the settings reports it
    try:
        database = open_database(settings)
    except (StorageError, SecretKeyError) as error:
        return [bad("database", str(error), "Correct the setting.")]
    try:
        return await _look_into(database)
    except SecretKeyError as error:
        return [bad("secret key", str(error), "Set the key that this database was created with.")]
    except Exception as error:  # drivers raise many kinds
        return [
            bad(
                "database",
                f"does not answer ({type(error).__name__})",
                "Check PICA_DATABASE_URL, that the server runs, and that the disk is writable.",
            )
        ]
    finally:
        await database.aclose()


async def _look_into(database: Database) -> list[Finding]:
    version = await database.version()
    if version is None:
        return [good("database", f"{database.dialect}, empty; `pica serve` sets it up")]
    if version != schema_version.newest():
        return [
            warning(
                "migrations",
                f"the schema has version {version}, this program needs {schema_version.newest()}",
                "Make a backup (`pica backup`), then run `pica db upgrade`.",
            )
        ]
    async with database.read() as transaction:
        await keys.of(transaction, keys.SERVICE)
        masters = await keys.count_by_master(transaction)
        live = await lexicon_changes.live(transaction)
    findings = [good("database", f"{database.dialect}, schema {version}")]
    old = sum(count for master, count in masters.items() if master != database.vault.master)
    if old:
        findings.append(
            warning("secret key", f"{old} keys still need an older one", "Run `pica key rotate`.")
        )
    for name, (why, since) in (await SafeMode(database).reasons()).items():
        findings.append(
            warning(
                "safe mode",
                f"{name} since {since:%Y-%m-%d %H:%M} UTC ({why}): reviewed replies only",
                "`pica resume` ends a pause. A canary ends by itself when screening works again.",
            )
        )
    return [*findings, *_check_lexicon(live)]


def _check_lexicon(live: list[LexiconChange]) -> list[Finding]:
    """Check that every live change still applies to the shipped lexicon."""
    if not live:
        return []
    _, left_out = stacked(load_lexicon(), live)
    return [
        warning(
            "lexicon",
            f"change {number} is live and cannot be used: {fault}",
            f"Run `pica lexicon withdraw {number} --yes`, and propose it again if needed.",
        )
        for number, fault in left_out.items()
    ] or [good("lexicon", f"{len(live)} live changes apply")]


async def check_redis(settings: Settings) -> list[Finding]:
    """Check that Redis answers, if PICA_REDIS_URL is set."""
    if settings.redis_url is None:
        return [good("redis", "not used, recent rounds stay in memory")]
    try:
        store = round_cache.connect(settings.redis_url.get_secret_value())
    except StorageError as error:
        return [bad("redis", str(error), "Correct the setting.")]
    try:
        if await store.ping():
            return [good("redis", "answers")]
    finally:
        await store.aclose()
    return [
        warning(
            "redis",
            "does not answer. Nothing is lost: recent rounds are read from SQL",
            "Start it, or check PICA_REDIS_URL.",
        )
    ]


async def check_telegram(settings: Settings) -> list[Finding]:
    """Check that the token is valid and that updates arrive as configured."""
    if settings.telegram_token is None:
        return []
    try:
        async with telegram_bot(settings) as bot:
            hook = await bot.get_webhook_info()
            findings = [good("token", f"belongs to @{bot.username}")]
    except InvalidToken:
        return [bad("token", "Telegram refuses it", "Check PICA_TELEGRAM_TOKEN with @BotFather.")]
    except TelegramError as error:
        return [
            bad(
                "telegram",
                f"cannot be reached ({type(error).__name__})",
                what_to_check(),
            )
        ]
    if hook.url and not settings.webhook_url:
        findings.append(
            warning(
                "webhook",
                "Telegram still has one, but this service polls and will delete it",
                "Make sure that no other service uses this token.",
            )
        )
    if hook.last_error_message:
        findings.append(
            warning("webhook", "Telegram's last call failed", "See the log of the reverse proxy.")
        )
    return findings
