from data.upkeep.addresses import Address, addresses, in_use, lock_of


def test_only_what_looks_like_an_artifact_is_one(store, publish):
    ref = publish(store, 1)
    key = "0" * 20
    for other in (
        f"scores/{key}",
        f"runs/{key}",
        f".drafts/{key}",
        "work/mine",
        f"work/{key}0",
        "work/" + "g" * 20,
    ):
        (store.root / other).mkdir(parents=True)
    (store.root / "work" / ("1" * 20)).write_text("a file")
    (store.root / "work" / ("2" * 20)).symlink_to(store.folder(ref.stage, ref.key))
    assert addresses(store) == [Address("work", ref.key)]
    assert str(addresses(store)[0]) == str(ref)


def test_a_store_that_is_not_there_holds_nothing(store):
    assert addresses(store) == []


def test_the_lock_of_an_address_is_the_one_its_maker_holds(store):
    with store.lock("work", "0" * 20):
        assert [*(store.root / ".locks").iterdir()] == [lock_of(store, Address("work", "0" * 20))]
    assert in_use(store).parent == store.root / ".locks"
