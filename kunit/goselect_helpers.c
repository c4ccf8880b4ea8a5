// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - selects as objects, for the goselect suites
 */

#include <linux/slab.h>

#include "goselect_kunit.h"

struct gst_select *gst_new(struct kunit *test)
{
	struct gst_select *sel = kunit_kzalloc(test, sizeof(*sel), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, sel);
	sel->wait = gct_interruptible;
	return sel;
}

void gst_send(struct gst_select *sel, struct gochan *ch, u64 val)
{
	unsigned int i = sel->n++;

	sel->vals[i] = val;
	sel->cases[i] = GOSELECT_SEND(ch, &sel->vals[i]);
}

void gst_recv(struct gst_select *sel, struct gochan *ch)
{
	unsigned int i = sel->n++;

	sel->vals[i] = GCT_POISON_U64;
	sel->cases[i] = GOSELECT_RECV(ch, &sel->vals[i]);
}

void gst_nil(struct gst_select *sel)
{
	gst_recv(sel, NULL);
}

/* Destinations as before the first use. */
static void gst_poison(struct gst_select *sel)
{
	unsigned int i;

	for (i = 0; i < sel->n; i++) {
		struct goselect_case *c = &sel->cases[i];

		c->ok = true;
		c->got = GCT_POISON;
		c->err = GCT_POISON;
		if (c->dir == GOSELECT_DIR_RECV)
			sel->vals[i] = GCT_POISON_U64;
	}
}

int gst_try(struct gst_select *sel)
{
	gst_poison(sel);
	return goselect_wait(sel->cases, sel->n, sel->flags, NULL);
}

int gst_until(struct gst_select *sel, ktime_t deadline)
{
	const struct gochan_wait wait = {
		.state = TASK_INTERRUPTIBLE,
		.clock = CLOCK_MONOTONIC,
		.deadline = deadline,
	};

	gst_poison(sel);
	return goselect_wait(sel->cases, sel->n, sel->flags, &wait);
}

static int gst_fn(struct gct_thread *thread)
{
	struct gst_select *sel = thread->arg;

	return goselect_wait(sel->cases, sel->n, sel->flags, &sel->wait);
}

void gst_start(struct kunit *test, struct gst_select *sel)
{
	gst_poison(sel);
	sel->thread = gct_start(test, gst_fn, sel);
}

/* All records are queued at one instant: one channel tells for all. */
void gst_park(struct kunit *test, struct gst_select *sel)
{
	struct gochan *ch = sel->cases[sel->n - 1].ch;
	struct gochan_stat st;
	unsigned int i;

	gochan_stat(ch, &st);
	for (i = 0; i < sel->n; i++) {
		if (sel->cases[i].ch != ch)
			continue;
		st.senders += sel->cases[i].dir == GOSELECT_DIR_SEND;
		st.receivers += sel->cases[i].dir == GOSELECT_DIR_RECV;
	}
	gst_start(test, sel);
	GCT_ASSERT_WAITERS(test, ch, st.senders, st.receivers);
}

int gst_finish(struct kunit *test, struct gst_select *sel)
{
	return gct_join(test, sel->thread);
}

/* Nothing was written to what a case that was not chosen has. */
static bool gst_untouched(const struct gst_select *sel, unsigned int i)
{
	const struct goselect_case *c = &sel->cases[i];

	if (c->err != -EAGAIN || !c->ok || c->got != GCT_POISON)
		return false;
	return c->dir != GOSELECT_DIR_RECV || sel->vals[i] == GCT_POISON_U64;
}

bool gst_only(const struct gst_select *sel, int index)
{
	unsigned int i;

	for (i = 0; i < sel->n; i++) {
		if (index >= 0 && i == index) {
			if (sel->cases[i].err == -EAGAIN)
				return false;
		} else if (!gst_untouched(sel, i)) {
			return false;
		}
	}
	return true;
}

void gst_chans(struct kunit *test, struct gochan **ch, unsigned int n,
	       size_t cap)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		ch[i] = gct_chan(test, sizeof(u64), cap);
}

void gst_put(struct kunit *test, struct gochan *ch, u64 val)
{
	KUNIT_ASSERT_EQ(test, 0, gochan_try_send(ch, &val));
}

/*
 * The standard deviation of a count is sqrt(trials * (1 / n) * (1 - 1 / n));
 * both sides below are multiplied by n and squared.
 */
void gst_expect_uniform(struct kunit *test, const unsigned int *counts,
			unsigned int n, unsigned int trials)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		s64 off = (s64)counts[i] * n - trials;

		KUNIT_EXPECT_LE_MSG(test, off * off,
				    100LL * trials * (n - 1),
				    "%u of %u outcomes: %u in %u trials", i, n,
				    counts[i], trials);
	}
}
