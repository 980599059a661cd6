"""Which sentence is mixed with which noise, from where on in it and how loud: of a whole part at once."""

from typing import NamedTuple

import torch
from torch import Tensor

from dlhw.audio.mix import ActiveBlocks, gain, power
from dlhw.audio.stft import HOP
from dlhw.data.speech_sources import Clip, SpeechPart
from dlhw.errors import UserError

CHUNK = 1024  # sentences that noises are drawn for at once


class Plan(NamedTuple):
    """Mixtures, all (mixtures,): speech of a sentence, plus a gain times a noise from a block of 512 samples on."""

    sentences: Tensor
    noises: Tensor
    blocks: Tensor
    gains: Tensor


class Planner:
    """Draws mixtures of a part's sentences and noises.

    The ratio of powers is that of the sentence, whole, to the active blocks of the noise's cut (see `dlhw.audio.mix`).

    Raises:
        UserError: a noise is silent but for an end that is less than a block.
    """

    def __init__(self, part: SpeechPart) -> None:
        self.active = ActiveBlocks([noise.samples for noise in part.noises])
        if silent := [noise.name for noise, num in zip(part.noises, self.active.num_active, strict=True) if num == 0]:
            raise UserError(f"noise {', '.join(silent)}: silent but for the last 32 ms; leave it out")
        self.num_blocks = torch.tensor([len(sentence.samples) // HOP for sentence in part.sentences])
        self.powers = torch.stack([power(sentence.samples) for sentence in part.sentences])
        kinds = {kind: number for number, kind in enumerate(dict.fromkeys(noise.kind for noise in part.noises))}
        self.kinds = torch.tensor([kinds[noise.kind] for noise in part.noises])
        self.pairs = part.pairs

    def given(self) -> Plan:
        """The mixtures that the data itself has."""
        assert self.pairs is not None
        zeros = torch.zeros(len(self.pairs))
        return Plan(self.pairs[:, 0], self.pairs[:, 1], zeros.long(), 1 + zeros)

    def drawn(self, num_noises: int, snrs: tuple[float, float], generator: torch.Generator) -> Plan:
        """Each sentence with so many different noises, all types alike often, at SNRs even over a range in dB."""
        noises = self._noises_by_chance(num_noises, generator)
        ratios = torch.rand(noises.numel(), generator=generator, dtype=torch.float64)
        return self._mixed(noises, snrs[0] + (snrs[1] - snrs[0]) * ratios, generator)

    def balanced(self, num_noises: int, snr: float, generator: torch.Generator) -> Plan:
        """Each sentence with so many noises, of different types where there are enough; all types alike often."""
        return self._mixed(self._noises_in_turn(num_noises, generator), torch.tensor(snr).double(), generator)

    def at(self, plan: Plan, snr: float) -> Plan:
        """The same mixtures at another SNR."""
        return plan._replace(gains=gain(*self.levels(plan), snr).float())

    def levels(self, plan: Plan) -> tuple[Tensor, Tensor]:
        """The power of each mixture's sentence, and of its noise's cut before the gain."""
        noise = self.active.power(plan.noises, plan.blocks, self.num_blocks[plan.sentences])
        return self.powers[plan.sentences], noise

    def snrs(self, plan: Plan) -> Tensor:
        """Each mixture's ratio in dB."""
        speech, noise = self.levels(plan)
        return 10 * (speech / noise / plan.gains.double().square()).log10()

    def _mixed(self, noises: Tensor, snrs: Tensor, generator: torch.Generator) -> Plan:
        sentences = torch.arange(len(noises)).repeat_interleave(noises.shape[1])
        blocks = self.active.draw(noises.flatten(), self.num_blocks[sentences], generator)
        plan = Plan(sentences, noises.flatten(), blocks, torch.empty(0))
        return plan._replace(gains=gain(*self.levels(plan), snrs).float())

    def _noises_by_chance(self, num_noises: int, generator: torch.Generator) -> Tensor:
        """(sentences, num_noises), different ones in a row; a noise is the rarer the more there are of its type."""
        weights = 1 / self.kinds.bincount()[self.kinds]
        chunks = torch.arange(len(self.num_blocks)).split(CHUNK)
        drawn = [torch.multinomial(weights.expand(len(c), -1), num_noises, generator=generator) for c in chunks]
        return torch.cat(drawn)

    def _noises_in_turn(self, num_noises: int, generator: torch.Generator) -> Tensor:
        """(sentences, num_noises): the types take turns over all places, and the noises of a type over its places."""
        num_places = len(self.num_blocks) * num_noises
        types = torch.randperm(int(self.kinds.max()) + 1, generator=generator)
        shuffled = torch.randperm(len(self.kinds), generator=generator)
        by_type = [shuffled[self.kinds[shuffled] == kind] for kind in types]
        rounds = -(-num_places // len(types))
        turns = torch.stack([noises[torch.arange(rounds) % len(noises)] for noises in by_type], 1)
        places = turns.flatten()[:num_places].view(len(self.num_blocks), num_noises)
        return places[torch.randperm(len(places), generator=generator)]


def check_enough(part: SpeechPart, num_noises: int, key: str, name: str) -> None:
    if part.pairs is None and num_noises > len(part.noises):
        raise UserError(
            f"data.{key}={num_noises}: there are {len(part.noises)} noises in the part {name}; "
            f"must be 1 to {len(part.noises)}"
        )


def noise_types(noises: list[Clip]) -> list[str]:
    return sorted({noise.kind for noise in noises})
