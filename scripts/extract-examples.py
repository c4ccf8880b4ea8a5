#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
extract-examples.py ROOT check             every example is run by one test
extract-examples.py ROOT kernel|user DIR   write the examples to DIR/NAME.inc

Examples are tested as they stand in the documentation: a test includes the
extracted text in a function, or at file scope, and supplies what the text
leaves out. Where they are, and what they are called:

  include/linux/X.h       the section "Example" of the first comment: X_h
  Documentation/*/*.rst   ".. code-block:: c" with ":name: NAME"
  README.md               a fence with "c kernel NAME" or "c user NAME"

What is no C is in a block of another language, "none" say. Text that looks like
C anywhere else is an error, so that no example goes untested.

The results that an example states are comments at the end of a statement, or
on a line of their own, and become checks that run in this place. A colon ends
them, and prose may follow:

  v == 42, ok: the value     conditions, at least one of them a comparison
  -EAGAIN: it is full        what the statement has assigned: a number, an errno
                             true, false or NULL
  prints 1 2 3               all that was printed since the last such comment,
                             whatever the white space
"""

import pathlib
import re
import sys

TESTS = {
    'kernel': 'kunit',
    'user': 'tools/testing/selftests/gochan',
}
LIST = 'examples.list'

# A line that is C, and not a sentence that mentions some.
CODE = re.compile(r'''
    ^(
        \#\s*(include|define|if|ifdef|endif)\b.* |
        [}\])]*[{}][;,]? |
        (if|for|while|switch)\ \(.*\)(\ \{)? |
        [\w.>*&()\[\]-]+\ [|&+-]?=\ .*[;{,] |
        (const|static|struct|unsigned|enum|int|bool|char|void|u\d+|__u\d+|size_t)
            \ .*[;{] |
        return\b.*; |
        [A-Za-z_]\w*\([^()]*(\([^()]*\)[^()]*)*\);
    )$''', re.VERBOSE)
COMMENT = re.compile(r'^(?P<code>.*?)\s*(?://\s*(?P<line>.*?)|'
                     r'/\*\s*(?P<block>.*?)\s*\*/)\s*$')
COMPARISON = re.compile(r'\s(==|!=|<=|>=|<|>)\s')
LITERAL = re.compile(r'^(-?\d+|-E[A-Z0-9]+|true|false|NULL)$')
ASSIGNED = re.compile(r'([A-Za-z_][\w.>\[\]-]*) = ')
INCLUDE = re.compile(r'^#include "([\w-]+)\.inc"$', re.MULTILINE)


class Problem(Exception):
    """What is wrong, with the place."""


class Example:
    """A piece of C, and where it stands."""

    def __init__(self, kind, name, path, first):
        self.kind = kind
        self.name = name
        self.path = path
        self.first = first
        self.lines = []

    def where(self, i=0):
        return f'{self.path}:{self.first + i}'

    def text(self, root):
        # In full, as reports about our own files are recognised by it.
        out = [f'#line {self.first} "{root / self.path}"']
        before = ''
        for i, line in enumerate(self.lines):
            out.append(check_of(line, before, self.where(i)))
            before = strip_comment(line) or before
        return '\n'.join(out) + '\n'


def strip_comment(line):
    match = COMMENT.match(line)
    return match['code'].strip() if match else line.strip()


def top_level_parts(text):
    """Split at the commas that no parenthesis encloses."""
    parts, depth = [''], 0
    for char in text:
        depth += (char == '(') - (char == ')')
        if char == ',' and not depth:
            parts.append('')
        else:
            parts[-1] += char
    return [part.strip() for part in parts]


def statements(comment, code, where):
    """The checks that a comment stands for, or nothing if it is prose."""
    claim = re.split(r'(?<! ): ', comment)[0].strip()
    if claim.startswith('prints '):
        return f'EXAMPLE_PRINTS("{claim[len("prints "):]}");'
    if LITERAL.match(claim):
        assigned = ASSIGNED.search(code)
        if not assigned:
            raise Problem(f'{where}: "{claim}" is a result of nothing')
        return f'EXAMPLE_EXPECT({assigned[1]} == {claim});'
    if COMPARISON.search(claim):
        return ' '.join(f'EXAMPLE_EXPECT({part});'
                        for part in top_level_parts(claim))
    return ''


def check_of(line, before, where):
    """A line with the checks that its comment states, still one line."""
    match = COMMENT.match(line)
    if not match:
        return line
    code = match['code']
    checks = statements(match['line'] or match['block'] or '', code, where)
    if not checks:
        return line
    if code.strip() and code.rstrip()[-1] not in ';{}:':
        raise Problem(f'{where}: a result must follow a whole statement')
    # The body of an "if" or a loop without braces stays one statement.
    if code.strip() and re.search(r'(\)|\belse)$', before):
        return f'{{ {code} {checks} }}'
    return f'{code} {checks}'


def no_code(path, number, line):
    if CODE.match(strip_comment(line)):
        raise Problem(f'{path}:{number}: code outside an example: '
                      f'{line.strip()}')


def lines_of(root, path):
    """The lines of a file, numbered as an editor does."""
    return enumerate((root / path).read_text().splitlines(), 1)


def comment_lines(root, path):
    """The comments of a C file: number, text, the comment's number."""
    inside, count = False, 0
    for number, line in lines_of(root, path):
        if re.match(r'\s*/\*', line):
            inside, count = '*/' not in line, count + 1
        elif inside and '*/' in line:
            inside = False
        elif inside:
            yield number, re.sub(r'^\s*\* ?', '', line, count=1), count


def from_header(root, path, need=True):
    """The section "Example" of the first comment that has one."""
    example, inside, done = None, False, None
    for number, line, comment in comment_lines(root, path):
        if line == 'Example' and not example:
            name = pathlib.Path(path).name.replace('.', '_')
            example = Example('kernel', name, path, number + 1)
            inside, done = True, comment
        elif inside and comment == done and (not line or line[0] == '\t'):
            example.lines.append(line[1:])
        else:
            inside = False
            no_code(path, number, line)
    if need and not example:
        raise Problem(f'{path}: no section "Example"')
    return [example] if example else []


def from_page(root, path, kind):
    """The named blocks of C in a page."""
    found, block, indent = [], None, 0
    for number, line in lines_of(root, path):
        start = re.match(r'(\s*)\.\. code-block:: (\w+)$', line)
        if start:
            block, indent = Example(kind, '', path, 0), len(start[1])
            if start[2] == 'c':
                found.append(block)
        elif block and line.strip() and not line[indent:].startswith('   '):
            block = None
        if start:
            continue
        if not block:
            no_code(path, number, line)
        elif not block.first and re.match(r'\s*:name: [\w-]+$', line):
            block.name = line.split()[-1]
        elif block.first or line.strip():
            block.first = block.first or number
            block.lines.append(line)
    for example in found:
        if not example.name:
            raise Problem(f'{example.where()}: an example without a name')
    return found


def from_readme(root, path):
    """The fences of C in the README."""
    found, fence, example = [], False, None
    for number, line in lines_of(root, path):
        if line.startswith('```') and fence:
            fence, example = False, None
        elif line.startswith('```'):
            fence, words = True, line[3:].split()
            if not words:
                raise Problem(f'{path}:{number}: a fence without a language')
            if words[0] == 'c':
                if len(words) != 3 or words[1] not in TESTS:
                    raise Problem(f'{path}:{number}: not "c kernel NAME" or '
                                  '"c user NAME"')
                example = Example(words[1], words[2], path, number + 1)
                found.append(example)
        elif example:
            example.lines.append(line)
        elif not fence:
            no_code(path, number, line)
    return found


def all_examples(root):
    found = from_readme(root, 'README.md')
    for path in sorted(root.glob('include/linux/*.h')):
        found += from_header(root, str(path.relative_to(root)))
    for path in sorted(root.glob('include/uapi/**/*.h')):
        found += from_header(root, str(path.relative_to(root)), False)
    for path in sorted(root.glob('Documentation/*/*.rst')):
        kind = 'user' if path.parent.name == 'userspace-api' else 'kernel'
        found += from_page(root, str(path.relative_to(root)), kind)
    return found


def check(root, examples):
    """Each example in one test of its kind, and what is stated understood."""
    wanted = {}
    for example in examples:
        if example.name in wanted:
            raise Problem(f'{example.where()}: the name {example.name} is '
                          f'that of {wanted[example.name].where()}')
        wanted[example.name] = example
        example.text(root)
    tested = {}
    for kind, directory in TESTS.items():
        for path in sorted((root / directory).glob('*.c')):
            for name in INCLUDE.findall(path.read_text()):
                tested.setdefault((kind, name), []).append(path.name)
    for name, example in wanted.items():
        tests = tested.pop((example.kind, name), [])
        if len(tests) != 1:
            raise Problem(f'{example.where()}: {name} should be in one '
                          f'{example.kind} test, is in {len(tests)}')
    for kind, name in tested:
        raise Problem(f'{TESTS[kind]}: {name} is no example')
    print(f'{len(examples)} examples')


def write(root, directory, examples):
    """Only what differs, so that little is built again."""
    directory.mkdir(parents=True, exist_ok=True)
    for example in examples:
        path, text = directory / f'{example.name}.inc', example.text(root)
        if not path.exists() or path.read_text() != text:
            path.write_text(text)
    (directory / LIST).write_text(
        ''.join(f'{example.name}\n' for example in examples))


def main():
    if len(sys.argv) < 3 or sys.argv[2] not in ('check', *TESTS) or \
       len(sys.argv) != 3 + (sys.argv[2] in TESTS):
        sys.exit(__doc__.strip())
    root, what = pathlib.Path(sys.argv[1]), sys.argv[2]
    try:
        examples = all_examples(root)
        if what == 'check':
            check(root, examples)
        else:
            write(root, pathlib.Path(sys.argv[3]),
                  [e for e in examples if e.kind == what])
    except Problem as problem:
        sys.exit(str(problem))


main()
