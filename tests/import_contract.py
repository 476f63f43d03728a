"""A kind of contract for import-linter: layers below modules that a list names, so that a new one is named once."""

from typing import Any

from grimp import ImportGraph
from importlinter import fields
from importlinter.contracts.layers import Layer, LayersContract, ModuleTail
from importlinter.domain.contract import ContractCheck


class CollectorsContract(LayersContract):
    """Layers of which the topmost is what ``listed_by`` imports of the container, beside what the layers name.

    A module that neither lists is undeclared, as ever.
    """

    type_name = "collectors"

    listed_by = fields.StringField()

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:
        options: Any = self  # import-linter types its fields, not their values
        named = {tail.name for layer in options.layers for tail in layer.module_tails}
        (container,) = (expression.expression for expression in options.containers)
        listed = graph.find_modules_directly_imported_by(options.listed_by) & graph.find_descendants(container)
        collectors = {module.split(".")[container.count(".") + 1] for module in listed} - named
        options.layers = [Layer({ModuleTail(name) for name in collectors}), *options.layers]
        return super().check(graph, verbose)
