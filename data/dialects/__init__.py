from data.dialect import Dialect
from data.dialects.beir import Beir
from data.dialects.colbert import Colbert
from data.dialects.flag_embedding import FlagEmbedding
from data.dialects.tevatron import Tevatron
from data.dialects.tevatron_ids import TevatronIds
from data.dialects.trec_run import TrecRun
from data.dialects.trio import Trio
from data.dialects.tuples import Tuples
from data.dialects.vienna import Vienna

ALL: tuple[Dialect, ...] = (
    Trio(),
    Tuples(),
    Tevatron(),
    TevatronIds(),
    FlagEmbedding(),
    Colbert(),
    Vienna(),
    TrecRun(),
    Beir(),
)
DIALECTS: dict[str, Dialect] = {dialect.name: dialect for dialect in ALL}
