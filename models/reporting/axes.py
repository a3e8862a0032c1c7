"""Axes: from values to pixels, with ticks at round numbers."""

import math
from dataclasses import dataclass

STEPS = (1, 2, 5, 10)


@dataclass(frozen=True)
class Axis:
    """Maps low…high to start…end, evenly or by the logarithm."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, value: float) -> float:
        """Pixel of a value, to a tenth, so that equal input is equal text.

        >>> Axis(0.0, 10.0, 100.0, 200.0)(2.5), Axis(1.0, 100.0, 0.0, 50.0, log=True)(10.0)
        (125.0, 25.0)
        """
        low, high, at = (math.log(each) if self.log else each for each in (self.low, self.high, value))
        return round(self.start + (at - low) / (high - low) * (self.end - self.start), 1)

    def ticks(self, most: int = 6) -> list[float]:
        """Round numbers within the range: 1, 2 or 5 times powers of ten.

        >>> Axis(0.0, 1.0, 0.0, 9.0).ticks(), Axis(3.0, 150.0, 0.0, 9.0, log=True).ticks()
        ([0.0, 0.2, 0.4, 0.6, 0.8, 1.0], [5.0, 10.0, 20.0, 50.0, 100.0])
        """
        if self.log:
            powers = range(math.floor(math.log10(self.low)), math.ceil(math.log10(self.high)) + 1)
            found = [float(f"{digit}e{power}") for power in powers for digit in STEPS[:3]]
            inside = [each for each in found if self.low <= each <= self.high]
            return inside if len(inside) <= most else [each for each in inside if f"{each:e}"[0] == "1"]
        unit = 10.0 ** math.floor(math.log10((self.high - self.low) / most))
        step = next(unit * each for each in STEPS if (self.high - self.low) / (unit * each) <= most)
        places = max(0, -math.floor(math.log10(step)))
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        return [round(each * step, places) for each in range(first, last + 1)]


def around(values: list[float], start: float, end: float, *, log: bool = False) -> Axis:
    """An axis that holds all values with some air at both ends."""
    low, high = min(values), max(values)
    if log:
        return Axis(low / 1.8, high * 1.8, start, end, log=True)
    air = (high - low) * 0.08 or max(abs(high), 1.0) * 0.08
    return Axis(low - air, high + air, start, end)
