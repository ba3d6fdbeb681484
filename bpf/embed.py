#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""embed.py NAME OBJECT OUTPUT: an ELF object as a C++ array, gamesched::kernel::object_NAME."""
import sys

name, source, output = sys.argv[1:]
data = open(source, "rb").read()
lines = [", ".join(str(byte) for byte in data[i:i + 32]) for i in range(0, len(data), 32)]
with open(output, "w", encoding="ascii") as out:
    out.write(f"""// Made from {source.rsplit("/", 1)[-1]}
#include <cstddef>
namespace gamesched::kernel {{
extern const unsigned char object_{name}[];
extern const std::size_t object_{name}_size;
alignas(8) const unsigned char object_{name}[] = {{
{(","+chr(10)).join(lines)}
}};
const std::size_t object_{name}_size = sizeof(object_{name});
}}  // namespace gamesched::kernel
""")
