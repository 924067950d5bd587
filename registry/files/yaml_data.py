"""YAML as plain data: texts, lists and mappings of them. No tag is obeyed, and nothing is built by one."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from registry.errors import DataError
from registry.files.lines import decoded
from registry.files.whole import read_file

FILE_LIMIT = 2**20  # bytes
MOST_NODES = 20_000  # texts, lists and mappings; read in about a second
DEEPEST = 20
MOST_ALIASES = 1_000
HARMLESS_TAGS = ("!Template", "!TemplateMetadata")
STANDARD = "tag:yaml.org,2002:"
PLAIN_TAGS = tuple(f"{STANDARD}{kind}" for kind in ("str", "int", "float", "bool", "null", "seq", "map", "timestamp"))


@dataclass(frozen=True)
class Function:
    """Where a file names a Python function instead of a text; it is never run."""

    name: str


class _Loader(yaml.SafeLoader):  # type: ignore[misc] # PyYAML ships no types
    """Reads the nodes of a document, as long as they are few enough and not too deep."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._depth = self._aliases = self._nodes = 0
        self._sizes: dict[int, int] = {}  # of nodes that are complete, by which an alias is counted

    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401 - PyYAML's
        """Read one node; refuse what would grow when it is read as data."""
        is_alias = self.check_event(yaml.AliasEvent)
        self._depth, self._aliases, self._nodes = self._depth + 1, self._aliases + is_alias, self._nodes + 1
        if self._depth > DEEPEST:
            raise yaml.YAMLError(f"nested more than {DEEPEST} deep")
        if self._aliases > MOST_ALIASES or self._nodes > MOST_NODES:
            raise yaml.YAMLError(f"more than {MOST_ALIASES} aliases, or {MOST_NODES} values")
        node = super().compose_node(parent, index)
        if is_alias:
            self._nodes += self._size(node)  # it is read again, with all that it holds
            if self._nodes > MOST_NODES:
                raise yaml.YAMLError(f"more than {MOST_NODES} values, those behind aliases among them")
        self._depth -= 1
        return node

    def _size(self, node: Any, within: tuple[int, ...] = ()) -> int:  # noqa: ANN401 - PyYAML's
        """Return how many values a node holds; refuse one that holds itself, or more than a document may."""
        if isinstance(node, yaml.ScalarNode):
            return 1
        if id(node) in within or len(within) > DEEPEST:
            raise yaml.YAMLError(f"an alias of what holds itself, or nested more than {DEEPEST} deep")
        if id(node) not in self._sizes:
            items = [one for item in node.value for one in (item if isinstance(item, tuple) else (item,))]
            self._sizes[id(node)] = 1 + sum(self._size(one, (*within, id(node))) for one in items)
        return self._sizes[id(node)]


def read_yaml(path: Path) -> dict[str, Any]:
    """Return the mapping in a YAML file, every value that is not a list or a mapping as text, or None for null."""
    return yaml_mapping(decoded(read_file(path, most=FILE_LIMIT), path), str(path))


def yaml_mapping(text: str, place: str) -> dict[str, Any]:
    """Return the mapping that a text is, as `read_yaml` does; raise `DataError` with the place."""
    try:
        loader = _Loader(text)
        try:
            value = _plain(loader.get_single_node())
        finally:
            loader.dispose()
    except (yaml.YAMLError, RecursionError) as error:
        raise DataError(place, f"not YAML that can be read as data ({_told(error)}).") from error
    if not isinstance(value, dict):
        raise DataError(place, "not a mapping.")
    return value


def _plain(node: yaml.Node | None) -> Any:  # noqa: ANN401 - a text, a list, a mapping or None
    if node is None:
        return None
    _check_tag(node)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item) for item in node.value]
    if isinstance(node, yaml.MappingNode):
        pairs = [(_plain(key), _plain(value)) for key, value in node.value]
        keys = [key for key, _ in pairs]
        if not all(isinstance(key, str) for key in keys) or len(set(keys)) != len(keys):
            raise yaml.YAMLError(f"line {node.start_mark.line + 1} has a key twice, or one that is not a text")
        return dict(pairs)
    if node.tag == "!function":
        return Function(str(node.value))
    return None if node.tag == f"{STANDARD}null" and not node.style else str(node.value)


def _check_tag(node: yaml.Node) -> None:
    """Refuse tags that ask for more than data."""
    is_function = node.tag == "!function" and isinstance(node, yaml.ScalarNode)
    if not is_function and node.tag not in (*HARMLESS_TAGS, *PLAIN_TAGS, f"{STANDARD}merge", f"{STANDARD}value"):
        tag = str(node.tag).replace(STANDARD, "!!")
        raise yaml.YAMLError(f"line {node.start_mark.line + 1} has the tag {tag[:60]}, which is not obeyed")


def _told(error: Exception) -> str:
    """Return a parser's complaint without the piece of the file that it shows."""
    mark = getattr(error, "problem_mark", None)
    where = f" in line {mark.line + 1}" if mark is not None else ""
    said = getattr(error, "problem", None) or ("nested too deeply" if isinstance(error, RecursionError) else error)
    return " ".join(str(said).split())[:200] + where
