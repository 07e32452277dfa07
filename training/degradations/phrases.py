"""The words of the sentences. Templates are clauses without capital and full stop.

Slots: ``{vi}`` and ``{ir}`` name a picture, ``{level}`` is an adjective and ``{adv}`` an adverb for the strength. Every
template names its camera and has one strength word. Adjectives begin with a consonant, so that "a {level}" is right.
"""

from __future__ import annotations

from dataclasses import dataclass

VISIBLE_NAMES = (
    "visible image",
    "visible picture",
    "visible frame",
    "visible channel",
    "visible-light image",
    "colour camera's picture",
    "daylight camera's image",
)
INFRARED_NAMES = (
    "infrared image",
    "infrared picture",
    "infrared frame",
    "infrared channel",
    "thermal image",
    "thermal picture",
    "thermal camera's image",
)

Levels = tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""Words of the same meaning for each of the four levels of strength, weakest first."""

ADVERBS: Levels = (
    ("slightly", "mildly", "a little"),
    ("moderately", "noticeably", "clearly"),
    ("strongly", "heavily", "badly"),
    ("severely", "very heavily", "very badly"),
)
PLAIN: Levels = (
    ("slight", "mild", "light"),
    ("moderate", "noticeable", "medium"),
    ("strong", "heavy", "pronounced"),
    ("severe", "very strong", "very heavy"),
)
VEILS: Levels = (
    ("thin", "light", "faint"),
    ("moderate", "noticeable", "medium"),
    ("thick", "heavy", "strong"),
    ("dense", "very thick", "severe"),
)
COUNTS: Levels = (
    ("few", "just a few", "not many"),
    ("several", "some", "quite a few"),
    ("many", "lots of", "numerous"),
    ("very many", "masses of", "a very large number of"),
)


@dataclass(frozen=True, slots=True)
class Phrases:
    """Adjectives by level, and templates, of one kind of degradation."""

    levels: Levels
    templates: tuple[str, ...]


PHRASES: dict[str, Phrases] = {
    "haze": Phrases(
        VEILS,
        (
            "{level} haze lies over the {vi}",
            "there is {level} haze in the {vi}",
            "the {vi} is {adv} hazy",
            "the {vi} is {adv} washed out by fog",
            "{level} fog takes the contrast from the {vi}",
            "the distance is {adv} lost in haze in the {vi}",
            "the {vi} was taken through {level} mist",
            "a {level} veil of haze covers the {vi}",
            "the {vi} suffers from {level} atmospheric haze",
            "{level} mist makes far things pale in the {vi}",
            "the scene in the {vi} is {adv} dimmed by fog",
            "we see the {vi} through {level} fog",
            "the {vi} looks {adv} foggy",
            "the air is {adv} hazy in the {vi}",
        ),
    ),
    "smoke": Phrases(
        VEILS,
        (
            "{level} smoke hides parts of the {vi}",
            "there is {level} smoke in the {vi}",
            "the {vi} is {adv} obscured by smoke",
            "clouds of {level} smoke drift through the {vi}",
            "{level} plumes of smoke cover parts of the {vi}",
            "the {vi} suffers from {level} smoke",
            "parts of the {vi} are {adv} veiled by smoke",
            "people and things in the {vi} are {adv} hidden behind smoke",
            "{level} smoke drifts between the camera and the scene in the {vi}",
            "a {level} cloud of smoke blocks the view in the {vi}",
            "the {vi} is {adv} smoky",
            "{level} billowing smoke blocks parts of the {vi}",
            "some areas of the {vi} are {adv} covered with smoke",
            "the view in the {vi} is {adv} disturbed by smoke",
        ),
    ),
    "rain": Phrases(
        PLAIN,
        (
            "{level} rain falls in the {vi}",
            "the {vi} shows {level} streaks of rain",
            "there is {level} rain in the {vi}",
            "the {vi} is {adv} streaked by rain",
            "{level} rain streaks cover the {vi}",
            "the {vi} is {adv} disturbed by falling rain",
            "the {vi} was taken in {level} rain",
            "falling drops draw {level} streaks across the {vi}",
            "the {vi} suffers from {level} rain",
            "bright streaks of rain {adv} disturb the {vi}",
            "{level} rain lies over the scene in the {vi}",
            "the {vi} is {adv} covered with rain streaks",
            "it rains, and the streaks are {level} in the {vi}",
        ),
    ),
    "visible_blur": Phrases(
        PLAIN,
        (
            "the {vi} is {adv} blurred",
            "there is {level} blur in the {vi}",
            "the {vi} suffers from {level} blur",
            "the {vi} is {adv} out of focus or shaken",
            "edges in the {vi} are {adv} smeared",
            "{level} blur takes the detail from the {vi}",
            "the {vi} is {adv} unsharp",
            "the {vi} shows {level} motion or defocus blur",
            "fine texture of the {vi} is {adv} blurred away",
            "outlines in the {vi} are {adv} softened by blur",
            "the {vi} has lost sharpness through {level} blur",
            "the sharpness of the {vi} is {adv} reduced",
            "a {level} blur lies over the {vi}",
        ),
    ),
    "over_exposure": Phrases(
        PLAIN,
        (
            "the {vi} is {adv} overexposed",
            "there is {level} overexposure in the {vi}",
            "the {vi} suffers from {level} overexposure",
            "bright areas of the {vi} are {adv} blown out",
            "the highlights of the {vi} are {adv} clipped",
            "too much light has {adv} burnt out the {vi}",
            "the {vi} is too bright, to a {level} degree",
            "the {vi} got too much exposure, with a {level} loss of highlights",
            "{level} glare whitens the {vi}",
            "parts of the {vi} are {adv} saturated to white",
            "{level} overexposure has taken the detail from bright parts of the {vi}",
            "the {vi} shows {level} clipping in its bright parts",
            "the {vi} is {adv} dazzled by light",
        ),
    ),
    "low_light": Phrases(
        PLAIN,
        (
            "the {vi} is {adv} underexposed",
            "there is {level} underexposure in the {vi}",
            "the {vi} suffers from {level} lack of light",
            "the {vi} is too dark, to a {level} degree",
            "darkness {adv} hides the scene in the {vi}",
            "the {vi} was taken in {level} darkness",
            "the scene in the {vi} is {adv} darkened",
            "the {vi} is {adv} dimmed by low light",
            "{level} darkness swallows detail in the {vi}",
            "light is {adv} lacking in the {vi}",
            "the shadows of the {vi} are {adv} crushed by low light",
            "{level} low-light conditions spoil the {vi}",
            "the {vi} got too little light, with a {level} loss of shadows",
        ),
    ),
    "visible_noise": Phrases(
        PLAIN,
        (
            "the {vi} is {adv} noisy",
            "there is {level} noise in the {vi}",
            "the {vi} suffers from {level} noise",
            "{level} sensor noise covers the {vi}",
            "the {vi} is {adv} grainy",
            "grain {adv} disturbs the {vi}",
            "fine detail of the {vi} is {adv} buried in noise",
            "the {vi} shows {level} random noise",
            "smooth areas of the {vi} are {adv} speckled with noise",
            "{level} grain spoils the {vi}",
            "the {vi} is {adv} corrupted by random noise",
            "the quality of the {vi} is {adv} reduced by noise",
            "a {level} grain lies over the {vi}",
        ),
    ),
    "infrared_blur": Phrases(
        PLAIN,
        (
            "the {ir} is {adv} blurred",
            "there is {level} blur in the {ir}",
            "the {ir} suffers from {level} blur",
            "the {ir} is {adv} out of focus",
            "warm outlines in the {ir} are {adv} smeared",
            "{level} blur takes the detail from the {ir}",
            "the {ir} is {adv} unsharp",
            "the {ir} shows {level} defocus or thermal lag",
            "warm bodies in the {ir} are {adv} softened by blur",
            "edges in the {ir} are {adv} washed out by blur",
            "the {ir} has lost sharpness through {level} blur",
            "the sharpness of the {ir} is {adv} reduced",
            "a {level} blur lies over the {ir}",
        ),
    ),
    "low_contrast": Phrases(
        PLAIN,
        (
            "the contrast of the {ir} is {adv} reduced",
            "the {ir} suffers from a {level} loss of contrast",
            "the {ir} shows a {level} lack of contrast",
            "the {ir} is {adv} flat",
            "there is a {level} loss of contrast in the {ir}",
            "the difference between warm and cold is {adv} reduced in the {ir}",
            "the grey levels of the {ir} are {adv} compressed",
            "the {ir} is {adv} lacking in contrast",
            "warm bodies {adv} fade into the background of the {ir}",
            "a {level} loss of contrast makes the {ir} dull",
            "the {ir} looks {adv} dulled",
            "{level} compression of the grey levels spoils the {ir}",
            "the range of the {ir} is {adv} narrowed",
        ),
    ),
    "infrared_noise": Phrases(
        PLAIN,
        (
            "the {ir} is {adv} noisy",
            "there is {level} noise in the {ir}",
            "the {ir} suffers from {level} random noise",
            "{level} sensor noise covers the {ir}",
            "the {ir} is {adv} grainy",
            "grain {adv} disturbs the {ir}",
            "faint warmth in the {ir} is {adv} buried in noise",
            "the {ir} shows {level} random noise",
            "smooth areas of the {ir} are {adv} speckled with noise",
            "{level} grain spoils the {ir}",
            "the {ir} is {adv} corrupted by random noise",
            "the quality of the {ir} is {adv} reduced by noise",
            "a {level} grain lies over the {ir}",
        ),
    ),
    "stripes": Phrases(
        PLAIN,
        (
            "the {ir} is {adv} striped",
            "there are {level} stripes in the {ir}",
            "the {ir} suffers from {level} stripe noise",
            "{level} stripes run through the {ir}",
            "the {ir} shows {level} fixed-pattern noise",
            "lines {adv} disturb the {ir}",
            "columns and rows of the {ir} are {adv} uneven",
            "the {ir} is {adv} disturbed by a striped fixed pattern",
            "{level} column noise spoils the {ir}",
            "the detector's lines {adv} show through in the {ir}",
            "a {level} pattern of stripes lies over the {ir}",
            "the {ir} is {adv} covered with stripes",
            "{level} non-uniformity leaves stripes in the {ir}",
        ),
    ),
    "dead_pixels": Phrases(
        COUNTS,
        (
            "there are {level} dead pixels in the {ir}",
            "{level} pixels of the {ir} are dead",
            "the {ir} is {adv} disturbed by dead pixels",
            "the {ir} is {adv} dotted with hot and cold pixels",
            "{level} hot and cold pixels dot the {ir}",
            "the {ir} suffers {adv} from dead pixels",
            "{level} isolated pixels of the {ir} are stuck",
            "the {ir} is {adv} spoilt by defective pixels",
            "{level} detector elements are dead in the {ir}",
            "bright and dark dots {adv} disturb the {ir}",
            "{level} white and black dots lie on the {ir}",
            "{level} stuck pixels spoil the {ir}",
            "the {ir} is {adv} peppered with dead pixels",
        ),
    ),
}

CLEAN = (
    "the {vi} and the {ir} are both clean",
    "there is no degradation in the {vi} or the {ir}",
    "both the {ir} and the {vi} are of good quality",
    "nothing is wrong with the {vi} or the {ir}",
    "neither the {ir} nor the {vi} is degraded",
    "the {vi} is clear, and so is the {ir}",
    "the {ir} is clear, and the {vi} is too",
    "no disturbance can be seen in the {ir} or the {vi}",
    "the {vi} and the {ir} need no restoration",
    "both pictures are undisturbed: the {ir} and the {vi} can be used as they are",
    "the {ir} and the {vi} are free of faults",
    "the {vi} is undisturbed, and the {ir} is free of faults too",
    "both cameras work well: the {vi} and the {ir} are in order",
    "the pair is clean, the {ir} as well as the {vi}",
)

JOINS = (
    "{a}, and {b}",
    "{a}; {b}",
    "{a}, while {b}",
    "{a}; besides, {b}",
    "{a}; at the same time, {b}",
    "{a}, and in addition, {b}",
)

PAIR_JOINS = ("there are two problems: {a}, and {b}", "two things are wrong: {a}, and {b}")
"""For exactly two degradations."""

OTHER_CLEAN = (
    "{a}; the {other} is clean",
    "{a}, while the {other} is clear",
    "{a}; nothing is wrong with the {other}",
    "{a}, but the {other} is of good quality",
    "the {other} is fine, but {a}",
)
