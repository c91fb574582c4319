"""The messages and buttons of the settings.

A button's data is `ci:act` or `ci:act:choice`. Times are packed, because Telegram allows 64 bytes.
"""

import zlib
from collections.abc import Iterable, Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from bot.checkins.language.time_phrases import Ambiguous
from bot.checkins.outgoing.evaluation import quiet_of
from bot.checkins.rules.quiet_hours import QuietHours
from bot.checkins.rules.schedule import Appointment
from bot.checkins.settings import formatting
from bot.checkins.settings.status import CheckInStatus
from bot.texts import Translate
from storage.checkins.questions import TimesDraft
from storage.checkins.settings import CheckInSettings
from storage.messages.body import Keyboard, MessageBody

USUAL = (7 * 60, 8 * 60, 9 * 60, 12 * 60 + 30, 18 * 60, 20 * 60, 21 * 60 + 30, 22 * 60 + 30)
QUIET_HOURS = ((22 * 60, 8 * 60), (23 * 60, 7 * 60), (0, 8 * 60))
PAUSES = (1, 3, 7, 14, 30)
A_ROW = 4
FLAGS = ("asks_sleep", "asks_energy", "weekly_summary")
ZONES = {
    "CN": ("Asia/Shanghai", "Asia/Urumqi"),
    "HK": ("Asia/Hong_Kong",),
    "TW": ("Asia/Taipei",),
    "JP": ("Asia/Tokyo",),
    "SG": ("Asia/Singapore",),
    "GB": ("Europe/London",),
    "US": ("America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"),
    "CA": ("America/Toronto", "America/Winnipeg", "America/Edmonton", "America/Vancouver"),
    "AU": ("Australia/Sydney", "Australia/Brisbane", "Australia/Adelaide", "Australia/Perth"),
}
ANYWHERE = ("Asia/Shanghai", "Europe/London", "America/New_York", "America/Los_Angeles")


def packed(appointments: Iterable[Appointment]) -> str:
    """Pack times for a button: four digits of the minute and three of the days for each."""
    return "".join(f"{one.minute:04d}{one.mask:03d}" for one in appointments)


def unpacked(text: str) -> tuple[Appointment, ...]:
    """Unpack times, or return nothing if the text was not packed by `packed`."""
    if not text.isdecimal() or len(text) % 7:
        return ()
    try:
        appointments = tuple(
            Appointment.of(int(text[at + 4 : at + 7]), int(text[at : at + 4]))
            for at in range(0, len(text), 7)
        )
    except ValueError:
        return ()
    return appointments if packed(appointments) == text else ()


def mark(draft: TimesDraft) -> str:
    """Return a short mark of a choice, so that a consent holds only for the text above it."""
    return f"{zlib.crc32(f'{packed(appointments_of(draft))} {draft.zone}'.encode()):08x}"


def choose(t: Translate, draft: TimesDraft, above: str = "") -> MessageBody:
    """Return the page to choose times and days, also with unusual times that are chosen."""
    chosen = {minute for minute, _days in draft.times}
    times = [
        (f"{'✓ ' if minute in chosen else ''}{formatting.clock(minute)}", f"ci:time:{minute}")
        for minute in (*USUAL, *sorted(chosen - set(USUAL)))
    ]
    times.append((t("checkin_other_time"), "ci:hours"))
    mask = {name: Appointment(days, 0).mask for name, days in formatting.DAYS.items()}
    days = [
        (
            ("✓ " if draft.days == mask[name] else "") + t(f"checkin_days_{name}"),
            f"ci:days:{name}",
        )
        for name in formatting.DAYS
    ]
    text = t("checkin_intro") + "\n\n"
    if above:
        text += f"{above}\n"
    if draft.times:
        lines = formatting.times(t, appointments_of(draft))
        text += t("checkin_chosen", times=lines)
    else:
        text += t("checkin_chosen_nothing")
    done = [(t("checkin_done"), "ci:done")]
    return MessageBody(text, [*_in_rows(times, A_ROW), days, _single_days(t, draft), done])


def _single_days(t: Translate, draft: TimesDraft) -> list[tuple[str, str]]:
    """Return a button per day of the week, marked unless a name covers all chosen days."""
    is_named = draft.days in {Appointment(days, 0).mask for days in formatting.DAYS.values()}
    return [
        (
            ("✓ " if draft.days >> day & 1 and not is_named else "") + t(f"checkin_day_{day}"),
            f"ci:day:{day}",
        )
        for day in range(7)
    ]


def hours(t: Translate) -> MessageBody:
    """Return the hours of the day, for a time that is not usual."""
    buttons = [(f"{hour:02d}", f"ci:hour:{hour}") for hour in range(24)]
    back = [_button(t, "back", "back")]
    return MessageBody(t("checkin_which_hour"), [*_in_rows(buttons, 6), back])


def minutes(t: Translate, hour: int) -> MessageBody:
    """Return the quarters of an hour, each of which chooses a time."""
    quarters = [hour * 60 + minute for minute in (0, 15, 30, 45)]
    row = [(formatting.clock(minute), f"ci:time:{minute}") for minute in quarters]
    back = [_button(t, "back", "back")]
    return MessageBody(t("checkin_which_quarter"), [row, back])


def zone(t: Translate, region: str | None, now: datetime, named: Sequence[str] = ()) -> MessageBody:
    """Return the question for a zone, with the zones that were named or the usual ones."""
    names = named or ZONES.get(region or "", ANYWHERE)
    rows: Keyboard = [[(formatting.zone(t, n, now), f"ci:zone:{n}")] for n in names]
    return MessageBody(t("checkin_zone_which" if named else "checkin_zone_ask"), rows)


def agree(t: Translate, draft: TimesDraft, now: datetime, above: str = "") -> MessageBody:
    """Return the page that asks for consent to the chosen times."""
    assert draft.zone is not None
    text = t(
        "checkin_agree_ask",
        times=formatting.times(t, appointments_of(draft)),
        zone=formatting.zone(t, draft.zone, now),
    )
    yes, no = (t(f"checkin_agree_{answer}") for answer in ("yes", "no"))
    text = f"{above}\n\n{text}" if above else text
    return MessageBody(text, [[(yes, f"ci:yes:{mark(draft)}"), (no, "ci:no")]])


def unclear(t: Translate, unclear: Ambiguous) -> MessageBody:
    """Return a question about words that may mean several things, with a button per reading."""
    rows: Keyboard = []
    for choice in unclear.choices:
        label = formatting.times(t, choice).replace("\n", " ")
        rows.append([(label, f"ci:pick:{packed(choice)}")])
    return MessageBody(t(f"checkin_{unclear.why}"), rows)


def quiet(t: Translate, named: Sequence[QuietHours] = ()) -> MessageBody:
    """Return the question for quiet hours, with the hours that were named or the usual ones."""
    row = [
        (f"{formatting.clock(start)}–{formatting.clock(end)}", f"ci:quiet:{start}-{end}")
        for start, end in [(hours.starts, hours.ends) for hours in named] or QUIET_HOURS
    ]
    none = (t("checkin_quiet_off"), "ci:quiet:none")
    return MessageBody(t("checkin_quiet_ask"), [row, [none]])


def pause(t: Translate) -> MessageBody:
    """Return the question for the length of a pause."""
    row = [(t("checkin_pause_days", days=days), f"ci:pause:{days}") for days in PAUSES]
    return MessageBody(t("checkin_pause_ask"), [row[:3], row[3:]])


def stopped(t: Translate) -> MessageBody:
    """Return the page after the end of check-ins, with buttons to resume or withdraw."""
    resume, withdraw = (_button(t, act, act) for act in ("resume", "withdraw"))
    return MessageBody(t("checkin_stopped"), [[resume], [withdraw]])


def refused(t: Translate, minutes: Iterable[int]) -> MessageBody:
    """Return the refusal of times within the quiet hours, with both ways out."""
    text = t("checkin_quiet_refused", times=_clocks(minutes))
    ways = [("times", "change_times"), ("quiets", "change_quiet")]
    return MessageBody(text, [[_button(t, act, key) for act, key in ways]])


def state(t: Translate, view: CheckInStatus, now: datetime, above: str = "") -> MessageBody:
    """Return the settings page, with a button for each change."""
    settings = view.settings
    appointments = [appointment for appointment, _ in view.upcoming]
    quiet = formatting.quiet_hours(t, quiet_of(settings))
    if view.silent:
        quiet += t("checkin_quiet_silent", times=_clocks(view.silent))
    text = t(
        "checkin_state",
        status=_status(t, view, now),
        times=formatting.times(t, appointments, view.crowded) or "–",
        zone=formatting.zone(t, settings.zone, now),
        quiet=quiet,
        next=_next(t, view),
    )
    return MessageBody(f"{above}\n\n{text}" if above else text, _changes(t, view, now))


def _changes(t: Translate, view: CheckInStatus, now: datetime) -> Keyboard:
    settings = view.settings
    rows: Keyboard = [
        [
            _button(t, "times", "change_times"),
            _button(t, "zones", "change_zone"),
        ],
        [
            _button(t, "quiets", "change_quiet"),
            _button(t, "pauses", "change_pause"),
        ],
    ]
    for flag in FLAGS:
        name = t(f"checkin_{flag}")
        key = "checkin_flag_on" if getattr(settings, flag) else "checkin_flag_off"
        rows.append([(t(key, name=name), f"ci:flag:{flag}")])
    is_off = settings.stopped_at is not None or is_paused(settings, now)
    if settings.stopped_at is None:
        today = ("resume", "unskip") if view.is_skipped and not is_off else ("skip", "skip")
        rows.append([_button(t, *today), _button(t, "stop", "stop")])
    if is_off:
        rows.insert(0, [_button(t, "resume", "resume")])
    return rows


def _button(t: Translate, act: str, key: str) -> tuple[str, str]:
    return (t(f"checkin_{key}"), f"ci:{act}")


def _status(t: Translate, view: CheckInStatus, now: datetime) -> str:
    """Return the strongest reason that keeps check-ins back, or that they are on."""
    settings = view.settings
    if settings.stopped_at is not None:
        return t("checkin_status_stopped")
    if not view.is_admitted:
        return t("checkin_status_closed")
    if view.is_held:
        return t("checkin_status_held")
    if is_paused(settings, now):
        assert settings.paused_until_at is not None
        until = settings.paused_until_at.astimezone(ZoneInfo(settings.zone))
        return t("checkin_status_paused", until=f"{until:%m-%d %H:%M}")
    if view.every_days:
        return t("checkin_status_slow", days=view.every_days)
    return t("checkin_status_on")


def _next(t: Translate, view: CheckInStatus) -> str:
    """Return when the next check-in comes, or why none does."""
    if view.coming is not None:
        appointment, occurrence = view.coming
        local = occurrence.at.astimezone(ZoneInfo(view.settings.zone))
        time = f"{local:%H:%M}"
        if appointment.minute in view.crowded:
            time = t("checkin_around", time=time)
        return f"{local:%m-%d} {time}"
    if view.settings.stopped_at is not None or not view.is_admitted:
        return t("checkin_next_none")
    if view.is_held:
        return t("checkin_next_held")
    return t("checkin_next_quiet" if view.silent else "checkin_next_none")


def _in_rows(buttons: list[tuple[str, str]], width: int) -> Keyboard:
    return [buttons[at : at + width] for at in range(0, len(buttons), width)]


def _clocks(minutes: Iterable[int]) -> str:
    return ", ".join(formatting.clock(minute) for minute in sorted(minutes))


def appointments_of(draft: TimesDraft) -> list[Appointment]:
    """Return the times that are chosen so far."""
    return [Appointment.of(days, minute) for minute, days in sorted(draft.times)]


def is_paused(settings: CheckInSettings, now: datetime) -> bool:
    """Return whether a pause is running."""
    return settings.paused_until_at is not None and settings.paused_until_at > now
