"""Settings of the training of the click segmenter; imports no heavy library."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class SourceConfig:
    """A folder of photographs with masks, and how often its objects are clicked.

    Attributes:
        images: folder of the images.
        truth: COCO instance file.
        weight: share of the windows, relative to the other sources.
        whole_category: id of a category of wholes among parts; half of the clicks go to it.
    """

    images: str
    truth: str
    weight: float = 1.0
    whole_category: int | None = None

    def __post_init__(self) -> None:
        if self.weight <= 0:
            raise ValueError(f"weight of {self.images}: expected a number > 0, found {self.weight}")


@dataclass(frozen=True)
class PoolConfig:
    """Choice of the objects that are drawn.

    Attributes:
        min_area: smallest object that is learned from, square pixels.
        full_weight_size: root of an object's area, as a share of the image's, from which on it is
            drawn as often as any; smaller ones are drawn less. 0 draws all alike.
    """

    min_area: int = 64
    full_weight_size: float = 0.1


@dataclass(frozen=True)
class LookConfig:
    """Variation of colours, sharpness and noise.

    Attributes:
        strength: of the changes of brightness, contrast and saturation.
        gray: share of the windows without colour.
        swapped: share of the windows whose channels change places.
        inverted: share of the windows with bright for dark.
        blurred: share of the windows with less detail.
        noisy: share of the windows with noise.
        max_reduction: largest factor by which detail is reduced.
        max_noise: largest deviation of the noise, of 255.
    """

    strength: float = 0.25
    gray: float = 0.12
    swapped: float = 0.1
    inverted: float = 0.06
    blurred: float = 0.2
    noisy: float = 0.1
    max_reduction: float = 4.0
    max_noise: float = 16.0

    @property
    def shares(self) -> tuple[float, ...]:
        """Shares of gray, swapped, inverted, blurred and noisy windows."""
        return (self.gray, self.swapped, self.inverted, self.blurred, self.noisy)


@dataclass(frozen=True)
class ViewConfig:
    """Placement of windows round objects, and their variation.

    Attributes:
        scan_sides: sides of the windows of inference, as shares of the image's long side.
        scan_share: share of the windows laid as in inference, whatever the size of the object; the
            others fit the object.
        scan_reach: smallest and largest ratio of object to window that a scan window is used for.
        fit_reach: smallest and largest ratio of object to window, where the window fits it.
        shift: deviation of a window's centre, in shares of its side.
        uniform_clicks: share of the clicks drawn from the whole mask, not from its middle.
        turn: deviation of the angle of turned windows, degrees.
        turn_share: share of the windows that are turned.
        stretch: largest change of width against height, as a logarithm.
        look: variation of colours, sharpness and noise.
        min_side: smallest window, pixels of the image.
        max_side: largest window, as a share of the image's long side.
    """

    scan_sides: tuple[float, ...] = (0.075, 0.115, 0.178, 0.273, 0.42, 0.65, 1.0)
    scan_share: float = 0.6
    scan_reach: tuple[float, float] = (0.05, 4.0)
    fit_reach: tuple[float, float] = (0.25, 0.95)
    shift: float = 0.06
    uniform_clicks: float = 0.35
    turn: float = 10.0
    turn_share: float = 0.3
    stretch: float = 0.15
    look: LookConfig = field(default_factory=LookConfig)
    min_side: float = 24.0
    max_side: float = 1.15


@dataclass(frozen=True)
class PromptConfig:
    """Prompts of the second pass over a batch, after one click each.

    Attributes:
        max_clicks: most clicks of a prompt, the first one included.
        error_share: of prompts whose further click lies in the largest error of the first answer.
        box_share: of prompts with a box.
        box_jitter: deviation of a box's edges, in shares of its sides.
    """

    max_clicks: int = 6
    error_share: float = 0.5
    box_share: float = 0.3
    box_jitter: float = 0.07


@dataclass(frozen=True)
class TuneConfig:
    """Judging of a fine-tuning by objects that are not learned from.

    Attributes:
        kept_aside: share of the images, or of the objects of few images, that is kept aside.
        min_images: images from which on whole ones are kept aside.
        min_objects: objects that are needed in all.
        max_judged: most objects that are asked for.
        judge_at: shares of the training after which it is judged; its end is judged anyway.
        slack: how much a figure may fall, where the other one rises more.
        min_gain: least rise of the mean of both figures; less counts as nothing.
    """

    kept_aside: float = 0.2
    min_images: int = 5
    min_objects: int = 4
    max_judged: int = 40
    judge_at: tuple[float, ...] = ()
    slack: float = 0.0
    min_gain: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.kept_aside < 1:
            raise ValueError(f"kept_aside: expected a share in (0, 1), found {self.kept_aside}")


@dataclass(frozen=True)
class TeachConfig:
    """The training as a whole.

    Attributes:
        sources: what is learned from.
        minutes: of computing; the learning rate follows the share of them that has passed.
        steps: of the optimiser, if they are done before the minutes have passed; None has no limit.
        batch_size: windows of a step at the first of `sides`; fewer where windows are larger.
        sides: (share, side): windows' side in pixels from a share of the time on. Small windows
            teach the same for a third of the time.
        rate: learning rate of the decoder.
        encoder_rate: learning rate of the encoder.
        warmup_steps: steps of rising rate.
        norms_until: share of the time until which norms go by the batch; from then on they are
            what they will be in use.
        decay_from: share of the time from which on the rate falls to nothing.
        weight_decay: of AdamW.
        clip: largest norm of a gradient.
        average: decay of the running average of the weights.
        freeze_encoder: the encoder stays as it is.
        threads: of torch.
        bits: bit depth of images of more than 8 bits; None for that of each source's largest value.
        bands: numbers of the bands that are read, from 1 on; None for those that a
            source notes, else the files' own.
        device: auto, cpu, cuda, cuda:N or mps.
        seed: of everything random.
        checkpoint_minutes: between two checkpoints.
        log_steps: between two lines of the log.
    """

    sources: tuple[SourceConfig, ...] = ()
    minutes: float = 60.0
    steps: int | None = None
    batch_size: int = 16
    sides: tuple[tuple[float, int], ...] = ((0.0, 128), (0.75, 160))
    rate: float = 1e-3
    encoder_rate: float = 2e-4
    warmup_steps: int = 150
    norms_until: float = 0.3
    decay_from: float = 0.7
    weight_decay: float = 0.02
    clip: float = 1.0
    average: float = 0.999
    freeze_encoder: bool = False
    threads: int = 1
    bits: int | None = None
    bands: tuple[int, ...] | None = None
    device: str = "cpu"
    seed: int = 0
    checkpoint_minutes: float = 3.0
    log_steps: int = 50
    pool: PoolConfig = field(default_factory=PoolConfig)
    view: ViewConfig = field(default_factory=ViewConfig)
    prompts: PromptConfig = field(default_factory=PromptConfig)
    tune: TuneConfig = field(default_factory=TuneConfig)

    def __post_init__(self) -> None:
        if not self.sides or self.sides[0][0] != 0 or any(side % 32 for _, side in self.sides):
            raise ValueError(
                "sides: expected (share, side) with multiples of 32, the first one from share 0 "
                f"on, found {self.sides}"
            )
        for name in ("minutes", "batch_size", "rate", "encoder_rate", "clip", "threads"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name}: expected a number > 0, found {getattr(self, name)}")
        for name in ("steps", "log_steps"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise ValueError(f"{name}: expected at least 1, found {value}")

    def progress(self, step: int, seconds: float) -> float:
        """Share of the training that is done, by steps or by time, whichever ends it first."""
        by_steps = 0.0 if self.steps is None else step / self.steps
        return max(by_steps, seconds / (60 * self.minutes))

    def side_at(self, progress: float) -> int:
        """Windows' side in pixels after a share of the time."""
        return [side for share, side in self.sides if progress >= share][-1]

    def windows_at(self, progress: float) -> int:
        """Windows of a step after a share of the time."""
        return max(2, round(self.batch_size * (self.sides[0][1] / self.side_at(progress)) ** 2))

    def rate_factor(self, progress: float, step: int) -> float:
        """Factor of the learning rates: rises over the first steps, falls in the last part."""
        rise = min(1.0, (step + 1) / max(self.warmup_steps, 1))
        fall = (1 - progress) / max(1 - self.decay_from, 1e-9)
        return rise * min(1.0, max(fall, 0.0))
