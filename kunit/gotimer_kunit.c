// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - timer channels
 *
 * A test cannot know when a timer will have fired, only when it must not have
 * fired yet; it sleeps on the channel, or until the clock says so.
 */

#include <linux/atomic.h>
#include <linux/err.h>
#include <linux/gotimer.h>
#include <linux/math64.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include <kunit/resource.h>

#include "goselect_kunit.h"

/* So far away that no test is there when it is due. */
#define GTT_FAR		(3600LL * NSEC_PER_SEC)
#define GTT_SOON	((ktime_t)(200 * NSEC_PER_USEC))
#define GTT_PERIOD	((ktime_t)(300 * NSEC_PER_USEC))

static void gtt_release(struct kunit_resource *res)
{
	gotimer_free(res->data);
}

static int gtt_keep(struct kunit_resource *res, void *timer)
{
	res->data = timer;
	return 0;
}

/* A timer that is freed after the threads of the test have been joined. */
static struct gotimer *gtt_timer(struct kunit *test)
{
	struct gotimer *timer = gotimer_alloc(GFP_KERNEL);

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, timer);
	KUNIT_ASSERT_NOT_NULL(test, kunit_alloc_resource(test, gtt_keep,
							 gtt_release,
							 GFP_KERNEL, timer));
	return timer;
}

static ktime_t gtt_recv(struct kunit *test, struct gotimer *timer)
{
	ktime_t due = -1, end = gct_in_us(jiffies_to_usecs(gct_timeout()));
	bool ok = false;

	KUNIT_ASSERT_EQ(test, 0, gochan_recv_until(gotimer_chan(timer), &due,
						   &ok, end));
	KUNIT_EXPECT_TRUE(test, ok);
	return due;
}

static void gtt_expect_nothing(struct kunit *test, struct gotimer *timer)
{
	KUNIT_EXPECT_EQ(test, -EAGAIN,
			gochan_try_recv(gotimer_chan(timer), NULL, NULL));
}

static void gtt_sleep_until(ktime_t when)
{
	while (ktime_before(ktime_get(), when))
		gct_pause();
}

/* Until a value lies in the channel. */
static void gtt_await_value(struct kunit *test, struct gotimer *timer)
{
	unsigned long end = jiffies + gct_timeout();

	while (!(gochan_poll(gotimer_chan(timer), NULL, NULL) & EPOLLIN)) {
		KUNIT_ASSERT_TRUE(test, time_before(jiffies, end));
		gct_pause();
	}
}

static void fires_once_with_the_time_it_was_due(struct kunit *test)
{
	struct gotimer *timer = gtt_timer(test);
	ktime_t when = ktime_add(ktime_get(), GTT_SOON);

	KUNIT_EXPECT_EQ(test, 0, gotimer_set(timer, when, 0));
	KUNIT_EXPECT_EQ(test, when, gtt_recv(test, timer));
	KUNIT_EXPECT_TRUE(test, ktime_compare(ktime_get(), when) >= 0);
	gtt_expect_nothing(test, timer);
	gct_settle();
	gtt_expect_nothing(test, timer);
	KUNIT_EXPECT_FALSE(test, gotimer_stop(timer));
}

static void the_value_waits_to_be_received(struct kunit *test)
{
	struct gotimer *timer = gtt_timer(test);
	ktime_t when = ktime_add(ktime_get(), GTT_SOON);

	KUNIT_EXPECT_EQ(test, 0, gotimer_set(timer, when, 0));
	gtt_await_value(test, timer);
	gct_settle();
	KUNIT_EXPECT_EQ(test, when, gtt_recv(test, timer));
}

static void what_is_past_is_due_at_once(struct kunit *test)
{
	struct gotimer *timer = gtt_timer(test);

	KUNIT_EXPECT_EQ(test, 0, gotimer_after(timer, -NSEC_PER_SEC));
	gtt_recv(test, timer);
	KUNIT_EXPECT_EQ(test, 0, gotimer_set(timer, 5, 0));
	KUNIT_EXPECT_EQ(test, (ktime_t)5, gtt_recv(test, timer));
	KUNIT_EXPECT_EQ(test, 0, gotimer_set(timer, -5, 0));
	KUNIT_EXPECT_EQ(test, (ktime_t)0, gtt_recv(test, timer));
}

static void what_is_beyond_time_never_comes(struct kunit *test)
{
	struct gotimer *timer = gtt_timer(test);

	KUNIT_EXPECT_EQ(test, 0, gotimer_after(timer, KTIME_MAX));
	gct_settle();
	gtt_expect_nothing(test, timer);
	KUNIT_EXPECT_EQ(test, 0, gotimer_tick(timer, KTIME_MAX - 1));
	gct_settle();
	gtt_expect_nothing(test, timer);
	KUNIT_EXPECT_FALSE(test, gotimer_stop(timer));
	/* Due long ago, and then so late that the sum overflows. */
	KUNIT_EXPECT_EQ(test, 0, gotimer_set(timer, 1, KTIME_MAX));
	KUNIT_EXPECT_EQ(test, (ktime_t)1, gtt_recv(test, timer));
	gct_settle();
	gtt_expect_nothing(test, timer);
}

static void periods_must_be_positive(struct kunit *test)
{
	struct gotimer *timer = gtt_timer(test);

	KUNIT_EXPECT_EQ(test, 0, gotimer_after(timer, GTT_FAR));
	KUNIT_EXPECT_EQ(test, -EINVAL, gotimer_tick(timer, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, gotimer_tick(timer, -1));
	KUNIT_EXPECT_EQ(test, -EINVAL, gotimer_set(timer, 0, -1));
	/* What was set before still holds. */
	KUNIT_EXPECT_TRUE(test, gotimer_stop(timer));
}

static void looks_like_a_rendezvous_channel(struct kunit *test)
{
	struct gotimer *timer = gtt_timer(test);
	struct gochan *ch = gotimer_chan(timer);
	struct gochan_stat st;

	KUNIT_EXPECT_EQ(test, 0, gotimer_after(timer, 0));
	gtt_await_value(test, timer);
	gochan_stat(ch, &st);
	KUNIT_EXPECT_EQ(test, gochan_len(ch), (size_t)0);
	KUNIT_EXPECT_EQ(test, gochan_cap(ch), (size_t)0);
	KUNIT_EXPECT_EQ(test, st.len, 0U);
	KUNIT_EXPECT_EQ(test, st.cap, 0U);
	KUNIT_EXPECT_EQ(test, st.elem_size, (u32)sizeof(ktime_t));
}

static void belongs_to_its_timer(struct kunit *test)
{
	struct gotimer *timer = gtt_timer(test);
	struct gochan *ch = gotimer_chan(timer);
	struct gst_select *sel = gst_new(test);
	u64 val = 1;

	KUNIT_EXPECT_EQ(test, -EBADF, gochan_try_send(ch, &val));
	KUNIT_EXPECT_EQ(test, -EBADF, gochan_send(ch, &val));
	KUNIT_EXPECT_EQ(test, -EBADF, gochan_send_msg(ch, &val, 8, NULL));
	KUNIT_EXPECT_EQ(test, -EBADF, gochan_close(ch));
	gst_send(sel, ch, 1);
	KUNIT_EXPECT_EQ(test, -EBADF, gst_try(sel));
	KUNIT_EXPECT_TRUE(test, !gochan_poll(ch, NULL, NULL));
	gtt_expect_nothing(test, timer);
	GCT_EXPECT_STAT(test, ch, 0, 0, 0, false);
}

/*
 * Tickers.
 */

static void ticks_at_multiples_of_the_period(struct kunit *test)
{
	struct gotimer *timer = gtt_timer(test);
	ktime_t when = ktime_add(ktime_get(), GTT_PERIOD), last = 0, due;
	unsigned int i;
	u64 off;

	KUNIT_EXPECT_EQ(test, 0, gotimer_set(timer, when, GTT_PERIOD));
	for (i = 0; i < 20; i++) {
		due = gtt_recv(test, timer);
		if (!i)
			KUNIT_EXPECT_EQ(test, due, when);
		KUNIT_EXPECT_GT(test, due, last);
		div64_u64_rem(due - when, GTT_PERIOD, &off);
		KUNIT_EXPECT_EQ(test, off, 0ULL);
		last = due;
	}
	KUNIT_EXPECT_TRUE(test, gotimer_stop(timer));
	gtt_expect_nothing(test, timer);
}

static void ticks_that_nobody_takes_are_dropped(struct kunit *test)
{
	struct gotimer *timer = gtt_timer(test);
	ktime_t when = ktime_add(ktime_get(), GTT_PERIOD), taken, due;
	u64 off;

	KUNIT_EXPECT_EQ(test, 0, gotimer_set(timer, when, GTT_PERIOD));
	gtt_sleep_until(ktime_add_ns(when, 10 * GTT_PERIOD));
	gtt_await_value(test, timer);
	taken = ktime_get();
	/* The oldest was kept; those after it are gone. */
	KUNIT_EXPECT_EQ(test, gtt_recv(test, timer), when);
	due = gtt_recv(test, timer);
	KUNIT_EXPECT_GT(test, due, taken);
	div64_u64_rem(due - when, GTT_PERIOD, &off);
	KUNIT_EXPECT_EQ(test, off, 0ULL);
}

/* No machine keeps up with this; it must still be able to do other things. */
static void an_absurd_period_does_no_harm(struct kunit *test)
{
	struct gotimer *timer = gtt_timer(test);
	unsigned int i;

	KUNIT_EXPECT_EQ(test, 0, gotimer_tick(timer, 1));
	gct_settle();
	for (i = 0; i < 100; i++)
		gtt_recv(test, timer);
	gct_settle();
	KUNIT_EXPECT_TRUE(test, gotimer_stop(timer));
}

/*
 * Stop and set.
 */

static void stop_tells_what_it_prevented(struct kunit *test)
{
	struct gotimer *timer = gtt_timer(test);

	KUNIT_EXPECT_FALSE(test, gotimer_stop(timer));
	KUNIT_EXPECT_EQ(test, 0, gotimer_after(timer, GTT_FAR));
	KUNIT_EXPECT_TRUE(test, gotimer_stop(timer));
	KUNIT_EXPECT_FALSE(test, gotimer_stop(timer));

	/* Fired, but not seen by anybody. */
	KUNIT_EXPECT_EQ(test, 0, gotimer_after(timer, 0));
	gtt_await_value(test, timer);
	KUNIT_EXPECT_TRUE(test, gotimer_stop(timer));
	gtt_expect_nothing(test, timer);

	/* Seen. */
	KUNIT_EXPECT_EQ(test, 0, gotimer_after(timer, 0));
	gtt_recv(test, timer);
	KUNIT_EXPECT_FALSE(test, gotimer_stop(timer));
}

static void set_replaces_what_was_set(struct kunit *test)
{
	struct gotimer *timer = gtt_timer(test);
	ktime_t when;

	KUNIT_EXPECT_EQ(test, 0, gotimer_after(timer, GTT_FAR));
	when = ktime_add(ktime_get(), GTT_SOON);
	KUNIT_EXPECT_EQ(test, 1, gotimer_set(timer, when, 0));
	gtt_await_value(test, timer);
	when = ktime_add(ktime_get(), GTT_SOON);
	KUNIT_EXPECT_EQ(test, 1, gotimer_set(timer, when, 0));
	KUNIT_EXPECT_EQ(test, when, gtt_recv(test, timer));
	KUNIT_EXPECT_EQ(test, 0, gotimer_tick(timer, GTT_PERIOD));
	KUNIT_EXPECT_EQ(test, 1, gotimer_after(timer, GTT_FAR));
	gct_settle();
	gtt_expect_nothing(test, timer);
}

/* Around the time that it fires, at any of its instructions. */
static void no_stale_value_after_stop_or_set(struct kunit *test)
{
	unsigned int i, stale = 0, rounds = gochan_scaled(20000);
	struct gotimer *timer = gtt_timer(test);
	ktime_t due, far;
	bool any;

	for (i = 0; i < rounds; i++) {
		gotimer_after(timer, i % 97 * 101);
		far = ktime_add(ktime_get(), GTT_FAR);
		if (i % 2)
			gotimer_stop(timer);
		else
			gotimer_set(timer, far, 0);
		stale += !gochan_try_recv(gotimer_chan(timer), NULL, NULL);
		/* The callback of the first setting, should it come late. */
		if (i % 64 == 0)
			gct_pause();
		stale += !gochan_try_recv(gotimer_chan(timer), NULL, NULL);
	}
	KUNIT_EXPECT_EQ(test, stale, 0U);

	/* The same for a change of period: due times show who sent them. */
	for (i = 0; i < rounds / 4; i++) {
		gotimer_tick(timer, 1000 + i % 97 * 101);
		far = ktime_get();
		gotimer_set(timer, far, 0);
		due = gtt_recv(test, timer);
		any = !gochan_try_recv(gotimer_chan(timer), NULL, NULL);
		stale += due != far || any;
	}
	KUNIT_EXPECT_EQ(test, stale, 0U);
}

/*
 * The same with the callback on another CPU, where it may be waiting for the
 * lock while the setting that it came for is replaced.
 */

struct remote {
	struct gotimer *timer;
	unsigned int rounds;
	atomic_t turn;
};

/* Round i: the remote side sets turn 2 * i + 1 once the timer is armed there. */
static bool remote_await(struct gct_thread *thread, struct remote *remote,
			 int turn)
{
	unsigned int spins = 0;

	while (atomic_read(&remote->turn) < turn) {
		if (gct_stopping(thread))
			return false;
		gct_relax(&spins);
	}
	return true;
}

static int remote_arm_fn(struct gct_thread *thread)
{
	struct remote *remote = thread->arg;
	unsigned int i;

	for (i = 0; i < remote->rounds; i++) {
		if (!remote_await(thread, remote, 2 * i))
			return -EINTR;
		gotimer_after(remote->timer, i % 97 * 101);
		atomic_inc(&remote->turn);
	}
	return 0;
}

static void no_stale_value_from_another_cpu(struct kunit *test)
{
	struct remote *remote = kunit_kzalloc(test, sizeof(*remote),
					      GFP_KERNEL);
	struct gct_thread *thread;
	unsigned int i, stale = 0, spins;
	struct gochan *ch;

	if (num_online_cpus() < 2)
		kunit_skip(test, "needs two CPUs");
	KUNIT_ASSERT_NOT_NULL(test, remote);
	remote->timer = gtt_timer(test);
	remote->rounds = gochan_scaled(20000);
	ch = gotimer_chan(remote->timer);
	thread = gct_start(test, remote_arm_fn, remote);
	for (i = 0; i < remote->rounds; i++) {
		KUNIT_ASSERT_TRUE(test, remote_await(thread, remote,
						     2 * i + 1));
		gotimer_set(remote->timer, ktime_add(ktime_get(), GTT_FAR), 0);
		/* Time for a callback that came for the earlier setting. */
		for (spins = 0; spins < 500; spins++)
			cpu_relax();
		stale += !gochan_try_recv(ch, NULL, NULL);
		atomic_inc(&remote->turn);
	}
	KUNIT_EXPECT_EQ(test, 0, gct_join(test, thread));
	KUNIT_EXPECT_EQ(test, stale, 0U);
}

/*
 * Who waits.
 */

static void a_timeout_is_a_case(struct kunit *test)
{
	struct gotimer *timer = gtt_timer(test);
	struct gst_select *sel = gst_new(test);
	struct gochan *ch = gct_chan(test, sizeof(u64), 0);
	ktime_t when = ktime_add(ktime_get(), GTT_SOON);

	gst_recv(sel, ch);
	gst_recv(sel, gotimer_chan(timer));
	KUNIT_EXPECT_EQ(test, 0, gotimer_set(timer, when, 0));
	gst_start(test, sel);
	KUNIT_EXPECT_EQ(test, 1, gst_finish(test, sel));
	KUNIT_EXPECT_EQ(test, (ktime_t)sel->vals[1], when);
	KUNIT_EXPECT_TRUE(test, gst_only(sel, 1));

	KUNIT_EXPECT_EQ(test, 0, gotimer_after(timer, GTT_FAR));
	gst_park(test, sel);
	gst_put(test, ch, 3);
	KUNIT_EXPECT_EQ(test, 0, gst_finish(test, sel));
	KUNIT_EXPECT_EQ(test, sel->vals[0], 3ULL);
	KUNIT_EXPECT_TRUE(test, gotimer_stop(timer));
	GCT_EXPECT_STAT(test, ch, 0, 0, 0, false);
	GCT_EXPECT_STAT(test, gotimer_chan(timer), 0, 0, 0, false);
}

static void one_of_those_asleep_gets_the_value(struct kunit *test)
{
	struct gotimer *timer = gtt_timer(test);
	struct gct_op *ops[2];

	ops[0] = gct_park_recv(test, gotimer_chan(timer));
	ops[1] = gct_park_recv(test, gotimer_chan(timer));
	KUNIT_EXPECT_EQ(test, 0, gotimer_set(timer, 11, 0));
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, ops[0]));
	KUNIT_EXPECT_EQ(test, ops[0]->val, 11ULL);
	GCT_EXPECT_STAT(test, gotimer_chan(timer), 0, 0, 1, false);
	KUNIT_EXPECT_EQ(test, 0, gotimer_set(timer, 12, 0));
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, ops[1]));
	KUNIT_EXPECT_EQ(test, ops[1]->val, 12ULL);
}

static void the_channel_may_outlive_the_timer(struct kunit *test)
{
	struct gotimer *timer = gotimer_alloc(GFP_KERNEL);
	struct gochan *ch;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, timer);
	ch = gochan_get(gotimer_chan(timer));
	gct_put_later(test, ch);
	gotimer_tick(timer, 1);
	gotimer_free(timer);
	KUNIT_EXPECT_EQ(test, -EAGAIN, gochan_try_recv(ch, NULL, NULL));
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT,
			gochan_recv_until(ch, NULL, NULL, GCT_PAST));
	gotimer_free(NULL);
}

/* Freed at any instruction of its callback. */
static void free_waits_for_the_callback(struct kunit *test)
{
	unsigned int i, rounds = gochan_scaled(5000);

	for (i = 0; i < rounds; i++) {
		struct gotimer *timer = gotimer_alloc(GFP_KERNEL);

		KUNIT_ASSERT_NOT_ERR_OR_NULL(test, timer);
		gotimer_set(timer, ktime_add_ns(ktime_get(), i % 97 * 101),
			    i % 3);
		if (i % 5 == 0)
			gct_pause();
		gotimer_free(timer);
	}
}

static struct kunit_case timer_cases[] = {
	KUNIT_CASE(fires_once_with_the_time_it_was_due),
	KUNIT_CASE(the_value_waits_to_be_received),
	KUNIT_CASE(what_is_past_is_due_at_once),
	KUNIT_CASE(what_is_beyond_time_never_comes),
	KUNIT_CASE(periods_must_be_positive),
	KUNIT_CASE(looks_like_a_rendezvous_channel),
	KUNIT_CASE(belongs_to_its_timer),
	KUNIT_CASE(ticks_at_multiples_of_the_period),
	KUNIT_CASE(ticks_that_nobody_takes_are_dropped),
	KUNIT_CASE(an_absurd_period_does_no_harm),
	KUNIT_CASE(stop_tells_what_it_prevented),
	KUNIT_CASE(set_replaces_what_was_set),
	KUNIT_CASE(no_stale_value_after_stop_or_set),
	KUNIT_CASE(no_stale_value_from_another_cpu),
	KUNIT_CASE(a_timeout_is_a_case),
	KUNIT_CASE(one_of_those_asleep_gets_the_value),
	KUNIT_CASE(the_channel_may_outlive_the_timer),
	KUNIT_CASE(free_waits_for_the_callback),
	{}
};

struct kunit_suite gotimer_suite = {
	.name = "gotimer",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = timer_cases,
};
