"""Pictures without text that pass for photographs: hills, houses, weather."""

from PIL import Image

from tools.sample_channel import textures
from tools.sample_channel.canvas import Picture, seeded
from tools.sample_channel.landscape import Scene, paint

SIZE = (960, 640)

DAY = ("#3f7fc4", "#8fbbe4", "#dcebf5")
DUSK = ("#2b2f5e", "#8a4f7d", "#f08a5d", "#f9d29d")
NIGHT = ("#070b1d", "#121a3a", "#2c3560")
GRAY = ("#8d99a6", "#b6bfc8", "#d9dde0")

SCENES = {
    "courtyard_morning": Scene(
        sky=DAY,
        ground=("#7fa653", "#4c7434"),
        sun=(1500, 260, 60, "#fff6d8"),
        houses=("#d9c3a0", "#c7a98a", "#b9b7ae"),
        trees=("#3f6b2c", "#558338", "#2f5724"),
    ),
    "sunset": Scene(
        sky=DUSK,
        ground=("#3d3148", "#191522"),
        sun=(620, 760, 70, "#ffe3a8"),
        clouds=0.8,
        ridges=("#7d5377", "#4f3a5c"),
        horizon=900,
    ),
    "night_windows": Scene(
        sky=NIGHT,
        ground=("#15182a", "#080a12"),
        sun=(300, 210, 46, "#eef1ff"),
        clouds=0.15,
        houses=("#20243a", "#292c44", "#1a1d31"),
        lit=0.4,
        lamps=3,
    ),
    "fog": Scene(
        sky=GRAY,
        ground=("#9aa58f", "#6f7b66"),
        clouds=0.7,
        ridges=("#a9b3b5", "#8b9799"),
        trees=("#6b776a", "#596658"),
        weather="fog",
    ),
    "autumn": Scene(
        sky=("#5b8fbf", "#b5cfe0", "#efe7d4"),
        ground=("#b08a3c", "#7b5a25"),
        clouds=0.6,
        ridges=("#b98f5e",),
        trees=("#d9822b", "#c2491d", "#e3b23c", "#9c3d17"),
        sun=(1250, 300, 50, "#fff0c4"),
    ),
    "river": Scene(
        sky=("#4a86b8", "#a8cbe0", "#f3e9d8"),
        ground=("#6d8c5a", "#41603a"),
        water=True,
        ridges=("#7f9fae", "#5b8069", "#3c6148"),
        sun=(1350, 420, 54, "#fff3cf"),
        horizon=820,
    ),
    "first_snow": Scene(
        sky=("#9aa7b8", "#c3ccd6", "#e6e9ec"),
        ground=("#f1f4f7", "#cfd8e2"),
        clouds=0.6,
        houses=("#8e7f78", "#7b6f72", "#a08b7c"),
        lit=0.18,
        trees=("#d7dee6", "#bcc7d2"),
        weather="snow",
    ),
    "rainy_street": Scene(
        sky=("#4c5663", "#6d7885", "#98a1a9"),
        ground=("#4f555c", "#2b2f35"),
        clouds=0.9,
        houses=("#5d5a58", "#6b625c", "#4c4f55"),
        lit=0.3,
        lamps=2,
        weather="rain",
        water=True,
    ),
    "hills": Scene(
        sky=DAY,
        ground=("#8fae4f", "#5e8233"),
        sun=(380, 240, 58, "#fffbe6"),
        clouds=0.9,
        ridges=("#8eb0c4", "#6f9a86", "#6a9450"),
    ),
    "roof_view": Scene(
        sky=("#6a7fb0", "#d7a7a0", "#f6d9b0"),
        ground=("#5a5560", "#37343d"),
        horizon=980,
        ridges=("#8f86a6",),
        houses=("#a5806b", "#8c6f68", "#b59a80", "#77696d"),
        lit=0.08,
        sun=(1480, 700, 60, "#ffe9bd"),
    ),
    "planting": Scene(
        sky=DAY,
        ground=("#6d5537", "#43331f"),
        clouds=0.4,
        ridges=("#7fa08a",),
        trees=("#7fae4a", "#679a3a"),
        horizon=760,
    ),
    "park_alley": Scene(
        sky=("#6ba0cf", "#bcd8ea", "#eef3f0"),
        ground=("#86a653", "#567a35"),
        clouds=0.7,
        trees=("#34612a", "#47793a", "#6a9b45", "#2b5223"),
        lamps=2,
        horizon=800,
    ),
    "fair_evening": Scene(
        sky=("#1d2350", "#5b3f75", "#d9776a"),
        ground=("#3a3443", "#1c1923"),
        clouds=0.4,
        houses=("#3b3350", "#463a58"),
        lit=0.55,
        lamps=6,
    ),
    "fair_crowd": Scene(
        sky=("#28305f", "#87527e", "#ee9a72"),
        ground=("#453a47", "#231d28"),
        clouds=0.6,
        trees=("#2b2a3d", "#353047"),
        lamps=5,
        ridges=("#5d4670",),
        horizon=800,
    ),
}


def draw(name: str) -> Picture:
    scene, rng = SCENES[name], seeded(name)
    image = paint(scene, rng).resize(SIZE, Image.Resampling.LANCZOS)
    image = textures.vignette(image, strength=0.45)
    return Picture(textures.grain(image, rng, strength=0.07))
