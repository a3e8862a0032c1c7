from dataclasses import replace

import pytest

from data.errors import ConfigError
from models.rank_lists import RankList
from models.student import Need, Shelf, Trained
from models.students.bi_encoder import BiEncoderConfig
from models.students.dgr import DgrConfig

QUERIES = ["where does the rhine rise", "yellow metal", "who wrote fugues"]
# Scores 900, 600, 300, and a teacher that prefers the second.
LIST = RankList(
    "q", "text", 0, (), (), (), (), (), (900.0, 600.0, 300.0), teacher=(1.0, 2.0, 0.0), is_second=False
)


def dgr(**settings):
    return DgrConfig(name="dgr", base="tiny-minder", **settings)


@pytest.fixture
def shelf(tiny_collection, tiny_identifiers):
    return Shelf(tiny_collection["passages"], identifiers=tiny_identifiers)


def test_it_asks_for_a_teacher_unless_it_is_the_control():
    assert dgr().needs == {Need.IDENTIFIERS, Need.ANSWERS, Need.SCORER}
    assert dgr(loss="ltrgr").needs == {Need.IDENTIFIERS}
    assert dgr().finds_with == {Need.IDENTIFIERS}
    assert dgr().builds_on == "tiny-minder"


def test_with_the_bases_weights_it_finds_exactly_what_the_base_finds(tiny_minder, shelf):
    base = tiny_minder.config.load(tiny_minder.folder).retriever(shelf)
    student = dgr().load(tiny_minder.folder).retriever(shelf)
    assert type(student) is type(base)
    assert student._settings == base._settings
    found = [each.search(each.encode(QUERIES), 12) for each in (base, student)]
    assert found[0].rows.tolist() == found[1].rows.tolist()
    assert found[0].scores.tolist() == found[1].scores.tolist()
    assert (student.index_bytes, student.parameters) == (base.index_bytes, base.parameters)


def test_what_it_saves_is_as_the_bases_folder_and_opens_as_one(tiny_minder, tmp_path, shelf):
    dgr().load(tiny_minder.folder).save(tmp_path / "model")
    names = [{path.name for path in folder.iterdir()} for folder in (tmp_path / "model", tiny_minder.folder)]
    assert names[0] == names[1]
    again = tiny_minder.config.load(tmp_path / "model").retriever(shelf)
    first = tiny_minder.config.load(tiny_minder.folder).retriever(shelf)
    found = [each.search(each.encode(QUERIES), 12).scores.tolist() for each in (first, again)]
    assert found[0] == found[1]


def test_margins_are_the_lists_own_unless_they_are_given():
    lists = [LIST]
    # the best and the last of a list: 900 - 300
    ruled = dgr(lists={"length": 3}).terms(lists)
    assert (ruled.base_margin, ruled.gap_margin) == (600, 200)
    # the first two of it: 900 - 600
    assert dgr(lists={"length": 2}).terms(lists).base_margin == 300
    given = dgr(base_margin=30.0).terms(lists)
    assert (given.base_margin, given.gap_margin) == (30, 10)
    assert dgr(base_margin=30.0, gap_margin=0.0).terms(lists).gap_margin == 0


def test_a_loss_that_needs_a_teacher_is_refused_without_one():
    alone = [replace(LIST, teacher=None)]
    with pytest.raises(ConfigError, match="found 'list_net' without a teacher's answers"):
        dgr(loss="list_net").terms(alone)
    assert dgr(loss="ltrgr").terms(alone).loss == "ltrgr"


def test_it_must_have_met_its_base_before_it_finds_anything(shelf):
    with pytest.raises(ConfigError, match="found a student that has not met its base"):
        dgr().build(seed=0).retriever(shelf)


def test_it_cannot_be_searched_without_an_index(tiny_minder, tiny_collection):
    with pytest.raises(ConfigError, match="found no index of identifiers"):
        dgr().load(tiny_minder.folder).retriever(Shelf(tiny_collection["passages"]))


def test_a_base_that_writes_no_identifiers_is_refused(make_lesson, tiny_backbone, tmp_path):
    config = BiEncoderConfig(name="other", backbone=str(tiny_backbone))
    config.build(seed=0).save(tmp_path / "other")
    other = replace(make_lesson(), base=Trained(config, tmp_path / "other"))
    for lesson, found in ((make_lesson(), "found no base"), (other, "which writes no identifiers")):
        with pytest.raises(ConfigError, match=found):
            dgr().build(seed=0).train(lesson)
