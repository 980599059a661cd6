"""Generated speech-like sentences and noises, all from a seed: needs no files, says no words.

A voice is a train of pulses at a wandering pitch, or hiss where a syllable begins, through the resonances of a mouth
that goes from vowel to vowel (the source and filter of Fant, 1960), louder and quieter by syllable. Signals are
(samples,) float32 at 16 kHz.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from dlhw.audio.stft import SAMPLE_RATE

Array = NDArray[np.floating[Any]]
Generator = np.random.Generator

# Formants in Hz of nine English vowels, men's: Peterson and Barney (1952), table II
VOWELS = np.array(
    [
        (270, 2290, 3010), (390, 1990, 2550), (530, 1840, 2480), (660, 1720, 2410), (730, 1090, 2440),
        (570, 840, 2410), (440, 1020, 2240), (300, 870, 2240), (640, 1190, 2390),
    ],
    dtype=float,
)  # fmt: skip
BANDWIDTHS = np.array([70.0, 100.0, 150.0])  # Hz
FRAME, STEP = 512, 128  # samples; the mouth stands still for a frame
FREQUENCIES = np.fft.rfftfreq(FRAME, 1 / SAMPLE_RATE)
LEVEL = 0.05  # root mean square of every signal


class Voice(NamedTuple):
    pitch: float  # Hz
    mouth: float  # what the vowels' formants are multiplied by; a shorter mouth has higher ones
    pace: float  # syllables a second
    breath: float  # of the voiced sound, how much is hiss


class Syllables(NamedTuple):
    """Of each syllable: when it begins and ends in seconds, its vowel's formants in Hz, and its pitch in Hz."""

    begins: Array  # (syllables,)
    ends: Array
    formants: Array  # (syllables, 3)
    pitches: Array
    hisses: Array  # seconds of hiss that it begins with


def voice(generator: Generator) -> Voice:
    """A speaker."""
    pitch = float(np.exp(generator.uniform(np.log(90), np.log(230))))
    mouth = 1 + 0.2 * np.log2(pitch / 120) + generator.uniform(-0.06, 0.06)
    return Voice(pitch, mouth, generator.uniform(3.5, 5.5), generator.uniform(0.02, 0.08))


def sentence(speaker: Voice, seconds: float, generator: Generator) -> Array:
    """What a speaker says in that time."""
    syllables = draw_syllables(speaker, seconds, generator)
    num_samples = round(seconds * SAMPLE_RATE)
    times = np.arange(num_samples) / SAMPLE_RATE
    middles = (syllables.begins + syllables.ends) / 2
    wander = 0.03 * np.sin(2 * np.pi * (generator.uniform(1, 3) * times + generator.uniform()))
    pitch = np.interp(times, middles, syllables.pitches) * (1 + wander)
    source = pulses(pitch) + speaker.breath * generator.standard_normal(num_samples)
    voiced = through_mouth(source, middles, syllables.formants * speaker.mouth)
    hiss = coloured(generator, num_samples, lambda f: (f > 2500) / (1 + ((f - 4500) / 2000) ** 2))
    opened = syllables.begins + syllables.hisses
    loud = envelope(times, opened, syllables.ends) * level(voiced)
    hissing = 0.3 * envelope(times, syllables.begins, opened)
    return at_level(loud * voiced + hissing * hiss)


def draw_syllables(speaker: Voice, seconds: float, generator: Generator) -> Syllables:
    num = max(1, int(seconds * speaker.pace))
    lengths = generator.uniform(0.6, 1.4, num)
    pauses = generator.uniform(0.5, 1.0, num) * (generator.random(num) < 0.2)
    ends = np.cumsum(lengths + pauses) - pauses
    scale = 0.95 * seconds / ends[-1]
    vowels = VOWELS[generator.integers(len(VOWELS), size=num)] * generator.uniform(0.95, 1.05, (num, 3))
    falling = np.linspace(1.12, 0.85, num)  # a statement's melody
    pitches = speaker.pitch * falling * generator.uniform(0.9, 1.15, num)
    hisses = generator.uniform(0.25, 0.5, num) * lengths * (generator.random(num) < 0.5)
    return Syllables((ends - lengths) * scale, ends * scale, vowels, pitches, hisses * scale)


def pulses(pitch: Array) -> Array:
    """The sum of all harmonics below 7,600 Hz of a pitch (samples,) in Hz, each 3 dB an octave below the last.

    sum_h cos(h p) for h = 1..H is (sin((H + 1/2) p) / sin(p / 2) - 1) / 2; the fall is a leaky sum over time.
    """
    phase = 2 * np.pi * np.cumsum(pitch) / SAMPLE_RATE
    num_harmonics = int(7600 / pitch.max())
    half = np.sin(phase / 2)
    near = np.abs(half) < 1e-6
    ratio = np.where(near, 2 * num_harmonics + 1, np.sin((num_harmonics + 0.5) * phase) / np.where(near, 1, half))
    return lfilter([1, -0.5], [1, -0.9], (ratio - 1) / 2) / np.sqrt(num_harmonics)


def through_mouth(source: Array, times: Array, formants: Array) -> Array:
    """A source (samples,) through resonances at formants (times, 3) in Hz, which change linearly between the times."""
    num_frames = 1 + (len(source) + FRAME) // STEP
    padded = np.pad(source, (FRAME, 2 * FRAME))
    frames = np.lib.stride_tricks.sliding_window_view(padded, FRAME)[: num_frames * STEP : STEP]
    centres = (np.arange(num_frames) * STEP - FRAME // 2) / SAMPLE_RATE
    moving = np.stack([np.interp(centres, times, formant) for formant in formants.T], 1)  # (frames, 3)
    response = 0.02 + resonances(moving)
    shaped = np.fft.irfft(np.fft.rfft(frames * np.hanning(FRAME + 1)[:-1]) * response)
    made = np.zeros(len(padded))
    for part in range(FRAME // STEP):  # frames so far apart do not overlap
        some = shaped[part :: FRAME // STEP]
        made[part * STEP : part * STEP + some.size] += some.reshape(-1)[: len(made) - part * STEP]
    return made[FRAME : FRAME + len(source)]


def resonances(formants: Array) -> Array:
    """How much each frequency (257) is let through by the formants (frames, 3): 1 at the first, less at higher ones."""
    away = (FREQUENCIES - formants[..., None]) / BANDWIDTHS[:, None]  # (frames, 3, bins)
    return (np.array([1.0, 0.5, 0.25])[:, None] / np.sqrt(1 + (2 * away) ** 2)).sum(1)


def envelope(times: Array, begins: Array, ends: Array) -> Array:
    """Hills between begins and ends (hills,), which do not overlap; 0 elsewhere."""
    hill = np.searchsorted(begins, times, side="right") - 1
    place = (times - begins[hill]) / np.maximum(ends[hill] - begins[hill], 1e-6)
    return np.where((hill >= 0) & (place > 0) & (place < 1), np.sin(np.pi * np.clip(place, 0, 1)) ** 0.7, 0)


# Noises


def noise(kind: str, seconds: float, generator: Generator) -> Array:
    """A noise of one of the `KINDS`."""
    return at_level(NOISES[kind](generator, round(seconds * SAMPLE_RATE)))


def coloured(generator: Generator, num_samples: int, colour: Callable[[Array], Array]) -> Array:
    """Random noise whose spectrum has the magnitudes colour(frequencies in Hz), and root mean square 1."""
    frequencies = np.fft.rfftfreq(num_samples, 1 / SAMPLE_RATE)
    made = np.fft.irfft(np.fft.rfft(generator.standard_normal(num_samples)) * colour(frequencies), num_samples)
    return made / np.sqrt(np.mean(made**2))


def white(generator: Generator, num_samples: int) -> Array:
    return coloured(generator, num_samples, np.ones_like)


def pink(generator: Generator, num_samples: int) -> Array:
    return coloured(generator, num_samples, lambda f: 1 / np.sqrt(np.maximum(f, 20)))


def rumble(generator: Generator, num_samples: int) -> Array:
    return coloured(generator, num_samples, lambda f: 1 / (1 + (f / 150) ** 2))


def rain(generator: Generator, num_samples: int) -> Array:
    return coloured(generator, num_samples, lambda f: f / (f + 3000)) + clicks(generator, num_samples, 60, 4000, 0.002)


def wind(generator: Generator, num_samples: int) -> Array:
    gusts = coloured(generator, num_samples, lambda f: 1.0 * (f > 0) * (f < 1.5))
    return np.exp(0.7 * gusts) * coloured(generator, num_samples, lambda f: 1 / (1 + (f / 400) ** 2))


def hum(generator: Generator, num_samples: int) -> Array:
    return harmonics(generator, num_samples, generator.choice([50.0, 60.0]), 20) + 0.03 * white(generator, num_samples)


def engine(generator: Generator, num_samples: int) -> Array:
    drift = 1 + 0.1 * coloured(generator, num_samples, lambda f: 1.0 * (f < 1.1))
    turning = harmonics(generator, num_samples, generator.uniform(25, 45) * drift, 60)
    return turning + 0.3 * rumble(generator, num_samples)


def harmonics(generator: Generator, num_samples: int, pitch: Array | float, num: int) -> Array:
    """Multiples of a pitch in Hz, at random levels that fall with their number."""
    phase = 2 * np.pi * np.cumsum(np.broadcast_to(pitch, num_samples)) / SAMPLE_RATE
    levels = generator.uniform(0.3, 1, num) / np.arange(1, num + 1) ** 0.7
    return sum(level * np.sin((number + 1) * phase) for number, level in enumerate(levels))


def chirps(generator: Generator, num_samples: int) -> Array:
    """Birds: short glides between 2 and 6 kHz."""
    made = 0.01 * white(generator, num_samples)
    for start in starts(generator, num_samples, 3):
        length = min(round(generator.uniform(0.06, 0.2) * SAMPLE_RATE), num_samples - start)
        begin, end = generator.uniform(2000, 6000, 2).tolist()
        glide = np.linspace(begin, end, length)
        made[start : start + length] += np.hanning(length) * np.sin(2 * np.pi * np.cumsum(glide) / SAMPLE_RATE)
    return made


def clatter(generator: Generator, num_samples: int) -> Array:
    """Dishes: ringing blows."""
    return clicks(generator, num_samples, 6, 3000, 0.05)


def ticks(generator: Generator, num_samples: int) -> Array:
    """A clock: a click twice a second, and silence."""
    made = np.zeros(num_samples)
    click = ringing(generator, 3500, 0.004)
    for start in range(int(generator.integers(8000)), num_samples, 8000):
        made[start : start + len(click)] += click[: num_samples - start]
    return made


def clicks(generator: Generator, num_samples: int, rate: float, frequency: float, decay: float) -> Array:
    """Blows at random times, `rate` a second, that ring near a frequency in Hz and decay in so many seconds."""
    made = np.zeros(num_samples)
    for start in starts(generator, num_samples, rate):
        blow = generator.uniform(0.3, 1) * ringing(generator, frequency * generator.uniform(0.4, 1.6), decay)
        made[start : start + len(blow)] += blow[: num_samples - start]
    return made


def ringing(generator: Generator, frequency: float, decay: float) -> Array:
    times = np.arange(round(8 * decay * SAMPLE_RATE)) / SAMPLE_RATE
    partials = frequency * np.array([1, 1.51, 2.2]) * generator.uniform(0.95, 1.05, 3)
    return np.exp(-times / decay) * np.sin(2 * np.pi * np.minimum(partials, 7500)[:, None] * times).sum(0)


def starts(generator: Generator, num_samples: int, rate: float) -> list[int]:
    """Random times in samples, `rate` a second, at least one."""
    return generator.integers(num_samples, size=max(1, round(rate * num_samples / SAMPLE_RATE))).tolist()


def level(samples: Array) -> float:
    """What makes the root mean square 1."""
    return float(1 / np.sqrt(np.mean(samples**2)))


def at_level(samples: Array) -> Array:
    return (LEVEL * level(samples) * samples).astype(np.float32)


NOISES: dict[str, Callable[[Generator, int], Array]] = {
    "white": white, "pink": pink, "hum": hum, "chirps": chirps, "clatter": clatter, "wind": wind, "ticks": ticks,
    "rumble": rumble, "rain": rain, "engine": engine,
}  # fmt: skip
KINDS = tuple(NOISES)
