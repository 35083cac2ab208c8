"""Standard Markdown, as markdown blocks carry it, as a tree that the page turns into elements.

https://docs.slack.dev/reference/block-kit/blocks/markdown-block
"""

from __future__ import annotations

from typing import Any

from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode

Json = dict[str, Any]

_PARSER = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])

_TAGS = {
    "paragraph": "p",
    "bullet_list": "ul",
    "ordered_list": "ol",
    "list_item": "li",
    "blockquote": "blockquote",
    "strong": "strong",
    "em": "em",
    "s": "s",
    "table": "table",
    "thead": "thead",
    "tbody": "tbody",
    "tr": "tr",
    "th": "th",
    "td": "td",
}


def tree(text: str) -> list[Json]:
    """Nodes `{"tag", "children"}`, `{"text"}`, `{"code"}`, `{"pre"}`, `{"link", "children"}`."""
    return _nodes(SyntaxTreeNode(_PARSER.parse(text)).children)


def _nodes(children: list[SyntaxTreeNode]) -> list[Json]:
    return [made for child in children for made in _node(child)]


def _node(node: SyntaxTreeNode) -> list[Json]:
    match node.type:
        case "text":
            return [{"text": node.content}]
        case "inline":
            return _nodes(node.children)
        case "softbreak":
            return [{"text": "\n"}]
        case "hardbreak":
            return [{"tag": "br", "children": []}]
        case "hr":
            return [{"tag": "hr", "children": []}]
        case "code_inline":
            return [{"code": node.content}]
        case "fence" | "code_block":
            return [{"pre": node.content}]
        case "link":
            return [{"link": str(node.attrs.get("href", "")), "children": _nodes(node.children)}]
        case "image":
            return [{"link": str(node.attrs.get("src", "")), "children": [{"text": node.content}]}]
        case "heading":
            return [{"tag": node.tag, "children": _nodes(node.children)}]
        case kind if kind in _TAGS:
            return [{"tag": _TAGS[kind], "children": _nodes(node.children)}]
        case _:
            return [{"text": node.content}]
