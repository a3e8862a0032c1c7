"""What to look at first when a check fails: where such a number came from before, and what mends it.

A remedy mends the teacher. Moving the limit is the other way out, for whoever knows why the number is as it
is; the settings that name the limits are in ``models.gate.limits``.
"""

REMEDIES = {
    "ndcg": "Search with the teacher alone and read what it ranks first. A model of another language or "
    "domain, a template that drops the title, or queries without their prompt give such an order.",
    "ndcg_loss": "The miner orders the same passages better: a student gains more from the miner's order. "
    "Look for queries and passages that changed places, or for a distance where a score is expected.",
    "auc": "Near 0.5 the teacher guesses; below it the sign is wrong, as of a distance. Check which output "
    "of the model is read.",
    "auc_loss": "As for ndcg_loss: the miner tells a positive from a negative more often than the teacher.",
    "positives_above": "Many positives score no higher than a negative. If ties fails too, mend that first.",
    "ties": "Look for a cap, a sigmoid or a rounding between the model and the answers: they make different "
    "scores equal.",
    "saturation": "One value comes again and again: an answer that was lost on the way (0, a floor), or a "
    "sigmoid that is full. Take the raw logit.",
    "not_finite": 'NaN or infinity: an overflow in 16 bits, or an empty text. Try precision = "float32".',
    "length_correlation": "The teacher may count words instead of judging them. Compare the passages it "
    "ranks first with those it ranks last. Passages of like length, or another model, help.",
    "truncated": "Raise the teacher's max_tokens as far as its model allows, or cut the collection into "
    "shorter passages.",
    "duplicate_drift": "Equal texts got different scores: dropout is on, or scores of two models are mixed "
    "in one key. Score this teacher anew.",
    "precision_drift": 'Set precision = "float32" for this teacher, or take a model that was trained in '
    "16 bits.",
    "order_drift": "A pair's score depends on the pairs beside it, or the model is not the one that wrote "
    "the key. Check for dropout and padding, and score anew.",
    "agreement": "One of two teachers ranks the other way round. Read a few queries to see which.",
    "new_parameters": "The checkpoint lacks tensors of its own architecture. Name a checkpoint that was "
    "trained as a cross-encoder, or add [teachers.training] to train one here.",
    "untrained_head": "The head is as it was drawn: the model was saved before it was trained. Name the "
    "folder of the trained one, or add [teachers.training] to train one here.",
}
