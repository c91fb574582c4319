"""`pica doctor`: every check, in the order in which a start would fail.

A check only looks at one part and changes nothing.
"""

from bot.cli.doctor.environment import (
    check_clock,
    check_disk,
    check_hotlines,
    check_other_languages,
    check_replay_data,
    check_settings,
)
from bot.cli.doctor.files import check_files
from bot.cli.doctor.findings import Finding, Grade, bad
from bot.cli.doctor.model import check_device, check_model, check_serving
from bot.cli.doctor.operators import check_operators
from bot.cli.doctor.service import check_database, check_redis, check_telegram
from bot.settings import Settings

__all__ = ["Finding", "Grade", "examine"]
CHECKS = (
    check_settings,
    check_database,
    check_redis,
    check_telegram,
    check_operators,
    check_model,
    check_device,
    check_serving,
    check_disk,
    check_files,
    check_clock,
    check_hotlines,
    check_other_languages,
    check_replay_data,
)


async def examine(settings: Settings) -> list[Finding]:
    """Run every check. A check that fails with an error is a finding too."""
    findings: list[Finding] = []
    for check in CHECKS:
        try:
            findings += await check(settings)
        except Exception as error:  # an error that the check did not expect
            name = check.__name__.removeprefix("check_")
            findings.append(bad(name, f"the check failed ({type(error).__name__})", "Report it."))
    return findings
