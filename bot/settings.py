"""Settings: everything the service can be told, checked once at the start.

Only `__main__` builds it from the environment; every other part is handed the values.
"""

import re
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from safety.text.utf8 import NotUtf8Error, read_text

ENV_FILE = ".env"
Network = IPv4Network | IPv6Network
_ADDRESS = re.compile(r"[^@\s,<>]+@[^@\s,<>]+")


class SettingsError(Exception):
    """A value is wrong; the message names its key and what is expected."""


class Settings(BaseSettings):
    """The service's settings; each is the environment variable `PICA_` + its name."""

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
    max_running: int = Field(16, ge=1, le=512)  # replies written at once
    max_waiting: int = Field(256, ge=0, le=100_000)  # and that may wait beyond those
    resident_mib: int | None = Field(None, ge=0)  # for conversations between turns, on the device
    host_mib: int = Field(0, ge=0)  # and in the machine's memory, when they leave the device
    threads: int | None = Field(None, ge=1, le=1024)  # processors of one step on a CPU
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
        if isinstance(value, str):
            return frozenset(part.strip() for part in value.split(",") if part.strip())
        return value

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
                "is no time zone; write a name such as Asia/Shanghai or Europe/Berlin"
            ) from None
        return value

    @field_validator("pager_email", mode="before")
    @classmethod
    def _addresses(cls, value: object) -> object:
        if isinstance(value, str):
            value = tuple(part.strip() for part in value.split(",") if part.strip())
        if not isinstance(value, tuple) or not all(_ADDRESS.fullmatch(each) for each in value):
            raise ValueError("holds no e-mail addresses, separated by commas")
        return value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        try:
            found = tuple(ip_network(part.strip()) for part in value.split(",") if part.strip())
        except ValueError:
            found = None
        if found is None or not all(each.prefixlen for each in found):
            raise ValueError(
                "holds no addresses or networks of proxies, separated by commas; write for "
                "example 127.0.0.1, 10.0.0.0/8 (not everybody's: 0.0.0.0/0)"
            )
        return found

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
            raise ValueError("PICA_SMTP_URL must be set where PICA_PAGER_EMAIL is")
        return self

    @field_validator("console_url")
    @classmethod
    def _address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
            raise ValueError("is no address; write one such as https://console.example.org")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _webhook_needs_secret(self) -> "Settings":
        if self.webhook_url and not self.webhook_secret:
            raise ValueError("PICA_WEBHOOK_SECRET must be set where PICA_WEBHOOK_URL is")
        return self

    @property
    def console_address(self) -> str:
        """Where operators' browsers reach the console: the address in front, or our own."""
        everywhere = self.http_host in ("0.0.0.0", "::")  # noqa: S104 - compared, not bound
        host = "127.0.0.1" if everywhere else self.http_host
        host = f"[{host}]" if ":" in host else host
        return self.console_url or f"http://{host}:{self.http_port}"

    @property
    def sql_url(self) -> str:
        """The database's address; SQLite in the data folder where none is given."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{self.data_dir.absolute() / 'pica.db'}"


def _with_scheme(
    value: SecretStr | None, schemes: tuple[str, ...], example: str
) -> SecretStr | None:
    """An address with a host; the message of what is none never shows it."""
    if value is None:
        return None
    try:
        parts = urlsplit(value.get_secret_value())
        whole = parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        whole = False
    if not whole:
        raise ValueError(f"is no address; it is written {example}")
    return value


def load(**overrides: object) -> Settings:
    """Read the environment and `.env`.

    Raises:
        SettingsError: a value is wrong; names the variable, never its value.
    """
    try:
        if "_env_file" not in overrides and Path(ENV_FILE).is_file():
            read_text(Path(ENV_FILE))  # the library would not name the line
        return Settings(**overrides)  # type: ignore[arg-type]
    except NotUtf8Error as error:
        raise SettingsError(str(error)) from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        message = first["msg"].removeprefix("Value error, ")
        where = "".join(f"PICA_{str(part).upper()}: " for part in first["loc"][:1])
        raise SettingsError(f"{where}{message}") from None
