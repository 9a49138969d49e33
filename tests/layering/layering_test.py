#!/usr/bin/env python3
"""Checks the structure that docs/architecture.md describes.

Usage: layering_test.py REPOSITORY. Fails on
  - an #include or a CMake link that runs against the arrows between folders, sub-folders included;
  - a source that does not include its own header first;
  - a type that is defined twice in one namespace, or outside the namespace of its library;
  - a source below clients/leecher/download that includes the facade of a download;
  - a file name that says nothing.
Also proves, on small trees with planted violations, that it finds each of them.
"""

import collections
import pathlib
import re
import sys
import tempfile
import unittest

# Folder -> the folders that its sources may include, besides itself. "F/*" means F and every folder below it. Each
# folder that holds sources is listed; the graph has no cycle (test_the_arrows_have_no_cycle).
ARROWS = {
    "protos": [],
    "shoal/base": [],
    "shoal/content/manifest": ["shoal/base"],
    "shoal/content/publish": ["shoal/base", "shoal/content/manifest"],
    "shoal/content/store": ["shoal/base", "shoal/content/manifest", "shoal/content/publish"],
    "shoal/net": ["shoal/base"],
    "shoal/net/tls": ["shoal/base"],
    "shoal/net/transport": ["shoal/base", "shoal/net", "shoal/net/tls"],
    "shoal/stream/wire": ["shoal/base", "shoal/content/manifest", "shoal/content/publish", "protos"],
    "shoal/stream/upload": ["shoal/base", "shoal/content/manifest", "shoal/content/publish", "shoal/stream/wire"],
    "shoal/stream": [
        "shoal/base", "shoal/content/manifest", "shoal/content/publish", "shoal/net/*", "shoal/stream/wire", "shoal/stream/upload",
    ],
    "shoal/tracking/tickets": ["shoal/base", "shoal/content/manifest"],
    "shoal/tracking/messages": ["shoal/base", "shoal/content/manifest", "protos"],
    "shoal/tracking/client": [
        "shoal/base", "shoal/content/manifest", "shoal/net", "shoal/net/tls", "shoal/tracking/messages", "shoal/tracking/tickets", "protos",
    ],
    "shoal/tracking/announce": [
        "shoal/base", "shoal/content/manifest", "shoal/net", "shoal/tracking/messages", "shoal/tracking/client",
    ],
    "shoal/service": [
        "shoal/base", "shoal/content/manifest", "shoal/net", "shoal/net/tls", "shoal/service/http", "shoal/service/log",
        "shoal/service/metrics",
    ],
    "shoal/service/log": ["shoal/base"],
    "shoal/service/metrics": ["shoal/base"],
    "shoal/service/http": ["shoal/base", "shoal/net", "shoal/net/tls", "shoal/service/grpc", "protos"],
    "shoal/service/grpc": ["shoal/base", "shoal/net", "shoal/net/tls", "shoal/service/log", "protos"],
    "web": ["shoal/service/http"],
    "services/tracker/tables": ["shoal/base", "shoal/content/manifest"],
    "services/tracker/limits": ["shoal/base"],
    "services/tracker/bittorrent": [
        "shoal/base", "shoal/content/manifest", "services/tracker/tables", "services/tracker/limits",
    ],
    "services/tracker/registry": [
        "shoal/base", "shoal/content/manifest", "shoal/net", "shoal/tracking/messages", "services/tracker/tables",
        "services/tracker/limits",
    ],
    "services/tracker/access": ["shoal/base", "shoal/content/manifest", "shoal/tracking/tickets"],
    "services/tracker/state": [
        "shoal/base", "shoal/content/manifest", "shoal/net", "shoal/tracking/messages", "services/tracker/tables", "services/tracker/limits",
        "services/tracker/registry", "services/tracker/bittorrent",
    ],
    "services/tracker/metrics": [
        "shoal/base", "shoal/service/metrics", "services/tracker/limits", "services/tracker/registry", "services/tracker/state",
        "services/tracker/bittorrent",
    ],
    "services/tracker/state_file": [
        "shoal/base", "shoal/content/manifest", "shoal/tracking/messages", "services/tracker/registry", "services/tracker/state",
        "services/tracker/bittorrent",
    ],
    "services/tracker/udp": [
        "shoal/base", "shoal/content/manifest", "shoal/net", "shoal/tracking/messages", "services/tracker/limits",
        "services/tracker/registry", "services/tracker/state", "services/tracker/bittorrent", "services/tracker/metrics",
        "services/tracker/access",
    ],
    "services/tracker/http": [
        "shoal/base", "shoal/service/http", "shoal/service/metrics", "web", "services/tracker/limits", "services/tracker/registry",
        "services/tracker/state", "services/tracker/metrics", "services/tracker/access",
    ],
    "services/tracker/grpc": [
        "shoal/base", "shoal/content/manifest", "shoal/tracking/messages", "shoal/service/grpc", "protos",
        "services/tracker/limits", "services/tracker/registry", "services/tracker/state", "services/tracker/metrics",
        "services/tracker/access",
    ],
    "services/tracker": ["protos", "shoal/*", "services/tracker/*"],
    "services/seeder/folder": ["shoal/base", "shoal/content/manifest", "shoal/content/publish"],
    "services/seeder": ["shoal/*", "web", "services/seeder/folder"],
    "clients/leecher/download/policy": ["shoal/base", "shoal/content/manifest"],
    "clients/leecher/download/model": [
        "shoal/base", "shoal/content/manifest", "shoal/content/publish", "shoal/net/*", "shoal/stream/*", "shoal/tracking/*",
        "clients/leecher/download/policy",
    ],
    "clients/leecher/download/discovery": [
        "shoal/base", "shoal/content/manifest", "shoal/net", "shoal/tracking/*", "clients/leecher/download/model",
    ],
    "clients/leecher/download/storage": [
        "shoal/base", "shoal/content/*", "shoal/net", "clients/leecher/download/policy", "clients/leecher/download/model",
    ],
    "clients/leecher/download/peers": [
        "shoal/base", "shoal/content/manifest", "shoal/content/publish", "shoal/net/*", "shoal/stream/*", "shoal/tracking/*",
        "clients/leecher/download/policy", "clients/leecher/download/model",
    ],
    "clients/leecher/download": ["shoal/*", "clients/leecher/download/*"],
    "clients/leecher/session": ["shoal/*", "clients/leecher/download/*"],
    "clients/leecher/agent": ["shoal/*", "clients/leecher/download", "clients/leecher/download/model", "clients/leecher/download/policy", "clients/leecher/session"],
    "clients/leecher/agent/content": ["shoal/base", "shoal/content/*", "shoal/service/http", "clients/leecher/download/*"],
    "clients/leecher/agent/server": ["shoal/*", "web", "clients/leecher/agent", "clients/leecher/agent/api", "clients/leecher/agent/content", "clients/leecher/download/model"],
    "clients/leecher/agent/api": ["shoal/*", "protos", "clients/leecher/download", "clients/leecher/download/model", "clients/leecher/download/policy", "clients/leecher/agent"],
    "clients/leecher/cli/terminal": ["shoal/*", "clients/leecher/download/model", "clients/leecher/session"],
    "clients/leecher/cli/commands": [
        "shoal/*", "clients/leecher/download/model", "clients/leecher/download/policy", "clients/leecher/session",
        "clients/leecher/cli/terminal", "clients/leecher/agent", "clients/leecher/agent/api", "clients/leecher/agent/server",
    ],
    "clients/leecher": ["shoal/*", "clients/leecher/session", "clients/leecher/cli/*"],
    "tests": ["protos", "shoal/*", "services/*", "clients/*"],
}

# Folder -> the namespace in which all below it define their types.
NAMESPACES = {
    "shoal/base": "shoal",
    "shoal/content": "shoal",
    "shoal/net": "shoal::net",
    "shoal/stream": "shoal::stream",
    "shoal/tracking": "shoal::tracking",
    "shoal/service": "shoal::service",
    "services/tracker": "shoal::tracker",
    "services/seeder": "shoal::seeder",
    "clients/leecher": "shoal::leecher",
}

# Where headers from outside may be included: a pattern of the include -> a pattern of the files that may. Tests may too:
# the test of a daemon calls it as a client does.
EDGES = {
    r".*\.pb\.h": r"(connect_api|control|datagram|watch_stream|\w+_conversion|\w+_service|grpc_\w+)\.(cc|h)",
    r"(grpc|grpcpp|grpc\+\+)/.*|.*\.grpc\.pb\.h": r"(health_endpoint|watch_stream|\w+_service|grpc_\w+)\.(cc|h)",
    r"CLI/.*": r"(main|command_line|ticket_flags|tls_flags)\.cc",
}

# The object that viewers of a download hold; what it is made of does not know it.
FACADE = "clients/leecher/download/download.h"
FACADE_USERS = re.compile(r"clients/leecher/download/(download\.cc|.*_test\.cc|test_\w+\.(cc|h))")

EMPTY_NAMES = re.compile(r"(?i)(^|_)(utils?|common|helpers?|manager|misc)(_|$)")

INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.MULTILINE)
DECLARATION = re.compile(r"\b(shoal_\w+|add_library|add_executable|target_link_libraries)\s*\(\s*([\w-]+)([^)]*)\)")
SOURCES = {".cc", ".h", ".cpp", ".hpp"}
ROOTS = ("protos", "shoal", "web", "services", "clients", "tests", "cmake", "docker", "packaging", "scripts", "docs")

# What a C++ source has that may hold braces or words without meaning them, in the order in which they begin.
NOT_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<delimiter>[^(\s]*)\(.*?\)(?P=delimiter)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])\'|^\s*#[^\n]*(?:\\\n[^\n]*)*',
    re.DOTALL | re.MULTILINE,
)
SCOPE = re.compile(
    r"(?P<namespace>\b(?:inline\s+)?namespace\b(?P<names>[\w\s:]*)\{)"
    r"|(?P<type>\b(?:class|struct|union|enum(?:\s+class|\s+struct)?)\s+(?:alignas\([^)]*\)\s*)?(?:[A-Z_]+\([^)]*\)\s*)?"
    r"(?P<name>[A-Za-z_]\w*)\s*(?:final\s*)?(?::[^:;{}][^;{}]*)?\{)"
    r"|(?P<open>\{)|(?P<close>\})"
)


def folder_of(path):
    """The folder of ARROWS that holds `path`, or None."""
    holding = [folder for folder in ARROWS if path == folder or path.startswith(folder + "/")]
    return max(holding, key=len, default=None)


def matches(pattern, folder):
    if not pattern.endswith("/*"):
        return folder == pattern
    return folder == pattern[:-2] or folder.startswith(pattern[:-1])


def allowed(user, used, is_test=False):
    """Tests beside the code may use tests/support too."""
    if used == user or (is_test and used == "tests"):
        return True
    return any(matches(pattern, used) for pattern in ARROWS[user])


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
        if include == FACADE and path.startswith("clients/leecher/download/") and not FACADE_USERS.fullmatch(path):
            yield f"{path}: includes the facade {FACADE}, which is above it"
        if user != "tests" and not path.endswith("_test.cc"):
            for pattern, files in EDGES.items():
                if re.fullmatch(pattern, include) and not re.fullmatch(files, path.rsplit("/", 1)[-1]):
                    yield f"{path}: includes {include}, which belongs at the edges only ({files})"


def types_of(text):
    """The types that `text` defines in a named namespace and in no other type, as (namespace, name)."""
    text = NOT_CODE.sub(lambda found: '""' if found.group().startswith(('"', "R")) else " ", text)
    scopes = []  # a namespace's name, or None for any other scope
    for found in SCOPE.finditer(text):
        if found["close"]:
            if scopes:
                scopes.pop()
        elif found["namespace"]:
            scopes.append(found["names"].strip())
        else:
            if found["type"] and None not in scopes and "" not in scopes:
                yield "::".join(scopes), found["name"]
            scopes.append(None)


def namespace_of(path):
    holding = [folder for folder in NAMESPACES if path.startswith(folder + "/")]
    return NAMESPACES[max(holding, key=len)] if holding else None


def check_types(root, paths):
    """`paths`: all C++ sources."""
    defined = collections.defaultdict(set)
    for path in paths:
        wanted = namespace_of(path)
        for namespace, name in types_of((root / path).read_text(encoding="utf-8")):
            defined[namespace, name].add(path)
            inside = wanted is None or namespace == wanted or namespace.startswith(wanted + "::")
            if not inside and not path.endswith("_test.cc"):
                yield f"{path}: defines {namespace}::{name}, which belongs into namespace {wanted}"
    for (namespace, name), where in sorted(defined.items()):
        if len(where) > 1:
            yield f"{namespace}::{name} is defined {len(where)} times: {', '.join(sorted(where))}"


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
            # One test program may cover the sub-folders of its folder.
            below = is_test and used and user and used.startswith(user + "/")
            if user and used and not below and not allowed(user, used, is_test):
                yield f"{path}: {target} links {word}, but {user} may not use {used}"


def check(root):
    """All violations below `root`, as lines for people."""
    root = pathlib.Path(root)
    files = sorted(
        str(p.relative_to(root)) for top in ROOTS if (root / top).is_dir() for p in (root / top).rglob("*") if p.is_file()
    )
    files = [path for path in files if "__pycache__" not in path and "/corpus/" not in path]
    sources = [path for path in files if pathlib.PurePath(path).suffix in SOURCES]
    found = []
    for path in files:
        if any(EMPTY_NAMES.search(pathlib.PurePath(name).stem) for name in path.split("/")):
            found.append(f"{path}: a name that says nothing")
    for path in sources:
        found.extend(check_includes(root, path))
        folder = path.rsplit("/", 1)[0]
        if folder not in ARROWS and not folder.startswith("tests/"):
            found.append(f"{path}: in no folder that the arrows know")
    found.extend(check_types(root, sources))
    found.extend(check_links(root, [path for path in files if path.endswith("CMakeLists.txt")]))
    return found


class Arrows(unittest.TestCase):
    def test_the_arrows_have_no_cycle(self):
        uses = {
            user: {used for used in ARROWS if used != user and any(matches(pattern, used) for pattern in patterns)}
            for user, patterns in ARROWS.items()
        }
        while True:
            ready = {folder for folder, used in uses.items() if not used}
            if not ready:
                break
            uses = {folder: used - ready for folder, used in uses.items() if folder not in ready}
        self.assertEqual({}, uses, "these folders use one another in a circle")


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
        self.assert_found("clients/leecher/cli/commands/get.cc", '#include "services/seeder/catalog.h"\n')
        self.assert_found("shoal/content/manifest/ids.cc", '#include "tests/support/sample_content.h"\n')
        self.assert_found("shoal/content/publish/datagram.cc", '#include "shoal/content/v1/content.pb.h"\n')

    def test_wrong_way_includes_between_sub_folders(self):
        self.assert_found("shoal/content/publish/folder_source.h", '#include "shoal/content/store/chunk_store.h"\n')
        self.assert_found("shoal/net/event_loop.h", '#include "shoal/net/transport/transport.h"\n')
        self.assert_found("shoal/stream/wire/control.cc", '#include "shoal/stream/chunk_session.h"\n')
        self.assert_found("services/tracker/registry/registry.h", '#include "services/tracker/bittorrent/bep15.h"\n')
        self.assert_found("services/tracker/bittorrent/bep15.cc", '#include "services/tracker/registry/registry.h"\n')
        self.assert_found("clients/leecher/download/policy/chunk_picker.h", '#include "shoal/stream/chunk_session.h"\n')
        self.assert_found("clients/leecher/session/downloads.h", '#include "clients/leecher/cli/terminal/console.h"\n')

    def test_a_folder_without_arrows(self):
        self.assert_found("shoal/content/ids.h", "")

    def test_the_facade_of_a_download(self):
        include = '#include "clients/leecher/download/download.h"\n'
        self.assert_found("clients/leecher/download/download_engine.h", include)
        self.assertEqual([], self.violations({
            "clients/leecher/download/download.cc": include,
            "clients/leecher/download/download_test.cc": include,
            "clients/leecher/session/downloads.cc": include,
        }))

    def test_what_belongs_at_the_edges(self):
        self.assert_found("services/tracker/registry/registry.cc", "#include <grpcpp/grpcpp.h>\n")
        self.assert_found("services/tracker/grpc/options.h", '#include "shoal/tracker/v1/messages.pb.h"\n')
        self.assert_found("services/tracker/options.cc", '#include "CLI/CLI.hpp"\n')

    def test_own_header_is_not_first(self):
        found = self.violations({
            "shoal/base/clock.h": "",
            "shoal/base/clock.cc": '#include <ctime>\n\n#include "shoal/base/clock.h"\n',
            "shoal/base/rate.h": "",
            "shoal/base/rate.cc": '#include "shoal/base/rate.h"\n\n#include <ctime>\n',
        })
        self.assertEqual(len(found), 1, found)

    def test_a_type_that_is_defined_twice(self):
        first = "namespace shoal {\nclass Listener final : public Base {\n  struct State {};\n};\n}\n"
        found = self.violations({
            "shoal/base/listener.h": first,
            "shoal/content/manifest/listener.h": "namespace shoal {\nstruct Listener { int port; };\n}\n",
        })
        self.assertEqual(len(found), 1, found)
        self.assertIn("shoal::Listener is defined 2 times", found[0])
        self.assertEqual([], self.violations({
            "shoal/base/listener.h": first,
            "shoal/net/listener.h": "namespace shoal::net {\nenum class Kind : int { kA };\nclass Listener {};\n}\n",
            # Neither declarations, nor nested, unnamed or quoted ones, nor specialisations define the type again.
            "shoal/base/other.h": "namespace shoal {\nclass Listener;\nstruct Outer { class Listener {}; };\n}\n",
            "shoal/base/other.cc": '#include "shoal/base/other.h"\nnamespace shoal { namespace { class Listener {}; } }\n'
                                   'const char* kText = R"(namespace shoal { class Listener {}; })";\n'
                                   "// namespace shoal { class Listener {}; }\n",
            "shoal/base/hash.h": "template <>\nstruct std::hash<shoal::Listener> { int x; };\n",
        }))

    def test_a_type_outside_of_its_librarys_namespace(self):
        self.assert_found("shoal/net/listener.h", "namespace shoal {\nclass Listener {};\n}\n")
        self.assert_found("services/seeder/catalog.h", "namespace shoal::tracker {\nclass Catalog {};\n}\n")

    def test_wrong_way_links(self):
        found = self.violations({
            "shoal/base/CMakeLists.txt": "shoal_library(shoal_base DEPS absl::time shoal_store)",
            "shoal/content/store/CMakeLists.txt": "shoal_library(shoal_store DEPS shoal_base)",
            "services/seeder/CMakeLists.txt": "shoal_library(seeder DEPS shoal_base)\ntarget_link_libraries(seeder PRIVATE tracker)",
            "services/tracker/CMakeLists.txt": "shoal_library(tracker DEPS shoal_store) # shoal_library(x DEPS seeder)",
        })
        self.assertEqual(len(found), 2, found)

    def test_empty_names(self):
        self.assert_found("shoal/base/string_utils.h", "")
        self.assert_found("docs/common/frame.txt", "")

    def test_right_ways_pass(self):
        self.assertEqual([], self.violations({
            "shoal/tracking/messages/proto_conversion.cc":
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
