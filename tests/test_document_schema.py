"""`schemas/experiment.schema.json` says what the loader takes, so that an editor is not of another opinion."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from runner.document import loads
from runner.document.scalars import meaning
from runner.errors import ExperimentError
from runner.nouns import ENDPOINTS
from runner.schema import bundled, endpoint_schema, registry
from runner.shipped import shipped

ROOT = Path(__file__).parent.parent
SCHEMA = json.loads(shipped("schemas", "experiment.schema.json").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "experiment-file.md").read_text(encoding="utf-8")
EXAMPLES = {
    **dict(re.findall(r"^```yaml (\S+)\n(.*?)^```$", PAGE, flags=re.MULTILINE | re.DOTALL)),
    **{path.name: path.read_text(encoding="utf-8") for path in (ROOT / "experiments").glob("*.yaml")},
}


class Core(yaml.SafeLoader):
    """PyYAML with the scalars of this language, to show its documents to a JSON Schema validator."""


Core.yaml_implicit_resolvers = {}
Core.add_constructor("tag:yaml.org,2002:str", lambda _, node: meaning(node.value) if node.style is None else node.value)


def valid(text: str) -> bool:
    return Draft202012Validator(SCHEMA, registry=registry()).is_valid(yaml.load(text, Core))  # noqa: S506  # a SafeLoader


def test_the_schema_is_a_schema_alone_and_bundled() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    Draft202012Validator.check_schema(bundled("experiment"))
    assert "parameters.schema.json" not in json.dumps(bundled("experiment"))


def test_the_schema_offers_every_parameter_of_every_endpoint() -> None:
    names = {name for endpoint in ENDPOINTS for name in endpoint_schema(endpoint).properties}
    assert set(SCHEMA["properties"]["parameters"]["properties"]) == names
    assert set(SCHEMA["properties"]["axes"]["properties"]) == names
    assert {name for name, found in SCHEMA["$defs"].items() if "x-value-of" in found} == names


def test_every_key_explains_itself() -> None:
    silent = [name for name, found in SCHEMA["properties"].items() if "description" not in _resolved(found)]
    assert silent == []


def _resolved(found: dict[str, Any]) -> dict[str, Any]:
    reference = found.get("$ref", "").removeprefix("#/$defs/")
    return {**SCHEMA["$defs"].get(reference, {}), **found}


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name != "wrong.yaml"])
def test_an_editor_finds_nothing_wrong_with_a_file_that_loads(name: str) -> None:
    assert valid(EXAMPLES[name])


BASE = "parameters: {model_id: m, prompt: p, lora_strength: [0.5]}\n"
TAKEN = [
    "axes: {tomesd: [true, 'off']}",
    "axes: {width: ['512', 768, {value: '1024', label: 3}]}",
    "axes: {seed: [1, '2']}",
    "axes: {seed: {random: 3}}",
    "axes: {algorithm_type: [none, dpmsolver++, ], scheduler: [DPMSolverMultistepScheduler]}",
    "axes: {algorithm_type: [null, dpmsolver+++]}",
    "axes: {vae: [null, x]}",
    "axes: {model_id: [1.5, 2, m]}",
    "axes: {lora_model: [a, [b, c], 'd,e']}",
    "axes: {lora_strength: [1, 0.5, [0.5, '1']]}",
    "axes: {width: ['{{ x }}'], x: [256, 512]}",
    "axes: {größe: [{set: {width: 256}}]}",
    "axes: {ink: {lora: ink, strength: {from: 0.5, to: 1, count: 3, scale: log}}}",
    "axes: {ink: {lora: ink, strength: [1], when: {width: 512}}}\nparameters: {width: 512}",
    "axes:\nzip:\nexclude:\ninclude:\nlimits:\nprice:\nexecution:\nreport:\ntarget:\nname:\ntitle:\nendpoint:\non_invalid:",
    "limits: {wall: 5, requests: }\nexecution: {rate: 2}",
    "target: {embedded: }",
    "report: {baseline: }",
    "sample: {count: 3, method: , seed: }\nexecution: {order: }",
    "sample: {count: 3, method: latin, seed: 7}\nexecution: {order: slow-first}",
]
REFUSED = [
    "axes: {width: []}",
    "axes: {width: 5}",
    "axes: {width: null}",
    "axes: {seed: {draw: 3}}",
    "axes: {x: {lora: a, strength: {to: 1, step: 0.1}}}",
    "axes: {x: {title: a}}",
    "axes: {width: [5]}",
    "axes: {seed: [null]}",
    "axes: {scheduler: [Nobody]}",
    "axes: {5: [{set: {width: 256}}]}",
    "axes: {x: [{a: 1}]}",
    "axes: {guidance_scale: {from: 1, to: 2}}",
    "axes: {guidance_scale: {form: 1, to: 2, step: 1}}",
    "axes: {x: {lora: a}}",
    "axes: {width: {file: a.json}}",
    "parameters: {width: 5}",
    "parameters: {nothing: 5}",
    "parameters: {seed: null}",
    "zip: [a, b]",
    "exclude: [{}]",
    "exclude: [{width: {abov: 1}}]",
    "include: [{width: [1]}]",
    "limits: {requests: 0}",
    "limits: {wall: 0s}",
    "execution: {rate: fast}",
    "target: {url: https://h, key: sk-1}",
    "target: {key: a}",
    "name: a/b",
    "sample: {count: 0}",
    "sample: {count: null}",
    "sample: {method: latin}",
    "sample: {count: 3, method: sobel}",
    "sample: {count: 3, seed: -1}",
    "sample: 3",
    "execution: {order: random}",
    "endpoint: txt2img",
    "report: {z: width}",
]


def _merged(text: str) -> str:
    base, over = yaml.load(BASE, Core), yaml.load(text, Core)  # noqa: S506  # a SafeLoader
    base["parameters"] |= over.pop("parameters", None) or {}
    return json.dumps(base | over, ensure_ascii=False)


@pytest.mark.parametrize("text", TAKEN)
def test_what_the_loader_takes_the_schema_takes(text: str) -> None:
    document = _merged(text)
    assert loads(document, folder=Path()).endpoint == "text2img"
    assert valid(document)


@pytest.mark.parametrize("text", REFUSED)
def test_what_the_schema_refuses_the_loader_refuses(text: str) -> None:
    document = _merged(text)
    assert not valid(document)
    with pytest.raises(ExperimentError):
        loads(document, folder=Path())
