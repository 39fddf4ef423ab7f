"""What every operation works with, composed once per process; light, so that the api can import it."""

from dataclasses import dataclass

from sqlalchemy import Engine

from pipeline.counts import Counts
from pipeline.jobs.queue_types import JobQueue
from pipeline.mailbox import Mailbox
from pipeline.notify.outbox import Outbox
from pipeline.notify.topics import Topics
from pipeline.objects.directory import DirectoryStore
from pipeline.objects.types import Bucket, ObjectStore
from pipeline.results.lately import Lately
from pipeline.results.tokens import PageTokens
from pipeline.secrets import secret_keys
from pipeline.settings import Settings
from pipeline.store.engine import connect
from pipeline.store.keys import KeyStore
from pipeline.store.migrate import migrate
from pipeline.tracing import Traces


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of an installation; make it after forking.

    Attributes:
        settings: How the installation is set up.
        engine: The database.
        keys: Access keys.
        objects: The videos.
        work: Our own objects: detections and results.
        tokens: Page tokens.
        lately: Parts of results that were read lately.
        queue: Wakes workers.
        mailbox: Requests that workers answer at once.
        topics: Where completions are announced.
        outbox: Notifications that are due.
        counts: Figures of all processes together.
        traces: What was done for each job, for OpenTelemetry.
    """

    settings: Settings
    engine: Engine
    keys: KeyStore
    objects: ObjectStore
    work: Bucket
    tokens: PageTokens
    lately: Lately
    queue: JobQueue
    mailbox: Mailbox
    topics: Topics
    outbox: Outbox
    counts: Counts
    traces: Traces

    @classmethod
    def from_settings(cls, settings: Settings, queue: JobQueue) -> "Services":
        """The services of the installation that the settings describe."""
        keys = secret_keys(settings)
        engine = connect(settings.sqlalchemy_url)
        objects, work = _stores(settings)
        return cls(
            settings=settings,
            engine=engine,
            keys=KeyStore(engine, keys),
            objects=objects,
            work=work,
            tokens=PageTokens(keys, settings.page_token_ttl),
            lately=Lately(),
            queue=queue,
            mailbox=Mailbox(settings),
            counts=Counts(settings),
            traces=Traces(settings),
            topics=Topics(),
            outbox=Outbox(frozenset(name for name, access in settings.aws_accounts.items() if access.topics)),
        )

    def prepare(self) -> None:
        """Brings the database to the present schema and makes the bucket of our own objects; any process may call it."""
        migrate(self.engine, upgrade=self.settings.auto_upgrade)
        self.work.create()

    def close(self) -> None:
        """Closes the connections to the database and to Redis."""
        self.engine.dispose()
        self.mailbox.close()
        self.counts.close()
        self.traces.close()


def _stores(settings: Settings) -> tuple[ObjectStore, Bucket]:
    """The store of the videos and the bucket of our own objects."""
    if settings.s3_endpoint_url is None:
        return DirectoryStore(settings.buckets_path), Bucket(DirectoryStore(settings.data_dir), "work")
    from pipeline.objects.s3 import S3Store, s3_client  # and with it boto3, which takes long

    store = S3Store(s3_client(settings), settings.data_dir / "cache" / "videos", settings.video_cache_bytes)
    return store, Bucket(store, settings.work_bucket)
