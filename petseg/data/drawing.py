"""Drawings of cats and dogs of 37 breeds before cluttered rooms, with their trimaps."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageChops, ImageColor, ImageDraw, ImageFilter

from petseg.classes import BACKGROUND, BORDER, MASK_VALUES, PET


class Breed(NamedTuple):
    """How the dataset spells a breed, and how it is drawn here.

    `pattern` says how the colour `marks` lies on the colour `coat`; `shaggy` is the depth of the
    tufts of fur as a share of the body's radius.
    """

    name: str
    coat: str
    marks: str
    pattern: str
    shaggy: float = 0.0


BREEDS = (
    Breed("Abyssinian", "#b5763f", "#7d4a26", "ticked"),
    Breed("american_bulldog", "#ece4d8", "#a9794c", "patches"),
    Breed("american_pit_bull_terrier", "#7a563c", "#eee6da", "bib"),
    Breed("basset_hound", "#efe6d6", "#9a5a2c", "saddle"),
    Breed("beagle", "#e9d9c0", "#6b3f22", "saddle"),
    Breed("Bengal", "#d29a56", "#4b2c17", "spots"),
    Breed("Birman", "#ece0cb", "#6d5647", "points", 0.05),
    Breed("Bombay", "#2b292d", "#1c1a1e", "plain"),
    Breed("boxer", "#b9783f", "#f1e8da", "bib"),
    Breed("British_Shorthair", "#7d8794", "#69737f", "plain"),
    Breed("chihuahua", "#d9b07a", "#f3e6cd", "bib"),
    Breed("Egyptian_Mau", "#b4aca0", "#4a4541", "spots"),
    Breed("english_cocker_spaniel", "#a8622e", "#8b4d22", "ticked", 0.05),
    Breed("english_setter", "#f0ece4", "#55504c", "spots", 0.03),
    Breed("german_shorthaired", "#d8cfc2", "#4e2f20", "patches"),
    Breed("great_pyrenees", "#f4efe4", "#dccfb6", "patches", 0.06),
    Breed("havanese", "#cdb491", "#f1e7d6", "bib", 0.08),
    Breed("japanese_chin", "#f3efe9", "#2b2827", "patches", 0.05),
    Breed("keeshond", "#8d8a86", "#3b3836", "saddle", 0.08),
    Breed("leonberger", "#b07a43", "#3a2a20", "points", 0.06),
    Breed("Maine_Coon", "#94724f", "#4a3524", "stripes", 0.06),
    Breed("miniature_pinscher", "#2f2624", "#a5602e", "points"),
    Breed("newfoundland", "#332c2a", "#241f1e", "plain", 0.06),
    Breed("Persian", "#e3d3b8", "#cdb48e", "plain", 0.07),
    Breed("pomeranian", "#d98f48", "#f0c890", "bib", 0.09),
    Breed("pug", "#d9bd93", "#3a302b", "points"),
    Breed("Ragdoll", "#efe8dc", "#8a7768", "points", 0.05),
    Breed("Russian_Blue", "#8a95a5", "#76818f", "ticked"),
    Breed("saint_bernard", "#f1e9dd", "#a4562a", "patches", 0.04),
    Breed("samoyed", "#f7f3ea", "#e6ddcb", "plain", 0.08),
    Breed("scottish_terrier", "#3b3836", "#57524e", "ticked", 0.06),
    Breed("shiba_inu", "#cf8a4a", "#f5e8d4", "bib"),
    Breed("Siamese", "#e8dac1", "#4f3b31", "points"),
    Breed("Sphynx", "#dcab98", "#c48f7e", "ticked"),
    Breed("staffordshire_bull_terrier", "#6c6f78", "#eee9e2", "bib"),
    Breed("wheaten_terrier", "#dcbf8c", "#cba969", "ticked", 0.07),
    Breed("yorkshire_terrier", "#b9824c", "#4a4c55", "saddle", 0.06),
)
"""The 37 breeds in the dataset's order: the class number is the index plus one."""

CAT, DOG = 1, 2

_SUPERSAMPLING = 3
_BORDER_WIDTH = 0.042  # of the picture's mean side, as wide as the original's on average
_BLOTCHES = {"ticked": (250, 0.012), "spots": (110, 0.03), "patches": (9, 0.11)}  # count, radius
_EYES = {CAT: ("#8fb04a", "#d9a441", "#6fa3c7"), DOG: ("#4a2c1a", "#2e1d14", "#6b4426")}


class Part(NamedTuple):
    """One polygon of a pet: (N, 2) points in pet units, lightness 0..1, colour or None for fur."""

    points: np.ndarray
    tone: float = 1.0
    paint: str | None = None


def draw_pet(
    rng: np.random.Generator, breed: Breed, height: int, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """Draws one pet before a background.

    Returns the image, uint8 (height, width, 3) in 0..255, and its trimap, uint8 (height, width)
    with the values 1 pet, 2 background and 3 border. The border straddles the outline of the pet;
    where the picture's edge cuts the pet there is none, as in the original.
    """
    size = (width * _SUPERSAMPLING, height * _SUPERSAMPLING)
    parts, whiskers, head = _pose(rng, breed)
    place = _placement(rng, size, head)
    fur, silhouette = _paint(parts, _coat(rng, breed, size, place, head), place)

    # A blurred silhouette is a soft distance to the outline: it gives the pet its roundness, and
    # cut at the normal distribution's value one sigma to either side, the border.
    sigma = _BORDER_WIDTH * (size[0] * size[1]) ** 0.5 / 2
    distance = silhouette.filter(ImageFilter.GaussianBlur(sigma))
    fur = ImageChops.multiply(fur, _fur_light(rng, distance))

    canvas = ImageChops.multiply(_background(rng, size), _shadow(size, place))
    canvas.paste(fur, mask=silhouette.filter(ImageFilter.GaussianBlur(1)))
    draw = ImageDraw.Draw(canvas)
    for line in whiskers:
        draw.line(place(line), fill="#f4f0ea", width=max(1, size[1] // 150))
    return _develop(rng, canvas.reduce(_SUPERSAMPLING)), _trimap(distance)


def species_of(breed: Breed) -> int:
    """CAT or DOG, as the spelling of the breed tells: cats have a capital letter."""
    return CAT if breed.name[0].isupper() else DOG


# The pet. Its units: the whole animal is about 1 high, the middle is (0, 0) and y points down.


def _blob(x, y, rx, ry, angle=0.0, shaggy=0.0) -> np.ndarray:
    """An ellipse of 48 points, its outline in tufts when `shaggy`."""
    turn = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    radius = 1 + shaggy * np.abs(np.sin(turn * 8))
    points = np.stack([rx * radius * np.cos(turn), ry * radius * np.sin(turn)], axis=1)
    return np.add(_turned(points, angle), (x, y))


def _limb(points, thick: float, thin: float) -> np.ndarray:
    """A leg or tail along a quadratic curve through three control points, with round ends."""
    start, bend, end = np.asarray(points, dtype=float)
    t = np.linspace(0, 1, 24)[:, None]
    middle = (1 - t) ** 2 * start + 2 * t * (1 - t) * bend + t**2 * end
    along = np.gradient(middle, axis=0)
    across = np.stack([-along[:, 1], along[:, 0]], axis=1)
    across /= np.linalg.norm(across, axis=1, keepdims=True) + 1e-9
    across *= (thick + (thin - thick) * t) * np.sqrt(np.minimum(1, np.minimum(t, 1 - t) / 0.12))
    return np.concatenate([middle + across, (middle - across)[::-1]])


def _turned(points: np.ndarray, angle: float) -> np.ndarray:
    cosine, sine = np.cos(angle), np.sin(angle)
    return points @ np.array([[cosine, sine], [-sine, cosine]])


def _pose(rng: np.random.Generator, breed: Breed) -> tuple[list[Part], list[np.ndarray], tuple]:
    """The parts from back to front, the whiskers' lines, and where the head's centre is."""
    body, head = (_sitting, _standing, _lying)[rng.integers(3)](rng, breed)
    collar = rng.choice(["#c0392b", "#2471a3", "#d4ac0d", "#7d3c98"])
    if rng.random() < 0.4:
        body.append(Part(_blob(head[0], head[1] + 0.19, 0.14, 0.05), 1, str(collar)))
    face, whiskers = _cat_head(rng, breed) if species_of(breed) == CAT else _dog_head(rng, breed)
    tilt = rng.uniform(-0.25, 0.25)
    size = rng.uniform(0.95, 1.15)
    body += [part._replace(points=_turned(size * part.points, tilt) + head) for part in face]
    return body, [_turned(size * line, tilt) + head for line in whiskers], head


def _tip_paint(breed: Breed) -> str | None:
    """The colour of ears, feet and tail where it is not that of the coat."""
    return breed.marks if breed.pattern == "points" else None


def _tail(rng: np.random.Generator, breed: Breed, x: float, y: float) -> Part:
    length, thickness = (0.34, 0.04) if species_of(breed) == CAT else (0.26, 0.045)
    rise = rng.uniform(-1.1, 0.3)
    bend = (x - length * 0.7, y + 0.05)
    end = (x - length, y + length * rise)
    thickness *= 1 + 6 * breed.shaggy
    return Part(_limb([(x, y), bend, end], thickness, thickness * 0.8), 0.88, _tip_paint(breed))


def _leg(rng: np.random.Generator, breed: Breed, x, top, foot, tone=1.0) -> list[Part]:
    step = x + rng.uniform(-0.05, 0.05)
    leg = _limb([(x, top), (x, (top + foot) / 2), (step, foot + 0.02)], 0.065, 0.05)
    paw = _blob(step + 0.02, foot, 0.07, 0.04)
    return [Part(leg, tone, _tip_paint(breed)), Part(paw, tone, _tip_paint(breed))]


def _sitting(rng: np.random.Generator, breed: Breed) -> tuple[list[Part], tuple[float, float]]:
    parts = [_tail(rng, breed, -0.2, 0.4), Part(_blob(0, 0.15, 0.24, 0.33, 0, breed.shaggy))]
    for side in (-1, 1):
        parts.append(Part(_blob(side * 0.2, 0.35, 0.12, 0.14, side * 0.2), 0.9))
        parts.append(Part(_blob(side * 0.25, 0.46, 0.1, 0.045), 0.96, _tip_paint(breed)))
    for side in (-1, 1):
        parts += _leg(rng, breed, side * 0.085, 0.1, 0.46)
    return parts, (rng.uniform(-0.05, 0.05), -0.27)


def _standing(rng: np.random.Generator, breed: Breed) -> tuple[list[Part], tuple[float, float]]:
    head = (rng.uniform(0.28, 0.38), rng.uniform(-0.3, -0.12))
    far = _leg(rng, breed, 0.17, 0.1, 0.44, 0.75) + _leg(rng, breed, -0.2, 0.1, 0.44, 0.75)
    neck = _limb([(0.18, 0.05), (0.25, -0.1), head], 0.16, 0.12)
    trunk = [
        Part(_blob(-0.03, 0.04, 0.36, 0.175, 0, breed.shaggy)),
        Part(_blob(-0.25, 0.07, 0.15, 0.18, 0.2), 0.95),
        Part(neck, 0.95),
    ]
    near = _leg(rng, breed, 0.25, 0.08, 0.47) + _leg(rng, breed, -0.29, 0.12, 0.47)
    return [_tail(rng, breed, -0.33, -0.02), *far, *trunk, *near], head


def _lying(rng: np.random.Generator, breed: Breed) -> tuple[list[Part], tuple[float, float]]:
    head = (rng.uniform(0.18, 0.32), rng.uniform(-0.16, -0.02))
    tip = _tip_paint(breed)
    parts = [
        _tail(rng, breed, -0.38, 0.27),
        Part(_limb([(0.15, 0.2), (0.3, 0.22), (0.55, 0.26)], 0.07, 0.05), 0.78, tip),
        Part(_blob(-0.07, 0.16, 0.42, 0.2, 0, breed.shaggy)),
        Part(_blob(-0.28, 0.21, 0.17, 0.16), 0.93),
        Part(_blob(-0.17, 0.34, 0.13, 0.045), 1, tip),
        Part(_blob(0.2, 0.13, 0.17, 0.22, 0, breed.shaggy)),
        Part(_limb([(0.15, 0.24), (0.25, 0.35), (0.5, 0.34)], 0.07, 0.055), 1, tip),
    ]
    return parts, head


def _cat_head(rng: np.random.Generator, breed: Breed) -> tuple[list[Part], list[np.ndarray]]:
    parts = []
    for side in (-1, 1):
        ear = np.array([(0.2, -0.02), (0.2, -0.18), (0.185, -0.31), (0.1, -0.22), (0.03, -0.14)])
        inner = 0.55 * (ear - ear.mean(axis=0)) + ear.mean(axis=0) + (0.005, -0.01)
        parts.append(Part(ear * (side, 1), 0.95, _tip_paint(breed)))
        parts.append(Part(inner * (side, 1), 1, "#d99a94"))
    parts.append(Part(_blob(0, 0, 0.215, 0.175, 0, breed.shaggy)))
    parts += _muzzle(breed, 0.075, 0.1, 0.065)
    iris = str(rng.choice(_EYES[CAT]))
    for side in (-1, 1):
        parts.append(Part(_blob(side * 0.09, -0.02, 0.046, 0.04, side * -0.2), 1, iris))
        parts.append(Part(_blob(side * 0.09, -0.02, 0.016, 0.036), 1, "#15110f"))
        parts.append(Part(_blob(side * 0.09 + 0.015, -0.035, 0.01, 0.01), 1, "#ffffff"))
    parts.append(Part(np.array([(-0.028, 0.045), (0.028, 0.045), (0, 0.075)]), 1, "#c9767a"))
    lines = [(side, rise) for side in (-1, 1) for rise in (-0.03, 0.0, 0.03)]
    return parts, [np.array([(s * 0.08, 0.09), (s * 0.27, 0.085 + 2 * r)]) for s, r in lines]


def _dog_head(rng: np.random.Generator, breed: Breed) -> tuple[list[Part], list[np.ndarray]]:
    parts = [Part(_blob(0, 0, 0.18, 0.2, 0, breed.shaggy))]
    long, spread = rng.uniform(0.11, 0.17), rng.uniform(0.1, 0.5)
    for side in (-1, 1):
        ear = _blob(side * (0.17 + 0.09 * spread), -0.12 + long * 0.8, 0.07, long, -side * spread)
        parts.append(Part(ear, 0.72, _tip_paint(breed)))
    if rng.random() < 0.5:
        parts.append(Part(_blob(0, 0.19, 0.04, 0.06), 1, "#dd7f86"))
    parts += _muzzle(breed, 0.1, 0.105, 0.085)
    iris = str(rng.choice(_EYES[DOG]))
    for side in (-1, 1):
        parts.append(Part(_blob(side * 0.08, -0.045, 0.034, 0.036), 1, "#f3eee6"))
        parts.append(Part(_blob(side * 0.08, -0.042, 0.028, 0.031), 1, iris))
        parts.append(Part(_blob(side * 0.08 + 0.01, -0.052, 0.009, 0.009), 1, "#ffffff"))
    parts.append(Part(_blob(0, 0.055, 0.05, 0.036), 1, "#1d1817"))
    parts.append(Part(_blob(0.012, 0.043, 0.014, 0.007), 1, "#8d8583"))
    return parts, []


def _muzzle(breed: Breed, rx: float, y: float, ry: float) -> list[Part]:
    """Two cheeks around a dark mouth, lighter than the coat or in the colour of the marks."""
    if breed.pattern in ("points", "bib"):
        paint = breed.marks
    else:
        light = np.array(ImageColor.getrgb(breed.coat)) * 0.75 + 255 * 0.25
        paint = "#{:02x}{:02x}{:02x}".format(*light.astype(int))
    mouth = Part(_blob(0, y + ry * 0.55, rx * 0.35, ry * 0.55), 1, "#4a2b2b")
    cheeks = [Part(_blob(side * rx * 0.5, y, rx * 0.62, ry), 1, paint) for side in (-1, 1)]
    return [mouth, *cheeks]


def _placement(rng: np.random.Generator, size: tuple[int, int], head: tuple) -> Callable:
    """A function from (N, 2) pet units to a flat list of pixels: mirror, tilt, size, position."""
    scale = (size[0] * size[1]) ** 0.5 * rng.uniform(0.62, 1.02)
    focus = np.array(head) * (0.3, 0)
    if rng.random() < 0.25:
        scale *= 1.5
        focus = np.add(head, (0, 0.12))
    stretch = scale * np.array([rng.uniform(0.92, 1.1) * rng.choice([-1, 1]), 1])
    tilt = rng.uniform(-0.12, 0.12)
    centre = np.array(size) * rng.uniform(0.42, 0.58, size=2)
    return lambda points: (_turned((points - focus) * stretch, tilt) + centre).ravel().tolist()


def _coat(rng: np.random.Generator, breed: Breed, size, place: Callable, head) -> Image.Image:
    """A canvas full of fur in the breed's colours, to be cut out part by part."""
    coat = Image.new("RGB", size, breed.coat)
    draw = ImageDraw.Draw(coat)

    def mark(*blob):
        draw.polygon(place(_blob(*blob)), fill=breed.marks)

    if breed.pattern == "stripes":
        for x in np.arange(-0.8, 0.8, 0.1) + rng.uniform(0, 0.1):
            bend = rng.uniform(-0.08, 0.08)
            line = _limb([(x, -0.6), (x + bend, 0), (x, 0.6)], 0.02, 0.02)
            draw.polygon(place(line), fill=breed.marks)
    elif breed.pattern in _BLOTCHES:
        count, radius = _BLOTCHES[breed.pattern]
        for x, y, r in rng.uniform((-0.6, -0.5, 0.6), (0.6, 0.5, 1.3), size=(count, 3)):
            mark(x, y, 1.2 * radius * r, radius * r)
    elif breed.pattern == "saddle":
        mark(-0.08, 0.06, 0.3, 0.17)
        mark(head[0] - 0.14, head[1] - 0.04, 0.11, 0.16)
        mark(head[0] + 0.14, head[1] - 0.04, 0.11, 0.16)
    elif breed.pattern == "bib":
        mark(head[0] * 0.8, head[1] + 0.33, 0.1, 0.2)
        mark(head[0], head[1] - 0.06, 0.03, 0.14)
    elif breed.pattern == "points":
        mark(*head, 0.13, 0.13)
    return coat.filter(ImageFilter.GaussianBlur(size[1] / 100))


def _paint(parts: list[Part], coat: Image.Image, place: Callable) -> tuple[Image.Image, ...]:
    """The parts from back to front: their colours (RGB) and the silhouette (L, 0 or 255)."""
    colours, tones, silhouette = coat.copy(), Image.new("L", coat.size), Image.new("L", coat.size)
    outline = max(1, coat.size[1] // 90)
    for part in parts:
        polygon = place(part.points)
        ImageDraw.Draw(silhouette).polygon(polygon, fill=255)
        tone = round(255 * part.tone)
        if part.paint:
            ImageDraw.Draw(colours).polygon(polygon, fill=part.paint)
            ImageDraw.Draw(tones).polygon(polygon, fill=tone)
        else:
            stencil = Image.new("1", coat.size)
            ImageDraw.Draw(stencil).polygon(polygon, fill=1)
            colours.paste(coat, mask=stencil)
            dark = round(tone * 0.7)
            ImageDraw.Draw(tones).polygon(polygon, fill=tone, outline=dark, width=outline)
    tones = tones.filter(ImageFilter.BoxBlur(1))
    return ImageChops.multiply(colours, Image.merge("RGB", [tones] * 3)), silhouette


def _shadow(size: tuple[int, int], place: Callable) -> Image.Image:
    """White, darker on the ground below the pet."""
    shadow = Image.new("RGB", size, "#ffffff")
    ImageDraw.Draw(shadow).polygon(place(_blob(0, 0.42, 0.5, 0.1)), fill="#8c8c8c")
    return shadow.filter(ImageFilter.GaussianBlur(size[1] / 40))


def _fur_light(rng: np.random.Generator, distance: Image.Image) -> Image.Image:
    """Darker towards the outline, and with the grain of fur."""
    round_light = 0.62 + 0.38 * np.asarray(distance, np.float32) / 255
    grain = _clouds(rng, distance.size, 90, 0.1)
    return _grey(255 * round_light * grain)


# The background and the photograph.


def _clouds(rng: np.random.Generator, size, cells: int, strength: float) -> np.ndarray:
    """Smooth noise around 1, float32 (height, width), about `cells` waves to a side."""
    noise = rng.normal(1, strength, size=(cells, cells)).astype(np.float32)
    return np.asarray(Image.fromarray(noise).resize(size, Image.Resampling.BILINEAR))


def _grey(levels: np.ndarray) -> Image.Image:
    """Float levels (height, width) in 0..255, as a grey RGB picture."""
    level = Image.fromarray(levels.clip(0, 255).astype(np.uint8))
    return Image.merge("RGB", [level] * 3)


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    """As likely the colour of some fur as any other."""
    if rng.random() < 0.5:
        breed = BREEDS[rng.integers(len(BREEDS))]
        fur = ImageColor.getrgb(breed.marks if rng.random() < 0.3 else breed.coat)
        return tuple((np.array(fur) + rng.integers(-20, 21, size=3)).clip(0, 255).tolist())
    vivid = rng.integers(20, 240, size=3)
    return tuple((0.6 * vivid + 0.4 * vivid.mean()).astype(int).tolist())


def _background(rng: np.random.Generator, size: tuple[int, int]) -> Image.Image:
    width, height = size
    scene = Image.new("RGB", size, _colour(rng))
    horizon = int(height * rng.uniform(0.4, 0.8))
    draw = ImageDraw.Draw(scene)
    _stripes(rng, draw, (0, 0, width, horizon))
    draw.rectangle((0, horizon, width, height), fill=_colour(rng))
    _stripes(rng, draw, (0, horizon, width, height))
    for _ in range(rng.integers(4, 9)):
        thing = (_furniture, _cushion, _plant)[rng.integers(3)]
        x, y = rng.uniform(0, width), rng.uniform(0.2, 1) * height
        thing(rng, draw, x, y, min(size) * rng.uniform(0.12, 0.3))
    scene = scene.filter(ImageFilter.GaussianBlur(height * rng.uniform(0.002, 0.015)))
    slope = np.linspace(*rng.uniform(0.75, 1.1, size=2), height, dtype=np.float32)[:, None]
    light = slope * _clouds(rng, size, 5, 0.08) * _clouds(rng, size, 60, 0.06)
    return ImageChops.multiply(scene, _grey(235 * light))


def _stripes(rng: np.random.Generator, draw: ImageDraw.ImageDraw, box) -> None:
    """Boards, wallpaper or tiles, on two surfaces of three."""
    left, top, right, bottom = box
    step, colour, kind = max(8, int(right * rng.uniform(0.05, 0.2))), _colour(rng), rng.integers(3)
    line = max(1, int(step * rng.choice([0.08, 0.5])))
    if kind > 0:
        for x in range(left, right, step):
            draw.rectangle((x, top, x + line, bottom), fill=colour)
    if kind > 1:
        for y in range(top, bottom, step):
            draw.rectangle((left, y, right, y + line // 2), fill=colour)


def _furniture(rng: np.random.Generator, draw: ImageDraw.ImageDraw, x, y, r) -> None:
    """A chest of drawers on legs."""
    body, edge = _colour(rng), _colour(rng)
    tall = r * rng.uniform(0.6, 2)
    for side in (-0.9, 0.7):
        draw.rectangle((x + side * r, y, x + (side + 0.2) * r, y + r * 0.5), fill=edge)
    for shelf in range(3):
        top = y - tall * (3 - shelf) / 3
        draw.rectangle((x - r, top, x + r, top + tall / 3), fill=body, outline=edge)
        draw.ellipse((x - r / 9, top + tall / 9, x + r / 9, top + tall / 5), fill=edge)


def _plant(rng: np.random.Generator, draw: ImageDraw.ImageDraw, x, y, r) -> None:
    green = (int(rng.integers(30, 120)), int(rng.integers(90, 170)), int(rng.integers(30, 90)))
    for lean in rng.uniform(-1, 1, size=7):
        leaf = [(x, y), (x + lean * r * 0.3, y - r), (x + lean * r * 1.3, y - r * 1.6)]
        draw.polygon(_limb(leaf, r * 0.12, r * 0.16).ravel().tolist(), fill=green)
    pot = [(x - r / 2, y - r / 8), (x + r / 2, y - r / 8), (x + r / 3, y + r), (x - r / 3, y + r)]
    draw.polygon(pot, fill=_colour(rng))


def _cushion(rng: np.random.Generator, draw: ImageDraw.ImageDraw, x, y, r) -> None:
    """A cushion, a bowl or a ball, of two colours."""
    angle, squash, rim = rng.uniform((-0.5, 0.5, 0.3), (0.5, 1, 0.9))
    for size in (r, r * rim):
        blob = _blob(x, y, size, size * squash, angle)
        draw.polygon(blob.ravel().tolist(), fill=_colour(rng))


def _develop(rng: np.random.Generator, picture: Image.Image) -> np.ndarray:
    """Exposure, colour cast and sensor noise: uint8 (height, width, 3)."""
    pixels = np.asarray(picture, np.float32) * rng.uniform(0.8, 1.2) * rng.uniform(0.93, 1.07, 3)
    pixels += rng.normal(0, rng.uniform(2, 8), size=pixels.shape)
    return pixels.clip(0, 255).astype(np.uint8)


def _trimap(distance: Image.Image) -> np.ndarray:
    """Pet, border and background of the blurred, supersampled silhouette: uint8, 1 to 3."""
    level = np.asarray(distance.reduce(_SUPERSAMPLING)) / 255
    trimap = np.full(level.shape, MASK_VALUES[BORDER], np.uint8)
    trimap[level > 0.84] = MASK_VALUES[PET]
    trimap[level < 0.16] = MASK_VALUES[BACKGROUND]
    return trimap
