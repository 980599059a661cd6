"""Generated speech and noise in parts: other speakers in each, and noises that only the test part has."""

from functools import cache

import numpy as np
import torch

from dlhw.audio import synthetic
from dlhw.data.speech_sources import Clip, SpeechPart, SpeechSources

TITLE = "synthetic speech (generated)"
SEED = 0  # the same data whatever the run's seed
SECONDS = (1.5, 3.0)  # of a sentence
NOISE_SECONDS = 4.0
UNHEARD = ("rain", "engine")  # noises that only the test part has
NUM_NOISES = 2  # of each kind in a part


@cache  # takes a second, and a run and those it is compared with ask for the same
def generate(num_speakers: int, sentences_per_speaker: int) -> SpeechSources:
    """Of the speakers four in six to train on, one to validate and one to test on, at least one each."""
    num_held_out = max(1, num_speakers // 6)
    counts = {"train": num_speakers - 2 * num_held_out, "val": num_held_out, "test": num_held_out}
    parts = {}
    for number, (name, count) in enumerate(counts.items()):
        generator = np.random.default_rng((SEED, number))
        sentences = [
            clip
            for speaker in range(count)
            for clip in spoken(f"{name} {speaker + 1}", sentences_per_speaker, generator)
        ]
        kinds = [kind for kind in synthetic.KINDS if name == "test" or kind not in UNHEARD]
        noises = [
            Clip(f"{kind} {take + 1}", kind, torch.from_numpy(synthetic.noise(kind, NOISE_SECONDS, generator)))
            for kind in kinds
            for take in range(NUM_NOISES)
        ]
        parts[name] = SpeechPart(sentences, noises)
    return SpeechSources(TITLE, parts)


def spoken(name: str, num_sentences: int, generator: np.random.Generator) -> list[Clip]:
    """A new speaker's sentences."""
    speaker = synthetic.voice(generator)
    made = [synthetic.sentence(speaker, generator.uniform(*SECONDS), generator) for _ in range(num_sentences)]
    return [Clip(f"{name}-{number + 1}", name, torch.from_numpy(samples)) for number, samples in enumerate(made)]
