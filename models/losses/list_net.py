"""ListNet: the probability that a passage is the best is to be the teacher's.

    L = -1/Q · Σ_q Σ_i softmax(t_q)_i · log softmax(s_q)_i

where s are the student's scores of a list and t the teacher's, on scales where a gap of 1 means something:
scores of 10² and more make a softmax that is sure of one passage, and a gradient that is 0. See
``normalised``. It is the KL divergence (``sentence_kl`` at temperature 1) plus the entropy of the teacher's
side, which nobody can change: both have one gradient.

Source: Cao et al. 2007, https://www.microsoft.com/en-us/research/publication/learning-to-rank-from-pairwise-
approach-to-listwise-approach/, with probabilities of the first place; allegro/allRank (listNet) and
sentence-transformers (ListNetLoss) have it. Differs from allRank: log softmax, where it adds 1e-10 under the
logarithm.
"""

from jaxtyping import Float
from torch import Tensor


def list_net(
    student: Float[Tensor, "query candidate"], teacher: Float[Tensor, "query candidate"]
) -> Float[Tensor, ""]:
    """Mean cross entropy between the teacher's and the student's probabilities of the first place.

    It is least, the teacher's own entropy, where both are equal, and does not change when a constant is
    added to all scores of a list. The gradient reaches the student alone.

    >>> import torch
    >>> list_net(torch.tensor([[0.0, 0.0]]), torch.tensor([[1.0986123, 0.0]]))
    tensor(0.6931)
    """
    told = teacher.detach().softmax(dim=1)
    return -(told * student.log_softmax(dim=1)).sum(dim=1).mean()
