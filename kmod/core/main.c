// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_core: Go's channels for kernel code. The module only offers functions;
 * what user space sees is in gochan.ko.
 */

#include <linux/module.h>

MODULE_DESCRIPTION("Channels with the semantics of Go, for kernel code");
MODULE_LICENSE("GPL");
