from data.manifests import Recipe

RECIPE = Recipe(stage="s", config={"depth": 1}, inputs={"a": {"t": "1"}}, code={"m": "1"})


def test_everything_in_a_recipe_changes_its_key():
    keys = {RECIPE.key} | {
        RECIPE.model_copy(update=change).key
        for change in (
            {"stage": "t"},
            {"config": {"depth": 2}},
            {"inputs": {"a": {"t": "2"}}},
            {"code": {"m": "2"}},
            {"schema_version": 2},
        )
    }
    assert len(keys) == 6


def test_the_key_is_the_same_on_every_machine():
    # sha256 of the canonical JSON of the recipe above, first 20 digits.
    again = Recipe.model_validate_json(RECIPE.model_dump_json())
    assert again.key == RECIPE.key == "7e522a9ec4c88b3370c4"
