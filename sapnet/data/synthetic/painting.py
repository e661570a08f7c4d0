"""Painting of the image: background, textures of parts, light and noise."""

from __future__ import annotations

import colorsys
from functools import lru_cache

import numpy as np
from PIL import Image, ImageFilter

from sapnet.data.synthetic.parts import PART_KINDS, Texture
from sapnet.data.synthetic.sprites import Sprite

HUE_JITTER = 0.03
"""Largest change of a part's hue between objects; far less than the gap between kinds."""

VALUE_JITTER = 0.12
"""Largest relative change of a part's brightness."""

PLAIN_VALUE = 0.3
"""Value of the plain texture, between the middle (0) and the bright color (1)."""

NOISE_TILE = 64
"""Side of the noise texture's repeated tile."""


def paint_background(size: tuple[int, int], rng: np.random.Generator) -> np.ndarray:
    """Paint a muted background.

    Two colors are mixed by smooth clouds and, in half of the images, by a texture.

    Returns:
        (H, W, 3) float32 in [0, 1].
    """
    first, second = (_muted_colour(rng) for _ in range(2))
    mix = smooth_field(size, int(rng.integers(3, 7)), rng)
    if rng.random() < 0.5:
        texture: Texture = rng.choice(np.array(["stripes", "checks", "dots", "noise"])).item()
        rows, columns = np.ogrid[: size[0], : size[1]]
        u, v = _rotate(columns, rows, rng.uniform(0, np.pi), rng.uniform(10, 40))
        mix = mix + np.float32(0.5) * texture_values(texture, u, v, rng)
    mix = np.clip(0.5 + 0.4 * mix, 0, 1).astype(np.float32)[..., None]
    background: np.ndarray = first + mix * (second - first)
    return background


def paint_sprite(
    image: np.ndarray,
    sprite: Sprite,
    origin: tuple[int, int],
    lighting: float,
    rng: np.random.Generator,
) -> None:
    """Paint a sprite into the image, in place; parts outside the image are cut off.

    Args:
        image: (H, W, 3) float32 in [0, 1].
        sprite: the sprite.
        origin: (top, left) of the sprite in the image, pixels; may be negative.
        lighting: strength of the shading over the sprite, 0..1.
        rng: random generator of colors, texture phases and the direction of the light.
    """
    part_map, (top, left) = clip_to_image(sprite.part_map, origin, image.shape[:2])
    light = rng.uniform(0, 2 * np.pi)
    gain = lighting / max(sprite.part_map.shape)
    light_x, light_y = gain * np.cos(light), gain * np.sin(light)
    half_height, half_width = (side / 2 for side in sprite.part_map.shape)
    for index, frame in enumerate(sprite.frames):
        kind = PART_KINDS[frame.kind]
        rows, columns = np.nonzero(part_map == index + 1)
        dark, bright = _part_colours(kind.hue, kind.saturation, kind.values, rng)
        # Pixel coordinates in the sprite's own frame, so that a clipped sprite keeps its texture.
        x = (columns + (left - origin[1])).astype(np.float32)
        y = (rows + (top - origin[0])).astype(np.float32)
        u, v = _rotate(x - frame.center[0], y - frame.center[1], frame.angle, frame.radius)
        mix = 0.5 + 0.5 * texture_values(kind.texture, u, v, rng)[:, None]
        shade = 1 + light_x * (x - half_width) + light_y * (y - half_height)
        image[rows + top, columns + left] = (dark + mix * (bright - dark)) * shade[:, None]


def paint_blob(image: np.ndarray, size: float, rng: np.random.Generator) -> None:
    """Paint a smooth blob of one muted color at a random place, in place."""
    height, width = image.shape[:2]
    side = max(4, int(size))
    top, left = int(rng.integers(0, height)) - side // 2, int(rng.integers(0, width)) - side // 2
    rows, columns = np.ogrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    bumps = smooth_field((side, side), 3, rng)
    blob = (rows**2 + columns**2 + 0.5 * bumps < 0.7).astype(np.uint8)
    blob, (top, left) = clip_to_image(blob, (top, left), (height, width))
    image[top : top + blob.shape[0], left : left + blob.shape[1]][blob > 0] = _muted_colour(rng)


def finish(
    image: np.ndarray, noise: float, lighting: float, rng: np.random.Generator
) -> np.ndarray:
    """Light the scene, soften the edges and add sensor noise.

    Args:
        image: (H, W, 3) float32 in [0, 1].
        noise: standard deviation of the noise, gray levels of 255.
        lighting: strength of the light's variation over the image, 0..1.
        rng: random generator of light and noise.

    Returns:
        (H, W, 3) uint8.
    """
    size = image.shape[:2]
    light = 1 + lighting * (0.3 * smooth_field(size, 2, rng) + rng.uniform(-0.5, 0.3))
    lit = image * (255 * light.astype(np.float32))[..., None]
    picture = Image.fromarray(lit.clip(0, 255, out=lit).astype(np.uint8))
    # Integers are precise enough for the noise, and several times faster to add and clip.
    soft = np.asarray(picture.filter(ImageFilter.SMOOTH)).astype(np.int16)
    soft += np.rint(rng.standard_normal(size, np.float32) * noise).astype(np.int16)[..., None]
    return soft.clip(0, 255, out=soft).astype(np.uint8)


def texture_values(
    texture: Texture, u: np.ndarray, v: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Evaluate a texture at given coordinates.

    Args:
        texture: name of the texture.
        u: float32 coordinates along the part's axis, in units of the part's radius.
        v: float32 coordinates across it, of the same shape.
        rng: random generator of frequency and phase.

    Returns:
        Float32 in [-1, 1], of the same shape.
    """
    phase = rng.uniform(0, 2 * np.pi, 2).astype(np.float32)
    frequency = np.float32(rng.uniform(0.85, 1.2))
    match texture:
        case "stripes":
            values: np.ndarray = np.sign(np.sin(7 * frequency * u + phase[0]))
        case "checks":
            values = np.sign(np.sin(5 * frequency * u + phase[0]) * np.sin(5 * frequency * v))
        case "dots":
            waves = np.sin(6 * frequency * u + phase[0]) + np.sin(6 * frequency * v + phase[1])
            values = np.where(waves > 0.7, np.float32(1), np.float32(-1))
        case "gradient":
            values = np.clip(u * frequency, -1, 1)
        case "noise":
            scale = 8 * frequency
            rows = (v * scale + phase[0] * NOISE_TILE).astype(np.int64) % NOISE_TILE
            columns = (u * scale + phase[1] * NOISE_TILE).astype(np.int64) % NOISE_TILE
            values = _noise_tile()[rows, columns]
        case "plain":
            values = np.full(u.shape, PLAIN_VALUE, np.float32)
    return values


def smooth_field(size: tuple[int, int], cells: int, rng: np.random.Generator) -> np.ndarray:
    """Return a smooth random field from `cells` x `cells` values, (H, W) float32 near [-1, 1]."""
    grid = rng.uniform(-1, 1, (cells, cells)).astype(np.float32)
    height, width = size
    return np.asarray(Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC))


def clip_to_image(
    crop: np.ndarray, origin: tuple[int, int], image_size: tuple[int, int]
) -> tuple[np.ndarray, tuple[int, int]]:
    """Return the part of a crop that lies inside the image, and where it lies.

    Args:
        crop: (h, w) values.
        origin: (top, left) of the crop in the image; may be negative.
        image_size: (height, width).

    Returns:
        The visible part, a view (with a side of 0 if nothing is inside), and its (top, left) >= 0.
    """
    (top, left), (height, width) = origin, image_size
    first_row, first_column = max(0, -top), max(0, -left)
    end_row, end_column = max(first_row, height - top), max(first_column, width - left)
    return crop[first_row:end_row, first_column:end_column], (max(0, top), max(0, left))


def _rotate(
    x: np.ndarray, y: np.ndarray, angle: float, scale: float
) -> tuple[np.ndarray, np.ndarray]:
    """Convert coordinates to a frame turned by `angle`, in units of `scale` pixels."""
    cosine, sine = np.float32(np.cos(angle) / scale), np.float32(np.sin(angle) / scale)
    return cosine * x + sine * y, cosine * y - sine * x


@lru_cache
def _noise_tile() -> np.ndarray:
    """Return the noise tile of all sets, (NOISE_TILE, NOISE_TILE) float32 in [-1, 1]."""
    tile = np.random.default_rng(0).uniform(-1, 1, (NOISE_TILE, NOISE_TILE)).astype(np.float32)
    tile.setflags(write=False)
    return tile


def _part_colours(
    hue: float, saturation: float, values: tuple[float, float], rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw the dark and the light color of a part, each (3,) float32, near those of its kind."""
    hue = (hue + rng.uniform(-HUE_JITTER, HUE_JITTER)) % 1
    gain = 1 + rng.uniform(-VALUE_JITTER, VALUE_JITTER)
    dark, bright = (
        np.array(colorsys.hsv_to_rgb(hue, saturation, min(1.0, value * gain)), np.float32)
        for value in values
    )
    return dark, bright


def _muted_colour(rng: np.random.Generator) -> np.ndarray:
    """Draw a color of low saturation, (3,) float32."""
    hue, saturation, value = rng.random(), rng.uniform(0, 0.35), rng.uniform(0.2, 0.8)
    return np.array(colorsys.hsv_to_rgb(hue, saturation, value), np.float32)
