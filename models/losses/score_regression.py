"""Score regression: a student's score is to be its teacher's, in a unit that is declared.

    L = mean over pairs of ( a · s + b - t )²,    a = std(t) / std(s),   b = mean(t) - a · mean(s)

where s are scores of the student and t of the teacher; a > 0 and b are taken from the first step's pairs and
then stay. Without them a sparse student, whose s is never below 0, could not follow logits below 0; it would
spend its training on the teacher's unit. They are not learned: a factor on t would fall to 0, where every
student is right, and one on s would leave nothing to hold the weights against the FLOPS.
Source: the form with a = 1 and b = 0 is the chapter's "direct regression"; Formal et al. 2021
(https://arxiv.org/abs/2109.10086) use margins, whose unit is a and for which b cancels.
"""

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

# Spreads below this share of a unit are rounding errors.
SMALLEST_SPREAD = 1e-6


def score_regression(
    student: Float[Tensor, "query candidate"],
    teacher: Float[Tensor, "query candidate"],
    slope: float = 1.0,
    offset: float = 0.0,
) -> Float[Tensor, ""]:
    """Mean squared error of calibrated scores; the gradient reaches the student alone.

    Args:
        student: its scores.
        teacher: its scores of the same pairs.
        slope: a, units of the teacher in one of the student.
        offset: b, the teacher's score where the student's is 0.

    >>> score_regression(torch.tensor([[2.0, 0.0]]), torch.tensor([[5.0, -2.0]]), slope=3.0, offset=-1.0)
    tensor(0.5000)
    """
    return nn.functional.mse_loss(slope * student + offset, teacher.detach())


def calibration(
    student: Float[Tensor, "query candidate"], teacher: Float[Tensor, "query candidate"]
) -> tuple[float, float]:
    """Give a and b; a = 1 where either has no spread.

    >>> calibration(torch.tensor([[3.0, 1.0]]), torch.tensor([[-2.0, -6.0]]))
    (2.0, -8.0)
    """
    student, teacher = student.detach().double(), teacher.detach().double()
    spreads = [float(each.std(correction=0)) for each in (teacher, student)]
    slope = spreads[0] / spreads[1] if min(spreads) > SMALLEST_SPREAD else 1.0
    return slope, float(teacher.mean()) - slope * float(student.mean())


class ScoreRegression(nn.Module):
    """The loss over columns of vectors, as the library's ``SpladeLoss`` takes one.

    ``slope`` and ``offset`` are a and b once it has seen a step; with ``calibrate`` off they are 1 and 0.
    """

    def __init__(self, *, calibrate: bool = True) -> None:
        super().__init__()
        self.slope, self.offset = 1.0, 0.0
        self._calibrate = calibrate

    def memory(self) -> dict[str, Tensor]:
        """The calibration, once it is made (``models.resuming``)."""
        if self._calibrate:
            return {}
        return {"calibration": torch.tensor([self.slope, self.offset], dtype=torch.float64)}

    def recall(self, memory: Mapping[str, Tensor]) -> None:
        """Regress as before."""
        if "calibration" in memory:
            self.slope, self.offset = memory["calibration"].tolist()
            self._calibrate = False

    def compute_loss_from_embeddings(self, embeddings: list[Tensor], labels: Tensor) -> Tensor:
        """Regress inner products of queries and passages.

        Args:
            embeddings: of the queries [query, vocab], then those of each place of the lists, likewise.
            labels: the teacher's scores, [query, candidate].
        """
        scores = torch.stack([(embeddings[0] * column).sum(dim=1) for column in embeddings[1:]], dim=1)
        if self._calibrate:
            self.slope, self.offset = calibration(scores, labels)
            self._calibrate = False
        return score_regression(scores, labels, self.slope, self.offset)
