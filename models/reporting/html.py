"""The report as one HTML file that opens anywhere: style and pictures inside, no script, nothing fetched."""

from models.metrics import RETENTION
from models.reporting import figures, findings, wording
from models.reporting.contents import Contents
from models.reporting.decision_rows import count_rows
from models.reporting.leaderboard import Leaderboard
from models.reporting.rows import cost_rows, gate_rows, health_rows, own_rows, provenance_rows, signal_rows
from models.reporting.style import CSS

TEMPLATE = """\
{% macro table(rows, kind="") -%}
<div class="wide"><table class="{{ kind }}"><thead><tr>
{%- for cell in rows[0] %}<th>{{ cell }}</th>{% endfor %}</tr></thead><tbody>
{% for row in rows[1:] %}<tr>{% for cell in row %}<td>{{ cell }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></div>
{%- endmacro -%}
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ it.title }}</title>
<style>{{ css | safe }}</style>
</head>
<body>
<header>
<h1>{{ it.title }}</h1>
<p class="lead">{{ finding }}</p>
{% if cards %}<div class="cards">{% for value, name in cards %}
<div class="card"><b>{{ value }}</b><span>{{ name }}</span></div>{% endfor %}
</div>{% endif %}
<nav><a href="#leaderboard">Leaderboard</a><a href="#latency">Quality and latency</a>
<a href="#significance">Significance</a><a href="#answers">Answer key</a><a href="#gate">Teacher gate</a>
<a href="#decisions">Negatives</a><a href="#training">Training</a>
<a href="#signals">Signals</a><a href="#clusters">Clusters</a><a href="#stages">Stages</a>
<a href="#methods">Methods</a><a href="#provenance">Provenance</a></nav>
</header>

<h2 id="leaderboard">Leaderboard</h2>
<div class="wide"><table class="words"><thead><tr><th>system</th><th>role</th><th>seeds</th>
{%- for measure in board.measures %}<th>{{ measure }}</th>{% endfor %}</tr></thead><tbody>
{% for line in board.lines %}<tr><td><i class="swatch {{ "control" if line.is_control else line.role }}"></i>
{{- line.name }}</td><td>{{ line.part }}</td><td>{{ line.seeds }}</td>

<td class="main" style="--share:{{ "%.1f" | format(100 * line.values[board.main].mean) }}%">
{{- line.cell(board.main) }}</td>
{%- for measure in board.measures[1:] %}<td>{{ line.cell(measure) }}</td>{% endfor %}</tr>
{% endfor %}</tbody></table></div>
<p class="note">{{ legend }}</p>
{% for remark in board.remarks %}<p class="note">Left out: {{ remark }}</p>
{% endfor %}{{ table(costs) }}

<h2 id="latency">Quality and latency</h2>
{% if latency %}<figure>
<figcaption>{{ board.main }} <span>against the time one query takes</span></figcaption>
{{ latency }}</figure>{% else %}<p>No system was timed.</p>{% endif %}

<h2 id="significance">Significance of {{ board.main }}</h2>
{% if board.comparisons %}<div class="wide"><table><thead><tr><th>against {{ board.control }}</th>
<th>difference</th><th>p</th><th>p, Holm</th><th>queries better / equal / worse</th></tr></thead><tbody>
{% for row in board.comparisons %}<tr><td>{{ row.system }}</td><td>{{ signed(row.difference) }}</td>
<td>{{ p_value(row.p_value) }}</td><td>{{ p_value(row.p_holm) }}{{ mark(row.p_holm) }}</td>
<td><span class="balance"><u style="width:{{ share(row.wins) }}%"></u>
<s style="width:{{ share(row.losses) }}%"></s></span>
{{- row.wins }} / {{ row.ties }} / {{ row.losses }}</td></tr>
{% endfor %}</tbody></table></div>
{% else %}<p>There is nothing to compare {{ board.control }} with.</p>{% endif %}
{% if own | length > 1 %}<p class="note">Students against the control that their settings name; Holm's
correction over these pairs.</p>{{ table(own, "words") }}{% endif %}

<h2 id="answers">Answer key</h2>
<p class="note">Share of the scored pairs by raw teacher score:
<b class="positive-ink">positives</b> and <b class="negative-ink">negatives</b>.</p>
<div class="grid-of">{% for scores, drawn in histograms %}
<figure><figcaption>{{ scores.teacher }} <span>a positive outscores a negative in
{{ "%.1f" | format(100 * scores.separation) }} % of pairs; medians {{ "%.2f" | format(scores.medians[0]) }}
and {{ "%.2f" | format(scores.medians[1]) }}</span></figcaption>{{ drawn }}</figure>{% endfor %}
</div>

<h2 id="gate">Teacher gate</h2>
{% if gate | length > 1 %}{{ table(gate, "words") }}{% else %}<p>No teacher was checked.</p>{% endif %}

<h2 id="decisions">Decisions on negatives</h2>
{% if audits %}<p class="note">Mined passages that are no negatives of their query: left out (drop), or one
more answer to learn from (relabel). Shown is a sample drawn by hash; all are in the table decisions.</p>
{% for found, counts in audits %}<h3>By {{ found.teacher }}</h3>
{% if found.counts %}{{ table(counts, "words") }}
<div class="grid-of">{% for example in found.examples %}
<figure><h3>{{ example.heading }}</h3><dl>
{%- for name, value in example.told().items() %}<dt>{{ name }}</dt><dd>{{ value }}</dd>{% endfor -%}
</dl></figure>{% endfor %}
</div>{% else %}<p>No decision.</p>{% endif %}
{% endfor %}{% else %}<p>No decision was made.</p>{% endif %}

<h2 id="training">Training</h2>
{% if curves %}<p class="note">One line per seed. Each panel has its own scale: losses of different kinds
do not compare.</p><div class="grid-of">{% for panel, drawn in curves %}
<figure><figcaption>{{ panel.student }} <span>{{ panel.measure }}</span></figcaption>
{{ drawn }}</figure>{% endfor %}
</div>{% else %}<p>No student was trained.</p>{% endif %}

<h2 id="signals">Signs of a training gone wrong</h2>
{% if signals | length > 1 %}{{ table(signals, "words") }}{% else %}<p>None was measured.</p>{% endif %}

<h2 id="clusters">Cluster health</h2>
{% if health | length > 1 %}{{ table(health) }}{% else %}<p>Nothing was clustered.</p>{% endif %}

<h2 id="stages">What the stages noted</h2>
<div class="grid-of">{% for heading, facts in it.facts.items() %}
<figure><h3>{{ heading }}</h3><dl>
{%- for name, value in facts.items() %}<dt>{{ spoken(name) }}</dt><dd>{{ fact(value) }}</dd>{% endfor -%}
</dl></figure>{% endfor %}
</div>

<h2 id="methods">How each number was made</h2>
<div class="wide"><table class="words"><tbody>{% for name, text in methods.items() %}
<tr><th>{{ name }}</th><td style="white-space:normal">{{ text }}</td></tr>{% endfor %}
</tbody></table></div>

<h2 id="provenance">What was reused and what ran</h2>
{% if provenance | length > 1 %}<div class="wide"><table class="words"><thead><tr>
{%- for cell in provenance[0] %}<th>{{ cell }}</th>{% endfor %}</tr></thead><tbody>
{% for stage, of, status, seconds, key in provenance[1:] %}<tr><td>{{ stage }}</td><td>{{ of }}</td>
<td class="{{ status }}">{{ status }}</td><td>{{ seconds }}</td><td class="key">{{ key }}</td></tr>
{% endfor %}</tbody></table></div>{% else %}<p>Not recorded.</p>{% endif %}
</body>
</html>
"""


def page(contents: Contents) -> str:
    """Render the report. Equal contents are equal bytes."""
    from jinja2 import Environment, StrictUndefined

    board = contents.board
    environment = Environment(autoescape=True, undefined=StrictUndefined, keep_trailing_newline=True)
    return environment.from_string(TEMPLATE).render(
        it=contents,
        board=board,
        css=CSS,
        finding=findings.finding(board),
        legend=findings.legend(board),
        methods=findings.methods(board),
        cards=_cards(board),
        costs=cost_rows(board),
        own=own_rows(board),
        latency=figures.quality_by_latency(board.lines, board.main),
        histograms=[(each, figures.histogram(each)) for each in contents.distributions],
        audits=[(each, count_rows(each)) for each in contents.audits],
        curves=[(panel, figures.curve(panel)) for panel in contents.panels],
        gate=gate_rows(contents),
        signals=signal_rows(contents),
        health=health_rows(contents),
        provenance=provenance_rows(contents),
        share=lambda count: round(100 * count / board.queries, 1),
        **{each.__name__: each for each in (wording.signed, wording.p_value, wording.mark, wording.spoken)},
        fact=wording.fact,
    )


def _cards(board: Leaderboard) -> list[tuple[object, str]]:
    best = board.best_student()
    if best is None:
        return []
    cards: list[tuple[object, str]] = [(best.values[board.main], f"{board.main} of {best.name}")]
    row = board.compared(best.name)
    if row:
        cards.append((wording.signed(row["difference"]), f"against {board.control}"))
    if RETENTION in best.values:
        cards.append((f"{100 * best.values[RETENTION].mean:.1f} %", "of its teacher on the same passages"))
    if (latency := best.latency_ms()) is not None:
        cards.append((f"{wording.quantity(latency)} ms", "per query, encoding and searching"))
    return cards
