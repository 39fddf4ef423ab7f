"""One frozen settings object, built in entry points and passed down."""

import hashlib
import os
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict, SettingsError

from pipeline.aws_access import AwsAccess
from pipeline.catalog import OPERATIONS
from pipeline.errors import SetupError
from pipeline.setting_checks import check_account, checked_priorities, checked_shares, refusal
from pipeline.settings_sources import handed_down, sources

DEFAULT_DATA_DIR = Path("~/.local/share/reelsight").expanduser()
MAX_STEP_MS = 500
"""As fine as Amazon samples; a coarser step would miss what it finds."""
MAX_SOCKET_PATH = 100
"""Bytes; Linux allows 107 for a unix socket, others fewer."""


class Settings(BaseSettings):
    """Everything that can be set, from `REELSIGHT_…` environment variables or arguments; see docs/operations.md."""

    model_config = SettingsConfigDict(env_prefix="REELSIGHT_", frozen=True, extra="forbid")

    data_dir: Path = DEFAULT_DATA_DIR
    """Database, buckets, results, models, keys of a one-machine installation."""
    database_url: str | None = Field(default=None, repr=False)
    """SQLAlchemy URL; None: SQLite `reelsight.db` in the data directory."""
    auto_upgrade: bool = True
    """Whether a process that starts upgrades an older database; off: it refuses to run before `reelsight database upgrade`."""
    broker_url: str | None = Field(default=None, repr=False)
    """Celery broker; None: the private redis-server that `serve` starts on `run/redis.sock` in the data directory."""
    secret_key: SecretStr | None = None
    """Encrypts access keys and signs tokens, at least 32 characters; None: `secret.key` in the data directory, made on first start."""
    previous_secret_keys: SecretStr | None = None
    """Other secret keys that are accepted while one takes the place of another, separated by spaces or lines."""

    flower_user: str = "reelsight"
    """Who signs in to Flower."""
    flower_password: SecretStr | None = None
    """What Flower asks for; None: `flower.password` in the data directory, made on first start."""

    region: str = "us-east-1"
    """Stands in the ARNs of topics and in the credentials file; requests for any region are served."""
    host: str = "127.0.0.1"
    """Address that `serve` and `api` listen on."""
    port: int = Field(default=8080, ge=0, le=65535)
    """Port of the API over http; 0: any free port."""
    tls_port: int = Field(default=8443, ge=0, le=65535)
    """Port that serves the same API and the signing certificate over https; 0: any free port."""
    public_url: str | None = None
    """How clients reach the http port; None: http://HOST:PORT."""
    public_https_url: str | None = None
    """How receivers of notifications reach the https port; None: https://HOST:TLS_PORT."""
    tls_cert_file: Path | None = None
    """Certificate of the https port, PEM; None: issued by a small CA kept in the data directory."""
    tls_key_file: Path | None = None
    """Key of that certificate."""

    s3_endpoint_url: str | None = None
    """S3-compatible store; None: directories `buckets/<Bucket>/<Name>` in the data directory."""
    s3_access_key_id: str | None = None
    """Key for that store; None: as boto3 finds one (environment, shared files, instance role)."""
    s3_secret_access_key: SecretStr | None = None
    """Secret of that key."""
    s3_region: str = "us-east-1"
    """Region that requests to the store are signed for."""
    work_bucket: str = "reelsight-work"
    """Bucket for detections and results when videos are in S3."""

    max_collections: int = Field(default=10_000, ge=0)
    """Collections of faces that an account may have."""
    max_faces: int = Field(default=10_000_000, ge=0)
    """Faces that a collection may have."""
    max_users: int = Field(default=10_000_000, ge=0)
    """Users that a collection may have."""

    video_cache_bytes: int = 50 * 1024**3
    """Most that videos fetched from S3 take on a worker's disk; a video in use may exceed it."""
    max_video_bytes: int = 10 * 1024**3
    """Larger videos are refused at once."""
    max_video_s: int = 6 * 3600
    """Jobs for longer videos fail."""
    max_pixels: int = 8192 * 4320
    """Width times height of the largest picture that is decoded; jobs for larger ones fail."""
    decode_device: Literal["cpu", "cuda"] = "cpu"
    """Where videos are decoded; a device that is not there is an error. What it does not take goes to the CPU, and the log says so."""
    decode_stall_s: float = 60.0
    """A decoder that delivers no frame for this long fails the job."""
    worker_memory_mb: int = 8192
    """MiB of address space that a worker child may take beyond its start and 72 per inferring thread, models included; 0: no limit."""

    image_timeout_s: int = Field(default=30, ge=1)
    """How long an operation on an image may take, its wait for a worker included; longer ones answer `ThrottlingException`."""
    image_waiting: int = Field(default=32, ge=1)
    """Operations on images under way in one api process, three quarters of them for one account; others answer `ThrottlingException`."""
    image_waiting_bytes: int = Field(default=256 * 1024**2, ge=32 * 1024**2)
    """Bytes of images that lie in the broker's memory at once; more answer `ThrottlingException`."""
    image_children: int | None = Field(default=None, ge=1)
    """Worker children for images, each with models of its own; None: one per four cores, at least one."""
    image_threads: int | None = Field(default=None, ge=1)
    """Operations on images that one worker process answers side by side, sharing runs of models; None: 16 on a GPU, none on the CPU."""
    image_gather_ms: float = Field(default=2.0, ge=0, le=100)
    """How long a shared run of a model waits for further requests to join it."""

    linger_s: float = 0.5
    """How long a new job waits so that others for the same video share its decode."""
    chunk_s: float = 120.0
    """Length of a chunk of video, the unit of work and of loss."""
    lease_s: float = 60.0
    """A worker renews its lease several times in this period; past it, the chunk is given to another."""
    sweep_s: float = 5.0
    """How often lost wake-ups, dead leases, late deliveries and expired jobs are looked for."""
    max_attempts: int = 3
    """Tries of a chunk before its jobs fail."""
    patience_s: float = Field(default=60.0, ge=0)
    """How long a worker waits for a store, a disk or a database that fails before it counts a try as failed."""
    stop_s: float = Field(default=20.0, gt=0)
    """How long a worker that is stopped lets its tasks go on; what is not done by then is given back."""
    retention: timedelta = timedelta(days=7)
    """How long jobs and results are kept after their end."""
    page_token_ttl: timedelta = timedelta(hours=24)
    """How long a NextToken may be used."""

    account_shares: Mapping[str, float] = {}
    """Account -> its share of the workers beside that of others, which is 1 unless set, for example {"111122223333": 4}."""
    account_priorities: Mapping[str, str] = {}
    """Account -> priority of its jobs that name none: `high`, `normal` (the default) or `low` among its own."""
    max_open_jobs: int | None = Field(default=None, ge=0)
    """Jobs on videos that an account may have open at once, more answer `LimitExceededException`; None: no limit, all are queued."""

    sampling_ms: Mapping[str, int] = {}
    """Analysis -> milliseconds between the frames it looks at, 1 to 500, for example {"persons": 100}; a job keeps what it started with."""
    concurrency: int | None = None
    """Worker children for video; None: one per two cores, at least one."""
    threads: int | None = None
    """Inferring threads per worker child, beside the one that decodes; None: cores the cgroup grants divided by the concurrency."""
    device: Literal["cpu", "cuda", "tensorrt"] = "cpu"
    """Where inference runs; a device that is not there is an error, never a silent fall-back."""
    tensorrt_fp16: bool = False
    """Whether TensorRT may round to half precision; its effect on results was not measured."""
    models_dir: Path | None = None
    """Where pulled models are kept; None: `models` in the data directory."""
    models_file: Path | None = None
    """TOML file that overrides entries of the models manifest, for example with a local ONNX file."""
    accepted_licences: tuple[str, ...] = ()
    """Licences of weights accepted beyond the permissive ones, for example AGPL-3.0."""

    webhook_networks: tuple[str, ...] = ()
    """Networks beyond the public internet that notifications may be delivered to, for example 10.0.0.0/8."""
    webhook_timeout_s: float = 15.0
    """How long a receiver may take to answer."""
    webhook_ca_file: Path | None = None
    """Authorities trusted in https receivers beside those of the system, PEM."""
    aws_accounts: Mapping[str, AwsAccess] = {}
    """Account -> access to its SQS queues, and to its SNS topics elsewhere; see docs/notifications.md."""
    dead_letter_retention: timedelta = timedelta(days=14)
    """How long notifications that could not be delivered are kept, to be sent again."""
    clock_skew: timedelta = timedelta(minutes=5)
    """How far a signature's date may be from our clock."""

    beat_s: float = Field(default=5.0, gt=0)
    """How often every worker sends itself a message through the broker, to show that it takes what comes."""
    silent_s: float = Field(default=30.0, gt=0)
    """A worker that has not taken such a message for so long, and makes no other progress, is restarted."""
    metrics_token: SecretStr | None = Field(default=None, min_length=16)
    """Bearer token without which `/metrics` is refused and `/ready` tells no details; None: both are open to all."""
    otlp_endpoint: str | None = None
    """Base URL of an OpenTelemetry receiver (OTLP over HTTP) that gets the traces of jobs; None: none are written, unless an
    OTEL_EXPORTER_OTLP_ENDPOINT is set."""

    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least important events that are logged, on standard error."""
    log_format: Literal["json", "console"] = "json"
    """One JSON object per event, or lines for people."""

    @classmethod
    def settings_customise_sources(
        cls, settings_cls: type[BaseSettings], *given: PydanticBaseSettingsSource, **named: PydanticBaseSettingsSource
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments, variables, files named by variables, what the machine was told when it joined."""
        return sources(settings_cls, named["init_settings"], named["env_settings"])

    _shares = field_validator("account_shares")(checked_shares)
    _priorities = field_validator("account_priorities")(checked_priorities)

    @field_validator("aws_accounts")
    @classmethod
    def _aws(cls, accounts: Mapping[str, AwsAccess]) -> Mapping[str, AwsAccess]:
        for account in accounts:
            check_account(account)
        return accounts

    @field_validator("sampling_ms")
    @classmethod
    def _samples(cls, steps: Mapping[str, int]) -> Mapping[str, int]:
        known = {operation.analysis for operation in OPERATIONS.values() if operation.step_ms}
        for analysis, step in steps.items():
            if analysis not in known:
                raise ValueError(f"there is no sampled analysis {analysis!r}; there are {', '.join(sorted(known))}")
            if not 1 <= step <= MAX_STEP_MS:
                raise ValueError(f"{analysis}: {step} is not within 1 to {MAX_STEP_MS}")
        return steps

    @property
    def sqlalchemy_url(self) -> str:
        """Where the database is."""
        return self.database_url or f"sqlite:///{self.data_dir / 'reelsight.db'}"

    @property
    def celery_url(self) -> str:
        """Where the broker is."""
        return self.broker_url or f"redis+socket://{self.redis_socket}"

    @property
    def redis_socket(self) -> Path:
        """Socket of the private redis-server; outside the data directory where that path is too long for a socket."""
        socket = self.data_dir / "run" / "redis.sock"
        if len(str(socket)) <= MAX_SOCKET_PATH:
            return socket
        name = hashlib.sha256(str(self.data_dir).encode()).hexdigest()[:16]
        return Path(tempfile.gettempdir(), f"reelsight-{os.getuid()}-{name}", "redis.sock")

    @property
    def http_url(self) -> str:
        """Base of the URLs given to clients."""
        return (self.public_url or f"http://{self._authority}:{self.port}").rstrip("/")

    @property
    def https_url(self) -> str:
        """Base of the URLs given to receivers of notifications."""
        return (self.public_https_url or f"https://{self._authority}:{self.tls_port}").rstrip("/")

    @property
    def _authority(self) -> str:
        """The host as a URL spells it: IPv6 addresses in brackets."""
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def models_path(self) -> Path:
        """Where pulled models are kept."""
        return self.models_dir or self.data_dir / "models"

    @property
    def flower_password_path(self) -> Path:
        """Where Flower's password is kept when no setting gives it."""
        return self.data_dir / "flower.password"

    @property
    def face_matrices_path(self) -> Path:
        """Where this machine keeps its copies of the vectors of collections; a cache."""
        return self.data_dir / "cache" / "faces"

    @property
    def scratch_path(self) -> Path:
        """Where this machine's processes keep temporary files."""
        return self.data_dir / "cache" / "tmp"

    @property
    def buckets_path(self) -> Path:
        """Where the directory object store keeps buckets."""
        return self.data_dir / "buckets"


def settings_of(data_dir: Path | None, **given: object) -> Settings:
    """Settings from the environment, overridden by what was given on the command line (None: not given).

    Raises:
        SetupError: a value is refused; the message names the setting.
    """
    chosen = {name: value for name, value in given.items() if value is not None}
    if data_dir:
        chosen["data_dir"] = data_dir.expanduser().resolve()
    try:
        return Settings(**chosen)  # type: ignore[arg-type]
    except (ValidationError, SettingsError) as error:
        raise SetupError(refusal(error)) from None


def revealed(settings: Settings) -> dict[str, Any]:
    """Name -> value, as JSON has it, of whatever is set; secrets are spelt out."""
    values = settings.model_dump(mode="json", exclude_unset=True)
    for name in values:
        if isinstance(secret := getattr(settings, name), SecretStr):
            values[name] = secret.get_secret_value()
    if "aws_accounts" in values:
        values["aws_accounts"] = {account: access.plain() for account, access in settings.aws_accounts.items()}
    return values


def environment(settings: Settings) -> dict[str, str]:
    """Environment for child processes that must build the same settings; what they find in files is not repeated in it."""
    return handed_down(revealed(settings), settings.data_dir, Settings.model_fields)
