"""Images as users give them: files, URLs, Pillow images, arrays and tensors."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import torch
from PIL import Image

from sapnet.data.image_files.address import with_bands
from sapnet.data.image_files.depth import depth_of, find_depth
from sapnet.data.images import image_pixels, load_image
from sapnet.system.locations import Location, as_location, local_file

if TYPE_CHECKING:
    from torch import Tensor

ImageInput: TypeAlias = "str | Path | Image.Image | np.ndarray | Tensor"
"""Any single image that `read_images` takes."""

TAKEN = (
    "a path, a URL, an image of Pillow, an array (height, width, 3) of RGB, gray or RGBA, or a "
    "torch tensor"
)
"""The kinds of images that are taken, for messages."""

CHANNELS = (1, 3, 4)
"""Gray, RGB, RGBA."""


def read_images(
    values: Sequence[ImageInput], bits: int | None = None, bands: tuple[int, ...] = ()
) -> list[np.ndarray]:
    """Read images of any supported kind, all with one bit depth.

    A channel order of BGR, as OpenCV reads files, cannot be told from RGB and is taken as RGB:
    turn it first with `image[:, :, ::-1]`. An alpha channel is dropped.

    Args:
        values: each one of:

            * the path of a file; or a URL: http, https, or any other that fsspec knows. The EXIF
              orientation is applied.
            * an image of Pillow of any mode but "F". The EXIF orientation is applied.
            * an array (H, W), (H, W, 1), (H, W, 3) or (H, W, 4), gray, RGB or RGBA: uint8, or
              floating point in 0..1.
            * a tensor of the same shapes or with the channels first, on any device: uint8, or
              floating point in 0..1.
        bits: bit depth of files and images of Pillow with more than 8 bits; None for that of the
            largest value of all of them.
        bands: numbers of the bands that are read of files, from 1 on, as red, green and blue, or of
            one as gray; empty for their own.

    Returns:
        For each, (H, W, 3) uint8 RGB, upright, C-contiguous and writable.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: a file cannot be read as an image, or shape, type or range are others. Of
            several images, the message has the place in the list.
        TypeError: a value is no image.
    """
    with ExitStack() as stack:
        opened = [
            _at_place(place, values, partial(stack.enter_context, _opened(value)))
            for place, value in enumerate(values)
        ]
        bits = bits or _depth(opened)
        return [
            _at_place(place, values, partial(_read, value, bits, bands))
            for place, value in enumerate(opened)
        ]


@dataclass(frozen=True)
class _File:
    """A file of this machine, and the name that the user knows it by: its path or its URL."""

    path: Path
    name: Location


@contextmanager
def _opened(value: ImageInput) -> Iterator[Any]:
    """Yield a `_File` for a path or a URL, which is fetched; anything else as it is."""
    if not isinstance(value, str | Path):
        yield value
        return
    location = as_location(value)
    if isinstance(location, Path) and location.is_dir():
        raise ValueError(
            f"{location}: expected an image, found a folder. `sapnet.predict` and `sapnet "
            "predict` take folders"
        )
    with ExitStack() as stack:
        yield _File(_fetch(location, stack), location)


def _fetch(location: Location, stack: ExitStack) -> Path:
    """Return the path of a file, or of a copy that is kept until the stack is closed."""
    try:
        return stack.enter_context(local_file(location))
    except (FileNotFoundError, ValueError):
        raise
    except Exception as error:  # each protocol's client raises its own
        reason = str(error).strip().split("\n")[0] or type(error).__name__
        raise ValueError(f"{location}: cannot be fetched ({reason}). Check the URL.") from error


def _at_place(place: int, values: Sequence[ImageInput], read: Callable[[], Any]) -> Any:  # noqa: ANN401
    """Call a function; of several images, errors name the place in the list."""
    try:
        return read()
    except (ValueError, TypeError) as error:
        if len(values) == 1:
            raise
        raise type(error)(f"image {place} of {len(values)}: {error}") from error


def _read(value: object, bits: int | None, bands: tuple[int, ...]) -> np.ndarray:
    match value:
        case _File():
            return _load(value, bits, bands)
        case Image.Image():
            return _read_pillow(value, bits)
        case torch.Tensor():
            return _read_array(_channels_last(value.detach()), "tensor")
        case np.ndarray():
            return _read_array(np.asarray(value), "array")
    raise TypeError(f"expected an image: {TAKEN}; found {type(value).__name__}")


def _depth(opened: Iterable[object]) -> int | None:
    """Find the bit depth of files and images of Pillow; None if none has more than 8 bits."""
    opened = list(opened)
    found = [_depth_of_pillow(image) for image in opened if isinstance(image, Image.Image)]
    files = find_depth(file.path for file in opened if isinstance(file, _File))
    return max((depth for depth in (*found, files) if depth is not None), default=None)


def _depth_of_pillow(image: Image.Image) -> int | None:
    if not image.mode.startswith("I"):
        return None
    return depth_of(int(np.asarray(image, np.int64).max(initial=0)))


def _load(file: _File, bits: int | None, bands: tuple[int, ...]) -> np.ndarray:
    """Read a file; errors have the name that the user knows."""
    try:
        return load_image(with_bands(file.path, bands), bits)
    except ValueError as error:
        if str(file.path) == str(file.name):
            raise
        raise ValueError(str(error).replace(str(file.path), str(file.name))) from error


def _read_pillow(image: Image.Image, bits: int | None) -> np.ndarray:
    try:
        pixels = image_pixels(image, bits=bits)
    except OSError as error:  # Pillow decodes a file only now
        raise ValueError(f"the image of Pillow cannot be decoded ({error})") from error
    _check_not_empty(pixels.shape, "image of Pillow")
    return pixels


def _channels_last(tensor: Tensor) -> np.ndarray:
    """Convert a tensor to an array, with the channels last if they come first."""
    if tensor.ndim == 3 and tensor.shape[0] in CHANNELS:
        tensor = tensor.permute(1, 2, 0)
    if tensor.dtype == torch.bfloat16:  # which numpy does not have
        tensor = tensor.float()
    pixels: np.ndarray = tensor.cpu().numpy()
    return pixels


def _read_array(values: np.ndarray, kind: str) -> np.ndarray:
    """Convert gray, RGB or RGBA values to RGB bytes."""
    if values.ndim == 2:
        values = values[..., None]
    if values.ndim != 3 or values.shape[2] not in CHANNELS:
        raise ValueError(
            f"expected an image (height, width, 3) of RGB, or gray or RGBA, found {kind} of shape "
            f"{values.shape}{_shape_hint(values.shape)}"
        )
    _check_not_empty(values.shape, kind)
    color = values[:, :, :3] if values.shape[2] > 1 else np.repeat(values, 3, axis=2)
    # A copy: views with negative strides and read-only arrays are no good for torch.
    return np.array(_to_bytes(color, kind), order="C")


def _shape_hint(shape: tuple[int, ...]) -> str:
    if len(shape) == 3 and shape[0] in CHANNELS:
        return ". Put the channels last: image.transpose(1, 2, 0)"
    if len(shape) == 4:
        return ". Give the images of a batch as a list: list(images)"
    return ""


def _check_not_empty(shape: tuple[int, ...], kind: str) -> None:
    if 0 in shape[:2]:
        raise ValueError(f"expected an image of at least 1 x 1 px, found {kind} of shape {shape}")


def _to_bytes(values: np.ndarray, kind: str) -> np.ndarray:
    """Convert floating point values in 0..1 to 0..255; leave bytes as they are."""
    if values.dtype == np.uint8:
        return values
    if not np.issubdtype(values.dtype, np.floating):
        raise ValueError(
            f"expected an image of uint8 in 0..255 or of floating point in 0..1, found {kind} of "
            f"{values.dtype}. Scale it to 0..255 and convert it to uint8"
        )
    least, most = float(values.min()), float(values.max())
    if not (least >= 0 and most <= 1):  # NaN included
        raise ValueError(
            f"expected floating point values in 0..1, found {least:g} to {most:g} in the {kind}. "
            "Divide by the largest possible value, or convert bytes to uint8"
        )
    return np.rint(values.astype(np.float32) * 255).astype(np.uint8)
