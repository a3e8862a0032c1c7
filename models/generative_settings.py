"""Settings of students that write identifiers: how they search, and how many identifiers they learn."""

from pydantic import Field, NegativeFloat, NonNegativeFloat, NonNegativeInt, PositiveInt

from models.settings import Settings, runtime


class GenerativeSettings(Settings):
    """How passages are found by what a model writes; MINDER's values, but that it has no ``length_norm``."""

    beams: PositiveInt = Field(default=15, description="Hypotheses kept in each view; MINDER's 15.")
    own_words: NonNegativeInt = Field(
        default=3, description="Words of the longest n-gram of the query itself that is a key; 0: none is."
    )
    single_tokens: NonNegativeInt = Field(
        default=5000, description="The likeliest first tokens of a body, counted where no other key lies."
    )
    query_offset: NonNegativeFloat = Field(
        default=14.0, description="Added to log p of a written pseudo-query; MINDER's, for 2.7·10⁹ tokens."
    )
    query_ceiling: NegativeFloat = Field(default=-1.0, description="Which log p does not exceed thereby.")
    repetition: float = Field(
        default=0.8, ge=0, le=1, description="Share of a key's weight that is lost where its tokens counted."
    )
    length_norm: float = Field(
        default=0.5,
        ge=0,
        le=1,
        description="b of BM25; 0.5 was best on dev of nq-mini. MINDER has passages of one length, and no b.",
    )
    frequent: PositiveInt = Field(
        default=1500, description="A key with more places helps to rank passages, not to find them."
    )
    too_frequent: PositiveInt = Field(default=10_000_000, description="A key with more places is dropped.")
    ranked: PositiveInt = Field(
        default=1500, description="Passages that are scored with all keys, of those that rare ones found."
    )
    batch_queries: PositiveInt = runtime(64, "Queries for which keys are written at once.")


class RowSettings(Settings):
    """How many identifiers of each view there are to learn, for a query with its answer and for a passage."""

    title: NonNegativeInt = Field(default=3, description="Rows of a query and its title; MINDER's 3.")
    body: NonNegativeInt = Field(default=10, description="Of a query and n-grams; MINDER's 10.")
    query: NonNegativeInt = Field(default=5, description="Of a query and pseudo-queries; MINDER's 5.")
    passage_title: NonNegativeInt = Field(default=1, description="Rows of a passage and its title.")
    passage_body: NonNegativeInt = Field(default=3, description="Of a passage and its n-grams.")
    passage_query: NonNegativeInt = Field(default=2, description="Of a passage and its pseudo-queries.")
