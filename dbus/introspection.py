#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""introspection.py XML HEADER NAME: an interface as a C++ text, for objects that answer Introspect by themselves."""

import sys
import xml.dom.minidom as dom


def strip(node):
    for child in list(node.childNodes):
        if child.nodeType == child.COMMENT_NODE or child.nodeType == child.TEXT_NODE and not child.data.strip():
            node.removeChild(child)
        else:
            strip(child)


def main():
    source, target, name = sys.argv[1:]
    [interface] = dom.parse(source).getElementsByTagName("interface")
    strip(interface)
    with open(target, "w", encoding="utf-8") as out:
        out.write(f'#pragma once\ninline constexpr char {name}[] = R"xml({interface.toxml()})xml";\n')


if __name__ == "__main__":
    main()
