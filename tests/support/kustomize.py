"""A renderer for the part of kustomize that deploy/kubernetes uses, for machines without `kubectl kustomize`.

It knows `resources` (files and folders), `labels` with `includeSelectors`, `namePrefix`, `namespace`, `images`, and generators of
ConfigMaps and Secrets from files, with the hashes that kustomize puts behind their names. Anything else it refuses, so that a
manifest never passes here by not being looked at.
"""

import base64
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]

_KNOWN = {
    "apiVersion",
    "kind",
    "resources",
    "labels",
    "namePrefix",
    "namespace",
    "images",
    "configMapGenerator",
    "secretGenerator",
}
_WITHOUT_NAMESPACE = {"Namespace"}
_LINE = 70
_HASH_LETTERS = str.maketrans("013ae", "ghkmt")


def rendered(folder: Path) -> list[Document]:
    """Return what `kubectl kustomize FOLDER` would print, in any order."""
    documents = _built(folder)
    _refer(documents)
    return documents


def _built(folder: Path) -> list[Document]:
    """Return the documents of a folder, references still by the names of before."""
    wanted = yaml.safe_load((folder / "kustomization.yaml").read_text())
    unknown = set(wanted) - _KNOWN
    assert not unknown, f"{folder}: this renderer does not know {sorted(unknown)}"
    documents = [each for name in wanted.get("resources", []) for each in _resource(folder / name)]
    documents += [_config_map(folder, each) for each in wanted.get("configMapGenerator", [])]
    documents += [_secret(folder, each) for each in wanted.get("secretGenerator", [])]
    for document in documents:
        _transform(document, wanted)
    return documents


def _resource(path: Path) -> list[Document]:
    if path.is_dir():
        return _built(path)
    documents = [each for each in yaml.safe_load_all(path.read_text()) if each is not None]
    for document in documents:
        document["was"] = document["metadata"]["name"]
    return documents


def _config_map(folder: Path, wanted: Document) -> Document:
    content = {Path(name).name: (folder / name).read_text() for name in wanted["files"]}
    hashed = {"data": content, "kind": "ConfigMap", "name": ""}
    return _generated("ConfigMap", wanted, content, hashed)


def _secret(folder: Path, wanted: Document) -> Document:
    content = {Path(name).name: _folded(base64.b64encode((folder / name).read_bytes())) for name in wanted["files"]}
    hashed = {"data": content, "kind": "Secret", "name": "", "type": "Opaque"}
    return {**_generated("Secret", wanted, content, hashed), "type": "Opaque"}


def _folded(encoded: bytes) -> str:
    """Return base64 in lines, each ended, unless one line is enough."""
    text = encoded.decode()
    lines = [text[start : start + _LINE] for start in range(0, len(text), _LINE)]
    return text if len(text) < _LINE else "".join(f"{line}\n" for line in lines)


def _generated(kind: str, wanted: Document, content: dict[str, str], hashed: Document) -> Document:
    assert set(wanted) == {"name", "files"}, f"this renderer makes a {kind} of files only"
    # Names are not in it. As Go writes JSON: keys in order, no spaces, and three characters escaped for HTML.
    text = json.dumps(hashed, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    text = text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    suffix = hashlib.sha256(text.encode()).hexdigest()[:10].translate(_HASH_LETTERS)
    name = wanted["name"]
    return {
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": f"{name}-{suffix}"},
        "data": content,
        "was": name,
    }


def _transform(document: Document, wanted: Document) -> None:
    metadata = document["metadata"]
    for each in wanted.get("labels", []):
        assert set(each) == {"includeSelectors", "pairs"}, "this renderer knows labels with includeSelectors only"
        _label(document, each["pairs"])
    if document["kind"] not in _WITHOUT_NAMESPACE:
        metadata["name"] = wanted.get("namePrefix", "") + metadata["name"]
        if "namespace" in wanted:
            metadata["namespace"] = wanted["namespace"]
    for image in wanted.get("images", []):
        for container in containers(document):
            if container["image"] == image["name"]:
                container["image"] = f"{image['newName']}:{image['newTag']}"


def _label(document: Document, pairs: dict[str, str]) -> None:
    """Add labels where kustomize adds them: to what has some, and to every selector by labels that there is."""
    document["metadata"].setdefault("labels", {}).update(pairs)
    spec = document.get("spec", {})
    kind = document["kind"]
    if kind == "Service":
        spec["selector"].update(pairs)
    if kind in ("StatefulSet", "Deployment"):
        spec["template"]["metadata"]["labels"].update(pairs)
    for claim in spec.get("volumeClaimTemplates", []):
        claim["metadata"].setdefault("labels", {}).update(pairs)
    for selector in _selectors(spec):
        if "matchLabels" in selector:
            selector["matchLabels"].update(pairs)


def _selectors(spec: Document) -> Iterator[Document]:
    """Yield every label selector of a document's spec, the pod template's among them."""
    yield from (spec[key] for key in ("selector", "podSelector") if key in spec)
    for rule in spec.get("ingress", []):
        yield from (each["podSelector"] for each in rule.get("from", []) if "podSelector" in each)
    pod = spec.get("template", {}).get("spec", {})
    terms = pod.get("affinity", {}).get("podAntiAffinity", {}).get("requiredDuringSchedulingIgnoredDuringExecution", [])
    yield from (each["labelSelector"] for each in [*terms, *pod.get("topologySpreadConstraints", [])])


def _refer(documents: list[Document]) -> None:
    """Let references by former names follow the names of now."""
    for document in documents:
        renamed = _renamed(documents, document)
        spec = document.get("spec", {})
        if document["kind"] == "StatefulSet":
            spec["serviceName"] = renamed("Service", spec["serviceName"])
        for volume in spec.get("template", {}).get("spec", {}).get("volumes", []):
            if "configMap" in volume:
                volume["configMap"]["name"] = renamed("ConfigMap", volume["configMap"]["name"])
            if "secret" in volume:
                volume["secret"]["secretName"] = renamed("Secret", volume["secret"]["secretName"])
    for document in documents:
        del document["was"]


def _renamed(documents: list[Document], referrer: Document) -> Callable[[str, str], str]:
    """Return how a document's references are renamed: to what came out of the same folder as it did."""
    prefix = referrer["metadata"]["name"].removesuffix(referrer["was"])

    def renamed(kind: str, name: str) -> str:
        found = [
            each["metadata"]["name"]
            for each in documents
            if (each["kind"], each["was"]) == (kind, name) and each["metadata"]["name"].startswith(f"{prefix}{name}")
        ]
        assert len(found) == 1, f"{referrer['metadata']['name']} refers to {kind} {name}: found {found}"
        return str(found[0])

    return renamed


def containers(document: Document) -> list[Document]:
    """Return the containers of a document's pods, those for their start first."""
    pod = document.get("spec", {}).get("template", {}).get("spec", {})
    return [*pod.get("initContainers", []), *pod.get("containers", [])]
