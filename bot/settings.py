"""The settings of the service, checked once at the start.

Only `load` reads the environment. Other modules get the values.
"""

import os
import re
from collections.abc import Callable, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from bot.setting_faults import faults_of, misspelt, strange_names, unknown
from safety.text.utf8 import NotUtf8Error, read_text

ENV_FILE = ".env"
# Where containers and systemd (LoadCredential=) put secrets: a file for each, named like the
# variable in small letters (pica_telegram_token).
SECRETS = Path("/run/secrets")
CREDENTIALS_DIRECTORY = "CREDENTIALS_DIRECTORY"
Network = IPv4Network | IPv6Network
_TOKEN = re.compile(r"[0-9]+:[A-Za-z0-9_-]+")
_WEBHOOK_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")
_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
_ID = re.compile(r"[0-9]{1,16}", re.ASCII)
_ADDRESS = re.compile(r"[^@\s,<>]+@[^@\s,<>]+")


class SettingsError(Exception):
    """Settings are wrong.

    Attributes:
        faults: one line for each, which names the variable and what is expected.
    """

    def __init__(self, *faults: str) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


class Settings(BaseSettings):
    """The service's settings. Each is the environment variable `PICA_` and its name."""

    model_config = SettingsConfigDict(
        env_prefix="PICA_",
        env_file=ENV_FILE,
        env_file_encoding="utf-8-sig",
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )

    telegram_token: SecretStr | None = None
    telegram_api_url: str = "https://api.telegram.org"
    data_dir: Path = Path("var")
    secret_key: SecretStr | None = None
    database_url: SecretStr | None = None
    redis_url: SecretStr | None = None
    model: str | None = None
    prefix: str | None = None
    device: str = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    weights: Literal["full", "int8"] = "full"  # int8: less memory, and slower
    max_running: int = Field(16, ge=1, le=512)  # replies generated at once
    max_waiting: int = Field(256, ge=0, le=100_000)  # replies that wait beyond those
    resident_mib: int | None = Field(None, ge=0)  # device memory for conversations between turns
    host_mib: int = Field(0, ge=0)  # machine memory for conversations that leave the device
    threads: int | None = Field(None, ge=1, le=1024)  # processors for one step on a CPU
    allow_demo_model: bool = False
    operators: Annotated[frozenset[int], NoDecode] = frozenset()
    operators_chat: int | None = None
    operators_language: Literal["zh", "en"] = "zh"
    operators_timezone: str = "Asia/Shanghai"
    acknowledge_minutes: int = Field(10, ge=1, le=720)
    pager_webhook: SecretStr | None = None
    pager_email: Annotated[tuple[str, ...], NoDecode] = ()
    smtp_url: SecretStr | None = None
    local_contacts: Path | None = None
    replay_data: Path | None = None
    webhook_url: str | None = None
    webhook_secret: SecretStr | None = None
    http_host: str = "127.0.0.1"
    http_port: int = Field(8080, ge=0, le=65535)
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = ()
    console: bool = True
    console_url: str | None = None
    streaming: Literal["draft", "edit", "off"] = "draft"
    persona: bool = True
    pilot: bool = False
    pilot_people: Annotated[frozenset[int], NoDecode] = frozenset()
    daily_quota: int = Field(0, ge=0, le=100_000)
    backup_dir: Path | None = None
    retention_days: int = Field(180, ge=1, le=3650)
    max_new_tokens: int = Field(512, ge=1, le=4096)
    burst_window_s: float = Field(1.5, ge=0, le=30)
    log_level: Literal["debug", "info", "warning", "error"] = "info"

    @field_validator("operators", "pilot_people", mode="before")
    @classmethod
    def _ids(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if not all(_ID.fullmatch(item) for item in _items(value)):
            raise ValueError("must be Telegram ids, separated by commas; use for example 12345678")
        return frozenset(map(int, _items(value)))

    @field_validator("*", mode="before")
    @classmethod
    def _empty_is_unset(cls, value: object, info: object) -> object:
        if value == "":
            name = getattr(info, "field_name", "")
            return cls.model_fields[name].get_default()
        return value

    @field_validator("operators_timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError(
                "is not a time zone; use a name such as Asia/Shanghai or Europe/Berlin"
            ) from None
        return value

    @field_validator("pager_email", mode="before")
    @classmethod
    def _addresses(cls, value: object) -> object:
        if isinstance(value, str):
            value = _items(value)
        if not isinstance(value, tuple) or not all(map(_ADDRESS.fullmatch, value)):
            raise ValueError("must be e-mail addresses, separated by commas")
        return value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            networks = tuple(map(ip_network, _items(value)))
        except ValueError:
            networks = None
        if networks is None or not all(network.prefixlen for network in networks):
            raise ValueError(
                "must be the addresses or networks of proxies, separated by commas; use for "
                "example 127.0.0.1, 10.0.0.0/8 (not 0.0.0.0/0, which trusts every caller)"
            )
        return networks

    @field_validator("telegram_token")
    @classmethod
    def _token(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _TOKEN.fullmatch(value.get_secret_value()):
            raise ValueError(
                "is not a token; copy it from @BotFather in the form 123456:ABC-def, without "
                "spaces or line breaks"
            )
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _webhook_secret(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not _WEBHOOK_SECRET.fullmatch(value.get_secret_value()):
            raise ValueError(
                "must be 1 to 256 of the characters A-Z, a-z, 0-9, _ and -, as Telegram asks"
            )
        return value

    @field_validator("telegram_api_url", "webhook_url")
    @classmethod
    def _web_address(cls, value: str | None) -> str | None:
        if value is not None:
            _with_scheme(SecretStr(value), ("https", "http"), "https://host")
            if any(character in value for character in "?# \n\t"):
                raise ValueError("is not an address; use the form https://host")
        return value

    @field_validator("http_host")
    @classmethod
    def _host(cls, value: str) -> str:
        try:
            ip_address(value)
        except ValueError:
            if not _HOST.fullmatch(value):
                raise ValueError(
                    "must be an address of this machine alone, without brackets, port or scheme; "
                    "use for example 127.0.0.1, 0.0.0.0 or ::1"
                ) from None
        return value

    @field_validator("data_dir")
    @classmethod
    def _folder(cls, value: Path) -> Path:
        if any(character in str(value) for character in "?\n\r\0"):
            raise ValueError("must not contain ? or a line break; name another folder")
        return value.expanduser()

    @field_validator("pager_webhook")
    @classmethod
    def _web(cls, value: SecretStr | None) -> SecretStr | None:
        return _with_scheme(value, ("https", "http"), "https://host/path")

    @field_validator("smtp_url")
    @classmethod
    def _smtp(cls, value: SecretStr | None) -> SecretStr | None:
        return _with_scheme(value, ("smtp", "smtps"), "smtp://user:password@host:587")

    @model_validator(mode="after")
    def _email_needs_server(self) -> "Settings":
        if self.pager_email and self.smtp_url is None:
            raise ValueError("PICA_SMTP_URL must be set if PICA_PAGER_EMAIL is set")
        return self

    @field_validator("console_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
            raise ValueError("is not an address; use one such as https://console.example.org")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _webhook_needs_secret(self) -> "Settings":
        if self.webhook_url and not self.webhook_secret:
            raise ValueError("PICA_WEBHOOK_SECRET must be set if PICA_WEBHOOK_URL is set")
        return self

    @property
    def console_address(self) -> str:
        """The console's address for browsers: `PICA_CONSOLE_URL`, or else our own."""
        everywhere = self.http_host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
        host = "127.0.0.1" if everywhere else self.http_host
        host = f"[{host}]" if ":" in host else host
        return self.console_url or f"http://{host}:{self.http_port}"

    @property
    def sql_url(self) -> str:
        """The database's URL, by default of SQLite in the data folder."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir.absolute() / 'pica.db'}"


def _items(value: str) -> tuple[str, ...]:
    """Split a list that is separated by commas."""
    return tuple(filter(None, map(str.strip, value.split(","))))


def _with_scheme(
    value: SecretStr | None, schemes: tuple[str, ...], example: str
) -> SecretStr | None:
    """Return a URL that has a host. An error never shows it, because it may hold a secret."""
    if value is None:
        return None
    try:
        parts = urlsplit(value.get_secret_value())
        is_valid = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise ValueError(f"is not an address; use the form {example}")
    return value


Check = Callable[[Settings], Mapping[str, str]]


def load(check: Check | None = None, **overrides: Any) -> Settings:
    """Read the environment, `.env` and the folders of secrets.

    Args:
        check: returns further faults by field. It gets the default in place of a wrong value.
        overrides: values that count before those of the environment.

    Raises:
        SettingsError: settings are wrong. It names each variable, never its value.
    """
    env_file = Path(overrides.get("_env_file", ENV_FILE) or "")
    try:
        if env_file.is_file():
            read_text(env_file)  # names a bad line, which the library does not
    except NotUtf8Error as error:
        raise SettingsError(str(error)) from None
    overrides.setdefault("_secrets_dir", _secret_folders())
    settings, faults = _read(overrides)
    if check is not None:
        faults = {**check(settings), **faults}
    strange = strange_names(Settings.model_fields, env_file)
    lines = [faults[field] for field in Settings.model_fields if field in faults]
    lines += [faults[name] for name in faults if name not in Settings.model_fields]
    lines += misspelt(strange, Settings.model_fields)
    if lines:
        raise SettingsError(*lines)
    return settings


def _read(overrides: dict[str, Any]) -> tuple[Settings, dict[str, str]]:
    """Return the settings and the faults by field. A wrong value is replaced by the default."""
    faults: dict[str, str] = {}
    while True:
        try:
            return Settings(**overrides), faults
        except ValidationError as error:
            found = faults_of(error)
            faults |= found
            if "" in found:  # values that do not fit together have no default
                raise SettingsError(*faults.values()) from None
            defaults = {name: Settings.model_fields[name].get_default() for name in found}
            overrides = overrides | defaults


def unknown_variables() -> list[str]:
    """Return the `PICA_` variables that no setting reads."""
    strange = strange_names(Settings.model_fields, Path(ENV_FILE))
    return unknown(strange, Settings.model_fields)


def _secret_folders() -> list[Path]:
    folders = [SECRETS, Path(os.environ.get(CREDENTIALS_DIRECTORY, SECRETS))]
    return [folder for folder in dict.fromkeys(folders) if folder.is_dir()]
