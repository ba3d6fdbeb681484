#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""check_interface.py SOURCES: what is true in several files is true in all of them.

- every member of the D-Bus XML has a comment right above it that begins with its name
- the bus policy allows each method, by name, and nothing else of ours
- the polkit actions documented in the XML, used by the daemon and declared are the same
- each error documented in the XML is one the daemon can send, and the other way round
"""

import pathlib
import re
import sys
import xml.dom.minidom as dom

STANDARD = {
    ("org.freedesktop.DBus.Properties", "Get"),
    ("org.freedesktop.DBus.Properties", "GetAll"),
    ("org.freedesktop.DBus.ObjectManager", "GetManagedObjects"),
    ("org.freedesktop.DBus.Introspectable", "Introspect"),
    ("org.freedesktop.DBus.Peer", "Ping"),
    ("org.freedesktop.DBus.Peer", "GetMachineId"),
}
NAME = "org.gamesched.Scheduler1"

problems = []


def expect(condition, sentence):
    if not condition:
        problems.append(sentence)


def expect_equal(what, left_name, left, right_name, right):
    expect(left == right, f"{what}: only in {left_name}: {sorted(left - right)}; only in {right_name}: {sorted(right - left)}")


def comment_above(node):
    above = node.previousSibling
    while above is not None and above.nodeType == above.TEXT_NODE and not above.data.strip():
        above = above.previousSibling
    return above.data.strip() if above is not None and above.nodeType == above.COMMENT_NODE else ""


def members(path):
    """(interface, kind, name, comment, element) of every member."""
    for interface in dom.parse(str(path)).getElementsByTagName("interface"):
        for child in interface.childNodes:
            if child.nodeType == child.ELEMENT_NODE and child.tagName in ("method", "property", "signal"):
                yield interface.getAttribute("name"), child.tagName, child.getAttribute("name"), comment_above(child), child


def check_comments(path):
    for interface, kind, name, comment, element in members(path):
        expect(comment.startswith(name + ":"), f"{path.name}: {kind} {name} has no comment that begins with '{name}:'")
        for arg in element.getElementsByTagName("arg"):
            arg_name = arg.getAttribute("name")
            single = len(element.getElementsByTagName("arg")) == 1
            expect(f"@{arg_name}:" in comment or single, f"{path.name}: argument {arg_name} of {name} is not documented")


def main(root):
    xml_files = [root / "dbus" / f"{name}.xml" for name in (NAME, "org.gamesched.Game1")]
    for path in xml_files:
        check_comments(path)
    text = "".join(path.read_text() for path in xml_files)

    methods = {(i, n) for path in xml_files for i, kind, n, _, _ in members(path) if kind == "method"}
    conf = dom.parse(str(root / "dbus" / f"{NAME}.conf"))
    default = [p for p in conf.getElementsByTagName("policy") if p.getAttribute("context") == "default"]
    expect(len(default) == 1, "bus policy: there must be one policy for the default context")
    allowed = set()
    for rule in default[0].getElementsByTagName("allow"):
        expect(rule.getAttribute("send_destination") == NAME, "bus policy: a rule without our destination")
        expect(rule.hasAttribute("send_member"), "bus policy: a rule that allows more than one member")
        allowed.add((rule.getAttribute("send_interface"), rule.getAttribute("send_member")))
    expect_equal("bus policy", "the XML", methods | STANDARD, "the policy", allowed)
    denied = {name for rule in default[0].getElementsByTagName("deny") for name in rule.attributes.keys()}
    expect(denied == {"own", "send_destination", "send_type"}, "bus policy: owning and calling must be denied first, and signals not")

    actions = {a.getAttribute("id") for a in dom.parse(str(root / "polkit" / "org.gamesched.policy.in")).getElementsByTagName("action")}
    documented = set(re.findall(r"polkit action (org\.gamesched\.[a-z-]+)", text))
    sources = [p.read_text() for p in sorted((root / "service").rglob("*.cpp")) + sorted((root / "service").rglob("*.h"))]
    used = {match for source in sources for match in re.findall(r'"(org\.gamesched\.[a-z-]+)"', source)}
    expect_equal("polkit actions", "the policy", actions, "the daemon", used)
    expect_equal("polkit actions", "the policy", actions, "the XML's comments", documented)
    expect(not any('"start-time"' in source for source in sources),
           "service: polkit's subject unix-process by pid can be taken over by another process; pass a pidfd, or use system-bus-name")

    table = text.split("org.gamesched.Error.*", 1)[1].split("-->", 1)[0]
    errors = set(re.findall(r"^    ([A-Z][A-Za-z]+)  ", table, re.M))
    sent = {match for source in sources for match in re.findall(r'"org\.gamesched\.Error\.([A-Za-z]+)"', source)}
    expect_equal("errors", "the XML", errors, "the daemon", sent)


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else "."))
    for problem in problems:
        print(f"check_interface: {problem}", file=sys.stderr)
    sys.exit(1 if problems else 0)
