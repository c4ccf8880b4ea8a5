/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What select.c and select_poll.c share. Locks and lifetime: select.c.
 */

#ifndef _GOCHAN_SELECT_H
#define _GOCHAN_SELECT_H

#include <linux/goselect.h>

#include "wait.h"

/**
 * struct goselect - one call of goselect_wait()
 * @cases: the caller's cases
 * @n: how many
 * @flags: the caller's
 * @files: there are files among them
 * @first: of those with a channel, linked in the order of locking and queueing;
 *	NULL if there are none
 * @nr_chans: how many these are
 * @irqflags: interrupt state from before the locks were taken
 */
struct goselect {
	struct goselect_case *cases;
	unsigned int n;
	unsigned int flags;
	bool files;
	struct goselect_case *first;
	unsigned int nr_chans;
	unsigned long irqflags;
};

/* select.c */
void goselect_lock(struct goselect *sel);
void goselect_unlock(struct goselect *sel);
int __goselect_poll(struct goselect *sel);
void __goselect_park(struct goselect *sel, struct gochan_sleeper *s,
		     struct gochan_waiter *w);
int goselect_served(struct goselect *sel, const struct gochan_waiter *first,
		    const struct gochan_waiter *w);

/* select_poll.c */
int goselect_check_poll(const struct goselect_case *c);
int goselect_wait_files(struct goselect *sel, const struct gochan_wait *wait);

#endif /* _GOCHAN_SELECT_H */
