"""Checks of the settings, the disk, the clock, the hotlines and the replay data."""

import shutil
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpx

from bot.cli.doctor.findings import Finding, bad, good, warning
from bot.settings import Settings, unknown_variables
from bot.texts.foreign import foreign_texts
from bot.transport import surroundings
from bot.transport.http_client import tls_context
from safety.response.hotlines import HotlineError, Hotlines

LEAST_FREE_BYTES = 1_000_000_000
SKEW_WARNS_S, SKEW_FAILS_S = 5, 60
OLD_DAYS = 180


async def check_settings(settings: Settings) -> list[Finding]:
    """Check that the needed settings are set and fit together, and that each variable is one."""
    findings = [*_faults(settings)]
    for name in unknown_variables():
        what = f"{name} is not a setting, so nothing reads it"
        findings.append(warning("settings", what, "Remove it, or see .env.example for the names."))
    for line in surroundings.faults():
        what, _, to_do = line.partition("; ")
        findings.append(bad("settings", what, to_do))
    return findings or [good("settings", "complete")]


def _faults(settings: Settings) -> Iterator[Finding]:
    if settings.telegram_token is None:
        to_do = "Ask @BotFather for one and put it into .env."
        yield bad("token", "PICA_TELEGRAM_TOKEN is not set", to_do)
    if settings.secret_key is None:
        to_do = "Run `pica key new` and put it into .env."
        yield bad("secret key", "PICA_SECRET_KEY is not set", to_do)
    elif "," in settings.secret_key.get_secret_value():
        to_do = "Run `pica key rotate`, then remove it."
        yield warning("secret key", "PICA_SECRET_KEY still lists an older key", to_do)
    if settings.backup_dir is None:
        to_do = "Set it and run `pica backup` every night."
        yield warning("backups", "PICA_BACKUP_DIR is not set", to_do)
    if settings.webhook_url and not settings.webhook_url.startswith("https://"):
        to_do = "Use an https address, as Telegram asks."
        yield bad("webhook", "PICA_WEBHOOK_URL is not https", to_do)


async def check_replay_data(settings: Settings) -> list[Finding]:
    """Check that the labelled messages for replays are there, if PICA_REPLAY_DATA is set."""
    folder = settings.replay_data
    if folder is None:
        return []
    if not folder.is_dir():
        to_do = "Correct the setting or leave it empty. Replays of lexicon changes fail until then."
        return [bad("replay data", "PICA_REPLAY_DATA is not a folder", to_do)]
    if not any(p.name.endswith((".jsonl", ".jsonl.xz")) for p in folder.iterdir()):
        what = "PICA_REPLAY_DATA holds no .jsonl or .jsonl.xz file"
        return [bad("replay data", what, "Put the labelled messages there, or unset it.")]
    return [good("replay data", "there")]


async def check_disk(settings: Settings) -> list[Finding]:
    """Check that the data folder has free space."""
    folder = settings.data_dir.absolute()
    while not folder.exists():
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    text = f"{free / 1e9:.1f} GB free at {settings.data_dir}"
    if free < LEAST_FREE_BYTES:
        return [
            bad("disk", text, "Free some space. On a full disk the service cannot keep messages.")
        ]
    return [good("disk", text)]


async def check_clock(settings: Settings) -> list[Finding]:
    """Compare the clock with Telegram's. Leases, quotas and check-ins depend on it."""
    try:
        async with httpx.AsyncClient(timeout=10, verify=tls_context()) as client:
            answer = await client.get(settings.telegram_api_url)
        theirs = parsedate_to_datetime(answer.headers["date"])
    except (httpx.HTTPError, KeyError, ValueError) as error:
        return [
            warning(
                "clock",
                f"could not be compared ({type(error).__name__})",
                "Check that this machine reaches PICA_TELEGRAM_API_URL and that NTP runs.",
            )
        ]
    skew_s = abs((datetime.now(UTC) - theirs).total_seconds())
    text = f"{time.strftime('%Z')}, {skew_s:.0f} s from Telegram's"
    if skew_s > SKEW_FAILS_S:
        return [bad("clock", text, "Let NTP set the clock (timedatectl set-ntp true).")]
    if skew_s > SKEW_WARNS_S:
        return [warning("clock", text, "Let NTP set the clock (timedatectl set-ntp true).")]
    return [good("clock", text)]


async def check_other_languages(settings: Settings) -> list[Finding]:
    """Check that a speaker has read the texts of every other language."""
    del settings
    texts = foreign_texts()
    unread = [code for code, each in texts.items() if not each.reviewed_by]
    if unread:
        return [
            warning(
                "other_languages",
                f"{len(texts)} languages, {len(unread)} read by no speaker: {', '.join(unread)}",
                "Let a speaker read them in bot/texts/other_languages and their rules in "
                "safety/screening/other_languages, and write the name into reviewed_by.",
            )
        ]
    return [good("other_languages", f"{len(texts)} languages, all read by a speaker")]


async def check_hotlines(settings: Settings) -> list[Finding]:
    """Check that every number was verified at its source recently."""
    try:
        lines = Hotlines.load(settings.local_contacts).all_lines()
    except HotlineError as error:
        return [bad("hotlines", str(error), "Correct the file that PICA_LOCAL_CONTACTS names.")]
    today = datetime.now(UTC).date()
    old = [line for line in lines if (today - line.read).days > OLD_DAYS]
    unverified = [line for line in lines if not line.verified]
    text = f"{len(lines)} numbers, {len(unverified)} not verified, {len(old)} read long ago"
    if old or unverified:
        return [
            warning(
                "hotlines",
                text,
                "Check the numbers of your regions at their sources and correct "
                "safety/response/hotlines.toml.",
            )
        ]
    return [good("hotlines", text)]
