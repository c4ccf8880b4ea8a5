#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""
check-docs.py reference KERNEL-DOC   the generated reference is complete
check-docs.py syntax                 the pages are sound reStructuredText

Every public header, and every exported function that one declares, has to be
in the reference of exactly one page, by a kernel-doc directive. Functions are
named there: the option ":export:" finds only symbols whose namespace is given
the way that the kernel of the day wants it, and none otherwise, silently.

The syntax is that of docutils, and what Sphinx adds to it is known as far as
our pages use it.
"""

import pathlib
import re
import subprocess
import sys

PAGES = sorted(pathlib.Path('Documentation').glob('*/*.rst'))
DIRECTIVE = re.compile(r'^\.\. kernel-doc:: (\S+)\n((?:   +\S.*\n)*)', re.M)
EXPORT = re.compile(r'^EXPORT_SYMBOL\w*\((\w+)', re.M)

problems = []


def references():
    """What the pages refer to: (file, function, page), function '' for all."""
    for page in PAGES:
        for path, options in DIRECTIVE.findall(page.read_text() + '\n'):
            words = options.split()
            if not words:
                yield path, '', page
            elif words[0] == ':identifiers:':
                for name in words[1:]:
                    yield path, name, page
            else:
                problems.append(f'{page}: {path}: only :identifiers: is known')


def has_kernel_doc(kernel_doc, path, names):
    """Which of these functions have a description."""
    command = [*kernel_doc.split(), '-rst']
    for name in names:
        command += ['-function', name]
    out = subprocess.run([*command, path], text=True, check=False,
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return set(re.findall(r'^\.\. c:function:: [^(]*?(\w+) \(', out.stdout,
                          re.M))


def check_reference(kernel_doc):
    headers = {str(path): path.read_text()
               for path in pathlib.Path('include/linux').glob('*.h')}
    public = '\n'.join(headers.values())
    wanted = {(path, '') for path in headers}
    for path in sorted(pathlib.Path('kmod').glob('*/*.c')):
        names = [name for name in EXPORT.findall(path.read_text())
                 if re.search(rf'\b{name}\(', public)]
        wanted |= {(str(path), name) for name in names}
        described = has_kernel_doc(kernel_doc, path, names) if names else set()
        for name in sorted(set(names) - described):
            problems.append(f'{path}: {name} is exported without kernel-doc')
    found = {}
    for path, name, page in references():
        found.setdefault((path, name), []).append(str(page))
    for path, name in sorted(wanted | set(found)):
        pages = found.get((path, name), [])
        what = f'{path} {name}'.strip()
        if (path, name) not in wanted:
            problems.append(f'{pages[0]}: {what} is not part of the API')
        elif len(pages) != 1:
            problems.append(f'{what}: in the reference of {len(pages)} pages '
                            f'{" ".join(pages)}'.strip())
    print(f'{len(wanted)} headers and functions')


def add_directives():
    """What Sphinx knows besides, to be accepted and checked."""
    from docutils.parsers.rst import Directive, directives

    class KernelDoc(Directive):
        required_arguments = 1
        option_spec = {'identifiers': directives.unchanged_required}

        def run(self):
            if pathlib.Path(self.arguments[0]).is_file():
                return []
            raise self.error(f'there is no {self.arguments[0]}')

    class Toctree(Directive):
        has_content = True
        option_spec = {'maxdepth': directives.nonnegative_int}

        def run(self):
            folder = pathlib.Path(
                self.state.document.settings.env_page).parent
            listed = {line.strip() for line in self.content if line.strip()}
            there = {page.stem for page in folder.glob('*.rst')} - {'index'}
            if listed == there:
                return []
            raise self.error('not the pages of this folder: '
                             f'{" ".join(sorted(listed ^ there))}')

    directives.register_directive('kernel-doc', KernelDoc)
    directives.register_directive('toctree', Toctree)


def check_syntax():
    from docutils.core import publish_doctree
    from docutils.utils import SystemMessage

    add_directives()
    for page in PAGES:
        settings = {
            'env_page': str(page),
            'report_level': 2,
            'halt_level': 2,
            'syntax_highlight': 'none',
            'warning_stream': False,
        }
        try:
            publish_doctree(page.read_text(), source_path=str(page),
                            settings_overrides=settings)
        except SystemMessage as message:
            problems.append(str(message))
    print(f'{len(PAGES)} pages')


def main():
    if sys.argv[1:2] == ['reference'] and len(sys.argv) == 3:
        check_reference(sys.argv[2])
    elif sys.argv[1:] == ['syntax']:
        check_syntax()
    else:
        sys.exit(__doc__.strip())
    if problems:
        sys.exit('\n'.join(problems))


main()
