// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - selects that sleep
 *
 * What ends the sleep, that it ends once, and that nothing of a select is left
 * on the channels that did not end it.
 */

#include <linux/err.h>
#include <linux/irqflags.h>
#include <linux/ktime.h>
#include <linux/minmax.h>
#include <linux/preempt.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "gomap_kunit.h"
#include "goselect_kunit.h"

/* Up to four cases the records are on the stack. */
static const unsigned int widths[] = { 1, 2, 4, 5, 16, GOSELECT_MAX_CASES };

static void width_desc(const unsigned int *n, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u cases", *n);
}

KUNIT_ARRAY_PARAM(width, widths, width_desc);

static unsigned int param_width(struct kunit *test)
{
	return *(const unsigned int *)test->param_value;
}

static void expect_nobody_waits(struct kunit *test, const struct gst_select *sel)
{
	struct gochan_stat st;
	unsigned int i;

	for (i = 0; i < sel->n; i++) {
		gochan_stat(sel->cases[i].ch, &st);
		KUNIT_EXPECT_EQ(test, st.senders, 0U);
		KUNIT_EXPECT_EQ(test, st.receivers, 0U);
	}
}

/* Sends and receives in turn, each on a rendezvous channel of its own. */
static struct gst_select *mixed(struct kunit *test, unsigned int n)
{
	struct gst_select *sel = gst_new(test);
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct gochan *ch = gct_chan(test, sizeof(u64), 0);

		if (i % 2)
			gst_send(sel, ch, i);
		else
			gst_recv(sel, ch);
	}
	return sel;
}

static void each_case_can_end_the_sleep(struct kunit *test)
{
	struct gst_select *sel = mixed(test, param_width(test));
	unsigned int i;
	u64 val;

	for (i = 0; i < sel->n; i++) {
		struct gochan *ch = sel->cases[i].ch;

		gst_park(test, sel);
		val = i + 50;
		if (i % 2)
			KUNIT_EXPECT_EQ(test, 0,
					gochan_try_recv(ch, &val, NULL));
		else
			KUNIT_EXPECT_EQ(test, 0, gochan_try_send(ch, &val));
		KUNIT_EXPECT_EQ(test, (int)i, gst_finish(test, sel));
		KUNIT_EXPECT_TRUE(test, gst_only(sel, i));
		KUNIT_EXPECT_EQ(test, 0, sel->cases[i].err);
		KUNIT_EXPECT_EQ(test, val, sel->vals[i]);
		expect_nobody_waits(test, sel);
	}
}

static void each_close_can_end_the_sleep(struct kunit *test)
{
	unsigned int i, n = param_width(test);

	for (i = 0; i < n; i += 1 + i / 2) {
		struct gst_select *sel = mixed(test, n);
		int err = i % 2 ? -EPIPE : 0;

		gst_park(test, sel);
		KUNIT_EXPECT_EQ(test, 0, gochan_close(sel->cases[i].ch));
		KUNIT_EXPECT_EQ(test, err ?: (int)i, gst_finish(test, sel));
		KUNIT_EXPECT_TRUE(test, gst_only(sel, i));
		KUNIT_EXPECT_EQ(test, sel->cases[i].err, err);
		if (!err) {
			KUNIT_EXPECT_FALSE(test, sel->cases[i].ok);
			KUNIT_EXPECT_EQ(test, sel->vals[i], 0ULL);
		}
		expect_nobody_waits(test, sel);
	}
}

static void deadline_ends_the_sleep(struct kunit *test)
{
	struct gst_select *sel = mixed(test, param_width(test));
	ktime_t deadline = gct_in_us(1000);

	KUNIT_EXPECT_EQ(test, -ETIMEDOUT, gst_until(sel, deadline));
	KUNIT_EXPECT_TRUE(test, ktime_compare(ktime_get(), deadline) >= 0);
	KUNIT_EXPECT_TRUE(test, gst_only(sel, -1));
	expect_nobody_waits(test, sel);
}

static void signal_ends_the_sleep(struct kunit *test)
{
	struct gst_select *sel = mixed(test, param_width(test));

	gst_park(test, sel);
	gct_signal(sel->thread, SIGUSR1);
	KUNIT_EXPECT_EQ(test, -ERESTARTSYS, gst_finish(test, sel));
	KUNIT_EXPECT_TRUE(test, gst_only(sel, -1));
	expect_nobody_waits(test, sel);
}

static void only_death_ends_a_killable_sleep(struct kunit *test)
{
	struct gst_select *sel = mixed(test, param_width(test));

	sel->wait = gct_killable;
	gst_park(test, sel);
	gct_signal(sel->thread, SIGUSR1);
	gct_settle();
	KUNIT_EXPECT_TRUE(test, gct_running(sel->thread));
	gct_signal(sel->thread, SIGKILL);
	KUNIT_EXPECT_EQ(test, -ERESTARTSYS, gst_finish(test, sel));
	expect_nobody_waits(test, sel);
}

static int nil_fn(struct gct_thread *thread)
{
	struct gst_select *sel = thread->arg;

	return goselect(sel->cases, sel->n);
}

static void nothing_waits_for_a_signal(struct kunit *test)
{
	struct gst_select *sel = gst_new(test);
	struct gct_thread *thread;

	gst_nil(sel);
	gst_nil(sel);
	thread = gct_start(test, nil_fn, sel);
	gct_settle();
	KUNIT_EXPECT_TRUE(test, gct_running(thread));
	/* Also if it comes before the thread sleeps. */
	gct_signal(thread, SIGKILL);
	KUNIT_EXPECT_EQ(test, -ERESTARTSYS, gct_join(test, thread));
}

/*
 * The same channel more than once.
 */

struct lottery {
	struct gst_select *sel;
	unsigned int trials;
	unsigned int counts[4];
	unsigned int errors;
};

static int lottery_fn(struct gct_thread *thread)
{
	struct lottery *lottery = thread->arg;
	struct gst_select *sel = lottery->sel;
	unsigned int i;
	int index;

	for (i = 0; i < lottery->trials && !gct_stopping(thread); i++) {
		index = goselect(sel->cases, sel->n);
		if (index >= 0 && index < ARRAY_SIZE(lottery->counts))
			lottery->counts[index]++;
		else
			lottery->errors++;
	}
	return 0;
}

/* Who sleeps with four cases on one channel is served by each as often. */
static void run_lottery(struct kunit *test, bool send)
{
	struct lottery *lottery = kunit_kzalloc(test, sizeof(*lottery),
						GFP_KERNEL);
	struct gochan *ch = gct_chan(test, sizeof(u64), 0);
	struct gct_thread *thread;
	unsigned int i;
	u64 val = 0;

	KUNIT_ASSERT_NOT_NULL(test, lottery);
	lottery->sel = gst_new(test);
	lottery->trials = gochan_scaled(10000);
	for (i = 0; i < ARRAY_SIZE(lottery->counts); i++) {
		if (send)
			gst_send(lottery->sel, ch, i);
		else
			gst_recv(lottery->sel, ch);
	}
	thread = gct_start(test, lottery_fn, lottery);
	for (i = 0; i < lottery->trials; i++) {
		GCT_ASSERT_WAITERS(test, ch, send ? 4 : 0, send ? 0 : 4);
		KUNIT_ASSERT_EQ(test, 0, send ?
				gochan_try_recv(ch, &val, NULL) :
				gochan_try_send(ch, &val));
	}
	KUNIT_EXPECT_EQ(test, 0, gct_join(test, thread));
	KUNIT_EXPECT_EQ(test, lottery->errors, 0U);
	gst_expect_uniform(test, lottery->counts, ARRAY_SIZE(lottery->counts),
			   lottery->trials);
	GCT_EXPECT_STAT(test, ch, 0, 0, 0, false);
}

static void sleeping_duplicate_receives_are_as_likely(struct kunit *test)
{
	run_lottery(test, false);
}

static void sleeping_duplicate_sends_are_as_likely(struct kunit *test)
{
	run_lottery(test, true);
}

static void first_of_sleeping_duplicates_is_served(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), 0);
	struct gst_select *sel = gst_new(test);
	unsigned int i, round;

	for (i = 0; i < 6; i++)
		gst_recv(sel, ch);
	sel->flags = GOSELECT_FIRST;
	for (round = 0; round < 8; round++) {
		gst_park(test, sel);
		gst_put(test, ch, round);
		KUNIT_EXPECT_EQ(test, 0, gst_finish(test, sel));
		KUNIT_EXPECT_TRUE(test, gst_only(sel, 0));
	}
}

/* Asleep in both directions of one channel. */
static struct gst_select *park_both_ways(struct kunit *test, struct gochan *ch)
{
	struct gst_select *sel = gst_new(test);

	gst_send(sel, ch, 70);
	gst_recv(sel, ch);
	gst_send(sel, ch, 71);
	gst_park(test, sel);
	return sel;
}

static void asleep_it_does_not_meet_itself(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), 0);
	struct gst_select *sel = park_both_ways(test, ch);

	gct_settle();
	KUNIT_EXPECT_TRUE(test, gct_running(sel->thread));
	GCT_EXPECT_STAT(test, ch, 0, 2, 1, false);
	gst_put(test, ch, 4);
	KUNIT_EXPECT_EQ(test, 1, gst_finish(test, sel));
	KUNIT_EXPECT_EQ(test, sel->vals[1], 4ULL);
	GCT_EXPECT_STAT(test, ch, 0, 0, 0, false);
}

static void two_of_them_meet(struct kunit *test)
{
	unsigned int round, rounds = gochan_scaled(200);

	for (round = 0; round < rounds; round++) {
		struct gochan *ch = gct_chan(test, sizeof(u64), 0);
		struct gst_select *a = park_both_ways(test, ch), *b;
		int first, second;

		b = gst_new(test);
		gst_send(b, ch, 80);
		gst_recv(b, ch);
		second = gst_try(b);
		first = gst_finish(test, a);
		KUNIT_EXPECT_GE(test, second, 0);
		KUNIT_EXPECT_GE(test, first, 0);
		if (second == 0)
			KUNIT_EXPECT_EQ(test, a->vals[1], 80ULL);
		else
			KUNIT_EXPECT_EQ(test, b->vals[1],
					first ? 71ULL : 70ULL);
		KUNIT_EXPECT_TRUE(test, gst_only(a, first));
		GCT_EXPECT_STAT(test, ch, 0, 0, 0, false);
		gct_put_now(test, ch);
	}
}

static void close_wakes_the_receive_of_both_ways(struct kunit *test)
{
	unsigned int round, rounds = gochan_scaled(200);

	for (round = 0; round < rounds; round++) {
		struct gochan *ch = gct_chan(test, sizeof(u64), 0);
		struct gst_select *sel = park_both_ways(test, ch);

		KUNIT_EXPECT_EQ(test, 0, gochan_close(ch));
		KUNIT_EXPECT_EQ(test, 1, gst_finish(test, sel));
		KUNIT_EXPECT_FALSE(test, sel->cases[1].ok);
		KUNIT_EXPECT_TRUE(test, gst_only(sel, 1));
		GCT_EXPECT_STAT(test, ch, 0, 0, 0, true);
		gct_put_now(test, ch);
	}
}

/*
 * Others on the same channels.
 */

static void has_its_place_in_the_queue(struct kunit *test)
{
	struct gochan *ch[2];
	struct gst_select *sel = gst_new(test);
	struct gct_op *before, *after;

	gst_chans(test, ch, ARRAY_SIZE(ch), 0);
	before = gct_park_recv(test, ch[1]);
	gst_recv(sel, ch[0]);
	gst_recv(sel, ch[1]);
	gst_park(test, sel);
	after = gct_park_recv(test, ch[1]);

	gst_put(test, ch[1], 1);
	gst_put(test, ch[1], 2);
	gst_put(test, ch[1], 3);
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, before));
	KUNIT_EXPECT_EQ(test, 1, gst_finish(test, sel));
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, after));
	KUNIT_EXPECT_EQ(test, before->val, 1ULL);
	KUNIT_EXPECT_EQ(test, sel->vals[1], 2ULL);
	KUNIT_EXPECT_EQ(test, after->val, 3ULL);
	expect_nobody_waits(test, sel);
}

/*
 * A select that has been served and has not run yet: its other records are
 * still queued, and must not be served, nor stand in the way.
 */
static void the_served_are_not_served_again(struct kunit *test)
{
	struct gst_select *sel = gst_new(test);
	struct gochan *ch[4];
	struct gct_op *behind;
	u64 val = 5;
	int err[5];

	gst_chans(test, ch, 3, 0);
	gst_chans(test, ch + 3, 1, 2);
	gst_recv(sel, ch[0]);
	gst_recv(sel, ch[0]);
	gst_send(sel, ch[1], 6);
	gst_recv(sel, ch[3]);
	gst_recv(sel, ch[2]);
	gst_park(test, sel);
	behind = gct_park_recv(test, ch[2]);

	preempt_disable();
	err[0] = gochan_try_send(ch[0], &val);
	err[1] = gochan_try_send(ch[0], &val);
	err[2] = gochan_try_recv(ch[1], &val, NULL);
	err[3] = gochan_try_send(ch[2], &val);
	err[4] = gochan_try_send(ch[3], &val);
	preempt_enable();

	KUNIT_EXPECT_EQ(test, err[0], 0);
	KUNIT_EXPECT_EQ(test, err[1], -EAGAIN);
	KUNIT_EXPECT_EQ(test, err[2], -EAGAIN);
	KUNIT_EXPECT_EQ(test, err[3], 0);	/* to who was behind */
	KUNIT_EXPECT_EQ(test, err[4], 0);	/* to the ring */
	err[0] = gst_finish(test, sel);
	KUNIT_EXPECT_TRUE(test, err[0] == 0 || err[0] == 1);
	KUNIT_EXPECT_TRUE(test, gst_only(sel, err[0]));
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, behind));
	GCT_EXPECT_STAT(test, ch[3], 1, 0, 0, false);
	expect_nobody_waits(test, sel);
}

static void the_served_do_not_see_a_close(struct kunit *test)
{
	struct gst_select *sel = gst_new(test);
	struct gochan *ch[2];
	int err[2];
	u64 val = 5;

	gst_chans(test, ch, ARRAY_SIZE(ch), 0);
	gst_recv(sel, ch[0]);
	gst_send(sel, ch[1], 6);
	gst_park(test, sel);
	preempt_disable();
	err[0] = gochan_try_send(ch[0], &val);
	err[1] = gochan_close(ch[1]);
	preempt_enable();
	KUNIT_EXPECT_EQ(test, err[0], 0);
	KUNIT_EXPECT_EQ(test, err[1], 0);
	KUNIT_EXPECT_EQ(test, 0, gst_finish(test, sel));
	KUNIT_EXPECT_EQ(test, sel->vals[0], 5ULL);
	GCT_EXPECT_STAT(test, ch[1], 0, 0, 0, true);
}

/* A signal and a peer at once: who was served does not say "interrupted". */
static void the_served_are_not_interrupted(struct kunit *test)
{
	struct gst_select *sel = mixed(test, 3);
	u64 val = 5;
	int err;

	gst_park(test, sel);
	preempt_disable();
	err = gochan_try_send(sel->cases[2].ch, &val);
	gct_signal(sel->thread, SIGKILL);
	preempt_enable();
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_EQ(test, 2, gst_finish(test, sel));
	KUNIT_EXPECT_EQ(test, sel->vals[2], 5ULL);
}

/*
 * No residue.
 */

static void nothing_stays_on_quiet_channels(struct kunit *test)
{
	unsigned int i, wrong = 0, rounds = gochan_scaled(100000);
	struct gst_select *sel = gst_new(test);
	struct gochan *quiet[5], *busy;
	int at;

	gst_chans(test, quiet, ARRAY_SIZE(quiet), 0);
	busy = gct_chan(test, sizeof(u64), 1);
	for (i = 0; i < ARRAY_SIZE(quiet); i++) {
		gst_recv(sel, quiet[i]);
		gst_send(sel, quiet[i], i);
	}
	/* A few that time out, as a sleep of no length is still one. */
	gst_recv(sel, busy);
	for (i = 0; i < rounds; i++) {
		if (i % 2)
			gst_put(test, busy, i);
		at = goselect_until(sel->cases, sel->n, GCT_PAST);
		wrong += i % 2 ? at != 10 : at != -ETIMEDOUT;
	}
	KUNIT_EXPECT_EQ(test, wrong, 0U);
	expect_nobody_waits(test, sel);
}

struct pair {
	struct gochan *ping;
	struct gochan *quiet;
	unsigned int rounds;
};

static int pair_fn(struct gct_thread *thread)
{
	struct pair *pair = thread->arg;
	unsigned int i;
	u64 val;

	for (i = 0; i < pair->rounds; i++) {
		struct goselect_case c[] = {
			GOSELECT_RECV(pair->quiet, &val),
			GOSELECT_RECV(pair->ping, &val),
			GOSELECT_RECV(pair->quiet, &val),
		};
		int index = goselect(c, ARRAY_SIZE(c));

		if (index != 1 || val != i)
			return index < 0 ? index : -EILSEQ;
	}
	return 0;
}

static void nothing_stays_of_those_who_slept(struct kunit *test)
{
	struct pair *pair = kunit_kzalloc(test, sizeof(*pair), GFP_KERNEL);
	struct gct_thread *thread;
	unsigned int failed = 0;
	u64 i;

	KUNIT_ASSERT_NOT_NULL(test, pair);
	pair->ping = gct_chan(test, sizeof(u64), 0);
	pair->quiet = gct_chan(test, sizeof(u64), 0);
	pair->rounds = gochan_scaled(100000);
	thread = gct_start(test, pair_fn, pair);
	for (i = 0; i < pair->rounds && !failed; i++)
		failed += !!gochan_send(pair->ping, &i);
	KUNIT_EXPECT_EQ(test, 0, gct_join(test, thread));
	KUNIT_EXPECT_EQ(test, failed, 0U);
	GCT_EXPECT_STAT(test, pair->quiet, 0, 0, 0, false);
	GCT_EXPECT_STAT(test, pair->ping, 0, 0, 0, false);
}

/*
 * A crowd on one popular channel, each task with a private one as well.
 */

static unsigned int crowd_size(void)
{
	return clamp(gochan_scaled(1000), 100U, 1000U);
}

static struct gst_select **park_crowd(struct kunit *test,
				      struct gochan *popular, unsigned int n)
{
	struct gst_select **crowd = kunit_kcalloc(test, n, sizeof(*crowd),
						  GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, crowd);
	for (i = 0; i < n; i++) {
		crowd[i] = gst_new(test);
		gst_recv(crowd[i], popular);
		gst_recv(crowd[i], gct_chan(test, sizeof(u64), 0));
		gst_start(test, crowd[i]);
	}
	GCT_ASSERT_WAITERS(test, popular, 0, n);
	return crowd;
}

static void a_crowd_leaves_from_the_middle(struct kunit *test)
{
	struct gochan *popular = gct_chan(test, sizeof(u64), 0);
	unsigned int i, n = crowd_size();
	struct gst_select **crowd = park_crowd(test, popular, n);

	/* Every third by its private channel, the rest by the popular one. */
	for (i = 0; i < n; i += 3)
		gst_put(test, crowd[i]->cases[1].ch, i);
	for (i = 0; i < n; i += 3)
		KUNIT_EXPECT_EQ(test, 1, gst_finish(test, crowd[i]));
	GCT_EXPECT_STAT(test, popular, 0, 0, n - DIV_ROUND_UP(n, 3), false);
	for (i = 0; i < n; i++)
		if (i % 3)
			gst_put(test, popular, i);
	for (i = 0; i < n; i++) {
		if (i % 3 == 0)
			continue;
		KUNIT_EXPECT_EQ(test, 0, gst_finish(test, crowd[i]));
		GCT_EXPECT_STAT(test, crowd[i]->cases[1].ch, 0, 0, 0, false);
	}
	GCT_EXPECT_STAT(test, popular, 0, 0, 0, false);
}

static void a_crowd_sees_the_close(struct kunit *test)
{
	struct gochan *popular = gct_chan(test, sizeof(u64), 0);
	unsigned int i, n = crowd_size();
	struct gst_select **crowd = park_crowd(test, popular, n);

	KUNIT_EXPECT_EQ(test, 0, gochan_close(popular));
	for (i = 0; i < n; i++) {
		KUNIT_EXPECT_EQ(test, 0, gst_finish(test, crowd[i]));
		KUNIT_EXPECT_FALSE(test, crowd[i]->cases[0].ok);
	}
	GCT_EXPECT_STAT(test, popular, 0, 0, 0, true);
}

/* Nanoseconds of a select that comes and goes; the quickest of many. */
static s64 cost_of_a_visit(struct kunit *test, struct gst_select *sel)
{
	s64 quickest = S64_MAX;
	unsigned int i;

	for (i = 0; i < 500; i++) {
		ktime_t start = ktime_get();
		int err = gst_until(sel, GCT_PAST);

		quickest = min(quickest, ktime_sub(ktime_get(), start));
		KUNIT_ASSERT_EQ(test, err, -ETIMEDOUT);
	}
	return quickest;
}

/* What a select costs does not depend on how many wait before it. */
static void a_crowd_costs_the_next_nothing(struct kunit *test)
{
	struct gochan *popular = gct_chan(test, sizeof(u64), 0);
	struct gst_select *sel = gst_new(test);
	s64 alone, crowded;

	gst_recv(sel, gct_chan(test, sizeof(u64), 0));
	gst_recv(sel, popular);
	alone = cost_of_a_visit(test, sel);
	park_crowd(test, popular, crowd_size());
	crowded = cost_of_a_visit(test, sel);
	/* A walk over a thousand stacks would be a thousand cache misses. */
	KUNIT_EXPECT_LT_MSG(test, crowded, 8 * max(alone, 500LL),
			    "%lld ns alone, %lld ns in a crowd", alone,
			    crowded);
	KUNIT_EXPECT_EQ(test, 0, gochan_close(popular));
}

#define STALE_SELECTS	8U

/* Selects that receive from @a in all cases but the last, which is for @b. */
static void park_stale(struct kunit *test, struct gst_select **sel,
		       struct gochan *a, struct gochan *b)
{
	unsigned int i, k;

	for (i = 0; i < STALE_SELECTS; i++) {
		sel[i] = gst_new(test);
		for (k = 1; k < GOSELECT_MAX_CASES; k++)
			gst_recv(sel[i], a);
		gst_recv(sel[i], b);
		gst_park(test, sel[i]);
	}
}

/*
 * Records of those served elsewhere would be the next one's to drop, with
 * interrupts off, however many. No task can run between the wake-up and the
 * look: the peer itself has to have taken them off.
 */
static void no_record_outlives_its_claim(struct kunit *test)
{
	struct gst_select *sel[STALE_SELECTS];
	struct gochan *ch[2];
	struct gochan_stat sent, closed;
	unsigned long flags;
	unsigned int i;
	u64 val = 4;
	int err;

	if (IS_ENABLED(CONFIG_PREEMPT_RT))
		kunit_skip(test, "no channels with interrupts off");
	gst_chans(test, ch, 2, 0);
	park_stale(test, sel, ch[0], ch[1]);
	GCT_EXPECT_STAT(test, ch[0], 0, 0,
			STALE_SELECTS * (GOSELECT_MAX_CASES - 1), false);

	local_irq_save(flags);
	err = gochan_try_send(ch[1], &val);
	gochan_stat(ch[0], &sent);
	gochan_close(ch[1]);
	gochan_stat(ch[0], &closed);
	local_irq_restore(flags);

	KUNIT_EXPECT_EQ(test, 0, err);
	KUNIT_EXPECT_EQ(test, sent.receivers,
			(STALE_SELECTS - 1) * (GOSELECT_MAX_CASES - 1));
	KUNIT_EXPECT_EQ(test, closed.receivers, 0U);
	for (i = 0; i < STALE_SELECTS; i++) {
		KUNIT_EXPECT_EQ(test, (int)GOSELECT_MAX_CASES - 1,
				gst_finish(test, sel[i]));
		KUNIT_EXPECT_EQ(test, sel[i]->cases[sel[i]->n - 1].ok, !i);
	}
}

/* A batch that has to let go of the lock between large selects. */
static void batch_to_large_selects(struct kunit *test)
{
	struct gst_select *sel[STALE_SELECTS];
	u64 vals[STALE_SELECTS + 1];
	struct gochan *ch[2];
	unsigned int i, k;
	int index;

	gst_chans(test, ch, 2, 0);
	for (i = 0; i <= STALE_SELECTS; i++)
		vals[i] = i;
	park_stale(test, sel, ch[0], ch[1]);
	KUNIT_EXPECT_EQ(test, (int)STALE_SELECTS,
			gochan_send_many(ch[0], vals, NULL, STALE_SELECTS + 1,
					 NULL));
	for (i = 0; i < STALE_SELECTS; i++) {
		index = gst_finish(test, sel[i]);
		KUNIT_ASSERT_GE(test, index, 0);
		KUNIT_EXPECT_TRUE(test, gst_only(sel[i], index));
		KUNIT_EXPECT_EQ(test, sel[i]->vals[index], (u64)i);
	}
	for (k = 0; k < 2; k++)
		GCT_EXPECT_STAT(test, ch[k], 0, 0, 0, false);
}

/* The same the other way round, by way of a ring or not. */
static void batch_from_large_selects(struct kunit *test)
{
	u64 got[STALE_SELECTS + 3];
	struct gst_select *sel;
	struct gochan *ch;
	unsigned int i, k, cap;

	for (cap = 0; cap <= 2; cap += 2) {
		struct gst_select *sels[STALE_SELECTS];

		gst_chans(test, &ch, 1, cap);
		for (i = 0; i < cap; i++)
			gst_put(test, ch, i);
		for (i = 0; i < STALE_SELECTS; i++) {
			sel = gst_new(test);
			sels[i] = sel;
			for (k = 0; k < GOSELECT_MAX_CASES; k++)
				gst_send(sel, ch, cap + i);
			gst_park(test, sel);
		}
		KUNIT_EXPECT_EQ(test, (int)(STALE_SELECTS + cap),
				gochan_recv_many(ch, got, NULL, ARRAY_SIZE(got),
						 NULL));
		for (i = 0; i < STALE_SELECTS + cap; i++)
			KUNIT_EXPECT_EQ(test, got[i], (u64)i);
		for (i = 0; i < STALE_SELECTS; i++)
			KUNIT_EXPECT_GE(test, gst_finish(test, sels[i]), 0);
		GCT_EXPECT_STAT(test, ch, 0, 0, 0, false);
	}
}

/*
 * No memory: nothing has happened, and the same select can be made again. One
 * that need not sleep needs no memory.
 */
static void without_memory_it_fails_or_need_not_sleep(struct kunit *test)
{
	struct gst_select *sel = mixed(test, 5);
	struct gct_op *op;
	bool failed;
	int err;

	if (!gmt_can_fail())
		kunit_skip(test, "allocations never fail (CONFIG_FAILSLAB)");
	gmt_fail_begin(1);
	err = gst_until(sel, GCT_PAST);
	failed = gmt_fail_end();
	if (!failed)
		kunit_skip(test, "allocations that may wait never fail");
	KUNIT_EXPECT_EQ(test, err, -ENOMEM);
	KUNIT_EXPECT_TRUE(test, gst_only(sel, -1));
	expect_nobody_waits(test, sel);
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT, gst_until(sel, GCT_PAST));

	op = gct_park_send(test, sel->cases[2].ch, 6);
	gmt_fail_begin(1);
	err = gst_until(sel, GCT_PAST);
	failed = gmt_fail_end();
	KUNIT_EXPECT_FALSE(test, failed);
	KUNIT_EXPECT_EQ(test, err, 2);
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, op));
}

static struct kunit_case wait_cases[] = {
	KUNIT_CASE_PARAM(each_case_can_end_the_sleep, width_gen_params),
	KUNIT_CASE_PARAM(each_close_can_end_the_sleep, width_gen_params),
	KUNIT_CASE_PARAM(deadline_ends_the_sleep, width_gen_params),
	KUNIT_CASE_PARAM(signal_ends_the_sleep, width_gen_params),
	KUNIT_CASE_PARAM(only_death_ends_a_killable_sleep, width_gen_params),
	KUNIT_CASE(nothing_waits_for_a_signal),
	KUNIT_CASE(sleeping_duplicate_receives_are_as_likely),
	KUNIT_CASE(sleeping_duplicate_sends_are_as_likely),
	KUNIT_CASE(first_of_sleeping_duplicates_is_served),
	KUNIT_CASE(asleep_it_does_not_meet_itself),
	KUNIT_CASE(two_of_them_meet),
	KUNIT_CASE(close_wakes_the_receive_of_both_ways),
	KUNIT_CASE(has_its_place_in_the_queue),
	KUNIT_CASE(the_served_are_not_served_again),
	KUNIT_CASE(the_served_do_not_see_a_close),
	KUNIT_CASE(the_served_are_not_interrupted),
	KUNIT_CASE(nothing_stays_on_quiet_channels),
	KUNIT_CASE(nothing_stays_of_those_who_slept),
	KUNIT_CASE(a_crowd_leaves_from_the_middle),
	KUNIT_CASE(a_crowd_sees_the_close),
	KUNIT_CASE(a_crowd_costs_the_next_nothing),
	KUNIT_CASE(no_record_outlives_its_claim),
	KUNIT_CASE(batch_to_large_selects),
	KUNIT_CASE(batch_from_large_selects),
	KUNIT_CASE(without_memory_it_fails_or_need_not_sleep),
	{}
};

struct kunit_suite goselect_wait_suite = {
	.name = "goselect-wait",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = wait_cases,
};
