#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""Print a C program that prints, as static assertions, the size of each
struct in the user-space header given and the offset of each of its members.
Compiled again for another word size, the assertions compare the layouts."""

import re
import sys

COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*', re.S)
STRUCT = re.compile(r'^struct\s+(\w+)\s*\{(.*?)^\}', re.S | re.M)
MEMBER = re.compile(r'(\w+)\s*(?:\[[^\]]*\])?\s*;')


def main():
    text = COMMENT.sub('', open(sys.argv[1]).read())
    print('#include <stddef.h>\n#include <stdio.h>')
    print('#include <linux/gochan.h>\nint main(void)\n{')
    for name, body in STRUCT.findall(text):
        show(f'sizeof(struct {name})')
        for member in MEMBER.findall(body):
            show(f'offsetof(struct {name}, {member})')
    print('\treturn 0;\n}')


def show(what):
    print(f'\tprintf("_Static_assert({what} == %zu, \\"{what}\\");\\n", {what});')


main()
