#!/usr/bin/env python3
"""Fails on an #include or a CMake link that runs against the arrows of docs/architecture.md, and where a source does not
include its own header first.

Usage: layering_test.py REPOSITORY. Also proves, on small trees with planted violations, that it would find them.
"""

import pathlib
import re
import sys
import tempfile
import unittest

# Folder -> the folders of this repository that it may use (itself always). The longest matching folder counts.
ARROWS = {
    "protos": [],
    "shoal/base": [],
    "shoal/content": ["shoal/base"],
    "shoal/stream": ["shoal/content", "shoal/base", "protos"],
    "shoal/tracking": ["shoal/content", "shoal/base", "protos"],
    "shoal/service": ["shoal/base", "protos"],
    "services/tracker": ["shoal", "protos"],
    "services/seeder": ["shoal", "protos"],
    "clients/leecher": ["shoal", "protos"],
    "tests": ["protos", "shoal", "services", "clients", "tests"],
}

# Where what comes from outside may be included: a pattern of the include -> a pattern of the files that may. Tests may too:
# that of a daemon asks it through its doors.
EDGES = {
    r".*\.pb\.h": r"(control|datagram|watch_stream|\w+_conversion|\w+_service|grpc_\w+)\.(cc|h)",
    r"(grpc|grpcpp|grpc\+\+)/.*|.*\.grpc\.pb\.h": r"(health_client|watch_stream|\w+_service|grpc_\w+)\.(cc|h)",
    r"CLI/.*": r"main\.cc",
}

EMPTY_NAMES = re.compile(r"(?i)(^|_)(utils?|common|helpers?|manager|misc)(_|$)")

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
DECLARATION = re.compile(r"\b(shoal_\w+|add_library|add_executable|target_link_libraries)\s*\(\s*([\w-]+)([^)]*)\)")
SOURCES = {".cc", ".h", ".cpp", ".hpp"}
ROOTS = ("protos", "shoal", "services", "clients", "tests", "cmake", "docker", "scripts", "docs")


def folder_of(path):
    """The folder of ARROWS that holds `path`, or None."""
    holding = [folder for folder in ARROWS if path == folder or path.startswith(folder + "/")]
    return max(holding, key=len, default=None)


def allowed(user, used, is_test=False):
    """Tests beside the code may lean on tests/support too."""
    if is_test and used == "tests":
        return True
    return used == user or any(used == a or used.startswith(a + "/") for a in ARROWS[user])


def check_includes(root, path):
    user = folder_of(path)
    includes = INCLUDE.findall((root / path).read_text(encoding="utf-8"))
    own = path.removesuffix(".cc") + ".h"
    if own != path and (root / own).is_file() and includes[:1] != [own]:
        yield f"{path}: does not include {own} first, and so does not prove that it compiles alone"
    for include in includes:
        generated = include.endswith(".pb.h")
        used = "protos" if generated else folder_of(include)
        if user and used and not allowed(user, used, is_test=path.endswith("_test.cc") and include.startswith("tests/support/")):
            yield f"{path}: includes {include}, but {user} may not use {used}"
        if user != "tests" and not path.endswith("_test.cc"):
            for pattern, files in EDGES.items():
                if re.fullmatch(pattern, include) and not re.fullmatch(files, path.rsplit("/", 1)[-1]):
                    yield f"{path}: includes {include}, which belongs at the edges only ({files})"


def without_comments(text):
    return re.sub(r"#[^\n]*", "", text)


def check_links(root, lists):
    """`lists`: paths of all CMakeLists.txt."""
    declared = {}
    links = []
    for path in lists:
        folder = folder_of(path)
        for command, target, rest in DECLARATION.findall(without_comments((root / path).read_text(encoding="utf-8"))):
            if folder and command != "target_link_libraries":
                declared[target] = folder
            links.append((path, folder, target, re.findall(r"[\w:+-]+", rest), command == "shoal_test"))
    for path, user, target, words, is_test in links:
        for word in words:
            used = declared.get(word)
            if user and used and not allowed(user, used, is_test):
                yield f"{path}: {target} links {word}, but {user} may not use {used}"


def check(root):
    """All violations below `root`, as lines for people."""
    root = pathlib.Path(root)
    files = sorted(
        str(p.relative_to(root)) for top in ROOTS if (root / top).is_dir() for p in (root / top).rglob("*") if p.is_file()
    )
    found = []
    for path in files:
        if "__pycache__" in path or "/corpus/" in path:
            continue
        if any(EMPTY_NAMES.search(pathlib.PurePath(name).stem) for name in path.split("/")):
            found.append(f"{path}: a name that says nothing")
        if pathlib.PurePath(path).suffix in SOURCES:
            found.extend(check_includes(root, path))
            if folder_of(path) is None:
                found.append(f"{path}: in no folder that the arrows know")
    found.extend(check_links(root, [path for path in files if path.endswith("CMakeLists.txt")]))
    return found


class PlantedViolations(unittest.TestCase):
    def violations(self, files):
        with tempfile.TemporaryDirectory() as root:
            for path, text in files.items():
                target = pathlib.Path(root, path)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_text(text, encoding="utf-8")
            return check(root)

    def assert_found(self, path, text):
        self.assertEqual(len(self.violations({path: text})), 1, f"not found: {text} in {path}")

    def test_wrong_way_includes(self):
        self.assert_found("shoal/base/clock.h", '#include "shoal/content/manifest/ids.h"\n')
        self.assert_found("shoal/content/manifest/ids.h", '#include "shoal/stream/wire/frame.h"\n')
        self.assert_found("shoal/stream/wire/frame.h", '#include "shoal/tracking/messages/messages.h"\n')
        self.assert_found("shoal/tracking/messages/messages.h", '#  include "shoal/stream/wire/frame.h"\n')
        self.assert_found("shoal/service/log/log.cc", '#include "shoal/content/manifest/ids.h"\n')
        self.assert_found("shoal/tracking/announce/announcer.cc", '#include "services/tracker/registry/registry.h"\n')
        self.assert_found("services/seeder/seeder.cc", '#include "services/tracker/registry/registry.h"\n')
        self.assert_found("clients/leecher/cli/get.cc", '#include "services/seeder/catalog.h"\n')
        self.assert_found("shoal/content/manifest/ids.cc", '#include "tests/support/sample_content.h"\n')
        self.assert_found("shoal/content/datagram.cc", '#include "shoal/content/v1/content.pb.h"\n')

    def test_what_belongs_at_the_edges(self):
        self.assert_found("services/tracker/registry/registry.cc", '#include "shoal/tracker/v1/messages.pb.h"\n')
        self.assert_found("services/tracker/registry/registry.h", "#include <grpcpp/grpcpp.h>\n")
        self.assert_found("services/tracker/options.cc", '#include "CLI/CLI.hpp"\n')

    def test_own_header_is_not_first(self):
        found = self.violations({
            "shoal/base/clock.h": "",
            "shoal/base/clock.cc": '#include <ctime>\n\n#include "shoal/base/clock.h"\n',
            "shoal/base/rate.h": "",
            "shoal/base/rate.cc": '#include "shoal/base/rate.h"\n\n#include <ctime>\n',
        })
        self.assertEqual(len(found), 1, found)

    def test_wrong_way_links(self):
        found = self.violations({
            "shoal/base/CMakeLists.txt": "shoal_library(shoal_base DEPS absl::time shoal_content)",
            "shoal/content/CMakeLists.txt": "shoal_library(shoal_content DEPS shoal_base)",
            "services/seeder/CMakeLists.txt": "shoal_library(seeder DEPS shoal_content)\ntarget_link_libraries(seeder PRIVATE tracker)",
            "services/tracker/CMakeLists.txt": "shoal_library(tracker DEPS shoal_content) # shoal_library(x DEPS seeder)",
        })
        self.assertEqual(len(found), 2, found)

    def test_empty_names(self):
        self.assert_found("shoal/base/string_utils.h", "")
        self.assert_found("shoal/common/frame.txt", "")

    def test_right_ways_pass(self):
        self.assertEqual([], self.violations({
            "shoal/tracking/proto_conversion.cc":
                '#include "shoal/tracker/v1/messages.pb.h"\n#include "shoal/content/manifest/ids.h"\n#include <vector>\n',
            "services/tracker/grpc/tracker_service.h": "#include <grpcpp/grpcpp.h>\n",
            "shoal/content/manifest/ids_test.cc": '#include "tests/support/sample_content.h"\n',
            "services/tracker/main.cc": '#include "CLI/CLI.hpp"\n#include "shoal/service/log/log.h"\n',
            "tests/integration/swarm_test.cc":
                '#include "services/seeder/seeder.h"\n#include "clients/leecher/download/download.h"\n#include <grpcpp/grpcpp.h>\n',
            "services/seeder/commonwealth.cc": '#include "services/seeder/commonwealth.h"\n',
        }))


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    violations = check(sys.argv[1])
    print("\n".join(violations))
    planted = unittest.main(argv=sys.argv[:1], exit=False).result
    sys.exit(0 if not violations and planted.wasSuccessful() else 1)
