// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - all channels of a select are judged at one instant
 */

#include <linux/atomic.h>
#include <linux/hrtimer.h>
#include <linux/slab.h>

#include "goselect_kunit.h"
#include "../kmod/compat.h"

/*
 * At every instant one of two cases is ready: the mover makes the second ready
 * before it makes the first unready. So the picker may not miss both.
 */

#define NR_LANES	64

struct lanes {
	struct gochan *a[NR_LANES];
	struct gochan *b[NR_LANES];
	atomic_t arrived;
	unsigned int missed;
	bool close;
};

static int lanes_move_fn(struct gct_thread *thread)
{
	struct lanes *lanes = thread->arg;
	unsigned int i;
	u64 val = 2;
	int err;

	if (!gct_meet(thread, &lanes->arrived))
		return -EINTR;
	for (i = 0; i < NR_LANES; i++) {
		err = lanes->close ? gochan_close(lanes->b[i]) :
				     gochan_try_send(lanes->b[i], &val);
		if (err)
			return err;
		/* Nothing there if the picker was first. */
		err = gochan_try_recv(lanes->a[i], &val, NULL);
		if (err && err != -EAGAIN)
			return err;
	}
	return 0;
}

static int lanes_pick_fn(struct gct_thread *thread)
{
	struct lanes *lanes = thread->arg;
	unsigned int i;
	u64 val;

	if (!gct_meet(thread, &lanes->arrived))
		return -EINTR;
	for (i = 0; i < NR_LANES; i++) {
		struct goselect_case c[] = {
			GOSELECT_RECV(lanes->a[i], &val),
			GOSELECT_RECV(lanes->b[i], &val),
		};

		lanes->missed += goselect_try(c, ARRAY_SIZE(c)) < 0;
	}
	return 0;
}

static void one_is_always_ready(struct kunit *test, bool close)
{
	unsigned int i, round, rounds = gochan_scaled(500);
	struct lanes *lanes = kunit_kzalloc(test, sizeof(*lanes), GFP_KERNEL);
	struct gct_thread *mover, *picker;

	KUNIT_ASSERT_NOT_NULL(test, lanes);
	lanes->close = close;
	for (round = 0; round < rounds; round++) {
		gst_chans(test, lanes->a, NR_LANES, 1);
		gst_chans(test, lanes->b, NR_LANES, 1);
		for (i = 0; i < NR_LANES; i++)
			gst_put(test, lanes->a[i], 1);
		atomic_set(&lanes->arrived, 0);
		picker = gct_start(test, lanes_pick_fn, lanes);
		mover = gct_start(test, lanes_move_fn, lanes);
		KUNIT_EXPECT_EQ(test, 0, gct_join(test, picker));
		KUNIT_EXPECT_EQ(test, 0, gct_join(test, mover));
		for (i = 0; i < NR_LANES; i++) {
			gct_put_now(test, lanes->a[i]);
			gct_put_now(test, lanes->b[i]);
		}
	}
	KUNIT_EXPECT_EQ(test, lanes->missed, 0U);
}

static void never_misses_a_value_that_moves(struct kunit *test)
{
	one_is_always_ready(test, false);
}

static void never_misses_a_close(struct kunit *test)
{
	one_is_always_ready(test, true);
}

/* The same with an interrupt as the mover, which takes no second CPU. */
struct irq_mover {
	struct hrtimer timer;
	struct gochan *a;
	struct gochan *b;
	bool moved;
	int err;
};

static enum hrtimer_restart irq_move(struct hrtimer *timer)
{
	struct irq_mover *irq = container_of(timer, struct irq_mover, timer);
	struct goselect_case c = GOSELECT_RECV(irq->a, NULL);
	u64 val = 2;

	irq->err = gochan_try_send(irq->b, &val);
	/* Empty while the other side holds the value. */
	if (goselect_try(&c, 1) == -EINVAL)
		irq->err = -EINVAL;
	WRITE_ONCE(irq->moved, true);
	return HRTIMER_NORESTART;
}

/* Take a value and put it back until the interrupt was there. */
static unsigned int pick_until_moved(struct irq_mover *irq)
{
	unsigned int missed = 0, after = 0;
	int at;

	while (after < 2) {
		u64 val;
		struct goselect_case c[] = {
			GOSELECT_RECV(irq->a, &val),
			GOSELECT_RECV(irq->b, &val),
		};

		after += READ_ONCE(irq->moved);
		at = goselect_try(c, ARRAY_SIZE(c));
		if (at < 0)
			missed++;
		else if (gochan_try_send(c[at].ch, &val))
			missed++;
	}
	return missed;
}

static void never_misses_what_an_interrupt_moves(struct kunit *test)
{
	struct irq_mover *irq = kunit_kzalloc(test, sizeof(*irq), GFP_KERNEL);
	unsigned int round, rounds = gochan_scaled(10000), missed = 0;

	KUNIT_ASSERT_NOT_NULL(test, irq);
	hrtimer_setup(&irq->timer, irq_move, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_PINNED_HARD);
	for (round = 0; round < rounds; round++) {
		irq->a = gct_chan(test, sizeof(u64), 1);
		irq->b = gct_chan(test, sizeof(u64), 1);
		irq->moved = false;
		gst_put(test, irq->a, 1);
		hrtimer_start(&irq->timer,
			      ns_to_ktime(5000 + round % 64 * 1009),
			      HRTIMER_MODE_REL_PINNED_HARD);
		missed += pick_until_moved(irq);
		/* The channels must not go before the interrupt was there. */
		hrtimer_cancel(&irq->timer);
		missed += !!irq->err;
		gct_put_now(test, irq->a);
		gct_put_now(test, irq->b);
	}
	KUNIT_EXPECT_EQ(test, missed, 0U);
}

static struct kunit_case instant_cases[] = {
	KUNIT_CASE(never_misses_a_value_that_moves),
	KUNIT_CASE(never_misses_a_close),
	KUNIT_CASE(never_misses_what_an_interrupt_moves),
	{}
};

struct kunit_suite goselect_instant_suite = {
	.name = "goselect-instant",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = instant_cases,
};
