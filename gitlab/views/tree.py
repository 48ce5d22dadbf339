"""The search tree, drawn."""

from collections.abc import Iterator

from ..tree import Node, SearchTree
from .rows import number, outcome


def draw(tree: SearchTree, metric: str) -> Iterator[tuple[Node, str]]:
    """Each node with its line, children below parents, without recursion: lineages run deep."""
    promoted = {promotion.node for promotion in tree.promotions}
    roots = [node for node in tree.nodes.values() if not _shown_parent(tree, node)]
    stack = [(node, "", "") for node in reversed(roots)]
    while stack:
        node, lead, indent = stack.pop()
        yield node, f"{lead}{_label(node, metric, node.id in promoted)}"
        below = [c for c in tree.children.get(node.id, ()) if tree.nodes[c].parents[0] == node.id]
        for child in reversed(below):
            last = child == below[-1]
            branch, further = ("└─ ", "   ") if last else ("├─ ", "│  ")
            stack.append((tree.nodes[child], indent + branch, indent + further))


def _shown_parent(tree: SearchTree, node: Node) -> bool:
    return bool(node.parents) and node.parents[0] in tree.nodes


def _label(node: Node, metric: str, promoted: bool) -> str:
    value = number(node.value(metric))
    words = [str(node.id), value or outcome(node), "promoted" if promoted else ""]
    return " ".join(word for word in words if word) + f"  {node.propose.subject}"
