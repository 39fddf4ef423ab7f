"""What detectors answer: columnar detections in ratios of the displayed frame, and the two shapes a detector may have."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol, TypeVar, runtime_checkable

from pipeline.media.limits import DecodeLimits
from pipeline.media.types import F32, I64, U8, Frame, FrameIndex, MediaInfo, Stretch

Prepared = TypeVar("Prepared")
Fed_contra = TypeVar("Fed_contra", contravariant=True)
Found_co = TypeVar("Found_co", covariant=True)


@dataclass(frozen=True, slots=True)
class Detections:
    """Objects in one frame, best first.

    Attributes:
        boxes: (N, 4) float32: left, top, width, height as ratios of the displayed frame, 0 to 1.
        scores: (N,) float32, 0 to 1.
        classes: (N,) int64, index into the detector's vocabulary.
    """

    boxes: F32
    scores: F32
    classes: I64


@dataclass(frozen=True, slots=True)
class Faces:
    """Faces in one frame, largest first.

    Attributes:
        boxes: (N, 4) float32: left, top, width, height as ratios of the displayed frame; may reach beyond 0 to 1.
        scores: (N,) float32, 0 to 1.
        landmarks: (N, 5, 2) float32 ratios x, y: eye on the picture's left, eye on the right, nose, mouth left, mouth right.
        pose: (N, 3) float32 degrees: roll, yaw, pitch; -180 to 180, in Rekognition's sense.
        quality: (N, 2) float32: brightness, sharpness; 0 to 100.
    """

    boxes: F32
    scores: F32
    landmarks: F32
    pose: F32
    quality: F32


@dataclass(frozen=True, slots=True)
class Tags:
    """Labels of the whole frame, best first.

    Attributes:
        classes: (N,) int64, index into the tagger's vocabulary.
        scores: (N,) float32, 0 to 1.
    """

    classes: I64
    scores: F32


@dataclass(frozen=True, slots=True)
class Values:
    """Numbers measured on one frame; columns are the detector's own and documented there.

    Attributes:
        values: (K,) float32.
    """

    values: F32


@dataclass(frozen=True, slots=True)
class Embeddings:
    """Embeddings of the faces (or persons) of one frame, in the rows' order of the stage that found them.

    Attributes:
        vectors: (N, D) float32, rows of length 1; a row of zeros where none could be made.
        quality: (N,) float32, 0 to 1: how much the embedding may be trusted when several of one track are averaged.
    """

    vectors: F32
    quality: F32


@dataclass(frozen=True, slots=True)
class TextBoxes:
    """Lines of text in one frame, not read yet, from top to bottom.

    Attributes:
        quads: (N, 4, 2) float32 ratios x, y of the displayed frame, 0 to 1: corners of a rotated rectangle, clockwise from the top left
            as seen along the side that is nearer to horizontal. Upright text is wider than high; a line that runs up or down is higher.
        scores: (N,) float32, 0 to 1: how sure it is that there is text.
    """

    quads: F32
    scores: F32


@dataclass(frozen=True, slots=True)
class Appearances:
    """How the people of one frame look, in the rows' order of the stage that found them, and what the scene looks like.

    Attributes:
        vectors: (N, D) uint8, roots of the shares of colours, 255 = 1; rows of zeros for what is no person.
        scene: (rows, columns) uint8 luma of the whole frame, very small.
    """

    vectors: U8
    scene: U8


@dataclass(frozen=True, slots=True)
class TextLines:
    """Lines of text in one frame and the words in them; words stand line by line, characters word by word.

    Attributes:
        quads: (L, 4, 2) float32 ratios x, y of the displayed frame, 0 to 1: corners of each line, clockwise from where reading begins.
        word_counts: (L,) int64, at least 1.
        word_quads: (W, 4, 2) float32, as `quads`.
        confidences: (W,) float32, 0 to 1: of the words.
        lengths: (W,) int64, at least 1: characters of each word.
        characters: (C,) int64 Unicode code points.
    """

    quads: F32
    word_counts: I64
    word_quads: F32
    confidences: F32
    lengths: I64
    characters: I64


@dataclass(frozen=True, slots=True)
class FaceTraits:
    """What the faces of one frame look like, in the rows' order of its `Faces`; NaN where there is nothing to go by (profiles, tiny faces).

    Attributes:
        presence: (N,) float32, 0 to 1: how sure it is that the dense landmarks lie on a face.
        landmarks: (N, 30, 2) float32 ratios x, y of the displayed frame; names in `detect.mesh.LANDMARKS`.
        pose: (N, 3) float32 degrees: roll, yaw, pitch, as in `Faces`.
        gaze: (N, 2) float32 degrees: yaw, pitch of the eyes in the head, in the sense of the pose.
        shapes: (N, 52) float32, 0 to 1: coefficients of the expression; names in `detect.mesh.SHAPES`.
        gaps: (N, 2) float32: height over width of the eyes' openings, and of the lips'.
        ages: (N, 2) float32 years: mean and standard deviation.
        male: (N,) float32, 0 to 1.
        emotions: (N, 7) float32 probabilities; names in `detect.traits.EMOTIONS`.
        eyeglasses: (N,) float32, 0 to 1.
        sunglasses: (N,) float32, 0 to 1.
    """

    presence: F32
    landmarks: F32
    pose: F32
    gaze: F32
    shapes: F32
    gaps: F32
    ages: F32
    male: F32
    emotions: F32
    eyeglasses: F32
    sunglasses: F32


class Joined(NamedTuple):
    """A prepared frame together with what another stage found in it; what detectors of stages with `needs` are fed."""

    prepared: Any
    found: Any


class Detector(Protocol[Prepared, Found_co]):
    """Looks at single frames; stateless.

    `prepare` runs in the decoding thread (scaling, normalising), `detect` in the inferring one.
    Answers are dataclasses of arrays, so that they can be stored in columns.
    """

    @property
    def batch(self) -> int:
        """Frames per call of `detect`, at most."""

    def prepare(self, frame: Frame) -> Prepared:
        """What the model needs of a frame; keeps no reference to the frame."""

    def detect(self, prepared: Sequence[Prepared]) -> Sequence[Found_co]:
        """One answer per prepared frame."""


class Run(Protocol[Fed_contra, Found_co]):
    """One walk of a `StretchDetector` over the sampled frames of its span."""

    def add(self, index: int, prepared: Fed_contra) -> Iterable[tuple[int, Found_co]]:
        """Answers (frame number, found) that became known; the sampled frames come in order without gaps."""

    def finish(self) -> Iterable[tuple[int, Found_co]]:
        """The remaining answers; no more frames exist (end of the context, or of the video)."""


@runtime_checkable
class StretchDetector(Protocol[Prepared, Found_co]):
    """Needs neighbouring frames; its answer for a frame must not depend on where the video was cut."""

    @property
    def context(self) -> int:
        """Frames needed before and after a frame to answer for it."""

    def prepare(self, frame: Frame) -> Prepared:
        """What the run needs of a frame; keeps no reference to the frame."""

    def open(self, stretch: Stretch, frame_count: int) -> Run[Prepared, Found_co]:
        """A walk that answers for the sampled frames of `stretch`; it is fed those of up to `context` frames more on both sides.

        Answers for other frames are dropped.
        """


@runtime_checkable
class Listener(Protocol[Found_co]):
    """Looks at other parts of the file than its pictures, for example at the sound."""

    def listen(
        self,
        path: str | Path,
        media: MediaInfo,
        index: FrameIndex,
        stretch: Stretch,
        limits: DecodeLimits,
        beat: Callable[[], None],
    ) -> Iterable[tuple[int, Found_co]]:
        """Answers for frames of the stretch, in order; they must not depend on where the video was cut.

        `beat` is called whenever the work has come on a little; what it raises ends it.

        Raises:
            MediaError: the file cannot be read.
        """


AnyDetector = Detector[Any, Any] | StretchDetector[Any, Any]
