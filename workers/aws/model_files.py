"""botocore's data files, cut down to what this package calls.

A worker keeps the models of two dozen services in memory, and every client is made from one:
hundreds of operations of which a handful are called, and the documentation of all of them. What
is left here is a tenth of it, so that a worker's parent is smaller, a forked job touches fewer of
the pages that it shares, and clients are made sooner. A service of which nothing is known here
(those that botocore itself calls to find the worker's credentials) stays whole.
"""

from __future__ import annotations

import json
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib import resources
from typing import Any, TypeAlias

from botocore.loaders import JSONFileLoader

from workers.aws.operations import operations

Tree: TypeAlias = dict[str, Any]

_FILE = "model_files.toml"
_MODEL, _PAGINATORS, _ENDPOINTS = "service-2", "paginators-1", "endpoints"


class ModelFiles(JSONFileLoader):
    """Reads a file as botocore's own loader does, and keeps what is needed of it.

    https://github.com/boto/botocore/blob/develop/botocore/loaders.py
    """

    def __init__(self) -> None:
        self._wanted = called()

    def load_file(self, file_path: str) -> Any:
        """The data of the file, given without its extension, or None when there is none."""
        data = super().load_file(file_path)
        if data is None:
            return None
        *_, service, _version, kind = ("", "", *file_path.replace("\\", "/").split("/"))
        wanted = self._wanted.get(service)
        if kind == _ENDPOINTS:
            data = _endpoints(data, self._wanted)
        elif wanted and kind == _MODEL:
            data = _model(data, wanted)
        elif wanted and kind == _PAGINATORS:
            data = {"pagination": _only(data["pagination"], wanted)}
        # Written and read again, what is kept lies side by side in memory; the pages of the
        # whole, which its pieces would hold, go back.
        return json.loads(json.dumps(data))


@cache
def called() -> Mapping[str, frozenset[str]]:
    """The operations that are called, by service."""
    wanted: defaultdict[str, set[str]] = defaultdict(set)
    for service, operation in operations():
        wanted[service].add(operation)
    beside = tomllib.loads(resources.files(__package__).joinpath(_FILE).read_text("utf-8"))
    for service, names in beside.items():
        wanted[service].update(names)
    return {service: frozenset(names) for service, names in wanted.items()}


def _model(model: Tree, wanted: Iterable[str]) -> Tree:
    """The service model with the wanted operations and the shapes that these need."""
    called = _only(model["operations"], wanted)
    shapes = model["shapes"]
    needed: Tree = {}
    waiting = list(_named(called))
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed[name] = _bare(shapes[name])
            waiting += _named(needed[name])
    kept = {name: value for name, value in model.items() if name != "documentation"}
    return kept | {"operations": {k: _bare(v) for k, v in called.items()}, "shapes": needed}


def _named(node: Any) -> Iterator[str]:
    """The shapes that a part of a model refers to."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "shape" and isinstance(value, str):
                yield value
            else:
                yield from _named(value)
    elif isinstance(node, list):
        for each in node:
            yield from _named(each)


def _bare(node: Any) -> Any:
    """Without documentation. (A member of that name is no text, and stays.)"""
    if isinstance(node, dict):
        return {
            name: _bare(value)
            for name, value in node.items()
            if not (name == "documentation" and isinstance(value, str))
        }
    return [_bare(each) for each in node] if isinstance(node, list) else node


def _endpoints(data: Tree, services: Iterable[str]) -> Tree:
    """The partitions with their regions; of their services, the ones that are called here.

    The legacy table of endpoints: a service that is not in it has its partition's usual host
    name, and the services' own rule sets say the rest.
    """
    partitions = [
        each | {"services": _only(each.get("services", {}), services)}
        for each in data["partitions"]
    ]
    return data | {"partitions": partitions}


def _only(table: Tree, names: Iterable[str]) -> Tree:
    return {name: table[name] for name in sorted(names) if name in table}
