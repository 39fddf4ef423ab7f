"""The video of a pass as a local file."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from pipeline.jobs.types import VideoRef
from pipeline.patience import patiently
from pipeline.services import Services


@contextmanager
def local_video(services: Services, video: VideoRef) -> Iterator[Path]:
    """A file with the video's content, valid inside the block; waits for a store that is away and for room on the disk.

    Raises:
        NoSuchObjectError: the store has it no more.
        ObjectChangedError: it is another one now.
    """
    with ExitStack() as stack:

        def opened() -> Path:
            return stack.enter_context(services.objects.local_path(video.bucket, video.name, video.etag, video.version))

        yield patiently(opened, services.settings.patience_s, "video")
