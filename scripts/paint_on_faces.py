"""Masks, hard hats and caps of clinics, painted over the faces of photos."""

import numpy as np
from scipy.ndimage import gaussian_filter

from pipeline.detect.types import Faces
from pipeline.media.types import F32, U8

MASKS = np.array([(125, 180, 210), (230, 230, 228), (30, 30, 34), (120, 40, 50), (40, 60, 120), (150, 200, 190)])
HATS = np.array([(240, 200, 20), (245, 245, 240), (230, 110, 20), (40, 90, 190), (200, 30, 30), (40, 140, 60)])
CAPS = np.array([(125, 180, 210), (70, 150, 140), (235, 236, 236), (150, 200, 190), (40, 70, 130), (170, 205, 235)])
"""RGB."""


def masked_face(picture: U8, face: Faces, colour: F32) -> U8:
    """The picture with a mask from the middle of the nose to the chin, shaded towards the ears, with three folds."""
    across, along = placed(picture, face)
    width = np.where(along > 1, np.sqrt(np.clip(1 - ((along - 1) / 0.95) ** 2, 0, 1)), 1 - 0.25 * (1 - along))
    inside = (np.abs(across) <= 1.25 * width) & (along >= 0.35 + 0.25 * np.abs(across)) & (along <= 1.95)
    folds = 1 - 0.1 * np.clip(np.cos(along * 2 * np.pi * 2), 0, 1) ** 6
    return blended(picture, inside, colour * (folds * (1 - 0.2 * across**2))[..., None])


def hatted_head(picture: U8, face: Faces, colour: F32, random: np.random.Generator) -> U8:
    """The picture with a dome over the forehead, lit from above and from a random side, with three ridges and a brim."""
    across, along = placed(picture, face)
    across, up = across / random.uniform(1.35, 1.5), (-0.4 - along) / random.uniform(1.4, 1.7)
    dome, brim = (across**2 + up**2 < 1) & (up > 0), (across / 1.15) ** 2 + (up / 0.16) ** 2 < 1
    towards = np.sqrt(np.clip(1 - across**2 - up**2, 0, 1))
    light = np.array([random.uniform(-0.5, 0.5), 0.7, 0.6])
    lit = np.clip((np.stack([across, up, towards], -1) @ light) / np.linalg.norm(light), 0, 1)
    ridges = sum(np.exp(-(((across - place * (1 - 0.3 * up)) / 0.03) ** 2)) for place in (-0.25, 0, 0.25))
    shade = np.where(brim, 0.6, 0.35 + 0.65 * lit - 0.12 * ridges)
    return blended(picture, dome | brim, colour * shade[..., None] + 130 * (lit**30)[..., None] * ~brim[..., None])


def capped_head(picture: U8, face: Faces, colour: F32, random: np.random.Generator, gathered: bool) -> U8:
    """The picture with a cap of cloth from the forehead to above the ears: wide and in folds, or close to the head."""
    across, along = placed(picture, face)
    half, high, depth = (
        (random.uniform(1.5, 1.75), random.uniform(1.6, 1.95), 0.12)
        if gathered
        else (random.uniform(1.3, 1.45), random.uniform(1.25, 1.45), 0.03)
    )
    across, up = across / half, (-0.35 - along) / high
    above = -0.5 + 0.35 * across**2 - along
    inside = (across**2 + np.maximum(up, 0) ** 2 < 1) & (above > 0)
    towards = np.sqrt(np.clip(1 - across**2 - up**2, 0, 1))
    light = np.array([random.uniform(-0.5, 0.5), 0.6, 0.8])
    lit = np.clip((np.stack([across, up, towards], -1) @ light) / np.linalg.norm(light), 0, 1)
    folds = np.cos(np.arctan2(across, up + 0.3) * random.integers(14, 24)) * np.exp(-np.maximum(above, 0) / 0.5)
    hem = 0.12 * np.exp(-(((above - 0.22) / 0.03) ** 2)) + 0.1 * np.exp(-np.maximum(above, 0) / 0.06)
    creases = 0.06 * creased(across.shape, max(1.0, float(face.boxes[0, 2]) * picture.shape[1] / 14), random)
    shade = np.clip(0.5 + 0.5 * lit + depth * folds + creases - hem, 0.1, 1.15)
    return blended(picture, inside, colour * shade[..., None])


def creased(shape: tuple[int, ...], size: float, random: np.random.Generator) -> F32:
    """Smooth noise of this size in pixels and of standard deviation 1."""
    noise: F32 = gaussian_filter(random.standard_normal(shape), (size, size / 2))
    return noise / max(float(noise.std()), 1e-6)


def placed(picture: U8, face: Faces) -> tuple[F32, F32]:
    """Of every pixel: across the face (eyes at -1 and 1, about) and along it (0 at the eyes, 1 at the mouth)."""
    height, width = picture.shape[:2]
    spots = face.landmarks[0] * np.array([width, height], np.float32)
    eyes, mouth = spots[:2].mean(axis=0), spots[3:].mean(axis=0)
    down, half = mouth - eyes, float(face.boxes[0, 2]) * width / 2.6
    length = float(np.linalg.norm(down))
    rows, columns = np.mgrid[:height, :width]
    x, y = columns - eyes[0], rows - eyes[1]
    return (x * down[1] - y * down[0]) / length / half, (x * down[0] + y * down[1]) / length**2


def blended(picture: U8, inside: F32, colours: F32) -> U8:
    """The picture with colours (H, W, 3) where it is `inside`, its edges softened, as bright as the picture is there."""
    bright = np.clip(picture[inside].mean() / 130, 0.5, 1.2) if inside.any() else 1.0
    alpha = gaussian_filter(inside.astype(np.float32), 0.8)[..., None]
    return np.clip(picture * (1 - alpha) + colours * bright * alpha, 0, 255).astype(np.uint8)
