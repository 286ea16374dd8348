"""Prints the environment of a function according to template.yaml, as NAME=VALUE with a NUL after each. Resolves
parameters and references with the given values.

Usage: function_environment.py BINARY VALUES.json
VALUES.json: values of parameters (all without a default) and of the referenced resources.
"""

import json
import sys

from cfnlint.decode.cfn_yaml import load

binary, values_file = sys.argv[1:]
template = load("template.yaml")
given = json.load(open(values_file))
NO_VALUE = object()


def refer(name):
    if name == "AWS::NoValue":
        return NO_VALUE
    if name in given:
        return given[name]
    parameter = template["Parameters"].get(name, {})
    return parameter["Default"] if "Default" in parameter else sys.exit(f"template.yaml: nothing is given for {name}")


def holds(condition):
    [(kind, of)] = condition.items()
    match kind:
        case "Condition":
            return holds(template["Conditions"][of])
        case "Fn::Equals":
            return resolve(of[0]) == resolve(of[1])
        case "Fn::Not":
            return not holds(of[0])
        case "Fn::And":
            return all(map(holds, of))
        case "Fn::Or":
            return any(map(holds, of))
    sys.exit(f"template.yaml: a condition of an environment has {kind}, which this script does not know")


def resolve(value):
    if not isinstance(value, dict):
        return str(value)
    [(kind, of)] = value.items()
    match kind:
        case "Ref":
            return refer(of)
        case "Fn::If":
            condition, then, otherwise = of
            return resolve(then if holds({"Condition": condition}) else otherwise)
    sys.exit(f"template.yaml: an environment has {kind}, which this script does not know")


def variables(function):
    return function.get("Environment", {}).get("Variables", {})


functions = [
    resource["Properties"]
    for resource in template["Resources"].values()
    # In the template, a loop is a list.
    if isinstance(resource, dict)
    and resource["Type"] == "AWS::Serverless::Function"
    and resource["Metadata"]["BuildProperties"]["Binary"] == binary
]
if len(functions) != 1:
    sys.exit(f"template.yaml has {len(functions)} functions of the binary {binary}")
environment = {**variables(template["Globals"]["Function"]), **variables(functions[0])}
for name, value in environment.items():
    value = resolve(value)
    if value is not NO_VALUE:
        sys.stdout.write(f"{name}={value}\0")
