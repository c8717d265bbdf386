"""How well a share is known after so many trials."""

import math
from typing import Final

Z_95: Final = 1.959963984540054  # two-sided, 95 %


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """The 95 % interval of a share by Wilson's score, from 0 to 1; with no trial, all of it.

    Source: Wilson, JASA 22 (1927), 209-212.
    """
    if not 0 <= hits <= trials:
        raise ValueError(f"{hits} hits in {trials} trials")
    if not trials:
        return 0.0, 1.0
    share = hits / trials
    spread = Z_95 * Z_95 / trials
    middle = (share + spread / 2) / (1 + spread)
    half = Z_95 * math.sqrt(share * (1 - share) / trials + spread / (4 * trials)) / (1 + spread)
    # At the ends the formula gives the end itself, but for the last bit.
    return (middle - half if hits else 0.0), (middle + half if hits < trials else 1.0)


def rule_of_three(trials: int) -> float:
    """After so many trials without a failure, the share of failures is at most this with 95 % confidence.

    Source: Hanley and Lippman-Hand, JAMA 249 (1983), 1743-1745.
    """
    return min(1.0, 3 / trials) if trials else 1.0


def mean_interval(values: list[float]) -> tuple[float, float]:
    """Mean and the half width of its 95 % interval, by Student's t for few values; infinite for one."""
    count = len(values)
    mean = math.fsum(values) / count
    if count < 2:
        return mean, math.inf
    variance = math.fsum((value - mean) ** 2 for value in values) / (count - 1)
    return mean, _t_95(count - 1) * math.sqrt(variance / count)


_T_95: Final = (
    *(12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228),
    *(2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086),
    *(2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042),
)


def _t_95(freedom: int) -> float:
    """Student's t, two-sided 95 %; past thirty degrees of freedom, by the first terms of its expansion."""
    if freedom <= len(_T_95):
        return _T_95[freedom - 1]
    return Z_95 + (Z_95**3 + Z_95) / (4 * freedom)
