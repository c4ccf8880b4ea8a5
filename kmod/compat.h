/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Differences between the supported kernels, 6.1 to 7.3, and nowhere else.
 *
 * The code is written for the newest; what an older kernel lacks is given here
 * under the upstream name and with the upstream meaning.
 */

#ifndef _GOCHAN_COMPAT_H
#define _GOCHAN_COMPAT_H

#include <linux/hrtimer.h>
#include <linux/version.h>
#include <linux/workqueue.h>

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 1, 0)
#error "gochan needs Linux 6.1 or newer"
#endif

/* Symbol namespaces are bare tokens before 6.13 and strings since. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define GOCHAN_NS	GOCHAN
#else
#define GOCHAN_NS	"GOCHAN"
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
static inline void hrtimer_setup(struct hrtimer *timer,
				 enum hrtimer_restart (*fn)(struct hrtimer *),
				 clockid_t clock, enum hrtimer_mode mode)
{
	hrtimer_init(timer, clock, mode);
	timer->function = fn;
}
#endif

/* Before lazy RCU there was no need to say that it is not wanted. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define call_rcu_hurry	call_rcu
#endif

/* Some older kernels know both names; since 7.0 the old one warns. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 18, 0)
#define system_dfl_wq	system_unbound_wq
#endif

#endif /* _GOCHAN_COMPAT_H */
