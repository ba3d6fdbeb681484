#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""org.gamesched.Scheduler1(5) in scdoc's form, from the comments of the interface's XML.

  interface_manual.py XML...

The comment before a member describes it: "Name: what it is", then "@argument:
what it is" paragraphs. A member without one is an error, so that the page is
never silent about anything. The first file's comment before <node> opens the page.
"""

import re
import sys
import xml.etree.ElementTree as ET

MEMBERS = {"method": "METHODS", "signal": "SIGNALS", "property": "PROPERTIES"}


class Undocumented(Exception):
    pass


def escaped(text):
    return re.sub(r"([\\*_#\[\]|~])", r"\\\1", text)


def paragraphs(comment):
    """Blank lines separate paragraphs; so does a line that begins with "@"; indented lists stay lines."""
    comment = re.sub(r"\n\s*(?=@)", "\n\n", comment.strip())
    for paragraph in re.split(r"\n\s*\n", comment):
        lines = paragraph.splitlines()
        if all(re.match(r"\s{3,}[A-Z]\w+  +", line) for line in lines):
            for line in lines:
                word, meaning = line.split(maxsplit=1)
                yield f"*{escaped(word)}*\n\t{escaped(meaning)}"
        else:
            yield escaped(" ".join(line.strip() for line in lines))


def capitalized(text):
    return text[0].upper() + text[1:]


def signature(member):
    arguments = []
    for arg in member.findall("arg"):
        direction = f"{arg.get('direction')} " if member.tag == "method" else ""
        arguments.append(f"{direction}{arg.get('type')} {arg.get('name')}")
    if member.tag == "property":
        return f"{member.get('type')} {member.get('name')} ({member.get('access')})"
    return f"{member.get('name')}({', '.join(arguments)})"


def member_text(member, comment):
    name = member.get("name")
    if comment is None or not comment.strip().startswith(f"{name}:"):
        raise Undocumented(f"the comment before {member.tag} {name} must begin with \"{name}:\"")
    named = set(re.findall(r"^\s*@([\w-]+):", comment, re.MULTILINE))
    wanted = {arg.get("name") for arg in member.findall("arg")}
    if named - wanted:
        raise Undocumented(f"{name} has no argument {', '.join(sorted(named - wanted))}")
    body = comment.strip()[len(name) + 1:]
    first, *rest = paragraphs(body)
    text = [capitalized(first)] + [re.sub(r"^@(\S+):", r"_\1_:", p) for p in rest]
    indented = "\n\n".join("\n".join("\t" + line for line in p.splitlines()) for p in text)
    yield f"*{escaped(signature(member))}*\n{indented}"


def sections(root):
    """Heading -> blocks of text, for the interface of one file; comments are children in document order."""
    found = {}
    for interface in root.iter("interface"):
        comment = None
        for child in interface:
            if child.tag is ET.Comment:
                comment = child.text
                continue
            if child.tag in MEMBERS:
                found.setdefault(MEMBERS[child.tag], []).extend(member_text(child, comment))
            comment = None
    return found


def opening_comment(path):
    """The last comment before <node>; comments outside of the root element are not in the tree."""
    with open(path, encoding="utf-8") as file:
        head = file.read().split("<node", 1)[0]
    return re.findall(r"<!--(.*?)-->", head, re.DOTALL)[-1]


def interface_name(root):
    return root.find("interface").get("name")


def page(paths):
    roots = []
    for path in paths:
        roots.append(ET.parse(path, ET.XMLParser(target=ET.TreeBuilder(insert_comments=True))).getroot())
    name = interface_name(roots[0])
    title, *rest = paragraphs(re.sub(rf"^\s*{re.escape(name)}:\s*", "", opening_comment(paths[0])))
    yield f"{name}(5) \"gamesched\"\n; SPDX-License-Identifier: GPL-2.0-or-later, made by interface_manual.py"
    yield f"# NAME\n\n{name} - {title.rstrip('.')}"
    yield "# DESCRIPTION"
    yield from rest
    for path, root in zip(paths, roots):
        if root is not roots[0]:
            own = interface_name(root)
            first, *more = paragraphs(re.sub(rf"^\s*{re.escape(own)}:\s*", "", opening_comment(path)))
            yield f"# INTERFACE {own}\n\n{capitalized(first)}"
            yield from more
        level = "#" if root is roots[0] else "##"
        for heading, blocks in sections(root).items():
            yield f"{level} {heading}"
            yield from blocks
    yield "# SEE ALSO\n\n*gameschedd*(8), *gameschedctl*(1), *busctl*(1)"


def main():
    try:
        print("\n\n".join(page(sys.argv[1:])))
    except Undocumented as error:
        sys.exit(f"{sys.argv[0]}: {error}")


if __name__ == "__main__":
    main()
