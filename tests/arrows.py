#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Whether no include runs up, and the README's layout is that of the tree.

    arrows.py [TREE]    checks a source tree, by default the one around this file; exit code 1 and a line for each arrow
    arrows.py --test    plants arrows in a scratch tree and checks that each is found
"""
import pathlib
import re
import sys
import tempfile

# A file may include what lies on a lower floor, and its own room. Rooms of one floor, such as attacks and defenses, do
# not know of each other: they meet above. A room is a folder or the beginning of file names; the longest that fits
# counts.
FLOORS = [
    ["kernels/exec"],
    ["kernels/registry"],
    ["kernels/passes", "kernels/samples"],
    ["kernels/models"],
    ["kernels/estimators", "kernels/optimizers"],
    ["kernels/attacks", "kernels/defenses"],
    ["kernels/protocols"],
    ["src/data"],
    ["src/cell"],
    ["src/spec"],
    ["src/plan"],
    ["src/report"],
    ["src/run"],
    ["src/bench", "src/verify"],
    ["src/commands"],
    ["src/main.cpp"],
    ["tests"],
]

# A component is one file that nobody includes, so that deleting it deletes the component and nothing else.
COMPONENTS = ["kernels/attacks/messages", "kernels/attacks/protocol", "kernels/defenses/rules",
              "kernels/defenses/pre_aggregators", "kernels/defenses/meta_aggregators"]

GENERATED = "gauntlet/"  # headers that the build writes
ROOM_OF = {room: floor for floor, rooms in enumerate(FLOORS) for room in rooms}
SOURCES = {".cu", ".cuh", ".cpp", ".hpp"}


def room(path):
    fitting = [name for name in ROOM_OF if path.startswith(name)]
    return max(fitting, key=len) if fitting else None


def arrows(tree):
    """The includes that should not be, as `FILE:LINE: reason`."""
    wrong = []
    files = sorted(path for top in ("kernels", "src", "tests") for path in (tree / top).rglob("*")
                   if path.suffix in SOURCES)
    for path in files:
        name = path.relative_to(tree).as_posix()
        here = room(name)
        if here is None:
            wrong.append(f"{name}: its folder has no floor in tests/arrows.py")
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not found or found[1].startswith(GENERATED):
                continue
            to, place = found[1], f"{name}:{number}: "
            if not (tree / to).is_file():
                wrong.append(place + f"no file {to}, as seen from the root")
            elif any(to.startswith(each + "/") for each in COMPONENTS) and to != name:
                wrong.append(place + f"{to} is a component's own file: what others need goes to a shared folder")
            elif room(to) is None or (room(to) != here and ROOM_OF[room(to)] >= ROOM_OF[here]):
                wrong.append(place + f"{here} may not include {to}")
    return wrong


def layout(tree):
    """What the block under `## Layout` in README.md says that is not so."""
    readme = (tree / "README.md").read_text()
    block = re.search(r"^## Layout\n+```\n(.*?)^```", readme, re.M | re.S)
    if not block:
        return ["README.md: no block under ## Layout"]
    named, above, wrong = set(), [], []
    for line in block[1].splitlines():
        found = re.match(r"( *)((?:[\w.]+/(?:, )?)+)(?: |$)", line)
        if not found or len(found[1]) > 8:  # the rest of a description
            continue
        depth = len(found[1]) // 2
        names = [name.rstrip("/") for name in found[2].rstrip().split(", ")]
        above[depth:] = [names[0]]
        named.update("/".join(above[:depth] + [name]) for name in names)
    for name in sorted(named):
        if not (tree / name).is_dir():
            wrong.append(f"README.md: there is no folder {name}")
    for top in ("kernels", "src", "tests"):
        folders = [path.relative_to(tree).as_posix() for path in (tree / top).rglob("*") if path.is_dir()]
        for folder in sorted(folders):
            deep = folder.startswith("tests/") and folder.count("/") > 1
            if not deep and folder not in named and "__pycache__" not in folder:
                wrong.append(f"README.md: the layout does not name {folder}")
    return wrong


def test():
    """Each planted mistake is found, and the tree without it passes."""
    good = {
        "kernels/exec/error.hpp": "",
        "kernels/passes/inbox.cuh": '#include "kernels/exec/error.hpp"\n',
        "kernels/attacks/attack.cuh": '#include "kernels/passes/inbox.cuh"\n',
        "kernels/defenses/defense.cuh": '#include "kernels/passes/inbox.cuh"\n#include <vector>\n',
        "kernels/defenses/rules/krum.cu": '#include "kernels/defenses/defense.cuh"\n',
        "kernels/protocols/server.cu":
            '#include "kernels/attacks/attack.cuh"\n#include "kernels/defenses/defense.cuh"\n',
        "src/data/atomic_file.hpp": "",
        "src/data/npy.cpp": '#include "src/data/atomic_file.hpp"\n',
        "src/run/runner.cpp": '#include "kernels/protocols/server.cu"\n#include "gauntlet/build_info.hpp"\n',
        "tests/run_test.cpp": '#include "src/data/npy.cpp"\n#include "kernels/exec/error.hpp"\n',
        "README.md": "# x\n\n## Layout\n\n```\nkernels/          all\n  exec/           memory\n                  and more/ of it\n"
                     "  passes/, attacks/, protocols/\n  defenses/\n    rules/        one file each\n"
                     "src/\n  data/\n  run/\ntests/\n```\n",
    }
    planted = [
        ("kernels/exec/error.hpp", '#include "kernels/passes/inbox.cuh"\n', "up"),
        ("kernels/attacks/attack.cuh", '#include "kernels/defenses/defense.cuh"\n', "attacks and defenses"),
        ("kernels/defenses/defense.cuh", '#include "kernels/attacks/attack.cuh"\n', "defenses and attacks"),
        ("kernels/passes/inbox.cuh", '  #  include "src/data/npy.cpp"\n', "kernels to src"),
        ("src/run/runner.cpp", '#include "tests/run_test.cpp"\n', "src to tests"),
        ("src/data/npy.cpp", '#include "src/run/runner.cpp"\n', "up within src"),
        ("kernels/defenses/rules/mda.cu", '#include "kernels/defenses/rules/krum.cu"\n', "a rule's own file"),
        ("kernels/passes/inbox.cuh", '#include "error.hpp"\n', "not from the root"),
        ("kernels/new/room.hpp", "", "a folder without a floor"),
        ("README.md", good["README.md"].replace("  run/\n", ""), "a folder that the layout does not name"),
        ("README.md", good["README.md"].replace("  run/\n", "  run/\n  ran/\n"), "a folder that is not there"),
    ]
    failed = []
    for path, text, what in [("README.md", good["README.md"], "")] + planted:
        with tempfile.TemporaryDirectory() as folder:
            tree = pathlib.Path(folder)
            for name, content in {**good, path: text}.items():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                (tree / name).write_text(content)
            found = arrows(tree) + layout(tree)
            if bool(found) != bool(what):
                failed.append(f"{what or 'the good tree'}: {found}")
    return failed


def main():
    if sys.argv[1:] == ["--test"]:
        wrong = test()
    else:
        tree = pathlib.Path(sys.argv[1]) if sys.argv[1:] else pathlib.Path(__file__).resolve().parent.parent
        wrong = arrows(tree) + layout(tree)
    print("\n".join(wrong), end="\n" if wrong else "")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
