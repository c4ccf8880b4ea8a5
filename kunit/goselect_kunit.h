/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the goselect suites share: selects as objects, built case by case, that
 * run here or in a thread of their own.
 */

#ifndef _GOSELECT_KUNIT_H
#define _GOSELECT_KUNIT_H

#include <linux/goselect.h>

#include "gochan_kunit.h"

/**
 * struct gst_select - a select and the values of its cases, all of u64
 * @thread: where it runs, if in a thread
 * @wait: how it sleeps there
 * @flags: for goselect_wait()
 * @n: number of cases
 * @cases: the cases
 * @vals: what they send, or where they receive
 */
struct gst_select {
	struct gct_thread *thread;
	struct gochan_wait wait;
	unsigned int flags;
	unsigned int n;
	struct goselect_case cases[GOSELECT_MAX_CASES];
	u64 vals[GOSELECT_MAX_CASES];
};

extern struct kunit_suite goselect_rules_suite;
extern struct kunit_suite goselect_wait_suite;
extern struct kunit_suite goselect_race_suite;
extern struct kunit_suite goselect_instant_suite;
extern struct kunit_suite goselect_order_suite;
extern struct kunit_suite goselect_poll_suite;
extern struct kunit_suite gotimer_suite;

/* Build a select; each receive has a poisoned destination of its own. */
struct gst_select *gst_new(struct kunit *test);
void gst_send(struct gst_select *sel, struct gochan *ch, u64 val);
void gst_recv(struct gst_select *sel, struct gochan *ch);
void gst_nil(struct gst_select *sel);

/* Run it. */
int gst_try(struct gst_select *sel);
int gst_until(struct gst_select *sel, ktime_t deadline);
void gst_start(struct kunit *test, struct gst_select *sel);
void gst_park(struct kunit *test, struct gst_select *sel);
int gst_finish(struct kunit *test, struct gst_select *sel);

/* Was @index chosen, or nothing if that is negative, and all else left alone? */
bool gst_only(const struct gst_select *sel, int index);

/* Channels of u64. */
void gst_chans(struct kunit *test, struct gochan **ch, unsigned int n,
	       size_t cap);
void gst_put(struct kunit *test, struct gochan *ch, u64 val);

/* Fail unless each of the @n outcomes was as likely, within 10 sigma. */
void gst_expect_uniform(struct kunit *test, const unsigned int *counts,
			unsigned int n, unsigned int trials);

#endif /* _GOSELECT_KUNIT_H */
