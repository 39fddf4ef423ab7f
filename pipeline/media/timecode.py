"""SMPTE timecodes of frame numbers, drop-frame where the rate asks for it. Source: SMPTE ST 12-1."""

from fractions import Fraction

_DROP_RATES = {30: Fraction(30000, 1001), 60: Fraction(60000, 1001)}
_SAME_RATE = Fraction(1, 200)  # 29.97 and 2997/100 mean 30000/1001; 30 does not


def nominal_rate(rate: Fraction) -> int:
    """Frames that a timecode counts per second: 24 for 23.976."""
    return max(1, round(rate))


def is_drop_frame(rate: Fraction) -> bool:
    """Whether timecodes of this rate skip numbers to follow the clock: 29.97 and 59.94."""
    exact = _DROP_RATES.get(nominal_rate(rate))
    return exact is not None and abs(rate - exact) < _SAME_RATE


def smpte(frame: int, rate: Fraction) -> str:
    """`HH:MM:SS:FF` of a frame number, `HH:MM:SS;FF` for drop-frame rates; wraps after 24 hours.

    Args:
        frame: Frame number from 0.
        rate: Frames per second.
    """
    nominal = nominal_rate(rate)
    drop = is_drop_frame(rate)
    label = _skip_dropped(frame, nominal) if drop else frame
    seconds, frames = divmod(label, nominal)
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours % 24:02d}:{minute:02d}:{second:02d}{';' if drop else ':'}{frames:02d}"


def _skip_dropped(frame: int, nominal: int) -> int:
    """The frame's label: the first numbers of every minute are left out, save each tenth minute."""
    dropped = nominal // 15
    per_minute = nominal * 60 - dropped
    per_ten = per_minute * 10 + dropped
    tens, rest = divmod(frame, per_ten)
    minutes = max(0, (rest - dropped) // per_minute)
    return frame + dropped * (9 * tens + minutes)
