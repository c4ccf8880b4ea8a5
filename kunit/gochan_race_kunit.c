// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - closes that race, and memory order
 *
 * What needs two CPUs to go wrong, or a preemption between two loads.
 */

#include <linux/atomic.h>
#include <linux/hrtimer.h>
#include <linux/slab.h>

#include "gochan_kunit.h"
#include "../kmod/compat.h"

/*
 * Operations that race a close and may not report "would block".
 *
 * Two threads go through the same row of channels at the same time. On each the
 * closer closes, and takes out what is left; the racer tries one operation. The
 * channel is ready until it is closed, and closed from then on: at no instant
 * would the racer have had to wait.
 */

#define MAX_LANES	64

struct lanes {
	struct gochan *ch[MAX_LANES];
	unsigned int nr;
	atomic_t arrived;
	atomic_t unexpected;
	unsigned int would_block;
	unsigned int closed_first;
	bool send;
};

static int lanes_close_fn(struct gct_thread *thread)
{
	struct lanes *lanes = thread->arg;
	unsigned int i;

	if (!gct_meet(thread, &lanes->arrived))
		return -EINTR;
	for (i = 0; i < lanes->nr; i++) {
		if (gochan_close(lanes->ch[i]))
			atomic_inc(&lanes->unexpected);
		if (!lanes->send && gochan_try_recv(lanes->ch[i], NULL, NULL))
			atomic_inc(&lanes->unexpected);
	}
	return 0;
}

static int lanes_race_fn(struct gct_thread *thread)
{
	struct lanes *lanes = thread->arg;
	unsigned int i;
	int err;

	if (!gct_meet(thread, &lanes->arrived))
		return -EINTR;
	for (i = 0; i < lanes->nr; i++) {
		u64 val = i;
		bool ok = true;

		if (lanes->send)
			err = gochan_try_send(lanes->ch[i], &val);
		else
			err = gochan_try_recv(lanes->ch[i], &val, &ok);
		if (err == -EAGAIN)
			lanes->would_block++;
		else if (err && !(lanes->send && err == -EPIPE))
			atomic_inc(&lanes->unexpected);
		lanes->closed_first += err || !ok;
	}
	return 0;
}

static struct lanes *lanes_new(struct kunit *test, unsigned int nr, bool send)
{
	struct lanes *lanes = kunit_kzalloc(test, sizeof(*lanes), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, lanes);
	lanes->nr = nr;
	lanes->send = send;
	return lanes;
}

static void lanes_run(struct kunit *test, struct lanes *lanes)
{
	struct gct_thread *closer, *racer;

	atomic_set(&lanes->arrived, 0);
	racer = gct_start(test, lanes_race_fn, lanes);
	closer = gct_start(test, lanes_close_fn, lanes);
	KUNIT_EXPECT_EQ(test, 0, gct_join(test, racer));
	KUNIT_EXPECT_EQ(test, 0, gct_join(test, closer));
}

static void lanes_put(struct kunit *test, struct lanes *lanes)
{
	unsigned int i;

	for (i = 0; i < lanes->nr; i++)
		gct_put_now(test, lanes->ch[i]);
}

static void lanes_check(struct kunit *test, struct lanes *lanes)
{
	KUNIT_EXPECT_EQ_MSG(test, lanes->would_block, 0U,
			    "on %u channels the close came first",
			    lanes->closed_first);
	KUNIT_EXPECT_EQ(test, atomic_read(&lanes->unexpected), 0);
}

/* Open and full, then closed, then drained. */
static void try_recv_races_close_of_full(struct kunit *test)
{
	struct lanes *lanes = lanes_new(test, MAX_LANES, false);
	unsigned int i, round, rounds = gochan_scaled(500);
	u64 val = 1;

	for (round = 0; round < rounds; round++) {
		for (i = 0; i < lanes->nr; i++) {
			lanes->ch[i] = gct_chan(test, sizeof(u64), 1);
			KUNIT_ASSERT_EQ(test, 0,
					gochan_try_send(lanes->ch[i], &val));
		}
		lanes_run(test, lanes);
		lanes_put(test, lanes);
	}
	lanes_check(test, lanes);
}

/* The closer of the case below: an interrupt, at any of its instructions. */
struct irq_closer {
	struct hrtimer timer;
	struct gochan *ch;
	unsigned int unexpected;
};

static enum hrtimer_restart irq_close_and_drain(struct hrtimer *timer)
{
	struct irq_closer *irq = container_of(timer, struct irq_closer, timer);

	if (gochan_close(irq->ch))
		irq->unexpected++;
	if (gochan_try_recv(irq->ch, NULL, NULL))
		irq->unexpected++;
	return HRTIMER_NORESTART;
}

/*
 * Send and receive until the interrupt has closed the channel. Between the two
 * there is a value, or the end: the receive may never find it would block.
 */
static unsigned int recv_until_closed(struct irq_closer *irq)
{
	bool ok = true;
	u64 val = 1;
	int err;

	while (ok) {
		err = gochan_try_send(irq->ch, &val);
		if (err == -EPIPE)
			break;
		if (err)
			irq->unexpected++;
		err = gochan_try_recv(irq->ch, &val, &ok);
		if (err)
			return err == -EAGAIN;
	}
	return 0;
}

/*
 * Enough for the loop to be running, whatever it costs to start a timer here,
 * and different each time.
 */
static ktime_t irq_delay(unsigned int round)
{
	return ns_to_ktime(5000 + round % 64 * 1009);
}

/*
 * Open and full, closed, drained, all between two loads of one try_recv: with
 * an interrupt this takes no second CPU.
 */
static void try_recv_races_close_in_hardirq(struct kunit *test)
{
	unsigned int round, rounds = gochan_scaled(20000), would_block = 0;
	struct irq_closer *irq = kunit_kzalloc(test, sizeof(*irq), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, irq);
	hrtimer_setup(&irq->timer, irq_close_and_drain, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED_HARD);
	for (round = 0; round < rounds; round++) {
		irq->ch = gct_chan(test, sizeof(u64), 1);
		hrtimer_start(&irq->timer, irq_delay(round),
			      HRTIMER_MODE_REL_PINNED_HARD);
		would_block += recv_until_closed(irq);
		/* The channel must not go before the interrupt was there. */
		while (hrtimer_active(&irq->timer))
			cpu_relax();
		gct_put_now(test, irq->ch);
	}
	KUNIT_EXPECT_EQ(test, would_block, 0U);
	KUNIT_EXPECT_EQ(test, irq->unexpected, 0U);
}

/* A peer asleep on a rendezvous channel, then closed. */
static void race_close_of_rendezvous(struct kunit *test, bool send)
{
	struct gct_op *ops[8];
	struct lanes *lanes = lanes_new(test, ARRAY_SIZE(ops), send);
	unsigned int i, round, rounds = gochan_scaled(400);

	for (round = 0; round < rounds; round++) {
		for (i = 0; i < lanes->nr; i++) {
			lanes->ch[i] = gct_chan(test, sizeof(u64), 0);
			ops[i] = gct_park_op(test, lanes->ch[i], !send, NULL,
					     round, &gct_interruptible);
		}
		lanes_run(test, lanes);
		for (i = 0; i < lanes->nr; i++) {
			int err = gct_finish(test, ops[i]);

			KUNIT_EXPECT_TRUE(test,
					  !err || (!send && err == -EPIPE));
		}
		lanes_put(test, lanes);
	}
	lanes_check(test, lanes);
}

static void try_recv_races_close_of_rendezvous(struct kunit *test)
{
	race_close_of_rendezvous(test, false);
}

static void try_send_races_close_of_rendezvous(struct kunit *test)
{
	race_close_of_rendezvous(test, true);
}

static int close_fn(struct gct_thread *thread)
{
	return gochan_close(thread->arg);
}

static void one_of_many_closes_succeeds(struct kunit *test)
{
	unsigned int i, round, closed, rounds = gochan_scaled(200);
	struct gct_thread *threads[4];

	for (round = 0; round < rounds; round++) {
		struct gochan *ch = gct_chan(test, 0, 1);

		closed = 0;
		for (i = 0; i < ARRAY_SIZE(threads); i++)
			threads[i] = gct_start(test, close_fn, ch);
		for (i = 0; i < ARRAY_SIZE(threads); i++) {
			int err = gct_join(test, threads[i]);

			KUNIT_EXPECT_TRUE(test, !err || err == -ESHUTDOWN);
			closed += !err;
		}
		KUNIT_EXPECT_EQ(test, closed, 1U);
		gct_put_now(test, ch);
	}
}

/*
 * Memory order. The data lies beside the channel, in plain memory; only the
 * channel orders the accesses. Elements of size 0 carry nothing but order.
 */

struct order_param {
	unsigned int cap;
	unsigned int size;
};

static const struct order_param order_params[] = {
	{ 0, 0 }, { 0, 8 }, { 1, 0 }, { 1, 8 }, { 3, 0 }, { 3, 8 },
};

static void order_desc(const struct order_param *param, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "cap %u, elements of %u",
		 param->cap, param->size);
}

KUNIT_ARRAY_PARAM(order, order_params, order_desc);

/* More than what one side may be ahead of the other. */
#define ORDER_SLOTS	8

struct order {
	struct gochan *ch;
	u64 count;
	u64 there[ORDER_SLOTS];
	u64 back[ORDER_SLOTS];
	u64 stale_there;
	u64 stale_back;
};

/*
 * The n-th send happens before the completion of the n-th receive, and the
 * n-th receive before the completion of the (n + cap)-th send.
 */
static int order_send_fn(struct gct_thread *thread)
{
	struct order *order = thread->arg;
	u64 n, cap = gochan_cap(order->ch);

	for (n = 1; n <= order->count; n++) {
		u64 heard = n - cap;
		int err;

		order->there[n % ORDER_SLOTS] = n;
		err = gochan_send(order->ch, &n);
		if (err)
			return err;
		if (n > cap && order->back[heard % ORDER_SLOTS] != heard)
			order->stale_back++;
	}
	return 0;
}

static int order_recv_fn(struct gct_thread *thread)
{
	struct order *order = thread->arg;
	u64 n, val;

	for (n = 1; n <= order->count; n++) {
		int err;

		order->back[n % ORDER_SLOTS] = n;
		err = gochan_recv(order->ch, &val, NULL);
		if (err)
			return err;
		if (order->there[n % ORDER_SLOTS] != n)
			order->stale_there++;
	}
	return 0;
}

static struct order *order_new(struct kunit *test)
{
	const struct order_param *param = test->param_value;
	struct order *order = kunit_kzalloc(test, sizeof(*order), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, order);
	order->ch = gct_chan(test, param->size, param->cap);
	return order;
}

static void order_of_published_data(struct kunit *test)
{
	struct order *order = order_new(test);
	struct gct_thread *sender, *receiver;

	order->count = gochan_scaled(20000);
	receiver = gct_start(test, order_recv_fn, order);
	sender = gct_start(test, order_send_fn, order);
	KUNIT_EXPECT_EQ(test, 0, gct_join(test, sender));
	KUNIT_EXPECT_EQ(test, 0, gct_join(test, receiver));
	KUNIT_EXPECT_EQ(test, order->stale_there, 0ULL);
	KUNIT_EXPECT_EQ(test, order->stale_back, 0ULL);
}

/* A channel as a semaphore: a send enters, a receive leaves. */
struct semaphore_by_channel {
	struct gochan *ch;
	unsigned int count;
	atomic_t inside;
	atomic_t crowded;
	u64 plain;
};

static int semaphore_fn(struct gct_thread *thread)
{
	struct semaphore_by_channel *sem = thread->arg;
	int cap = gochan_cap(sem->ch);
	unsigned int i;
	u64 token = 0;
	int err;

	for (i = 0; i < sem->count; i++) {
		err = gochan_send(sem->ch, &token);
		if (err)
			return err;
		if (atomic_inc_return(&sem->inside) > cap)
			atomic_inc(&sem->crowded);
		/* With capacity 1 the channel is what protects this. */
		if (cap == 1)
			sem->plain++;
		if (i % 16 == 0)
			cond_resched();
		atomic_dec(&sem->inside);
		err = gochan_recv(sem->ch, &token, NULL);
		if (err)
			return err;
	}
	return 0;
}

static void order_of_semaphore(struct kunit *test)
{
	const struct order_param *param = test->param_value;
	struct semaphore_by_channel *sem;
	struct gct_thread *threads[6];
	unsigned int i;

	if (!param->cap)
		kunit_skip(test, "a rendezvous channel holds nobody");
	sem = kunit_kzalloc(test, sizeof(*sem), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, sem);
	sem->ch = gct_chan(test, param->size, param->cap);
	sem->count = gochan_scaled(5000);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		threads[i] = gct_start(test, semaphore_fn, sem);
	for (i = 0; i < ARRAY_SIZE(threads); i++)
		KUNIT_EXPECT_EQ(test, 0, gct_join(test, threads[i]));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&sem->crowded));
	if (param->cap == 1)
		KUNIT_EXPECT_EQ(test, sem->plain,
				(u64)sem->count * ARRAY_SIZE(threads));
	GCT_EXPECT_STAT(test, sem->ch, 0, 0, 0, false);
}

static struct kunit_case race_cases[] = {
	KUNIT_CASE(try_recv_races_close_of_full),
	KUNIT_CASE(try_recv_races_close_in_hardirq),
	KUNIT_CASE(try_recv_races_close_of_rendezvous),
	KUNIT_CASE(try_send_races_close_of_rendezvous),
	KUNIT_CASE(one_of_many_closes_succeeds),
	KUNIT_CASE_PARAM(order_of_published_data, order_gen_params),
	KUNIT_CASE_PARAM(order_of_semaphore, order_gen_params),
	{}
};

struct kunit_suite gochan_race_suite = {
	.name = "gochan-race",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = race_cases,
};
