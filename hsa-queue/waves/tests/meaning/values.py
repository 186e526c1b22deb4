"""Runs AMD's pseudo-code of instructions, as PyPI tinygrad 0.14 carries it, beside the engine.

Reads lines `MNEMONIC lane MODE S0 S1 S2 D VCC EXEC SCC MEM` (numbers in hex; MEM are 16 bytes at the address that a memory
instruction computes) and answers each with `D VCC EXEC SCC MEM`, or `?` and why the pseudo-code says nothing.

The text of an instruction is parsed, its expressions are typed, and a Python function is made of it. Floats are Python's own,
rounded after each operation to the type that the text gives; a multiply-add is computed in fractions. Bits of a NaN are not
kept: whoever compares takes any NaN for any other.
"""
import ctypes, math, re, struct, sys
from fractions import Fraction

TOKEN = re.compile(r"""
  (?P<sized>\d+'(?:0x[0-9a-fA-F]+U?|\d+\.\d+|\d+U?|[UIFB](?=\()))|(?P<array>\d+'[UIFB])
 |(?P<float>\d+\.\d+F?)|(?P<int>(?:0x[0-9a-fA-F]+|\d+)(?:ULL|LL|U)?)
 |(?P<name>[A-Za-z_]\w*)|(?P<op>\+:|<>|<<|>>|<=|>=|==|!=|&&|\|\||\*\*|\+=|-=|[-+*/%&|^~!?:;=<>(){}\[\],.])""", re.X)
TYPE = re.compile(r"^([ubif])(\d+)$")
KEYWORDS = {"if", "then", "elsif", "else", "endif", "for", "do", "endfor", "declare", "return", "break"}


class Unknown(Exception):
    """What the text says is not said precisely enough to be run."""


def f32(value):
    return ctypes.c_float(value).value


def f16(value):
    if value != value or math.isinf(value) or value == 0.0:
        return value
    try:
        return struct.unpack("<e", struct.pack("<e", value))[0]
    except OverflowError:
        return math.copysign(math.inf, value)


def flushed(value):
    value = f32(value)
    return math.copysign(0.0, value) if abs(value) < 2.0 ** -126 else value


def round_to(value, width):
    return value if width == 64 else f32(value) if width == 32 else f16(value)


def from_fraction(value, width, rounding=0):
    """The float of a fraction by a rounding mode: 0 the nearest, ties to even, 1 up, 2 down, 3 toward zero."""
    if value == 0:
        return 0.0
    bits, low = {16: (11, -24), 32: (24, -149), 64: (53, -1074)}[width]
    size = abs(value)
    power = size.numerator.bit_length() - size.denominator.bit_length()
    if Fraction(2) ** power > size:
        power -= 1
    unit = max(power - bits + 1, low)
    scaled = size / Fraction(2) ** unit
    whole = scaled.numerator // scaled.denominator
    rest = scaled - whole
    away = {0: rest > Fraction(1, 2) or rest == Fraction(1, 2) and whole & 1, 1: rest and value > 0, 2: rest and value < 0, 3: 0}
    whole += bool(away[rounding])
    try:
        found = math.ldexp(whole, unit)
    except OverflowError:
        found = math.inf
    top = {16: 65504.0, 32: 3.4028234663852886e38, 64: math.inf}[width]
    if found > top or math.isinf(found):
        to_greatest = rounding == 3 or rounding == (2 if value > 0 else 1)
        found = {16: top, 32: top, 64: sys.float_info.max}[width] if to_greatest else math.inf
    return -found if value < 0 else found


# The mode in which lines are computed that ask for one: FP_ROUND and FP_DENORM.
MODE = 0xf0


def rounding(width):
    return MODE & 3 if width == 32 else MODE >> 2 & 3


def flushes(width, result):
    return not MODE >> (4 if width == 32 else 6) & (2 if result else 1)


def taken(value, width):
    """A source as the mode has it."""
    return math.copysign(0.0, value) if flushes(width, False) and is_denormal(value, width) else value


def taken_bits(bits, width):
    denormal = exponent(bits, width) == 0
    return bits & 1 << width - 1 if flushes(width, False) and denormal else bits & (1 << width) - 1


def given(value, width):
    """A result."""
    return math.copysign(0.0, value) if flushes(width, True) and is_denormal(value, width) else value


def narrowed(value, width):
    """A float of another width by the mode."""
    if value != value or math.isinf(value) or value == 0:
        return float(value)
    return from_fraction(Fraction(value), width, rounding(width))


def exactly(a, op, b, width):
    """A sum, difference or product, rounded once by the mode; a denormal is what the mode makes of a result."""
    return given(unflushed(a, op, b, width), width)


def unflushed(a, op, b, width):
    if not (math.isfinite(a) and math.isfinite(b)):
        return {"+": lambda: a + b, "-": lambda: a - b, "*": lambda: a * b, "/": lambda: divide(a, b)}[op]()
    if op == "/":
        return divide(a, b) if not a or not b else from_fraction(Fraction(a) / Fraction(b), width, rounding(width))
    b = -b if op == "-" else b
    value = Fraction(a) * Fraction(b) if op == "*" else Fraction(a) + Fraction(b)
    if value:
        return from_fraction(value, width, rounding(width))
    if op == "*":
        return a * b
    same = math.copysign(1.0, a) == math.copysign(1.0, b) and not a
    return a if same else -0.0 if rounding(width) == 2 else 0.0


def fma(a, b, c, width):
    if all(map(math.isfinite, (a, b, c))):
        exact = Fraction(a) * Fraction(b) + Fraction(c)
        if exact:
            return given(from_fraction(exact, width, rounding(width)), width)
        return exactly(a * b, "+", c, width) if not a or not b else -0.0 if rounding(width) == 2 else 0.0
    if math.isnan(a) or math.isnan(b) or math.isnan(c):
        return math.nan
    if math.isinf(a) or math.isinf(b):
        return a * b + c
    return c


def ldexp(value, power, width):
    if not math.isfinite(value) or value == 0.0:
        return value
    return from_fraction(Fraction(value) * Fraction(2) ** max(-4000, min(4000, power)), width, rounding(width))


def divide(a, b):
    if b == 0.0:
        return math.nan if a == 0.0 or a != a else math.copysign(math.inf, math.copysign(1.0, a) * math.copysign(1.0, b))
    return a / b


def bits_of(value, width):
    if value != value:
        return {16: 0x7e00, 32: 0x7fc00000, 64: 0x7ff8 << 48}[width]
    if width == 64:
        return struct.unpack("<Q", struct.pack("<d", value))[0]
    if width == 32:
        return struct.unpack("<I", struct.pack("<f", f32(value)))[0]
    value = f16(value)
    if math.isinf(value):
        return 0x7c00 if value > 0 else 0xfc00
    return struct.unpack("<H", struct.pack("<e", value))[0]


def float_of(bits, width):
    if width == 64:
        return struct.unpack("<d", struct.pack("<Q", bits & (1 << 64) - 1))[0]
    if width == 32:
        return struct.unpack("<f", struct.pack("<I", bits & 0xffffffff))[0]
    return struct.unpack("<e", struct.pack("<H", bits & 0xffff))[0]


def signed(bits, width):
    bits &= (1 << width) - 1
    return bits - (1 << width) if bits >> (width - 1) else bits


def reverse(bits, width):
    return int(format(bits & (1 << width) - 1, f"0{width}b")[::-1], 2)


def insert(old, value, low, width):
    mask = (1 << width) - 1
    return old & ~(mask << low) | (value & mask) << low


FRACTION = {16: 10, 32: 23, 64: 52}
EXPONENT = {16: 31, 32: 255, 64: 2047}


def exponent(bits, width):
    return bits >> FRACTION[width] & EXPONENT[width]


def is_nan(bits, width, quiet):
    fraction = bits & (1 << FRACTION[width]) - 1
    return exponent(bits, width) == EXPONENT[width] and fraction != 0 and quiet == (fraction >> (FRACTION[width] - 1) & 1)


def is_denormal(value, width):
    return 0.0 < abs(value) < {16: 2.0 ** -14, 32: 2.0 ** -126, 64: 2.0 ** -1022}[width]


def saturated(value, low, high):
    return 0 if value != value else low if value <= low else high if value >= high else int(value)


def normalised(value, low, most):
    return 0 if value != value else round(Fraction(max(low, min(1.0, value))) * most)


def apply(function, value):
    """Of what is not finite the same."""
    return value if not math.isfinite(value) else math.copysign(float(function(value)), value)


def floor(value):
    return value if not math.isfinite(value) else math.copysign(float(math.floor(value)), value if value else value)


def root(value):
    return math.nan if value < 0 else math.sqrt(value)


TABLE = [float_of(bits_of(n / 16, 32), 32) for n in [*range(8), *range(-8, 0)]]
TWO_OVER_PI = None


def two_over_pi():
    """2/pi in 1201 bits, by Machin's formula."""
    global TWO_OVER_PI
    if TWO_OVER_PI is None:
        scale = 1 << 1400

        def arctan(n):
            total, power, k, sign = 0, scale // n, 1, 1
            while power:
                total += sign * (power // k)
                power //= n * n
                k, sign = k + 2, -sign
            return total
        pi = 4 * (4 * arctan(5) - arctan(239))
        TWO_OVER_PI = (2 * scale << 1201) // pi
    return TWO_OVER_PI
