"""The search tree, drawn."""

from collections.abc import Iterator

from ...gitlab.tree.search_tree import Node, SearchTree
from .rows import number


def draw(tree: SearchTree, metric: str) -> Iterator[tuple[Node, str]]:
    """Each node with its line, children below parents, without recursion: lineages run deep."""
    below = _below(tree)
    stack = [(node, "", "") for node in reversed(below.get(None, []))]
    while stack:
        node_id, lead, indent = stack.pop()
        node = tree.nodes.peek(node_id)
        if node is None:
            continue
        yield node, f"{lead}{_label(node, metric, node_id in tree.promoted)}"
        children = below.get(node_id, [])
        for child in reversed(children):
            last = child == children[-1]
            branch, further = ("└─ ", "   ") if last else ("├─ ", "│  ")
            stack.append((child, indent + branch, indent + further))


def _below(tree: SearchTree) -> dict[int | None, list[int]]:
    """The nodes to be shown below each, and below None those that have no parent here."""
    below: dict[int | None, list[int]] = {}
    seen = set[int]()
    for node, parent in tree.parents():
        below.setdefault(parent if parent in seen else None, []).append(node)
        seen.add(node)
    return below


def _label(node: Node, metric: str, promoted: bool) -> str:
    value = number(node.value(metric))
    words = [str(node.id), value or node.outcome, "promoted" if promoted else ""]
    return " ".join(word for word in words if word) + f"  {node.propose.subject}"
