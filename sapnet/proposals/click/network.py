"""Network of the click segmenter: from a window and prompts to masks and expected IoUs."""

from __future__ import annotations

from torch import Tensor, nn

from sapnet.proposals.click.decoder import Answers, Decoder
from sapnet.proposals.click.encoder import Encoder, to_input
from sapnet.proposals.click.prompts import Prompts


class ClickNetwork(nn.Module):
    """Encoder of windows and decoder of prompts."""

    def __init__(self, encoder: Encoder, decoder: Decoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def encode(self, windows: Tensor) -> list[Tensor]:
        """Features of windows, to be asked any number of prompts.

        Args:
            windows: (B, S, S, 3) uint8 RGB; S a multiple of 32.

        Returns:
            Feature maps of the encoder's levels.
        """
        features: list[Tensor] = self.encoder(to_input(windows))
        return features

    def forward(self, features: list[Tensor], log_sides: Tensor, prompts: Prompts) -> Answers:
        """Answers to prompts on encoded windows; see `Decoder`."""
        answers: Answers = self.decoder(features, log_sides, prompts)
        return answers
