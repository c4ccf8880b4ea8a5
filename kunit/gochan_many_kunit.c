// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - batches, looking at what is buffered, and owners
 *
 * A batch must leave a channel as single operations would have: random scripts
 * compare the two. Sleepers, watchers, close and signals have cases of their
 * own.
 */

#include <linux/completion.h>
#include <linux/irq_work.h>
#include <linux/poll.h>
#include <linux/prandom.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <uapi/linux/gochan.h>

#include "../kmod/core/internal.h"
#include "gochan_kunit.h"

/* More than are moved under one hold of the lock, several times over. */
#define MANY		100

static const unsigned int caps[] = { 0, 1, 3, 32, 33, 64, 200 };

static void cap_desc(const unsigned int *cap, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "cap %u", *cap);
}

KUNIT_ARRAY_PARAM(cap, caps, cap_desc);

static unsigned int param_cap(struct kunit *test)
{
	return *(const unsigned int *)test->param_value;
}

static u64 *many_values(struct kunit *test, u64 first)
{
	u64 *vals = kunit_kzalloc(test, MANY * sizeof(*vals), GFP_KERNEL);
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, vals);
	for (i = 0; i < MANY; i++)
		vals[i] = first + i;
	return vals;
}

static void expect_values(struct kunit *test, const u64 *vals, u64 first,
			  unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++)
		KUNIT_EXPECT_EQ(test, vals[i], first + i);
}

/*
 * Without sleepers.
 */

static void many_fill_and_drain(struct kunit *test)
{
	unsigned int cap = param_cap(test), n = min(cap, MANY + 0U);
	struct gochan *ch = gct_chan(test, sizeof(u64), cap);
	u64 *in = many_values(test, 7), *out = many_values(test, 0);
	unsigned int round;
	int none = cap > MANY ? MANY : -EAGAIN;

	for (round = 0; round < 5; round++) {
		KUNIT_EXPECT_EQ(test, n ? (int)n : -EAGAIN,
				gochan_send_many(ch, in, NULL, MANY, NULL));
		KUNIT_EXPECT_EQ(test, none,
				gochan_send_many(ch, in, NULL, MANY, NULL));
		n = gochan_len(ch);
		KUNIT_EXPECT_EQ(test, n, min(cap, 2U * MANY));
		memset(out, GCT_POISON, MANY * sizeof(*out));
		KUNIT_EXPECT_EQ(test, n ? (int)min(n, MANY + 0U) : -EAGAIN,
				gochan_recv_many(ch, out, NULL, MANY, NULL));
		n = min(cap, MANY + 0U);
		expect_values(test, out, 7, n);
		KUNIT_EXPECT_TRUE(test, gct_all(out + n, GCT_POISON,
						(MANY - n) * sizeof(*out)));
		KUNIT_EXPECT_EQ(test, none,
				gochan_recv_many(ch, NULL, NULL, MANY, NULL));
		KUNIT_EXPECT_EQ(test, gochan_len(ch), (size_t)0);
		KUNIT_EXPECT_TRUE(test, gct_all(ch->ring, 0,
						(size_t)cap * sizeof(u64)));
	}
}

static void many_of_none(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), 1);
	u64 val = 3;

	KUNIT_EXPECT_EQ(test, 0, gochan_send_many(ch, &val, NULL, 0, NULL));
	KUNIT_EXPECT_EQ(test, -EINVAL,
			gochan_recv_many(ch, &val, NULL, 0, NULL));
	KUNIT_EXPECT_EQ(test, -EAGAIN,
			gochan_send_many(NULL, &val, NULL, 1, NULL));
	KUNIT_EXPECT_EQ(test, -EAGAIN,
			gochan_recv_many(NULL, &val, NULL, 1, NULL));
	GCT_EXPECT_STAT(test, ch, 0, 0, 0, false);
}

static void many_of_no_bytes(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, 0, 70);

	KUNIT_EXPECT_EQ(test, 70,
			gochan_send_many(ch, NULL, NULL, MANY, NULL));
	KUNIT_EXPECT_EQ(test, 50, gochan_recv_many(ch, NULL, NULL, 50, NULL));
	KUNIT_EXPECT_EQ(test, 50, gochan_send_many(ch, NULL, NULL, 50, NULL));
	KUNIT_EXPECT_EQ(test, 70,
			gochan_recv_many(ch, NULL, NULL, MANY, NULL));
}

static void many_on_closed(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), 3);
	u64 *vals = many_values(test, 1), *out = many_values(test, 0);

	KUNIT_EXPECT_EQ(test, 3, gochan_send_many(ch, vals, NULL, MANY, NULL));
	KUNIT_EXPECT_EQ(test, 0, gochan_close(ch));
	KUNIT_EXPECT_EQ(test, -EPIPE,
			gochan_send_many(ch, vals, NULL, MANY,
					 &gct_interruptible));
	KUNIT_EXPECT_EQ(test, 2,
			gochan_recv_many(ch, out, NULL, 2, &gct_interruptible));
	KUNIT_EXPECT_EQ(test, 1,
			gochan_recv_many(ch, out + 2, NULL, MANY - 2,
					 &gct_interruptible));
	expect_values(test, out, 1, 3);
	KUNIT_EXPECT_EQ(test, 0,
			gochan_recv_many(ch, out, NULL, MANY,
					 &gct_interruptible));
	KUNIT_EXPECT_EQ(test, 0, gochan_recv_many(ch, out, NULL, 1, NULL));
}

/*
 * Lengths.
 */

#define VAR_MAX		24

static void many_keep_lengths(struct kunit *test)
{
	struct gochan *ch = gct_chan_varlen(test, VAR_MAX, 50);
	u8 *in = kunit_kzalloc(test, MANY * VAR_MAX, GFP_KERNEL);
	u8 *out = kunit_kzalloc(test, MANY * VAR_MAX, GFP_KERNEL);
	u32 *lens = kunit_kzalloc(test, MANY * sizeof(*lens), GFP_KERNEL);
	u32 *got = kunit_kzalloc(test, MANY * sizeof(*got), GFP_KERNEL);
	unsigned int i, round;

	KUNIT_ASSERT_TRUE(test, in && out && lens && got);
	for (round = 0; round < 3; round++) {
		for (i = 0; i < MANY; i++) {
			lens[i] = (i * 5 + round) % (VAR_MAX + 1);
			gct_fill(in + i * VAR_MAX, lens[i], i + round);
		}
		memset(out, GCT_POISON, MANY * VAR_MAX);
		KUNIT_EXPECT_EQ(test, 50,
				gochan_send_many(ch, in, lens, MANY, NULL));
		KUNIT_EXPECT_EQ(test, 50,
				gochan_recv_many(ch, out, got, MANY, NULL));
		for (i = 0; i < 50; i++) {
			u8 *msg = out + i * VAR_MAX;

			KUNIT_EXPECT_EQ(test, got[i], lens[i]);
			KUNIT_EXPECT_TRUE(test, gct_filled(msg, lens[i],
							   i + round));
			KUNIT_EXPECT_TRUE(test, gct_all(msg + lens[i],
							GCT_POISON,
							VAR_MAX - lens[i]));
		}
	}
	KUNIT_EXPECT_TRUE(test, gct_all(ch->ring, 0, 50UL * ch->slot_size));
}

static void many_stop_before_a_wrong_length(struct kunit *test)
{
	struct gochan *var = gct_chan_varlen(test, 8, 8);
	struct gochan *fixed = gct_chan(test, 8, 8);
	u64 *vals = many_values(test, 1);
	u32 lens[] = { 8, 8, 9, 8 };
	u32 got[4] = { };

	KUNIT_EXPECT_EQ(test, 2, gochan_send_many(var, vals, lens, 4, NULL));
	KUNIT_EXPECT_EQ(test, -EMSGSIZE,
			gochan_send_many(var, vals, lens + 2, 2, NULL));
	KUNIT_EXPECT_EQ(test, 2, gochan_send_many(fixed, vals, lens, 4, NULL));
	lens[2] = 7;
	KUNIT_EXPECT_EQ(test, -EINVAL,
			gochan_send_many(fixed, vals, lens + 2, 2, NULL));
	KUNIT_EXPECT_EQ(test, 2, gochan_send_many(var, vals, lens + 2, 2,
						  NULL));
	KUNIT_EXPECT_EQ(test, 2, gochan_recv_many(fixed, vals, got, 4, NULL));
	KUNIT_EXPECT_EQ(test, got[1], 8U);
	KUNIT_EXPECT_EQ(test, 4, gochan_recv_many(var, NULL, got, 4, NULL));
	KUNIT_EXPECT_EQ(test, got[2], 7U);
}

/*
 * Sleepers.
 */

#define NR_SLEEPERS	40

/* More sleepers than one hold serves, and a ring behind them. */
static void send_many_serves_receivers_in_order(struct kunit *test)
{
	unsigned int i, cap = param_cap(test);
	unsigned int stored = min(cap, MANY - NR_SLEEPERS + 0U);
	struct gochan *ch = gct_chan(test, sizeof(u64), cap);
	u64 *in = many_values(test, 0), *out = many_values(test, 0);
	struct gct_op *ops[NR_SLEEPERS];

	for (i = 0; i < NR_SLEEPERS; i++)
		ops[i] = gct_park_recv(test, ch);
	KUNIT_EXPECT_EQ(test, (int)(NR_SLEEPERS + stored),
			gochan_send_many(ch, in, NULL, MANY, NULL));
	for (i = 0; i < NR_SLEEPERS; i++) {
		KUNIT_EXPECT_EQ(test, 0, gct_finish(test, ops[i]));
		KUNIT_EXPECT_EQ(test, ops[i]->val, (u64)i);
	}
	GCT_EXPECT_STAT(test, ch, stored, 0, 0, false);
	if (!stored)
		return;
	KUNIT_EXPECT_EQ(test, (int)stored,
			gochan_recv_many(ch, out, NULL, MANY, NULL));
	expect_values(test, out, NR_SLEEPERS, stored);
}

static void recv_many_serves_senders_in_order(struct kunit *test)
{
	unsigned int i, cap = min(param_cap(test), MANY - NR_SLEEPERS + 0U);
	struct gochan *ch = gct_chan(test, sizeof(u64), cap);
	u64 *in = many_values(test, 0), *out = many_values(test, 0);
	struct gct_op *ops[NR_SLEEPERS];

	KUNIT_EXPECT_EQ(test, cap ? (int)cap : -EAGAIN,
			gochan_send_many(ch, in, NULL, MANY, NULL));
	for (i = 0; i < NR_SLEEPERS; i++)
		ops[i] = gct_park_send(test, ch, cap + i);
	KUNIT_EXPECT_EQ(test, (int)(cap + NR_SLEEPERS),
			gochan_recv_many(ch, out, NULL, MANY, NULL));
	expect_values(test, out, 0, cap + NR_SLEEPERS);
	for (i = 0; i < NR_SLEEPERS; i++)
		KUNIT_EXPECT_EQ(test, 0, gct_finish(test, ops[i]));
	GCT_EXPECT_STAT(test, ch, 0, 0, 0, false);
}

/* As many as asked for leave; who waited fills exactly the slots they leave. */
static void recv_many_lets_in_as_many_as_it_takes(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), 4);
	u64 *in = many_values(test, 0), *out = many_values(test, 0);
	struct gct_op *ops[6];
	unsigned int i;

	KUNIT_EXPECT_EQ(test, 4, gochan_send_many(ch, in, NULL, MANY, NULL));
	for (i = 0; i < 6; i++)
		ops[i] = gct_park_send(test, ch, 4 + i);
	KUNIT_EXPECT_EQ(test, 3, gochan_recv_many(ch, out, NULL, 3, NULL));
	GCT_EXPECT_STAT(test, ch, 4, 3, 0, false);
	KUNIT_EXPECT_EQ(test, 0, gochan_close(ch));
	/* The three that still waited have failed, their messages are lost. */
	KUNIT_EXPECT_EQ(test, 4,
			gochan_recv_many(ch, out + 3, NULL, MANY - 3, NULL));
	expect_values(test, out, 0, 7);
	for (i = 0; i < 6; i++)
		KUNIT_EXPECT_EQ(test, i < 3 ? 0 : -EPIPE,
				gct_finish(test, ops[i]));
}

struct many_op {
	struct gochan *ch;
	u64 *vals;
	bool send;
	unsigned int n;
};

static int many_fn(struct gct_thread *thread)
{
	struct many_op *op = thread->arg;

	if (op->send)
		return gochan_send_many(op->ch, op->vals, NULL, op->n,
					&gct_interruptible);
	return gochan_recv_many(op->ch, op->vals, NULL, op->n,
				&gct_interruptible);
}

/* Not on the stack, which a failing test leaves before its thread. */
static struct many_op *many_op_new(struct kunit *test, struct gochan *ch,
				   bool send)
{
	struct many_op *op = kunit_kzalloc(test, sizeof(*op), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, op);
	op->ch = ch;
	op->send = send;
	op->n = MANY;
	return op;
}

static void recv_many_waits_for_the_first_only(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), param_cap(test));
	struct many_op *op = many_op_new(test, ch, false);
	struct gct_thread *thread;
	u64 val = 41;

	op->vals = many_values(test, 0);
	thread = gct_start(test, many_fn, op);
	GCT_ASSERT_WAITERS(test, ch, 0, 1);
	KUNIT_EXPECT_EQ(test, 0, gochan_try_send(ch, &val));
	KUNIT_EXPECT_EQ(test, 1, gct_join(test, thread));
	KUNIT_EXPECT_EQ(test, op->vals[0], 41ULL);
	GCT_EXPECT_STAT(test, ch, 0, 0, 0, false);
}

static void send_many_waits_for_the_first_only(struct kunit *test)
{
	unsigned int cap = min(param_cap(test), MANY + 0U);
	struct gochan *ch = gct_chan(test, sizeof(u64), cap);
	struct many_op *op = many_op_new(test, ch, true);
	struct gct_thread *thread;
	u64 *out = many_values(test, 0);

	op->vals = many_values(test, 500);
	KUNIT_EXPECT_EQ(test, cap ? (int)cap : -EAGAIN,
			gochan_send_many(ch, out, NULL, MANY, NULL));
	thread = gct_start(test, many_fn, op);
	GCT_ASSERT_WAITERS(test, ch, 1, 0);
	KUNIT_EXPECT_EQ(test, 1, gochan_recv_many(ch, out, NULL, 1, NULL));
	KUNIT_EXPECT_EQ(test, 1, gct_join(test, thread));
	GCT_EXPECT_STAT(test, ch, cap, 0, 0, false);
}

static void many_asleep_are_interrupted(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), 1);
	struct many_op *op = many_op_new(test, ch, false);
	struct gct_thread *thread;
	u64 val = 1;

	op->vals = many_values(test, 5);
	thread = gct_start(test, many_fn, op);
	GCT_ASSERT_WAITERS(test, ch, 0, 1);
	gct_signal(thread, SIGUSR1);
	KUNIT_EXPECT_EQ(test, -ERESTARTSYS, gct_join(test, thread));
	KUNIT_EXPECT_EQ(test, op->vals[0], 5ULL);

	op->send = true;
	KUNIT_EXPECT_EQ(test, 0, gochan_try_send(ch, &val));
	thread = gct_start(test, many_fn, op);
	GCT_ASSERT_WAITERS(test, ch, 1, 0);
	gct_signal(thread, SIGUSR1);
	KUNIT_EXPECT_EQ(test, -ERESTARTSYS, gct_join(test, thread));
	GCT_EXPECT_STAT(test, ch, 1, 0, 0, false);
}

static void many_asleep_see_the_close(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), 0);
	struct many_op recv = { .ch = ch, .n = MANY };
	struct many_op send = { .ch = ch, .n = MANY, .send = true };
	struct gct_thread *thread;

	recv.vals = many_values(test, 0);
	send.vals = many_values(test, 0);
	thread = gct_start(test, many_fn, &recv);
	GCT_ASSERT_WAITERS(test, ch, 0, 1);
	KUNIT_EXPECT_EQ(test, 0, gochan_close(ch));
	KUNIT_EXPECT_EQ(test, 0, gct_join(test, thread));

	send.ch = gct_chan(test, sizeof(u64), 0);
	thread = gct_start(test, many_fn, &send);
	GCT_ASSERT_WAITERS(test, send.ch, 1, 0);
	KUNIT_EXPECT_EQ(test, 0, gochan_close(send.ch));
	KUNIT_EXPECT_EQ(test, -EPIPE, gct_join(test, thread));
}

/*
 * Random scripts: one channel gets batches, its twin the same as single
 * operations.
 */

#define TWIN_STEPS	200

struct twins {
	struct gochan *many;
	struct gochan *single;
	u64 next;
	u64 in[MANY];
	u64 a[MANY];
	u64 b[MANY];
};

static int twin_send(struct gochan *ch, const u64 *vals, unsigned int n)
{
	unsigned int i;
	int err = 0;

	for (i = 0; i < n && !err; i++)
		err = gochan_try_send(ch, &vals[i]);
	return err ? (i > 1 ? (int)i - 1 : err) : (int)i;
}

static int twin_recv(struct gochan *ch, u64 *vals, unsigned int n)
{
	unsigned int i;
	bool ok = true;
	int err = 0;

	for (i = 0; i < n; i++) {
		u64 val;

		err = gochan_try_recv(ch, &val, &ok);
		if (err || !ok)
			break;
		vals[i] = val;
	}
	return i ?: err;
}

static void twin_step(struct kunit *test, struct twins *t, u32 dice)
{
	unsigned int i, n = 1 + dice / 8 % MANY;

	memset(t->a, GCT_POISON, sizeof(t->a));
	memset(t->b, GCT_POISON, sizeof(t->b));
	for (i = 0; i < n; i++)
		t->in[i] = t->next++;
	if (dice % 8 < 4)
		KUNIT_EXPECT_EQ(test, twin_send(t->single, t->in, n),
				gochan_send_many(t->many, t->in, NULL, n,
						 NULL));
	else
		KUNIT_EXPECT_EQ(test, twin_recv(t->single, t->b, n),
				gochan_recv_many(t->many, t->a, NULL, n, NULL));
	KUNIT_EXPECT_EQ(test, 0, memcmp(t->a, t->b, sizeof(t->a)));
	KUNIT_EXPECT_EQ(test, gochan_len(t->many), gochan_len(t->single));
}

static void many_does_what_single_operations_do(struct kunit *test)
{
	unsigned int cap = param_cap(test);
	struct twins *t = kunit_kzalloc(test, sizeof(*t), GFP_KERNEL);
	struct rnd_state rnd;
	u64 seed = gochan_seed();
	unsigned int i, steps = gochan_scaled(TWIN_STEPS);

	KUNIT_ASSERT_NOT_NULL(test, t);
	kunit_info(test, "seed %llu", seed);
	prandom_seed_state(&rnd, seed);
	t->many = gct_chan(test, sizeof(u64), cap);
	t->single = gct_chan(test, sizeof(u64), cap);
	for (i = 0; i < steps; i++) {
		if (i == steps - 3) {
			KUNIT_EXPECT_EQ(test, 0, gochan_close(t->many));
			KUNIT_EXPECT_EQ(test, 0, gochan_close(t->single));
		}
		twin_step(test, t, prandom_u32_state(&rnd) >> 1);
	}
}

/*
 * Watchers.
 */

struct watcher {
	struct wait_queue_entry wqe;
	unsigned int wakeups;
	int woken;
};

static int watcher_wake(struct wait_queue_entry *wqe, unsigned int mode,
			int flags, void *key)
{
	struct watcher *w = container_of(wqe, struct watcher, wqe);

	w->wakeups++;
	return w->woken;
}

static void watcher_add(struct watcher *w, wait_queue_head_t *wq, bool exclusive)
{
	init_waitqueue_func_entry(&w->wqe, watcher_wake);
	w->wakeups = 0;
	w->woken = exclusive;
	if (exclusive)
		add_wait_queue_exclusive(wq, &w->wqe);
	else
		add_wait_queue(wq, &w->wqe);
}

/* No assertions: the watchers are on this stack and must leave the queue. */
static void many_wake_watchers_once(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), MANY);
	u64 *vals = many_values(test, 0);
	struct watcher in, out;

	watcher_add(&in, &ch->recvq.watchers, false);
	watcher_add(&out, &ch->sendq.watchers, false);
	KUNIT_EXPECT_EQ(test, 20, gochan_send_many(ch, vals, NULL, 20, NULL));
	KUNIT_EXPECT_EQ(test, in.wakeups, 1U);
	KUNIT_EXPECT_EQ(test, out.wakeups, 0U);
	KUNIT_EXPECT_EQ(test, 20, gochan_recv_many(ch, vals, NULL, MANY, NULL));
	KUNIT_EXPECT_EQ(test, in.wakeups, 1U);
	KUNIT_EXPECT_EQ(test, out.wakeups, 1U);
	remove_wait_queue(&ch->recvq.watchers, &in.wqe);
	remove_wait_queue(&ch->sendq.watchers, &out.wqe);
}

static void many_wake_an_exclusive_watcher_each(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), MANY);
	u64 *vals = many_values(test, 0);
	struct watcher w[4], shared;
	unsigned int i;

	/* Those who share an event see it once, however many others there are. */
	watcher_add(&shared, &ch->recvq.watchers, false);
	for (i = 0; i < ARRAY_SIZE(w); i++)
		watcher_add(&w[i], &ch->recvq.watchers, true);
	KUNIT_EXPECT_EQ(test, 3, gochan_send_many(ch, vals, NULL, 3, NULL));
	for (i = 0; i < ARRAY_SIZE(w); i++)
		KUNIT_EXPECT_EQ(test, w[i].wakeups, i < 3 ? 1U : 0U);
	KUNIT_EXPECT_EQ(test, shared.wakeups, 1U);
	KUNIT_EXPECT_EQ(test, 20, gochan_send_many(ch, vals, NULL, 20, NULL));
	KUNIT_EXPECT_EQ(test, w[3].wakeups, 1U);
	KUNIT_EXPECT_EQ(test, shared.wakeups, 2U);
	remove_wait_queue(&ch->recvq.watchers, &shared.wqe);
	for (i = 0; i < ARRAY_SIZE(w); i++)
		remove_wait_queue(&ch->recvq.watchers, &w[i].wqe);
}

/*
 * Peek.
 */

static void peek_looks_at_the_oldest(struct kunit *test)
{
	struct gochan *ch = gct_chan_varlen(test, 16, 2);
	u64 val = GCT_POISON_U64;
	size_t len = sizeof(val);
	bool ok = false;

	KUNIT_EXPECT_EQ(test, -EAGAIN, gochan_peek(NULL, &val, &len, &ok));
	KUNIT_EXPECT_EQ(test, -EAGAIN, gochan_peek(ch, &val, &len, &ok));
	KUNIT_EXPECT_EQ(test, 0, gochan_send_msg(ch, "abc", 3, NULL));
	KUNIT_EXPECT_EQ(test, 0, gochan_send_msg(ch, "0123456789", 10, NULL));
	KUNIT_EXPECT_EQ(test, 0, gochan_peek(ch, &val, &len, &ok));
	KUNIT_EXPECT_TRUE(test, ok);
	KUNIT_EXPECT_EQ(test, len, (size_t)3);
	KUNIT_EXPECT_EQ(test, 0, memcmp(&val, "abc", 3));
	KUNIT_EXPECT_EQ(test, gochan_len(ch), (size_t)2);
	KUNIT_EXPECT_EQ(test, 1, gochan_recv_many(ch, NULL, NULL, 1, NULL));

	len = sizeof(val);
	KUNIT_EXPECT_EQ(test, -EMSGSIZE, gochan_peek(ch, &val, &len, NULL));
	KUNIT_EXPECT_EQ(test, len, (size_t)10);
	KUNIT_EXPECT_EQ(test, 0, gochan_peek(ch, NULL, &len, NULL));
	KUNIT_EXPECT_EQ(test, 0, gochan_close(ch));
	KUNIT_EXPECT_EQ(test, 0, gochan_peek(ch, NULL, &len, &ok));
	KUNIT_EXPECT_TRUE(test, ok);
	KUNIT_EXPECT_EQ(test, 1, gochan_recv_many(ch, NULL, NULL, 1, NULL));
	KUNIT_EXPECT_EQ(test, 0, gochan_peek(ch, &val, &len, &ok));
	KUNIT_EXPECT_FALSE(test, ok);
	KUNIT_EXPECT_EQ(test, len, (size_t)0);
}

static void peek_does_not_see_a_sleeping_sender(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), 0);
	struct gct_op *op = gct_park_send(test, ch, 9);
	size_t len = sizeof(u64);
	u64 val;

	KUNIT_EXPECT_EQ(test, -EAGAIN, gochan_peek(ch, &val, &len, NULL));
	GCT_EXPECT_STAT(test, ch, 0, 1, 0, false);
	KUNIT_EXPECT_EQ(test, 0, gochan_try_recv(ch, &val, NULL));
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, op));
}

/*
 * Owners.
 */

struct owned {
	struct gochan_owner owner;
	struct gochan *ch;
	struct irq_work irq;
	struct completion gone;
	bool could_sleep;
	bool in_irq;
};

static void owned_release(struct gochan_owner *owner)
{
	struct owned *o = container_of(owner, struct owned, owner);

	o->could_sleep = !in_interrupt();
	complete(&o->gone);
}

static void owned_put_in_irq(struct irq_work *irq)
{
	struct owned *o = container_of(irq, struct owned, irq);

	o->in_irq = in_hardirq();
	gochan_put(o->ch);
}

static struct owned *owned_new(struct kunit *test)
{
	struct owned *o = kunit_kzalloc(test, sizeof(*o), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, o);
	init_completion(&o->gone);
	init_irq_work(&o->irq, owned_put_in_irq);
	o->owner.module = THIS_MODULE;
	o->owner.release = owned_release;
	o->ch = gochan_alloc(sizeof(u64), 4, GFP_KERNEL);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, o->ch);
	gochan_set_owner(o->ch, &o->owner);
	return o;
}

static void owner_hears_of_the_last_put(struct kunit *test)
{
	struct owned *o = owned_new(test);

	gochan_get(o->ch);
	gochan_put(o->ch);
	KUNIT_EXPECT_FALSE(test, completion_done(&o->gone));
	KUNIT_EXPECT_EQ(test, 0, gochan_close(o->ch));
	KUNIT_EXPECT_FALSE(test, completion_done(&o->gone));
	gochan_put(o->ch);
	KUNIT_EXPECT_TRUE(test, completion_done(&o->gone));
	KUNIT_EXPECT_TRUE(test, o->could_sleep);
}

static void owner_hears_of_a_put_in_hardirq(struct kunit *test)
{
	struct owned *o = owned_new(test);

	irq_work_queue(&o->irq);
	irq_work_sync(&o->irq);
	KUNIT_EXPECT_NE(test, 0UL,
			wait_for_completion_timeout(&o->gone, gct_timeout()));
	KUNIT_EXPECT_TRUE(test, o->in_irq);
	KUNIT_EXPECT_TRUE(test, o->could_sleep);
}

static struct kunit_case many_cases[] = {
	KUNIT_CASE_PARAM(many_fill_and_drain, cap_gen_params),
	KUNIT_CASE(many_of_none),
	KUNIT_CASE(many_of_no_bytes),
	KUNIT_CASE(many_on_closed),
	KUNIT_CASE(many_keep_lengths),
	KUNIT_CASE(many_stop_before_a_wrong_length),
	KUNIT_CASE_PARAM(send_many_serves_receivers_in_order, cap_gen_params),
	KUNIT_CASE_PARAM(recv_many_serves_senders_in_order, cap_gen_params),
	KUNIT_CASE(recv_many_lets_in_as_many_as_it_takes),
	KUNIT_CASE_PARAM(recv_many_waits_for_the_first_only, cap_gen_params),
	KUNIT_CASE_PARAM(send_many_waits_for_the_first_only, cap_gen_params),
	KUNIT_CASE(many_asleep_are_interrupted),
	KUNIT_CASE(many_asleep_see_the_close),
	KUNIT_CASE_PARAM(many_does_what_single_operations_do, cap_gen_params),
	KUNIT_CASE(many_wake_watchers_once),
	KUNIT_CASE(many_wake_an_exclusive_watcher_each),
	KUNIT_CASE(peek_looks_at_the_oldest),
	KUNIT_CASE(peek_does_not_see_a_sleeping_sender),
	KUNIT_CASE(owner_hears_of_the_last_put),
	KUNIT_CASE(owner_hears_of_a_put_in_hardirq),
	{}
};

struct kunit_suite gochan_many_suite = {
	.name = "gochan-many",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = many_cases,
};
