import jaxtyping
import pytest
import torch

from models.losses.lambda_loss import lambda_loss
from models.losses.list_mle import list_mle
from models.losses.list_net import list_net

pytestmark = pytest.mark.parametrize("loss", [lambda_loss, list_mle, list_net])


def test_the_gradient_reaches_the_student_and_not_the_teacher(loss):
    student, teacher = (torch.tensor([each], requires_grad=True) for each in ([1.0, 2.0], [1.0, 0.0]))
    loss(student, teacher).backward()
    assert student.grad[0, 0] < 0 < student.grad[0, 1]
    assert teacher.grad is None


def test_lists_of_other_lengths_are_refused(loss):
    with pytest.raises(jaxtyping.TypeCheckError):
        loss(torch.zeros(1, 3), torch.zeros(1, 2))
