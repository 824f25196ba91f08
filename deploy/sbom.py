#!/usr/bin/env python3
"""The bill of materials of the binary, as CycloneDX 1.5 JSON: every crate that is compiled in, with version, licence, checksum
and who needs it, and the pinned native parts and models. Made from `cargo metadata`, Cargo.lock and config/parts.toml; the
same inputs give the same bytes (no time, no random serial number).

    python3 deploy/sbom.py > sbom.cdx.json
"""

import hashlib
import json
import pathlib
import subprocess
import tomllib

HOME = pathlib.Path(__file__).resolve().parent.parent
TARGET = "x86_64-unknown-linux-gnu"


def crates():
    """The packages reached from the binary by normal and build dependencies, and their edges."""
    text = subprocess.run(
        ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", TARGET],
        cwd=HOME, check=True, capture_output=True, text=True,
    ).stdout
    metadata = json.loads(text)
    packages = {package["id"]: package for package in metadata["packages"]}
    nodes = {node["id"]: node for node in metadata["resolve"]["nodes"]}
    root = next(id for id, package in packages.items() if package["name"] == "streife-app")
    edges, waiting = {}, [root]
    while waiting:
        id = waiting.pop()
        if id in edges:
            continue
        # Development dependencies are not in the binary.
        edges[id] = sorted(d["pkg"] for d in nodes[id]["deps"] if any(k["kind"] != "dev" for k in d["dep_kinds"]))
        waiting.extend(edges[id])
    return root, packages, edges


def component(package, checksums):
    name, version = package["name"], package["version"]
    reference = f"pkg:cargo/{name}@{version}"
    entry = {"type": "library", "bom-ref": reference, "name": name, "version": version, "purl": reference}
    if package.get("license"):
        entry["licenses"] = [{"expression": package["license"].replace("/", " OR ")}]
    if (name, version) in checksums:
        entry["hashes"] = [{"alg": "SHA-256", "content": checksums[name, version]}]
    return entry


def native_parts():
    for part in tomllib.loads((HOME / "config/parts.toml").read_text())["part"]:
        yield {
            "type": "file", "bom-ref": f"part:{part['name']}@{part['version']}", "name": part["name"], "version": part["version"],
            "description": part["what"], "licenses": [{"license": {"name": part["licence"]}}],
            "hashes": [{"alg": "SHA-256", "content": part["sha256"]}],
        }


def models():
    for manifest in sorted((HOME / "models").glob("*/manifest.toml")):
        name = manifest.parent.name
        yield {
            "type": "machine-learning-model", "bom-ref": f"model:{name}", "name": name,
            "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(manifest.read_bytes()).hexdigest()}],
        }


def main():
    root, packages, edges = crates()
    lock = tomllib.loads((HOME / "Cargo.lock").read_text())
    checksums = {(p["name"], p["version"]): p["checksum"] for p in lock["package"] if "checksum" in p}
    reference = lambda id: f"pkg:cargo/{packages[id]['name']}@{packages[id]['version']}"
    libraries = [component(packages[id], checksums) for id in edges if id != root]
    bom = {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"component": {
            "type": "application", "bom-ref": reference(root), "name": "streife", "version": packages[root]["version"],
            "licenses": [{"expression": packages[root]["license"]}]}},
        "components": sorted(libraries + list(native_parts()) + list(models()), key=lambda c: c["bom-ref"]),
        "dependencies": sorted(
            ({"ref": reference(id), "dependsOn": sorted({reference(d) for d in to})} for id, to in edges.items()),
            key=lambda d: d["ref"]),
    }
    print(json.dumps(bom, indent=1))


main()
