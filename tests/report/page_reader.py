"""What a page of ours holds, as far as a test looks at it."""

from html.parser import HTMLParser

VOID = {"meta", "link", "img", "br"}


class Reader(HTMLParser):
    """Collects the attributes, the scripts and the visible text of a page, and checks that tags close."""

    def __init__(self, page):
        super().__init__()
        self.attributes, self.scripts, self.open = [], [], []
        self.words = ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.attributes += [(tag, *pair) for pair in attributes]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif self.open and self.open[-1] != "style":
            self.words += data

    def values(self, name):
        return [value for _, attribute, value in self.attributes if attribute == name]
