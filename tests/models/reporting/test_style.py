import re

from models.reporting.html import page
from models.reporting.style import CSS


def test_every_colour_is_defined_for_light_and_dark():
    light, dark = CSS.split("prefers-color-scheme: dark", maxsplit=1)
    dark = dark[: dark.index("} }")]
    used = set(re.findall(r"var\(--(\w+)\)", CSS)) - {"share"}
    assert used <= set(re.findall(r"--(\w+):", light))
    assert set(re.findall(r"--(\w+):", light)) == set(re.findall(r"--(\w+):", dark))


def test_every_class_of_the_page_has_a_style(contents):
    text = page(contents)
    used = {name for names in re.findall(r'class="([^"]+)"', text) for name in names.split()}
    # Labels of axes and table cells that need none of their own.
    assert used - set(re.findall(r"\.([a-z][\w-]*)", CSS)) <= {"name", "seed-0"}
