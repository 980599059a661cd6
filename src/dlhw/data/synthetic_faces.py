"""Generated faces: people who differ, in pictures that differ in pose, light and expression.

A head is a sphere, stretched and tapered towards the jaw. It has a relief (nose, eye sockets, cheeks, lips, chin) and
a reflectance (skin, hair, brows, eyes, mouth, beard), is seen in parallel projection, and is lit from all around and
by one distant lamp. All of these are formulas of the place on the head, worked out for all pixels of many pictures at
once. Nothing is learned from real faces, and no real person is shown.

Lengths are in half the picture's width, about 80 mm: x goes from -1 at its left to 1 at its right, y from -1 at its top
to 1 at its bottom; u and v are the same on the head seen from the front. Of n pictures, a setting is (n, 1, 1) and what
belongs to pixels (n, 64, 64). Tones go from 0, black, to 1, white.
"""

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor

Array = NDArray[np.floating[Any]]  # float32; typing alone takes its product with a Python float for float64
Hill = tuple[Any, Any, float, float, Any]  # where its top is (u, v), its radii along u and v, its height

TITLE = "synthetic faces (generated)"
SIZE = 64
PIXEL = 2 / SIZE
MIDDLE = -0.25  # y of the head's middle, its widest place
CHUNK = 16  # pictures worked on at once: few enough for the processor's cache

# Settings of a person, and of a picture of anyone: drawn uniformly between the two bounds
PERSON = {
    # the head
    "width": (0.8, 0.96),
    "height": (1.12, 1.3),
    "jaw": (0.05, 0.36),  # how much narrower the head is at the chin
    "skin": (0.58, 0.88),
    "cheeks": (0.0, 1.0),
    "chin": (0.4, 1.6),
    "age": (0.0, 1.0),  # folds beside the mouth and under the eyes
    "blotch_u": (3.0, 12.0),
    "blotch_v": (3.0, 12.0),
    "blotch_phase_u": (0.0, 6.3),
    "blotch_phase_v": (0.0, 6.3),
    # the hair; the darker of two tones is taken, since most hair is dark
    "hair_tone": (0.06, 0.5),
    "hair_other_tone": (0.06, 0.8),
    "hairline": (-1.1, -0.72),
    "temples": (-0.2, 0.5),  # how much further down the hair grows at the sides
    "parting": (-0.16, 0.16),
    "fringe": (0.0, 0.09),
    "fringe_phase": (0.0, 6.3),
    "hair_volume": (1.02, 1.14),
    "hair_length": (-0.6, 1.5),  # where it ends
    # eyes and brows
    "eye_y": (-0.36, -0.24),
    "eye_distance": (0.34, 0.44),  # from the middle of the face
    "eye_width": (0.15, 0.2),
    "eye_height": (0.045, 0.08),
    "eye_slant": (-0.12, 0.16),
    "iris": (0.1, 0.5),
    "socket": (0.3, 1.5),
    "brow_rise": (0.15, 0.23),  # above the eyes
    "brow_width": (0.19, 0.27),
    "brow_height": (0.02, 0.055),
    "brow_arch": (0.0, 0.1),
    "brow_slant": (-0.06, 0.2),
    "brow_strength": (0.3, 0.9),
    # nose and mouth
    "nose_y": (0.14, 0.26),
    "nose_width": (0.12, 0.19),
    "nose_height": (0.6, 1.5),
    "mouth_y": (0.46, 0.6),
    "mouth_width": (0.23, 0.35),
    "lip_height": (0.03, 0.085),
    "lip_tone": (0.55, 0.95),
    # what only some have: those whose number is below the share
    "glasses": (0.0, 1.0),
    "glasses_tone": (0.0, 0.6),
    "glasses_size": (0.22, 0.3),
    "glasses_shape": (2.0, 4.0),  # from round to square
    "beard": (0.0, 1.0),
    "moustache": (0.0, 1.0),
    "beard_strength": (0.35, 0.95),
    # around the head
    "background": (0.2, 0.55),
    "neck_width": (0.58, 0.78),
    "clothes": (0.05, 0.9),
}
SHARES = {"glasses": 0.35, "beard": 0.12, "moustache": 0.2}
PICTURE = {
    # pose; angles in radians, a positive yaw turns the face to the right of the picture
    "yaw": (-0.3, 0.3),
    "pitch": (-0.16, 0.16),
    "roll": (-0.08, 0.08),
    "scale": (0.95, 1.05),
    "shift_x": (-0.05, 0.05),
    "shift_y": (-0.05, 0.05),
    # light; the lamp shines from (lamp_x, lamp_y, 1), where the camera is at (0, 0, 1)
    "lamp_x": (-0.9, 0.9),
    "lamp_y": (-0.8, 0.1),
    "lamp": (0.2, 0.55),  # its share of all light
    "exposure": (0.92, 1.15),
    "wall": (-0.06, 0.06),  # how much lighter the background is
    # expression
    "smile": (-0.25, 1.0),
    "mouth_open": (-1.2, 0.9),  # closed below 0
    "eye_open": (0.4, 1.2),
    "brow_lift": (-0.03, 0.05),
    "frown": (-0.06, 0.06),
    "gaze": (-0.04, 0.04),
}


def generate(num_people: int = 40, num_pictures: int = 10, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Images (num_people * num_pictures, 64, 64) float32 in 0..1, a person after the other, and who is on each, int64.

    The first people of a seed are the same however many there are, and so are their pictures.

    Raises:
        ValueError: there is nobody, or no picture.
    """
    if num_people < 1 or num_pictures < 1:
        raise ValueError(f"need at least one person and one picture; got {num_people} and {num_pictures}")
    people_random, picture_random, noise_random = np.random.default_rng(seed).spawn(3)
    people = np.repeat(np.arange(num_people), num_pictures)
    traits = draw(PERSON, num_people, people_random)[people]  # (num_images, len(PERSON))
    settings = np.concatenate([traits, draw(PICTURE, len(people), picture_random)], axis=1)
    noise = noise_random.standard_normal((len(people), SIZE, SIZE), dtype=np.float32)
    chunks = [slice(start, start + CHUNK) for start in range(0, len(people), CHUNK)]
    images = np.concatenate([render(settings[chunk], noise[chunk]) for chunk in chunks])
    return torch.from_numpy(images), torch.from_numpy(people)


def draw(bounds: dict[str, tuple[float, float]], num: int, random: np.random.Generator) -> Array:
    """Settings (num, len(bounds)), uniform between their bounds."""
    low, high = np.array(list(bounds.values())).T
    return random.uniform(low, high, (num, len(bounds))).astype(np.float32)


def render(settings: Array, noise: Array) -> Array:
    """Images (n, 64, 64) in 0..1 of settings (n, len(PERSON) + len(PICTURE)), with noise of standard deviation 1."""
    face = SimpleNamespace(**dict(zip([*PERSON, *PICTURE], settings.T[:, :, None, None], strict=True)))
    for name, share in SHARES.items():
        setattr(face, name, np.float32(getattr(face, name) < share))
    face.hair_tone = np.minimum(face.hair_tone, face.hair_other_tone)
    places = np.linspace(-1 + PIXEL / 2, 1 - PIXEL / 2, SIZE, dtype=np.float32)
    x, y = places[None, None, :], places[None, :, None]
    head, u, v, w = surface(face, x, y)
    image, hair = surroundings(face, x, y)
    tone, hair_on_head = reflectance(face, u, v, w)
    image = mix(image, tone * shading(face, u, v, w) + highlights(face, u, v), head)
    hair = mix(hair, hair_on_head, head)
    strands = gaussian_filter(noise, (0, 1.2, 0.4))  # drawn out along y
    image = image * face.exposure * (1 + 0.5 * hair * strands) + 0.012 * noise
    return np.clip(gaussian_filter(image, (0, 0.55, 0.55)), 0, 1)


# The tools of drawing


def cover(distance: Array) -> Array:
    """The share of each pixel that a shape covers, from the distance to its edge, which is positive inside."""
    return np.clip(0.5 + distance / (1.5 * PIXEL), 0, 1)


def mix(under: Any, over: Any, share: Array) -> Array:
    return under + share * (over - under)


def bump(x: Array, y: Array) -> Array:
    return np.exp(-0.5 * (x * x + y * y))


def smooth_step(x: Array) -> Array:
    """0 up to x = 0, 1 from x = 1 on, smooth in between."""
    x = np.clip(x, 0, 1)
    return x * x * (3 - 2 * x)


# The shape of the head


def surface(face: SimpleNamespace, x: Array, y: Array) -> tuple[Array, Array, Array, Array]:
    """How much of each pixel is head, and which place (u, v) of it; w is 1 at its very front and 0 at the ears."""
    cos, sin = np.cos(face.roll), np.sin(face.roll)
    x, y = (x - face.shift_x) / face.scale, (y - face.shift_y) / face.scale
    x, y = cos * x + sin * y, cos * y - sin * x - MIDDLE
    width = face.width * (1 - face.jaw * smooth_step(y / face.height) ** 1.5)
    x, y = x / width, y / face.height  # on the unit sphere
    head = cover((1 - (np.abs(x) ** 2.5 + np.abs(y) ** 2.5) ** 0.4) * width)  # squarer than a circle
    z = np.sqrt(np.maximum(1 - x * x - y * y, 1e-4))
    u, v, w = turned(face, x, y, z)
    nose, _, _ = relief(nose_hills(face), u * width, v * face.height + MIDDLE)
    u, v, w = turned(face, x, y, z + nose * (w > 0))  # what stands out moves further when the head turns
    return head, u * width, v * face.height + MIDDLE, w


def turned(face: SimpleNamespace, x: Array, y: Array, z: Array | float) -> tuple[Array, Array, Array]:
    """From the camera's axes to the head's."""
    cos, sin = np.cos(face.yaw), np.sin(face.yaw)
    x, z = cos * x - sin * z, sin * x + cos * z
    cos, sin = np.cos(face.pitch), np.sin(face.pitch)
    return x, cos * y - sin * z, sin * y + cos * z


def relief(hills: Sequence[Hill], u: Array, v: Array) -> tuple[Array, Array, Array]:
    """How far the surface stands out, and its slopes along u and v."""
    height, slope_u, slope_v = np.zeros((3, *np.broadcast_shapes(u.shape, v.shape)), np.float32)
    for top_u, top_v, radius_u, radius_v, top in hills:
        across, down = (u - top_u) / radius_u, (v - top_v) / radius_v
        hill = top * bump(across, down)
        height += hill
        slope_u -= hill * across / radius_u
        slope_v -= hill * down / radius_v
    return height, slope_u, slope_v


def nose_hills(face: SimpleNamespace) -> list[Hill]:
    bridge = (0, (face.eye_y + face.nose_y) / 2, 0.07, 0.2, 0.1 * face.nose_height)
    tip = (0, face.nose_y, 0.085, 0.09, 0.2 * face.nose_height)
    return [bridge, tip]


def middle_hills(face: SimpleNamespace) -> list[Hill]:
    brows = (0, face.eye_y - face.brow_rise - 0.02, 0.4, 0.1, 0.05 * face.socket)
    mouth = (0, face.mouth_y, 0.25, 0.13, 0.1)
    below_lip = (0, face.mouth_y + 0.15, 0.14, 0.05, -0.05 * face.chin)
    chin = (0, face.mouth_y + 0.3, 0.15, 0.1, 0.07 * face.chin)
    return [brows, mouth, below_lip, chin]


def paired_hills(face: SimpleNamespace) -> list[Hill]:
    """Those on both sides, by their distance from the middle."""
    nostril = (face.nose_width, face.nose_y + 0.03, 0.05, 0.06, 0.06)
    socket = (face.eye_distance, face.eye_y - 0.02, 0.16, 0.1, -0.08 * face.socket)
    cheek_v = face.nose_y - 0.05 - 0.04 * face.smile
    cheek = (0.45, cheek_v, 0.16, 0.15, 0.07 + 0.05 * face.cheeks + 0.04 * face.smile)
    return [nostril, socket, cheek]


# The light


def shading(face: SimpleNamespace, u: Array, v: Array, w: Array) -> Array:
    """The light that each place receives: from all around, and from the lamp by Lambert's cosine law."""
    _, slope_u, slope_v = relief([*nose_hills(face), *middle_hills(face)], u, v)
    _, slope_side, slope_v_side = relief(paired_hills(face), np.abs(u), v)
    normal_u = 0.7 * u - 0.8 * (slope_u + np.sign(u) * slope_side)
    normal_v = 0.5 * (v - MIDDLE) - 0.8 * (slope_v + slope_v_side)
    normal_w = np.sqrt(np.maximum(w, 0.1))  # a face is flatter than a sphere
    lamp_u, lamp_v, lamp_w = turned(face, face.lamp_x, face.lamp_y, 1.0)
    product = normal_u * lamp_u + normal_v * lamp_v + normal_w * lamp_w
    squares = (normal_u**2 + normal_v**2 + normal_w**2) * (lamp_u**2 + lamp_v**2 + lamp_w**2)
    cosine = np.maximum(product / np.sqrt(squares), 0)
    return (1 - face.lamp) * (0.75 + 0.25 * w) + 1.1 * face.lamp * cosine


def highlights(face: SimpleNamespace, u: Array, v: Array) -> Array:
    """What the forehead and the tip of the nose mirror of the lamp."""
    forehead = bump((u - 0.15 * face.lamp_x) / 0.22, (v - face.eye_y + 0.42) / 0.12)
    tip = bump((u - 0.04 * face.lamp_x) / 0.04, (v - face.nose_y + 0.03) / 0.05)
    return face.lamp * (0.06 * forehead + 0.1 * tip)


# The reflectance


def reflectance(face: SimpleNamespace, u: Array, v: Array, w: Array) -> tuple[Array, Array]:
    """The tone of each place in full light, and how hairy it is."""
    beard = beard_cover(face, u, v)
    hair = hair_cover(face, u, v, w)
    tone = mix(skin(face, u, v), face.hair_tone, beard)
    for add in (with_mouth, with_nose, with_eyes, with_brows):
        tone = add(face, tone, u, v)
    return with_glasses(face, mix(tone, face.hair_tone, hair), u, v), np.maximum(hair, 0.5 * beard)


def skin(face: SimpleNamespace, u: Array, v: Array) -> Array:
    side = np.abs(u)
    blotches = np.sin(face.blotch_u * u + face.blotch_phase_u) * np.sin(face.blotch_v * v + face.blotch_phase_v)
    beside_mouth = face.nose_width + 0.06 + 0.5 * (v - face.nose_y)
    fold = bump((side - beside_mouth) / 0.045, (v - face.mouth_y + 0.12) / 0.12)
    under_eye = bump((side - face.eye_distance) / 0.13, (v - face.eye_y - 0.13) / 0.03)
    fold_depth = 0.12 * face.age + 0.15 * np.maximum(face.smile, 0)
    return face.skin * (1 + 0.04 * blotches) * (1 - fold_depth * fold - 0.15 * face.age * under_eye)


def beard_cover(face: SimpleNamespace, u: Array, v: Array) -> Array:
    side, square = np.abs(u), u * u
    jaw = smooth_step((v - face.nose_y - 0.3 + 1.2 * square) / 0.3) * smooth_step((1.3 * side + v - 0.55) / 0.3)
    above_lip = smooth_step((v - face.nose_y - 0.09 - 1.6 * square) / 0.07)
    above_lip *= smooth_step((face.mouth_y + 0.02 - v) / 0.06 + side)
    above_lip *= smooth_step((1.2 * face.mouth_width - side) / 0.15)
    return face.beard_strength * np.maximum(face.beard * jaw, np.maximum(face.beard, face.moustache) * above_lip)


def with_mouth(face: SimpleNamespace, tone: Array, u: Array, v: Array) -> Array:
    across = np.clip(u / (face.mouth_width * (1 + 0.15 * face.smile)), -1.3, 1.3)
    between_corners = np.abs(across) < 1
    arch = np.maximum(1 - across * across, 0)
    line = face.mouth_y - 0.09 * face.smile * (across * across - 0.3)
    gap = 0.1 * np.maximum(face.mouth_open, 0) * arch
    upper = gap + face.lip_height * arch * (0.75 + 0.5 * np.abs(across) * arch)  # lower in the middle: Cupid's bow
    lower = gap + 1.3 * face.lip_height * arch
    lips = cover(np.minimum(v - line + upper, line + lower - v)) * between_corners
    inside = cover(gap - 0.01 - np.abs(v - line)) * between_corners
    teeth = inside * cover(line + 0.3 * gap - v) * (face.smile > 0)
    seam = bump((v - line) / 0.02, across**2 * across**2) * (1 - inside)
    tone = mix(tone, face.skin * face.lip_tone, 0.75 * lips)
    tone = mix(mix(tone, 0.12, inside), 0.85, 0.9 * teeth)
    return tone * (1 - 0.6 * seam)


def with_nose(face: SimpleNamespace, tone: Array, u: Array, v: Array) -> Array:
    side = np.abs(u)
    nostril = bump((side - 0.5 * face.nose_width) / 0.035, (v - face.nose_y - 0.07) / 0.022)
    wing = bump((side - 1.15 * face.nose_width) / 0.025, (v - face.nose_y - 0.02) / 0.05)
    shadow = bump(u / face.nose_width, (v - face.nose_y - 0.1) / 0.03)
    return tone * (1 - 0.6 * nostril) * (1 - 0.25 * wing) * (1 - 0.2 * shadow)


def with_eyes(face: SimpleNamespace, tone: Array, u: Array, v: Array) -> Array:
    along = np.abs(u) - face.eye_distance  # from the eye's middle outwards
    down = v - face.eye_y + face.eye_slant * along
    across = (along / face.eye_width) ** 2
    arch = np.maximum(1 - across, 0)
    below_lid = down + face.eye_height * face.eye_open * arch
    above_lid = 0.7 * face.eye_height * np.minimum(face.eye_open, 1) * arch - down
    opening = cover(np.minimum(below_lid, above_lid)) * (across < 1)
    from_pupil = np.sqrt((along * np.sign(u) - face.gaze) ** 2 + (down + 0.15 * face.eye_height) ** 2)
    eye = mix(mix(0.72, face.iris, cover(0.068 - from_pupil)), 0.04, cover(0.03 - from_pupil))
    eye *= 1 - 0.35 * smooth_step(1 - below_lid / 0.05)  # the lid's shadow
    shadow = bump(along / (1.2 * face.eye_width), (down + 0.04) / 0.09)
    lashes = bump(below_lid / 0.02, across)
    crease = bump((below_lid + 0.055) / 0.018, across)
    return mix(tone * (1 - 0.25 * shadow), eye, opening) * (1 - 0.65 * lashes) * (1 - 0.2 * crease)


def with_brows(face: SimpleNamespace, tone: Array, u: Array, v: Array) -> Array:
    along = (np.abs(u) - face.eye_distance) / face.brow_width  # -1 at the nose, 1 at the temple
    middle = face.eye_y - face.brow_rise - face.brow_lift - face.brow_arch * (1 - along * along)
    middle = middle - (face.brow_slant + face.frown) * face.brow_width * along
    thickness = face.brow_height * (1.1 - 0.5 * smooth_step(0.5 + 0.5 * along))
    brow = cover(thickness - np.abs(v - middle)) * smooth_step((1.15 - np.abs(along)) / 0.3)
    return mix(tone, np.minimum(face.hair_tone, 0.6 * face.skin), face.brow_strength * brow)


def hair_cover(face: SimpleNamespace, u: Array, v: Array, w: Array) -> Array:
    side = np.abs(u) / face.width
    line = face.hairline + face.temples * side**2 + face.parting * u
    line = line + face.fringe * np.sin(9 * u + face.fringe_phase)
    above = cover((line - v) / 2)
    end = np.minimum(face.hair_length, face.mouth_y - 0.3 + 0.5 * np.float32(face.hair_length > 0.7))
    beside = cover(0.3 * (0.22 + 0.12 * face.temples - w)) * cover(end - v)
    return np.maximum(above, beside)


def with_glasses(face: SimpleNamespace, tone: Array, u: Array, v: Array) -> Array:
    middle = face.eye_distance + 0.02
    across = np.abs(np.abs(u) - middle) / face.glasses_size
    down = np.abs(v - face.eye_y - 0.03) / (0.8 * face.glasses_size)
    radius = (across**face.glasses_shape + down**face.glasses_shape) ** (1 / face.glasses_shape)
    rim = cover(0.018 - np.abs(radius - 1) * face.glasses_size)
    bridge_and_arms = cover(0.015 - np.abs(v - face.eye_y + 0.025)) * (across > 1)
    glint = bump((u - face.eye_distance * np.sign(face.lamp_x)) / 0.09, (v - face.eye_y + 0.06) / 0.04) * (radius < 1)
    tone = mix(tone, 1, 0.2 * face.glasses * glint)
    return mix(tone, face.glasses_tone, 0.9 * face.glasses * np.maximum(rim, bridge_and_arms))


# What is around the head


def surroundings(face: SimpleNamespace, x: Array, y: Array) -> tuple[Array, Array]:
    """The tone of wall, ears, hair behind the head, neck and clothes; and where there is hair."""
    side = np.abs(x - face.shift_x)
    tone = face.background + face.wall + 0.06 * x * face.lamp_x - 0.03 * y
    ear = bump((side - 1.02 * face.width) / 0.05, (y - face.eye_y - 0.18) / 0.14)
    tone = mix(tone, 0.75 * face.skin, np.minimum(2 * ear, 1))
    across, up = side / face.width, np.minimum(y - face.shift_y - MIDDLE, 0) / face.height
    hair = cover((1 - np.sqrt(across**2 + up**2) / face.hair_volume) * face.width) * cover(face.hair_length - y)
    tone = mix(tone, 0.8 * face.hair_tone, hair)
    neck = cover(face.neck_width - side + 0.15 * smooth_step((y - 0.8) / 0.4)) * (y > 0)
    tone = mix(tone, face.skin * (0.5 + 0.16 * x * face.lamp_x), neck)
    clothes = cover(y - 0.98 + 0.35 * side - 0.3 * side**2)
    return mix(tone, 0.8 * face.clothes, clothes), hair * (1 - np.maximum(neck, clothes))
