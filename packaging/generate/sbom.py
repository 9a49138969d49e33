#!/usr/bin/env python3
"""Writes the software bill of materials of the programs as SPDX 2.3 JSON.

Usage: sbom.py BUILD_FOLDER OUTPUT.spdx.json

It lists the Debian packages whose archives, shared libraries and headers the build of the programs took, by what Ninja recorded of
that build. Time and identifiers depend on SOURCE_DATE_EPOCH (without it: the present time) and on the versions of the packages.
"""

import datetime
import hashlib
import json
import os
import pathlib
import re
import subprocess
import sys

PROGRAMS = ("shoal-tracker", "shoal-seeder", "shoal-leecher")
# How Shoal uses a package, the closest way first.
WAYS = {"STATIC_LINK": r"\.a$", "DYNAMIC_LINK": r"\.so[.\d]*$", "BUILD_DEPENDENCY_OF": r""}
PER_CALL = 500


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def files_of_the_build(folder):
    """The files outside of the project that the programs were made of: libraries, and headers of each object."""
    ninja = ("ninja", "-n", "-C", str(folder), "-t")  # -n: it may run inside a build, whose logs it must not touch
    inputs = run(*ninja, "inputs", *(f"bin/{program}" for program in PROGRAMS)).split()
    objects = [path for path in inputs if path.endswith(".o")]
    found = {path for path in inputs if path.endswith(".a") or ".so" in path}
    for start in range(0, len(objects), PER_CALL):
        found.update(line.strip() for line in run(*ninja, "deps", *objects[start:start + PER_CALL]).splitlines() if line.startswith("    "))
    # What the linker names without a path, too.
    for program in PROGRAMS:
        found.update(re.findall(r"(/\S+) \(0x", run("ldd", str(folder / "bin" / program))))
    return sorted(path for path in map(os.path.realpath, found) if path.startswith("/usr/"))


def packages_of(files):
    """Package -> its files among `files`."""
    # A package may have been built for a system on which /lib was no link to /usr/lib.
    paths = sorted({*files, *(path.removeprefix("/usr") for path in files if path.startswith("/usr/lib"))})
    known = set(paths)
    packages = {}
    for start in range(0, len(paths), PER_CALL):
        for line in run("dpkg-query", "--search", *paths[start:start + PER_CALL]).splitlines():
            owners, _, path = line.partition(": ")
            if path in known:
                for owner in owners.split(", "):
                    packages.setdefault(owner.split(":")[0], set()).add(path)
    return packages


def describe(package):
    form = "${source:Package}\t${source:Version}\t${Version}\t${Architecture}\t${Homepage}"
    source, source_version, version, architecture, homepage = run("dpkg-query", "-W", "-f", form + "\n", package).splitlines()[0].split("\t")
    return {
        "SPDXID": "SPDXRef-" + re.sub(r"[^A-Za-z0-9.-]", "-", package),
        "name": package,
        "versionInfo": version,
        "supplier": "Organization: Debian",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "homepage": homepage or "NOASSERTION",
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "sourceInfo": f"built from Debian's source package {source} {source_version}",
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": f"pkg:deb/debian/{package.replace('+', '%2B')}@{version.replace('+', '%2B').replace(':', '%3A')}?arch={architecture}",
        }],
    }


def way(files):
    return next(name for name, pattern in WAYS.items() if any(re.search(pattern, path) for path in files))


def document(folder):
    version = run(str(folder / "bin/shoal-tracker"), "--version").split()[-1]
    packages = packages_of(files_of_the_build(folder))
    if not packages:
        raise SystemExit(f"sbom: {folder} has no build of the programs")
    described = {package: describe(package) for package in sorted(packages)}
    relationships = [{"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": "SPDXRef-shoal"}]
    for package, about in described.items():
        used = way(packages[package])
        ends = (about["SPDXID"], "SPDXRef-shoal") if used.endswith("_OF") else ("SPDXRef-shoal", about["SPDXID"])
        relationships.append({"spdxElementId": ends[0], "relationshipType": used, "relatedSpdxElement": ends[1]})
    versions = "".join(f"{package} {about['versionInfo']}\n" for package, about in described.items())
    created = datetime.datetime.fromtimestamp(int(os.environ.get("SOURCE_DATE_EPOCH", datetime.datetime.now().timestamp())), datetime.timezone.utc)
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"shoal-{version}",
        "documentNamespace": f"https://shoal.example/spdx/shoal-{version}-{hashlib.sha256(versions.encode()).hexdigest()[:32]}",
        "creationInfo": {"created": created.strftime("%Y-%m-%dT%H:%M:%SZ"), "creators": ["Organization: The Shoal authors"]},
        "packages": [{
            "SPDXID": "SPDXRef-shoal",
            "name": "shoal",
            "versionInfo": version,
            "supplier": "Organization: The Shoal authors",
            "downloadLocation": "NOASSERTION",
            "filesAnalyzed": False,
            "licenseConcluded": "Apache-2.0",
            "licenseDeclared": "Apache-2.0",
            "copyrightText": "2026 The Shoal authors",
        }, *described.values()],
        "relationships": relationships,
    }


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, output = map(pathlib.Path, sys.argv[1:])
    output.parent.mkdir(parents=True, exist_ok=True)
    output.write_text(json.dumps(document(folder), indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
