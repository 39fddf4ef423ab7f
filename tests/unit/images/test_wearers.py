"""Who there is to wear equipment, and where their heads are; boxes in ratios of a picture of 800 by 1300 pixels."""

import numpy as np
import pytest

from pipeline.detect.head_covers import KINDS
from pipeline.detect.objects import PERSON
from pipeline.detect.types import Detections, Faces
from pipeline.images.equipment import EVEN, cover_share, face_part, head_part, mask_box, person
from pipeline.images.wearers import MOST, Wearer, head, least_side, wearers

WIDTH, HEIGHT = 800, 1300
ASPECT = WIDTH / HEIGHT


def bodies(*rows: tuple[float, float, float, float, float], kind: int = PERSON) -> Detections:
    """Left, top, width, height and score of each."""
    table = np.array(rows, np.float32).reshape(-1, 5)
    return Detections(table[:, :4], table[:, 4], np.full(len(table), kind, np.int64))


def faces(*rows: tuple[float, float, float, float, float]) -> Faces:
    """Left, top, width, height and score of each; they look straight ahead."""
    table = np.array(rows, np.float32).reshape(-1, 5)
    spots = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32)
    marks = table[:, None, :2] + spots * table[:, None, 2:4]
    count = len(table)
    return Faces(
        table[:, :4], table[:, 4], marks, np.zeros((count, 3), np.float32), np.full((count, 2), 80, np.float32)
    )


def found(there: Detections, seen: Faces) -> list[Wearer]:
    return wearers(there, seen, WIDTH, HEIGHT)


STANDING = (0.3, 0.1, 0.25, 0.8)
FACE = (0.38, 0.125, 0.09, 0.075)


def test_a_face_belongs_to_its_body_and_makes_it_surer() -> None:
    (alone,) = found(bodies((*STANDING, 0.6)), faces())
    (seen,) = found(bodies((*STANDING, 0.6)), faces((*FACE, 0.9)))
    assert (alone.face, seen.face) == (-1, 0)
    assert alone.share == pytest.approx(0.6)
    assert seen.share == pytest.approx(1 - 0.4 * 0.01)


def test_an_unsure_body_needs_a_face() -> None:
    assert not found(bodies((*STANDING, 0.4)), faces())
    assert len(found(bodies((*STANDING, 0.4)), faces((*FACE, 0.75)))) == 1


def test_a_clear_face_without_a_body_is_somebody() -> None:
    (someone,) = found(bodies(), faces((0.3, 0.02, 0.3, 0.2, 0.9)))
    left, top, width, height = someone.box
    assert top == 0
    assert left < 0.3
    assert left + width > 0.6
    assert top + height > 0.22
    assert left >= 0
    assert left + width <= 1
    assert top + height <= 1
    assert not found(bodies(), faces((0.3, 0.02, 0.3, 0.2, 0.75)))


def test_other_objects_are_nobody() -> None:
    assert not found(bodies((*STANDING, 0.9), kind=PERSON + 1), faces())


def test_the_lower_part_of_somebody_is_not_another() -> None:
    upper, lower = (0.04, 0.05, 0.92, 0.5, 0.9), (0.02, 0.4, 0.94, 0.6, 0.9)
    assert len(found(bodies(upper, lower), faces((0.4, 0.1, 0.25, 0.2, 0.9)))) == 1


def test_a_second_box_around_the_same_face_is_nobody_else() -> None:
    wide, narrow = (0.3, 0.1, 0.65, 0.88, 0.9), (0.32, 0.12, 0.4, 0.87, 0.88)
    face = (0.5, 0.17, 0.14, 0.2, 0.9)
    assert len(found(bodies(wide, narrow), faces(face))) == 1
    assert len(found(bodies(wide, narrow), faces(face, (0.34, 0.15, 0.1, 0.12, 0.9)))) == 2


def test_somebody_who_turns_their_back_beside_another_is_another() -> None:
    left, right = (0.05, 0.1, 0.4, 0.8, 0.9), (0.5, 0.3, 0.4, 0.7, 0.9)
    assert len(found(bodies(left, right), faces((0.2, 0.12, 0.12, 0.1, 0.9)))) == 2


def test_an_unsure_body_within_a_better_one_is_not_another() -> None:
    assert len(found(bodies((*STANDING, 0.9), (0.32, 0.4, 0.2, 0.4, 0.55)), faces())) == 1


def test_the_largest_are_first_and_no_more_than_fifteen() -> None:
    rows = [(0.05 * n, 0.1, 0.05, 0.2 + 0.02 * n, 0.9) for n in range(MOST + 2)]
    people = found(bodies(*rows), faces())
    assert len(people) == MOST
    sizes = [float(someone.box[3]) for someone in people]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] == pytest.approx(0.2 + 0.02 * (MOST + 1))


def test_who_is_smaller_than_amazon_asks_for_is_left_out() -> None:
    assert least_side(WIDTH, HEIGHT) == pytest.approx(100)
    assert least_side(2 * WIDTH, 2 * HEIGHT) == pytest.approx(200)
    low, high = 99 / HEIGHT, 101 / HEIGHT
    assert not found(bodies((0.5, 0.5, 0.03, low, 0.9)), faces())
    assert len(found(bodies((0.5, 0.5, 0.03, high, 0.9)), faces())) == 1


def test_a_head_reaches_above_its_face_and_a_helmet_ends_at_the_brows() -> None:
    seen = faces((*FACE, 0.9))
    its = head(found(bodies((*STANDING, 0.9)), seen)[0], seen, ASPECT)
    assert its is not None
    left, top, width, height = its.box
    assert left < FACE[0]
    assert left + width > FACE[0] + FACE[2]
    assert top < FACE[1]
    assert top + height == pytest.approx(FACE[1] + FACE[3])
    eyes = float(seen.landmarks[0, 0, 1])
    assert FACE[1] < its.brow < eyes
    assert its.share == pytest.approx(0.99)


def test_the_head_of_somebody_who_stands_is_on_top() -> None:
    (someone,) = found(bodies((*STANDING, 0.9)), faces())
    its = head(someone, faces(), ASPECT)
    assert its is not None
    left, top, width, height = its.box
    assert top == pytest.approx(STANDING[1])
    assert height < STANDING[3] / 5
    assert left + width / 2 == pytest.approx(STANDING[0] + STANDING[2] / 2)
    assert its.share < someone.share


def test_the_head_of_somebody_who_sits_is_not_guessed() -> None:
    (someone,) = found(bodies((0.1, 0.4, 0.8, 0.5, 0.9)), faces())
    assert head(someone, faces(), ASPECT) is None


def test_masks_lie_on_the_lower_face() -> None:
    left, top, width, height = mask_box(faces((*FACE, 0.9)), 0)
    assert (left, width) == pytest.approx((FACE[0], FACE[2]))
    assert top + height == pytest.approx(FACE[1] + FACE[3])
    assert FACE[1] + 0.4 * FACE[3] < top < FACE[1] + 0.8 * FACE[3]


@pytest.mark.parametrize(("share", "items"), [(0.49, 0), (0.5, 1), (1.0, 1)])
def test_what_is_less_sure_than_an_even_chance_is_not_reported(share: float, items: int) -> None:
    seen = faces((*FACE, 0.9))
    part = face_part(seen, 0, share, 0.9)
    assert (part["Name"], len(part["EquipmentDetections"])) == ("FACE", items)
    for item in part["EquipmentDetections"]:
        assert item["Type"] == "FACE_COVER"
        assert item["CoversBodyPart"]["Value"] is True


def test_parts_that_are_unsure_are_left_out() -> None:
    seen = faces((*FACE, 0.9))
    someone = Wearer(np.array(STANDING, np.float32), 0.6, -1)
    its = head(someone, seen, ASPECT)
    assert its is not None
    assert its.share < 0.5
    assert person(3, someone, [head_part(its, 0.9)])["BodyParts"] == []


@pytest.mark.parametrize("kind", range(len(KINDS)))
def test_covers_of_each_kind_are_an_even_chance_at_their_threshold_and_grow_surer(kind: int) -> None:
    shares = np.zeros((6, len(KINDS)), np.float32)
    shares[:, kind] = [0.0, EVEN[kind] / 2, EVEN[kind], 4 * EVEN[kind], 0.3, 1.0]
    sure = cover_share(shares, np.ones(6, bool))
    assert sure[2] == pytest.approx(0.5, abs=1e-3)
    assert (np.diff(sure) > 0).all()
    assert sure[0] < 0.01
    assert sure[-1] <= 1


def test_kinds_of_covers_add_their_odds() -> None:
    each = cover_share(np.diag(EVEN / 2).astype(np.float32), np.ones(len(KINDS), bool))
    together = cover_share((EVEN / 2)[None], np.ones(1, bool))
    assert together[0] / (1 - together[0]) == pytest.approx(float((each / (1 - each)).sum()), rel=1e-3)


def test_caps_count_only_above_faces_and_helmets_everywhere() -> None:
    faced = cover_share(np.eye(len(KINDS), dtype=np.float32), np.ones(len(KINDS), bool))
    faceless = cover_share(np.eye(len(KINDS), dtype=np.float32), np.zeros(len(KINDS), bool))
    assert (faced > 0.9).all()
    assert faceless[0] == pytest.approx(faced[0], abs=1e-6)
    assert (faceless[1:] < 0.01).all()


def test_nobody_has_no_covers() -> None:
    assert cover_share(np.zeros((0, len(KINDS)), np.float32), np.zeros(0, bool)).shape == (0,)
