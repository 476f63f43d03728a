"""The parser's errors say what to do."""

import yaml

from exporter.config_files.yaml_errors import explained


def test_a_depth_that_the_parser_itself_refuses_has_a_remedy():
    mark = yaml.Mark("", 0, 2, 0, None, 0)
    error = explained(yaml.MarkedYAMLError(problem="exceeded maximum nesting depth", problem_mark=mark), "a:\nb:\n[[[")
    assert (error.line, error.message) == (3, "not valid YAML: nested too deeply; simplify it")
