import json
import re

import pytest

from tests.report.page_reader import Reader
from tfapp.report.markup import Cell, Section, json_script, plot, result_box, sentence_list, table
from tfapp.report.page import shell

HOSTILE = "</script><b>&"


@pytest.fixture
def text():
    sections = [Section("one", "One", "First <section>", "<p>body</p>"), Section("two", "Two", "Second", "")]
    extra = {"style": ".mine { color: red; }", "script": "// mine"}
    return shell("A <title>", "Lead & more.", sections, "// library", "No scripts.", **extra)


def test_a_page_has_title_lead_contents_sections_and_footer_in_this_order(text):
    words = re.sub(r"\s+", " ", Reader(text).words)
    order = [
        "A <title>",
        "Lead & more.",
        "No scripts.",
        "OneTwo",
        "First <section>",
        "Second",
        "Written by tfapp",
    ]
    places = [words.index(part, words.index("Lead")) for part in order[1:]]
    assert places == sorted(places) and words.count("A <title>") == 2


def test_contents_link_to_the_sections(text):
    page = Reader(text)
    assert [link for link in page.values("href") if link.startswith("#")] == ["#one", "#two"]
    assert {"one", "two"} <= set(page.values("id")) and page.open == []


def test_library_comes_before_the_common_script_and_the_page_s_own_last(text):
    library, common, own = Reader(text).scripts
    assert library == "// library" and own == "// mine" and "showSendToCloud: false" in common


def test_the_page_s_own_rules_follow_the_common_ones(text):
    assert re.search(r"<style>.*:root.*\.mine \{ color: red; \}</style>", text, re.S)


def test_a_page_without_library_and_rules_of_its_own_has_the_common_ones():
    page = Reader(shell("t", "l", []))
    assert len(page.scripts) == 1


def test_json_cannot_end_its_element_and_reads_as_it_was():
    element = json_script(json.dumps({"name": HOSTILE}), "id", "data")
    assert element.count("</script>") == 1
    page = Reader(element)
    assert page.values("id") == ["data"] and json.loads(page.scripts[0]) == {"name": HOSTILE}


def test_a_plot_has_its_place_and_its_description():
    class Figure:
        def to_json(self):
            return json.dumps({"data": [], "layout": {"title": HOSTILE}})

    page = Reader(plot(Figure(), "curve"))
    assert page.values("id") == page.values("data-plot") == ["curve"]
    assert json.loads(page.scripts[0])["layout"]["title"] == HOSTILE


def test_cells_are_text_unless_they_are_marked_as_html():
    page = table(["a", "b"], [["<i>", Cell("<b>bold</b>")]])
    assert "&lt;i&gt;" in page and "<b>bold</b>" in page


def test_the_first_sentence_of_a_result_is_bold():
    assert result_box(["A < b.", "More."]) == '<p class="result"><strong>A &lt; b.</strong> More.</p>'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("texts", "sentence"), [(["a"], "a"), (["a", "b"], "a and b"), (["a", "b", "c"], "a, b and c")]
)
def test_lists_read_as_sentences(texts, sentence):
    assert sentence_list(texts) == sentence
