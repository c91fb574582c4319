"""Times, days and zones in a person's language."""

from collections.abc import Collection, Iterable
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.checkins.rules.quiet_hours import QuietHours
from bot.checkins.rules.schedule import EVERY_DAY, WEEKDAYS, WEEKEND, Appointment
from bot.texts import Translate

DAYS = {"every": EVERY_DAY, "work": WEEKDAYS, "end": WEEKEND}


def clock(minute: int) -> str:
    """Return a time of day, the same in both languages."""
    return f"{minute // 60:02d}:{minute % 60:02d}"


def day_names(t: Translate, days: Collection[int]) -> str:
    """Return the names of weekdays."""
    for name, known in DAYS.items():
        if known == days:
            return t(f"checkin_days_{name}")
    names = (t(f"checkin_day_{day}") for day in sorted(days))
    return t("checkin_day_and").join(names)


def times(t: Translate, appointments: Iterable[Appointment], crowded: Collection[int] = ()) -> str:
    """Return appointments, one per line. A crowded minute is shown as "around" it."""
    lines = []
    for appointment in appointments:
        time = clock(appointment.minute)
        if appointment.minute in crowded:
            time = t("checkin_around", time=time)
        days = day_names(t, appointment.days)
        lines.append("· " + t("checkin_time", days=days, time=time))
    return "\n".join(lines)


def zone(t: Translate, name: str, now: datetime) -> str:
    """Return a zone with its local time, by which people recognise theirs."""
    local = now.astimezone(ZoneInfo(name))
    return t("checkin_zone_label", zone=name, clock=f"{local:%H:%M}")


def quiet_hours(t: Translate, quiet: QuietHours | None) -> str:
    """Return quiet hours, or a text that none are set."""
    if quiet is None:
        return t("checkin_quiet_none")
    return f"{clock(quiet.starts)}–{clock(quiet.ends)}"
