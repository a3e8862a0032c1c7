"""Names of the parts of an artifact that more stages than the one that makes them know."""

# What train_teacher or train_student made: weights and all that opens them.
MODEL = "model"
# The weights of an ensemble that blend_answers fitted, if it did.
FITTED = "weights.json"
# The tree that cluster_passages walked (``models.clustering.cluster_tree``).
CENTROIDS = "centroids"
# The index of what passages may be called by (``models.identifiers``).
IDENTIFIERS = "identifiers"
