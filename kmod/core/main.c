// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_core: Go's channels, maps and slices for kernel code. The module only
 * offers functions; what user space sees is in gochan.ko.
 */

#include <linux/gomap.h>
#include <linux/module.h>

#include "internal.h"

static int __init gochan_core_init(void)
{
	return gochan_watch_init();
}
module_init(gochan_core_init);

static void __exit gochan_core_exit(void)
{
	/* Tables of maps are freed by RCU callbacks that are our text. */
	gomap_free_barrier();
	/* Channels are freed by work items, the watchers' may free one first. */
	gochan_watch_exit();
	gochan_reap_all();
}
module_exit(gochan_core_exit);

MODULE_DESCRIPTION("Channels, maps and slices with the semantics of Go, for kernel code");
MODULE_LICENSE("GPL");
