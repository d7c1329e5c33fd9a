"""An HTML page as a list of elements with their attributes, ancestors and text."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset({"meta", "img", "br", "hr", "link", "input"})


@dataclass
class Element:
    """One element; `path` are the tags above it, `text` what stands in it and below it."""

    tag: str
    attributes: dict[str, str]
    path: tuple[str, ...]
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def below(self, *tags: str) -> list[Element]:
        """Every element of these tags inside this one, in order."""
        found: list[Element] = []
        for child in self.children:
            found += [child] if child.tag in tags else []
            found += child.below(*tags)
        return found


class Outline(HTMLParser):
    """Builds the tree and refuses a page whose tags do not nest."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Element("", {}, ())
        self._open = [self.root]

    @classmethod
    def of(cls, page: str) -> Outline:
        """The tree of a page."""
        outline = cls()
        outline.feed(page)
        outline.close()
        assert [element.tag for element in outline._open] == [""]
        return outline

    def all(self, *tags: str) -> list[Element]:
        """Every element of these tags in order; every element at all without tags."""
        return self.root.below(*tags) if tags else self.root.below(*self._tags())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        path = tuple(element.tag for element in self._open)
        element = Element(tag, {name: value or "" for name, value in attrs}, path)
        self._open[-1].children.append(element)
        if tag not in _VOID:
            self._open.append(element)

    def handle_endtag(self, tag: str) -> None:
        assert self._open[-1].tag == tag, f"</{tag}> closes <{self._open[-1].tag}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def _tags(self) -> set[str]:
        tags: set[str] = set()
        pending = [self.root]
        while pending:
            element = pending.pop()
            tags.add(element.tag)
            pending += element.children
        return tags
