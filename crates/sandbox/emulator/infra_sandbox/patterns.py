"""The regular expressions of AWS's service models, which are Java's, as Python's.

A pattern has to match the whole value; `\\w`, `\\d` and `\\s` are ASCII's, and `\\p{L}` and its kind are Unicode's
general categories. https://docs.oracle.com/en/java/javase/21/docs/api/java.base/java/util/regex/Pattern.html
"""

import functools
import itertools
import re
import sys
import unicodedata
import warnings

# Beyond these planes Unicode has nothing but tags, variation selectors and private use.
LAST_LETTER = 0x33FFF
# Java's names of classes that are no general category.
POSIX = {
    "Lower": "a-z",
    "Upper": "A-Z",
    "ASCII": r"\x00-\x7f",
    "Alpha": "a-zA-Z",
    "Digit": "0-9",
    "Alnum": "a-zA-Z0-9",
    "Punct": r"!-/:-@\[-`{-~",
    "Graph": "!-~",
    "Print": r"\x20-~",
    "Blank": r" \t",
    "Cntrl": r"\x00-\x1f\x7f",
    "XDigit": "0-9a-fA-F",
    "Space": r" \t\n\x0b\f\r",
    "all": r"\x00-\U0010ffff",
    "IsAlphabetic": "L,Nl",
    "IsWhitespace": "Z",
    "LD": "L,Nd",
}
# A pair of surrogates is one character, which Java's patterns write in two halves.
ASTRAL = re.compile(r"\\uD800\\uDC00-\\uDBFF\\uDFFF", re.IGNORECASE)
HEXADECIMAL = re.compile(r"x\{([0-9A-Fa-f]+)\}")
PROPERTY = re.compile(r"([pP])(?:\{\^?(\w+)\}|(\w))")
FLAGS = re.compile(r"\(\?([si]+)\)")


class Untranslatable(Exception):
    """The pattern has something that Python's cannot say."""


@functools.cache
def compiled(pattern: str) -> re.Pattern[str] | None:
    """The pattern for `fullmatch`, or None when it cannot be translated."""
    with warnings.catch_warnings():
        # What Python may read as an operation on sets one day, it reads as it stands today.
        warnings.simplefilter("ignore", FutureWarning)
        try:
            return re.compile(translated(pattern), re.ASCII)
        except (Untranslatable, re.error):
            return None


def translated(pattern: str) -> str:
    """The pattern in Python's words; raises `Untranslatable`."""
    flags = "".join(sorted(set("".join(FLAGS.findall(pattern)))))
    text = ASTRAL.sub(r"\\U00010000-\\U0010ffff", FLAGS.sub("", pattern)).replace("(?<", "(?P<")
    text = text.replace("(?P<=", "(?<=").replace("(?P<!", "(?<!")
    return (f"(?{flags})" if flags else "") + _Translation(text).run()


class _Translation:
    """One pass over a pattern."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.place = 0
        self.made: list[str] = []
        self.in_class = False
        # Whether what stands before, in a class, is a class itself: a hyphen after it is a hyphen.
        self.after_class = False

    def run(self) -> str:
        while self.place < len(self.text):
            character = self.text[self.place]
            if character == "\\":
                self.escape()
                continue
            if self.in_class:
                self.in_the_class(character)
            elif character == "[":
                self.open_class()
            else:
                self.take(character)
        return "".join(self.made)

    def take(self, text: str, length: int = 1) -> None:
        self.made.append(text)
        self.place += length
        self.after_class = False

    def open_class(self) -> None:
        self.in_class = True
        opening = re.match(r"\[\^?\]?", self.text[self.place :])
        found = opening.group() if opening else "["
        self.take(found.replace("]", r"\]"), len(found))

    def in_the_class(self, character: str) -> None:
        if self.text.startswith("&&", self.place):
            raise Untranslatable("an intersection of classes")
        if character == "]":
            self.in_class = False
            self.take("]")
        elif character == "[" or (character == "-" and self.after_class):
            self.take("\\" + character)
        else:
            self.take(character)

    def escape(self) -> None:
        rest = self.text[self.place + 1 :]
        if found := PROPERTY.match(rest):
            inside = of_property(found[2] or found[3], found[1] == "P")
            self.take(inside if self.in_class else f"[{inside}]", 1 + found.end())
            self.after_class = self.in_class
        elif found := HEXADECIMAL.match(rest):
            self.take(f"\\U{int(found[1], 16):08x}", 1 + found.end())
        elif rest[:1] in ("z", "Z"):
            self.take(r"\Z", 2)
        elif rest[:1] == "h":
            self.take(r" \t\xa0" if self.in_class else r"[ \t\xa0]", 2)
        elif rest[:1] in "wdsWDS":
            self.take("\\" + rest[:1], 2)
            self.after_class = self.in_class
        elif rest[:1].isalpha() and rest[:1] not in "abfnrtuvxABU":
            self.take(rest[:1], 2)
        else:
            self.take("\\" + rest[:1], 2)


def of_property(name: str, is_negated: bool) -> str:
    """The inside of a class for `\\p{name}`; raises `Untranslatable`."""
    listed = POSIX.get(name)
    if listed is not None and not re.fullmatch(r"\w\w?(,\w\w)*", listed):
        if is_negated:
            raise Untranslatable(f"not {name}")
        return listed
    names = (listed or name).split(",")
    if any(not re.fullmatch(r"[LMNPSZC][a-z]?", each) for each in names):
        raise Untranslatable(name)
    return ranges(tuple(names), is_negated)


@functools.cache
def ranges(names: tuple[str, ...], is_negated: bool) -> str:
    """All characters of the categories, or all others, as ranges."""

    made = []
    for is_wanted, run in itertools.groupby(_runs(), lambda each: each[2].startswith(names) is not is_negated):
        if is_wanted:
            together = list(run)
            made.append(f"{_escaped(together[0][0])}-{_escaped(together[-1][1])}")
    if "Co".startswith(names) is not is_negated:
        made.append(f"{_escaped(LAST_LETTER + 1)}-{_escaped(sys.maxunicode)}")
    if not made:
        raise Untranslatable(", ".join(names))
    return "".join(made)


@functools.cache
def _runs() -> list[tuple[int, int, str]]:
    """Characters that follow each other and have one category: first, last, category."""
    found, first = [], 0
    for name, run in itertools.groupby(map(unicodedata.category, map(chr, range(LAST_LETTER + 1)))):
        behind = first + sum(1 for _ in run)
        found.append((first, behind - 1, name))
        first = behind
    return found


def _escaped(code: int) -> str:
    return f"\\U{code:08x}"
