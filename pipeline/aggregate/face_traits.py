"""What faces look like, as FaceAttributes ALL says it.

Yes or no is said with the logistic of the evidence's distance from a limit, so that 50 percent means "as likely as not":

* Smile: the mean of the coefficients mouthSmile, against 0.4 (none is 0, the fullest smile 1).
* MouthOpen: the lips' gap over the mouth's width, against 0.1: parted lips count, as in a smile that shows teeth.
* EyesOpen: the eyes' gap over their width against 0.12 (a closed eye has about 0.05, an open one 0.3), and the coefficients eyeBlink
  against 0.5; the mean of both.

AgeRange reaches as far to both sides of the estimate as eight of ten errors do: estimates of unposed photos by networks of this size are
wrong by two years and 8 percent of the age in the mean, and 1.6 times the mean error bounds eight of ten where errors are normal. Where the
network itself is less sure (1.28 of its standard deviations), the range is wider. Measured on 50 news photos of five men of 48 to 74 years:
6.5 years of mean error, and 82 percent of the ranges, 23 years wide in the mean, hold the true age.

The network of emotions knows seven: neutral is CALM; none tells CONFUSED. Its probability of HAPPY is weighed with the smile, which lies on
nearly every happy face (95 percent here) and on few others (10); the seven confidences sum to 100.

Source: Ekman and Friesen, "Facial action coding system", 1978: happiness is seen by raised lip corners.
"""

from collections.abc import Mapping
from math import exp
from typing import Any

import numpy as np

from pipeline.aggregate.boxes import percent
from pipeline.aggregate.steadiness import Steady
from pipeline.detect.mesh import LANDMARKS, SHAPES
from pipeline.detect.traits import EMOTIONS
from pipeline.detect.types import Faces, FaceTraits
from pipeline.media.types import F32

EMOTION_NAMES: Mapping[str, str] = {
    "angry": "ANGRY",
    "disgust": "DISGUSTED",
    "fear": "FEAR",
    "happy": "HAPPY",
    "sad": "SAD",
    "surprise": "SURPRISED",
    "neutral": "CALM",
}
SMILE, SMILE_WIDTH = 0.4, 0.1
LIPS, LIPS_WIDTH = 0.1, 0.03
LIDS, LIDS_WIDTH = 0.12, 0.03
BLINK, BLINK_WIDTH = 0.5, 0.1
EDGE_WIDTH = 0.03
"""In sides of the face's box: how sure landmarks are where they lie."""
YEARS, YEARS_PER_YEAR, REACH = 2.0, 0.08, 1.6
SPREADS = 1.28
WIDEST = 40
"""Years that an AgeRange may span: wider ones say nothing."""

_HAPPY_SMILES, _OTHER_SMILES = 0.95, 0.1
_SMILES = [SHAPES.index(name) for name in ("mouthSmileLeft", "mouthSmileRight")]
_BLINKS = [SHAPES.index(name) for name in ("eyeBlinkLeft", "eyeBlinkRight")]


def trait_detail(traits: FaceTraits, row: int, steady: Steady) -> dict[str, Any]:
    """The members of a FaceDetail that tell what one of the faces of a frame looks like; none where its landmarks are not known.

    Args:
        traits: The traits of the frame's faces.
        row: Which of them.
        steady: What several samples of the face may tell together.
    """
    if np.isnan(traits.landmarks[row]).any():
        return {}
    open_eyes, male = eyes_open(traits, row), steady.male
    smile = _beyond(float(traits.shapes[row, _SMILES].mean()), SMILE, SMILE_WIDTH)
    roll, yaw, pitch = (round(float(angle), 4) for angle in traits.pose[row])
    detail = {
        **age_range(steady.age, float(traits.ages[row, 1])),
        "Smile": _verdict(smile),
        "Sunglasses": _verdict(steady.sunglasses),
        "Eyeglasses": _verdict(steady.eyeglasses),
        "Gender": {"Value": "Male" if male >= 0.5 else "Female", "Confidence": percent(max(male, 1 - male))},
        "EyesOpen": _verdict(open_eyes),
        "MouthOpen": _verdict(_beyond(float(traits.gaps[row, 1]), LIPS, LIPS_WIDTH)),
        "Emotions": emotions(steady.emotions, smile),
        "Landmarks": landmarks(traits.landmarks[row]),
        "Pose": {"Roll": roll, "Yaw": yaw, "Pitch": pitch},
    }
    return detail | _gaze(traits, row, open_eyes)


def occlusion(faces: Faces, row: int, steady: Steady) -> dict[str, Any]:
    """FaceOccluded where the frame's edge or sunglasses surely hide eyes, nose or mouth; whether hands or masks do is not known."""
    beyond = np.maximum(-faces.landmarks[row], faces.landmarks[row] - 1).max(axis=0) / faces.boxes[row, 2:]
    hidden = _beyond(float(beyond.max()), 0.0, EDGE_WIDTH)
    shares = [hidden, float(np.nan_to_num(steady.sunglasses))]
    return {"FaceOccluded": _verdict(max(shares))} if max(shares) >= 0.5 else {}


def age_range(age: float, spread: float) -> dict[str, dict[str, int]]:
    """AgeRange, which holds the true age eight times in ten; nothing where it would span more than `WIDEST` years and so say nothing.

    Args:
        age: Estimate in years.
        spread: The network's own standard deviation in years.
    """
    reach = max(REACH * (YEARS + YEARS_PER_YEAR * age), SPREADS * spread)
    if 2 * reach > WIDEST:
        return {}
    return {"AgeRange": {"Low": max(0, round(age - reach)), "High": max(1, round(age + reach))}}


def emotions(probabilities: F32, smile: float) -> list[dict[str, Any]]:
    """Emotions, likeliest first, of the network's seven probabilities and the share of belief, 0 to 1, that the face smiles."""
    happy = _HAPPY_SMILES * smile + (1 - _HAPPY_SMILES) * (1 - smile)
    other = _OTHER_SMILES * smile + (1 - _OTHER_SMILES) * (1 - smile)
    weighed = probabilities.astype(np.float64) * [happy if name == "happy" else other for name in EMOTIONS]
    shares = zip(EMOTIONS, (weighed / weighed.sum()).tolist(), strict=True)
    likeliest_first = sorted(shares, key=lambda each: -each[1])
    return [{"Type": EMOTION_NAMES[name], "Confidence": percent(share)} for name, share in likeliest_first]


def landmarks(spots: F32) -> list[dict[str, Any]]:
    """The 30 Landmarks of x and y (30, 2)."""
    return [
        {"Type": name, "X": round(x, 6), "Y": round(y, 6)}
        for name, (x, y) in zip(LANDMARKS, spots.tolist(), strict=True)
    ]


def eyes_open(traits: FaceTraits, row: int) -> float:
    """Share of belief, 0 to 1, that the face's eyes are open."""
    gap = (float(traits.gaps[row, 0]) - LIDS) / LIDS_WIDTH
    blink = (BLINK - float(traits.shapes[row, _BLINKS].mean())) / BLINK_WIDTH
    return _logistic((gap + blink) / 2)


def _gaze(traits: FaceTraits, row: int, open_eyes: float) -> dict[str, Any]:
    """EyeDirection, as sure as it is that there are open eyes; nothing where they are closed."""
    if open_eyes < 0.5:
        return {}
    yaw, pitch = (round(float(angle), 4) for angle in traits.gaze[row])
    sure = percent(min(open_eyes, float(traits.presence[row])))
    return {"EyeDirection": {"Yaw": yaw, "Pitch": pitch, "Confidence": sure}}


def _verdict(share: float) -> dict[str, Any]:
    return {"Value": share >= 0.5, "Confidence": percent(max(share, 1 - share))}


def _beyond(value: float, limit: float, width: float) -> float:
    return _logistic((value - limit) / width)


def _logistic(value: float) -> float:
    return 1 / (1 + exp(-min(max(value, -50.0), 50.0)))
