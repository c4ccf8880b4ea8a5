# SPDX-License-Identifier: GPL-2.0-only
#
# Build the modules with Kbuild; everything else is a script in scripts/.

# The running kernel's tree, or else the newest one that is installed.
KDIR	?= $(shell scripts/find-kdir.sh)
W	?=
C	?=
O	?=

# Kbuild takes names apart at spaces. The scripts find a way, these cannot.
space	:= $(subst x,,x x)
has_space = $(findstring $(space),$(CURDIR))

kbuild = $(if $(has_space),$(error the path of this checkout has a space, \
	which Kbuild cannot take; move it))$(MAKE) -C "$(or $(KDIR),$(error no kernel to build against))" \
	M="$(CURDIR)" $(if $(O),O="$(O)") $(if $(W),W=$(W)) $(if $(C),C=$(C))

all: modules

modules:
	$(kbuild) modules

modules_install:
	$(kbuild) INSTALL_MOD_DIR=updates modules_install

# Where the path has a space, out is a link into the cache.
clean:
	$(if $(has_space),[ ! -L out ] || rm -rf "$$(readlink -f out)")
	rm -rf out
	$(if $(has_space),,$(kbuild) clean)

run:
	@scripts/run.sh "$(FILE)"

shell:
	@scripts/shell.sh

test:
	@scripts/test.sh uml stock

check:
	@scripts/check.sh

check-debug:
	@scripts/test.sh uml-debug qemu-debug

check-matrix:
	@scripts/build-matrix.sh

bench:
	@scripts/bench.sh

help:
	@echo 'make                   build the modules (KDIR= O= W= C= as in Kbuild)'
	@echo 'make modules_install   install them below updates/ and run depmod'
	@echo 'make clean             remove what was built here, not the cache'
	@echo 'make run [FILE=path]   run the demo on FILE in a virtual machine'
	@echo 'make shell             look around in that virtual machine'
	@echo 'make test              KUnit suites and selftests'
	@echo 'make check             style, sparse, kernel-doc, user-space headers'
	@echo 'make check-debug       the tests under lockdep, KASAN, kmemleak, ...'
	@echo 'make check-matrix      the tests on newer kernels and PREEMPT_RT'
	@echo 'make bench             compare with the kernel'\''s own structures'
	@echo
	@echo 'run, shell, test and the checks install the packages they need, never'
	@echo 'load a module here, and keep kernels in $${GOCHAN_CACHE:-~/.cache/gochan}.'

.PHONY: all modules modules_install clean run shell test check check-debug \
	check-matrix bench help
