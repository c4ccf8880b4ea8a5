// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - order, hand-off and close with sleepers
 *
 * Channels of u64; the sleepers are parked one after the other, so that the
 * order in which they came is known.
 */

#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/wait.h>

#include "gochan_kunit.h"

#define NR_PARKED	6

static const unsigned int caps[] = { 0, 1, 3, 16 };

static void cap_desc(const unsigned int *cap, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "cap %u", *cap);
}

KUNIT_ARRAY_PARAM(cap, caps, cap_desc);

static unsigned int param_cap(struct kunit *test)
{
	return *(const unsigned int *)test->param_value;
}

static void expect_recv(struct kunit *test, struct gochan *ch, u64 want)
{
	u64 val = GCT_POISON_U64;
	bool ok = false;

	KUNIT_EXPECT_EQ(test, 0, gochan_try_recv(ch, &val, &ok));
	KUNIT_EXPECT_TRUE(test, ok);
	KUNIT_EXPECT_EQ(test, val, want);
}

static void expect_end(struct kunit *test, struct gochan *ch)
{
	u64 val = GCT_POISON_U64;
	bool ok = true;

	KUNIT_EXPECT_EQ(test, 0, gochan_try_recv(ch, &val, &ok));
	KUNIT_EXPECT_FALSE(test, ok);
	KUNIT_EXPECT_EQ(test, val, 0ULL);
}

/* Fill the ring with the values 0 .. cap - 1. */
static void fill(struct kunit *test, struct gochan *ch)
{
	u64 i, cap = gochan_cap(ch);

	for (i = 0; i < cap; i++)
		KUNIT_ASSERT_EQ(test, 0, gochan_try_send(ch, &i));
}

static void fifo_through_wraps(struct kunit *test)
{
	unsigned int cap = param_cap(test), burst = 1;
	struct gochan *ch = gct_chan(test, sizeof(u64), cap);
	u64 in = 0, out = 0, count = gochan_scaled(20000);

	if (!cap)
		kunit_skip(test, "there is no ring");
	while (out < count) {
		unsigned int n;

		/* Bursts of every size, at every position of the ring. */
		for (n = 0; n < burst && in - out < cap; n++, in++)
			KUNIT_ASSERT_EQ(test, 0, gochan_try_send(ch, &in));
		KUNIT_ASSERT_EQ(test, (u64)gochan_len(ch), in - out);
		for (n = 0; n < (burst + 1) / 2 && out < in; n++, out++)
			expect_recv(test, ch, out);
		burst = burst % cap + 1;
	}
}

static void senders_are_served_in_order(struct kunit *test)
{
	unsigned int i, cap = param_cap(test);
	struct gochan *ch = gct_chan(test, sizeof(u64), cap);
	struct gct_op *ops[NR_PARKED];

	fill(test, ch);
	for (i = 0; i < NR_PARKED; i++)
		ops[i] = gct_park_send(test, ch, cap + i);
	GCT_EXPECT_STAT(test, ch, cap, NR_PARKED, 0, false);

	for (i = 0; i < NR_PARKED; i++) {
		expect_recv(test, ch, i);
		/* One value out, one sender's value in. */
		GCT_EXPECT_STAT(test, ch, cap, NR_PARKED - i - 1, 0, false);
		KUNIT_EXPECT_EQ(test, 0, gct_finish(test, ops[i]));
		if (i + 1 < NR_PARKED)
			KUNIT_EXPECT_TRUE(test,
					  gct_running(ops[i + 1]->thread));
	}
	for (; i < NR_PARKED + cap; i++)
		expect_recv(test, ch, i);
	GCT_EXPECT_STAT(test, ch, 0, 0, 0, false);
	KUNIT_EXPECT_EQ(test, -EAGAIN, gochan_try_recv(ch, NULL, NULL));
}

static void receivers_are_served_in_order(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), param_cap(test));
	struct gct_op *ops[NR_PARKED];
	u64 i;

	for (i = 0; i < NR_PARKED; i++)
		ops[i] = gct_park_recv(test, ch);
	for (i = 0; i < NR_PARKED; i++) {
		KUNIT_ASSERT_EQ(test, 0, gochan_try_send(ch, &i));
		/* The value never was in the ring. */
		GCT_EXPECT_STAT(test, ch, 0, 0, NR_PARKED - i - 1, false);
		KUNIT_EXPECT_EQ(test, 0, gct_finish(test, ops[i]));
		KUNIT_EXPECT_TRUE(test, ops[i]->ok);
		KUNIT_EXPECT_EQ(test, ops[i]->val, i);
		if (i + 1 < NR_PARKED)
			KUNIT_EXPECT_TRUE(test,
					  gct_running(ops[i + 1]->thread));
	}
}

/*
 * From the moment a peer has served a sleeper, whether or not that one has run
 * since, a newcomer finds nothing that was meant for the sleeper.
 */
static void newcomer_does_not_overtake_receiver(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), param_cap(test));
	struct gct_op *first = gct_park_recv(test, ch);
	struct gct_op *second = gct_park_recv(test, ch);
	u64 val = 1;

	KUNIT_EXPECT_EQ(test, -EAGAIN, gochan_try_recv(ch, NULL, NULL));
	KUNIT_ASSERT_EQ(test, 0, gochan_try_send(ch, &val));
	KUNIT_EXPECT_EQ(test, -EAGAIN, gochan_try_recv(ch, NULL, NULL));
	val = 2;
	KUNIT_ASSERT_EQ(test, 0, gochan_try_send(ch, &val));
	KUNIT_EXPECT_EQ(test, -EAGAIN, gochan_try_recv(ch, NULL, NULL));
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, first));
	KUNIT_EXPECT_EQ(test, first->val, 1ULL);
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, second));
	KUNIT_EXPECT_EQ(test, second->val, 2ULL);
}

static void newcomer_does_not_overtake_sender(struct kunit *test)
{
	unsigned int i, cap = param_cap(test);
	struct gochan *ch = gct_chan(test, sizeof(u64), cap);
	struct gct_op *ops[2];
	u64 late = 1000;

	fill(test, ch);
	ops[0] = gct_park_send(test, ch, cap);
	ops[1] = gct_park_send(test, ch, cap + 1);
	KUNIT_EXPECT_EQ(test, -EAGAIN, gochan_try_send(ch, &late));
	for (i = 0; i < 2; i++) {
		expect_recv(test, ch, i);
		/* The slot has gone to the sender that slept. */
		KUNIT_EXPECT_EQ(test, -EAGAIN, gochan_try_send(ch, &late));
		KUNIT_EXPECT_EQ(test, -ETIMEDOUT,
				gochan_send_until(ch, &late, GCT_PAST));
	}
	for (; i < cap + 2; i++)
		expect_recv(test, ch, i);
	KUNIT_EXPECT_EQ(test, -EAGAIN, gochan_try_recv(ch, NULL, NULL));
	for (i = 0; i < 2; i++)
		KUNIT_EXPECT_EQ(test, 0, gct_finish(test, ops[i]));
}

/* A receive that may sleep serves the first sender, too, and need not sleep. */
static void blocking_peers_meet(struct kunit *test)
{
	unsigned int cap = param_cap(test);
	struct gochan *ch = gct_chan(test, sizeof(u64), cap);
	struct gct_op *op;
	u64 val = 77;
	bool ok = false;

	op = gct_park_recv(test, ch);
	KUNIT_EXPECT_EQ(test, 0, gochan_send(ch, &val));
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, op));
	KUNIT_EXPECT_EQ(test, op->val, 77ULL);

	fill(test, ch);
	op = gct_park_send(test, ch, cap);
	KUNIT_EXPECT_EQ(test, 0, gochan_recv(ch, &val, &ok));
	KUNIT_EXPECT_TRUE(test, ok);
	KUNIT_EXPECT_EQ(test, val, 0ULL);
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, op));
	GCT_EXPECT_STAT(test, ch, cap, 0, 0, false);
}

static void rendezvous_send_waits_for_receiver(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), 0);
	struct gct_op *op = gct_park_send(test, ch, 5);

	gct_settle();
	KUNIT_EXPECT_TRUE(test, gct_running(op->thread));
	GCT_EXPECT_STAT(test, ch, 0, 1, 0, false);
	expect_recv(test, ch, 5);
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, op));
}

static int recv_discard_fn(struct gct_thread *thread)
{
	return gochan_recv(thread->arg, NULL, NULL);
}

static void parked_receiver_may_discard(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), param_cap(test));
	struct gct_thread *thread = gct_start(test, recv_discard_fn, ch);
	u64 val = 3;

	GCT_ASSERT_WAITERS(test, ch, 0, 1);
	KUNIT_EXPECT_EQ(test, 0, gochan_try_send(ch, &val));
	GCT_EXPECT_STAT(test, ch, 0, 0, 0, false);
	KUNIT_EXPECT_EQ(test, 0, gct_join(test, thread));

	thread = gct_start(test, recv_discard_fn, ch);
	GCT_ASSERT_WAITERS(test, ch, 0, 1);
	KUNIT_EXPECT_EQ(test, 0, gochan_close(ch));
	KUNIT_EXPECT_EQ(test, 0, gct_join(test, thread));
}

static void close_ends_parked_receivers(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), param_cap(test));
	struct gct_op *ops[NR_PARKED];
	unsigned int i;

	for (i = 0; i < NR_PARKED; i++)
		ops[i] = gct_park_recv(test, ch);
	KUNIT_EXPECT_EQ(test, 0, gochan_close(ch));
	GCT_EXPECT_STAT(test, ch, 0, 0, 0, true);
	for (i = 0; i < NR_PARKED; i++) {
		KUNIT_EXPECT_EQ(test, 0, gct_finish(test, ops[i]));
		KUNIT_EXPECT_FALSE(test, ops[i]->ok);
		KUNIT_EXPECT_EQ_MSG(test, ops[i]->val, 0ULL,
				    "destination not zeroed at the end");
	}
	expect_end(test, ch);
}

static void close_fails_parked_senders(struct kunit *test)
{
	unsigned int cap = param_cap(test);
	struct gochan *ch = gct_chan(test, sizeof(u64), cap);
	struct gct_op *ops[NR_PARKED];
	unsigned int i;

	fill(test, ch);
	for (i = 0; i < NR_PARKED; i++)
		ops[i] = gct_park_send(test, ch, 100 + i);
	KUNIT_EXPECT_EQ(test, 0, gochan_close(ch));
	GCT_EXPECT_STAT(test, ch, cap, 0, 0, true);
	for (i = 0; i < NR_PARKED; i++)
		KUNIT_EXPECT_EQ(test, -EPIPE, gct_finish(test, ops[i]));

	/* What was buffered is still there, what slept is lost. */
	for (i = 0; i < cap; i++)
		expect_recv(test, ch, i);
	expect_end(test, ch);
	KUNIT_EXPECT_EQ(test, -ESHUTDOWN, gochan_close(ch));
}

/* Wake-ups that are not the channel's must not end an operation. */
static void spurious_wakeups_change_nothing(struct kunit *test)
{
	unsigned int i, cap = param_cap(test);
	struct gochan *ch = gct_chan(test, sizeof(u64), cap);
	struct gct_op *op = gct_park_recv(test, ch);
	u64 val = 8;

	for (i = 0; i < 20; i++) {
		wake_up_process(op->thread->task);
		gct_pause();
	}
	KUNIT_EXPECT_TRUE(test, gct_running(op->thread));
	GCT_EXPECT_STAT(test, ch, 0, 0, 1, false);
	KUNIT_EXPECT_EQ(test, 0, gochan_try_send(ch, &val));
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, op));
	KUNIT_EXPECT_TRUE(test, op->ok);
	KUNIT_EXPECT_EQ(test, op->val, 8ULL);

	fill(test, ch);
	op = gct_park_send(test, ch, cap);
	for (i = 0; i < 20; i++) {
		wake_up_process(op->thread->task);
		gct_pause();
	}
	KUNIT_EXPECT_TRUE(test, gct_running(op->thread));
	GCT_EXPECT_STAT(test, ch, cap, 1, 0, false);
	for (i = 0; i <= cap; i++)
		expect_recv(test, ch, i);
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, op));
}

/* The task that closes and gives back its reference is not the last one. */
static int recv_and_put_fn(struct gct_thread *thread)
{
	struct gochan *ch = thread->arg;
	bool ok = true;
	int err = gochan_recv(ch, NULL, &ok);

	gochan_put(ch);
	return err ?: ok;
}

static void sleeper_drops_last_reference(struct kunit *test)
{
	struct gochan *ch = gochan_alloc(sizeof(u64), param_cap(test),
					 GFP_KERNEL);
	struct gct_thread *thread;
	bool parked;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ch);
	thread = gct_start(test, recv_and_put_fn, gochan_get(ch));
	parked = gct_await_waiters(ch, 0, 1);
	KUNIT_EXPECT_EQ(test, 0, gochan_close(ch));
	gochan_put(ch);
	KUNIT_EXPECT_TRUE(test, parked);
	KUNIT_EXPECT_EQ(test, 0, gct_join(test, thread));
}

static __poll_t poll_now(struct gochan *ch)
{
	return gochan_poll(ch, NULL, NULL);
}

#define POLL_RECV	((__force unsigned int)(EPOLLIN | EPOLLRDNORM))
#define POLL_SEND	((__force unsigned int)(EPOLLOUT | EPOLLWRNORM))
#define POLL_END	((__force unsigned int)(EPOLLHUP | EPOLLRDHUP))

static void poll_tells_what_is_possible(struct kunit *test)
{
	unsigned int i, cap = param_cap(test);
	unsigned int mask = cap ? POLL_SEND : 0;
	struct gochan *ch = gct_chan(test, sizeof(u64), cap);
	struct gct_op *op;

	KUNIT_EXPECT_EQ(test, (__force unsigned int)poll_now(ch), mask);
	op = gct_park_recv(test, ch);
	KUNIT_EXPECT_EQ(test, (__force unsigned int)poll_now(ch), POLL_SEND);
	KUNIT_EXPECT_EQ(test, 0, gochan_try_send(ch, &op->val));
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, op));
	KUNIT_EXPECT_EQ(test, (__force unsigned int)poll_now(ch), mask);

	fill(test, ch);
	mask = cap ? POLL_RECV : 0;
	KUNIT_EXPECT_EQ(test, (__force unsigned int)poll_now(ch), mask);
	op = gct_park_send(test, ch, cap);
	KUNIT_EXPECT_EQ(test, (__force unsigned int)poll_now(ch), POLL_RECV);
	for (i = 0; i <= cap; i++)
		expect_recv(test, ch, i);
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, op));

	KUNIT_EXPECT_EQ(test, 0, gochan_close(ch));
	KUNIT_EXPECT_EQ(test, (__force unsigned int)poll_now(ch),
			POLL_RECV | POLL_SEND | POLL_END);
}

/* A poll watcher: counts the wake-ups it gets on each of the two queues. */
struct watcher {
	struct poll_table_struct pt;
	struct {
		struct wait_queue_entry wqe;
		wait_queue_head_t *wq;
		unsigned int wakeups;
	} on[2];
	unsigned int nr;
};

static int watcher_wake(struct wait_queue_entry *wqe, unsigned int mode,
			int flags, void *key)
{
	unsigned int *wakeups = wqe->private;

	(*wakeups)++;
	return 0;
}

static void watcher_add(struct file *file, wait_queue_head_t *wq,
			struct poll_table_struct *pt)
{
	struct watcher *w = container_of(pt, struct watcher, pt);

	if (w->nr == ARRAY_SIZE(w->on))
		return;
	init_waitqueue_func_entry(&w->on[w->nr].wqe, watcher_wake);
	w->on[w->nr].wqe.private = &w->on[w->nr].wakeups;
	w->on[w->nr].wq = wq;
	add_wait_queue(wq, &w->on[w->nr].wqe);
	w->nr++;
}

static unsigned int watcher_wakeups(struct watcher *w)
{
	unsigned int i, sum = 0;

	for (i = 0; i < w->nr; i++) {
		sum += w->on[i].wakeups;
		w->on[i].wakeups = 0;
	}
	return sum;
}

/* No assertions: the watcher is on this stack and must leave the queues. */
static void poll_watchers_are_woken(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), 2);
	struct gct_op *op = gct_park_recv(test, ch);
	struct watcher w = { };
	u64 val = 6;

	init_poll_funcptr(&w.pt, watcher_add);
	gochan_poll(ch, NULL, &w.pt);
	KUNIT_EXPECT_EQ(test, w.nr, 2U);

	/* A watcher on the queue does not keep the sleeper from its value. */
	KUNIT_EXPECT_EQ(test, 0, gochan_try_send(ch, &val));
	GCT_EXPECT_STAT(test, ch, 0, 0, 0, false);
	watcher_wakeups(&w);
	KUNIT_EXPECT_EQ(test, 0, gochan_try_send(ch, &val));
	KUNIT_EXPECT_NE(test, watcher_wakeups(&w), 0U);
	KUNIT_EXPECT_EQ(test, 0, gochan_try_recv(ch, &val, NULL));
	KUNIT_EXPECT_NE(test, watcher_wakeups(&w), 0U);
	KUNIT_EXPECT_EQ(test, 0, gochan_close(ch));
	KUNIT_EXPECT_NE(test, watcher_wakeups(&w), 0U);

	while (w.nr--)
		remove_wait_queue(w.on[w.nr].wq, &w.on[w.nr].wqe);
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, op));
	KUNIT_EXPECT_EQ(test, op->val, 6ULL);
}

/* More sleepers than a close wakes in one go, and a watcher behind them. */
#define NR_CROWD	70

static void close_wakes_a_crowd(struct kunit *test)
{
	size_t cap = param_cap(test);
	struct gochan *ch = gct_chan(test, sizeof(u64), cap);
	bool senders = cap;
	struct gct_op *ops[NR_CROWD];
	struct watcher w = { };
	unsigned int i;

	if (senders)
		fill(test, ch);
	for (i = 0; i < NR_CROWD; i++)
		ops[i] = senders ? gct_park_send(test, ch, i) :
				   gct_park_recv(test, ch);
	init_poll_funcptr(&w.pt, watcher_add);
	gochan_poll(ch, NULL, &w.pt);
	KUNIT_EXPECT_EQ(test, 0, gochan_close(ch));
	GCT_EXPECT_STAT(test, ch, cap, 0, 0, true);
	/* One event on each of its two queues. */
	KUNIT_EXPECT_EQ(test, watcher_wakeups(&w), 2U);
	while (w.nr--)
		remove_wait_queue(w.on[w.nr].wq, &w.on[w.nr].wqe);
	for (i = 0; i < NR_CROWD; i++)
		KUNIT_EXPECT_EQ(test, senders ? -EPIPE : 0,
				gct_finish(test, ops[i]));
}

static struct kunit_case wait_cases[] = {
	KUNIT_CASE_PARAM(fifo_through_wraps, cap_gen_params),
	KUNIT_CASE_PARAM(senders_are_served_in_order, cap_gen_params),
	KUNIT_CASE_PARAM(receivers_are_served_in_order, cap_gen_params),
	KUNIT_CASE_PARAM(newcomer_does_not_overtake_receiver, cap_gen_params),
	KUNIT_CASE_PARAM(newcomer_does_not_overtake_sender, cap_gen_params),
	KUNIT_CASE_PARAM(blocking_peers_meet, cap_gen_params),
	KUNIT_CASE(rendezvous_send_waits_for_receiver),
	KUNIT_CASE_PARAM(parked_receiver_may_discard, cap_gen_params),
	KUNIT_CASE_PARAM(close_ends_parked_receivers, cap_gen_params),
	KUNIT_CASE_PARAM(close_fails_parked_senders, cap_gen_params),
	KUNIT_CASE_PARAM(spurious_wakeups_change_nothing, cap_gen_params),
	KUNIT_CASE_PARAM(sleeper_drops_last_reference, cap_gen_params),
	KUNIT_CASE_PARAM(poll_tells_what_is_possible, cap_gen_params),
	KUNIT_CASE(poll_watchers_are_woken),
	KUNIT_CASE_PARAM(close_wakes_a_crowd, cap_gen_params),
	{}
};

struct kunit_suite gochan_wait_suite = {
	.name = "gochan-wait",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = wait_cases,
};
