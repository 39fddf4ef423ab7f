"""The settings that bound a run, as the compute half takes them."""

from pipeline.media.limits import DecodeLimits
from pipeline.models.threads import inference_threads
from pipeline.settings import Settings

ADDRESSES_OF_THREAD = 72 * 1024**2
"""Bytes of address space, not of memory, that a thread takes: 8 MiB of stack, and 64 MiB that glibc reserves for its allocations."""


def decode_limits(settings: Settings) -> DecodeLimits:
    """How much a video may ask of a worker."""
    return DecodeLimits(
        max_pixels=settings.max_pixels,
        max_duration_s=settings.max_video_s,
        stall_s=settings.decode_stall_s,
        device=settings.decode_device,
    )


def detecting_threads(settings: Settings) -> int:
    """Threads that detect side by side: the cores of this process; one on a GPU, which does one thing after the other."""
    return inference_threads(settings.threads, settings.concurrency) if settings.device == "cpu" else 1


def address_limit(settings: Settings, taken: int) -> int:
    """Bytes of address space that a worker child may take which has taken so many; on many cores threads that infer need much of it."""
    threads = inference_threads(settings.threads, settings.concurrency)
    return taken + settings.worker_memory_mb * 1024**2 + threads * ADDRESSES_OF_THREAD
