import pytest
import torch


@pytest.fixture(scope="session")
def cross_encoders(tiny_backbone, tmp_path_factory):
    """Two folders that say the same of themselves: one holds a head, of the other's file it is left out."""
    from transformers import AutoTokenizer, BertConfig, BertForSequenceClassification

    torch.manual_seed(0)
    model = BertForSequenceClassification(BertConfig.from_pretrained(tiny_backbone, num_labels=1))
    folders = {name: tmp_path_factory.mktemp(name) for name in ("whole", "headless")}
    for folder in folders.values():
        model.save_pretrained(folder)
        AutoTokenizer.from_pretrained(tiny_backbone).save_pretrained(folder)
    body = {name: tensor for name, tensor in model.state_dict().items() if not name.startswith("classifier")}
    model.save_pretrained(folders["headless"], state_dict=body)
    return folders
