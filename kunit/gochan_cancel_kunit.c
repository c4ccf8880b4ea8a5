// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - deadlines, signals and interrupts
 *
 * Operations that end without a peer, and peers that are no tasks: channel
 * operations from a hardirq timer.
 */

#include <linux/completion.h>
#include <linux/hrtimer.h>
#include <linux/minmax.h>
#include <linux/preempt.h>
#include <linux/sched/signal.h>

#include "gochan_kunit.h"
#include "../kmod/compat.h"

static void fill(struct kunit *test, struct gochan *ch)
{
	u64 i, cap = gochan_cap(ch);

	for (i = 0; i < cap; i++)
		KUNIT_ASSERT_EQ(test, 0, gochan_try_send(ch, &i));
}

struct cancel_param {
	unsigned int cap;
	bool send;
	const char *desc;
};

static const struct cancel_param cancel_params[] = {
	{ 0, false, "receive, cap 0" },
	{ 3, false, "receive, cap 3" },
	{ 0, true, "send, cap 0" },
	{ 3, true, "send, cap 3" },
};

static void cancel_desc(const struct cancel_param *param, char *desc)
{
	strscpy(desc, param->desc, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(cancel, cancel_params, cancel_desc);

/* A channel on which the operation of the parameter has to wait. */
static struct gochan *unready_chan(struct kunit *test)
{
	const struct cancel_param *param = test->param_value;
	struct gochan *ch = gct_chan(test, sizeof(u64), param->cap);

	if (param->send)
		fill(test, ch);
	return ch;
}

static struct gct_op *park(struct kunit *test, struct gochan *ch, u64 val,
			   const struct gochan_wait *wait)
{
	const struct cancel_param *param = test->param_value;

	return gct_park_op(test, ch, param->send, NULL, val, wait);
}

/* Nobody sleeps, and what a cancelled operation had to do was not done. */
static void expect_as_before(struct kunit *test, struct gochan *ch)
{
	const struct cancel_param *param = test->param_value;
	u64 i, val;

	GCT_EXPECT_STAT(test, ch, param->send ? param->cap : 0, 0, 0, false);
	if (!param->send)
		fill(test, ch);
	for (i = 0; i < param->cap; i++) {
		val = GCT_POISON_U64;
		KUNIT_EXPECT_EQ(test, 0, gochan_try_recv(ch, &val, NULL));
		KUNIT_EXPECT_EQ(test, val, i);
	}
	KUNIT_EXPECT_EQ(test, -EAGAIN, gochan_try_recv(ch, &val, NULL));
}

static ktime_t now(clockid_t clock)
{
	return clock == CLOCK_REALTIME ? ktime_get_real() : ktime_get();
}

/* In a thread, because a core that errs about the time sleeps for ever. */
struct deadline_op {
	struct gochan *ch;
	struct gochan_wait wait;
	bool send;
	u64 val;
	ktime_t began;
	ktime_t ended;
};

static int deadline_fn(struct gct_thread *thread)
{
	struct deadline_op *op = thread->arg;
	int err;

	op->began = now(op->wait.clock);
	if (op->send)
		err = gochan_send_wait(op->ch, &op->val, &op->wait);
	else
		err = gochan_recv_wait(op->ch, &op->val, NULL, &op->wait);
	op->ended = now(op->wait.clock);
	return err;
}

/*
 * On @ch nothing will move before the deadline. Return the microseconds that
 * the operation took.
 */
static s64 expect_timeout(struct kunit *test, struct gochan *ch, bool send,
			  clockid_t clock, ktime_t deadline)
{
	struct deadline_op *op = kunit_kzalloc(test, sizeof(*op), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, op);
	op->ch = ch;
	op->send = send;
	op->val = GCT_POISON_U64;
	op->wait.state = TASK_INTERRUPTIBLE;
	op->wait.clock = clock;
	op->wait.deadline = deadline;
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT,
			gct_join(test, gct_start(test, deadline_fn, op)));
	KUNIT_EXPECT_TRUE_MSG(test, ktime_compare(op->ended, deadline) >= 0,
			      "returned before the deadline");
	KUNIT_EXPECT_EQ(test, op->val, GCT_POISON_U64);
	return ktime_us_delta(op->ended, op->began);
}

static void deadline_on_clock(struct kunit *test, clockid_t clock, s64 us)
{
	const struct cancel_param *param = test->param_value;
	struct gochan *ch = unready_chan(test);

	expect_timeout(test, ch, param->send, clock,
		       ktime_add_us(now(clock), us));
	expect_as_before(test, ch);
}

static void deadline_monotonic(struct kunit *test)
{
	deadline_on_clock(test, CLOCK_MONOTONIC, 3000);
}

static void deadline_realtime(struct kunit *test)
{
	deadline_on_clock(test, CLOCK_REALTIME, 3000);
}

static void deadline_in_the_past(struct kunit *test)
{
	deadline_on_clock(test, CLOCK_MONOTONIC, -1000);
}

/*
 * Times before the clock began are in the past like any other: no reason to
 * sleep until something else happens to wake the CPU. The quickest of several
 * attempts counts, since any one may be held up.
 */
static void deadline_before_time_began(struct kunit *test)
{
	const struct cancel_param *param = test->param_value;
	struct gochan *ch = unready_chan(test);
	s64 quickest = S64_MAX;
	unsigned int i;

	for (i = 0; i < 3; i++)
		quickest = min(quickest,
			       expect_timeout(test, ch, param->send,
					      CLOCK_MONOTONIC, -NSEC_PER_SEC));
	/* Slept on, it was 350 ms and more; emulation alone is far below. */
	KUNIT_EXPECT_LT(test, quickest, (s64)100 * USEC_PER_MSEC);
	expect_as_before(test, ch);
}

/* The deadline is far away: the wait ends because the peer came, only then. */
static void peer_comes_before_deadline(struct kunit *test)
{
	const struct cancel_param *param = test->param_value;
	const struct gochan_wait wait = {
		.state = TASK_KILLABLE,
		.clock = CLOCK_MONOTONIC,
		.deadline = ktime_add_ms(ktime_get(), 3600 * MSEC_PER_SEC),
	};
	struct gochan *ch = unready_chan(test);
	struct gct_op *op = park(test, ch, 4, &wait);
	unsigned int i;
	u64 val = 4;

	for (i = 0; i < 20; i++) {
		wake_up_process(op->thread->task);
		gct_pause();
	}
	KUNIT_EXPECT_TRUE_MSG(test, gct_running(op->thread),
			      "a wake-up that was not the peer's ended it");
	if (param->send)
		KUNIT_EXPECT_EQ(test, 0, gochan_try_recv(ch, &val, NULL));
	else
		KUNIT_EXPECT_EQ(test, 0, gochan_try_send(ch, &val));
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, op));
	KUNIT_EXPECT_EQ(test, op->val, 4ULL);
}

static void signal_ends_interruptible_wait(struct kunit *test)
{
	struct gochan *ch = unready_chan(test);
	struct gct_op *op = park(test, ch, 1000, &gct_interruptible);

	gct_signal(op->thread, SIGUSR1);
	KUNIT_EXPECT_EQ(test, -ERESTARTSYS, gct_finish(test, op));
	expect_as_before(test, ch);
}

static void kill_ends_killable_wait(struct kunit *test)
{
	struct gochan *ch = unready_chan(test);
	struct gct_op *op = park(test, ch, 1000, &gct_killable);

	gct_signal(op->thread, SIGUSR1);
	wake_up_process(op->thread->task);
	gct_settle();
	KUNIT_EXPECT_TRUE_MSG(test, gct_running(op->thread),
			      "ended by a signal that does not kill");
	gct_signal(op->thread, SIGKILL);
	KUNIT_EXPECT_EQ(test, -ERESTARTSYS, gct_finish(test, op));
	expect_as_before(test, ch);
}

static void killable_wait_is_still_served(struct kunit *test)
{
	const struct cancel_param *param = test->param_value;
	struct gochan *ch = unready_chan(test);
	struct gct_op *op = park(test, ch, 6, &gct_killable);
	u64 val = 6;

	gct_signal(op->thread, SIGUSR1);
	wake_up_process(op->thread->task);
	gct_settle();
	GCT_EXPECT_STAT(test, ch, param->send ? param->cap : 0, param->send,
			!param->send, false);
	if (param->send)
		KUNIT_EXPECT_EQ(test, 0, gochan_try_recv(ch, &val, NULL));
	else
		KUNIT_EXPECT_EQ(test, 0, gochan_try_send(ch, &val));
	KUNIT_EXPECT_EQ(test, 0, gct_finish(test, op));
	KUNIT_EXPECT_EQ(test, op->val, 6ULL);
}

/* Any of the sleepers may leave; the others keep their places. */
static void cancelled_waiter_leaves_the_queue_in_order(struct kunit *test)
{
	const struct cancel_param *param = test->param_value;
	struct gct_op *ops[4];
	unsigned int gone, i;
	u64 n, val;

	for (gone = 0; gone < ARRAY_SIZE(ops); gone++) {
		struct gochan *ch = unready_chan(test);

		for (i = 0; i < ARRAY_SIZE(ops); i++)
			ops[i] = park(test, ch, param->cap + i,
				      &gct_interruptible);
		gct_signal(ops[gone]->thread, SIGUSR1);
		KUNIT_EXPECT_EQ(test, -ERESTARTSYS,
				gct_finish(test, ops[gone]));
		GCT_EXPECT_STAT(test, ch, param->send ? param->cap : 0,
				param->send ? 3 : 0, param->send ? 0 : 3,
				false);
		/* A sleeper that comes afterwards goes to the end. */
		ops[gone] = park(test, ch, param->cap + 4, &gct_interruptible);
		for (n = 0; n < param->cap + 5; n++) {
			if (n == param->cap + gone && param->send)
				continue;
			if (n >= 4 && !param->send)
				break;
			val = n;
			if (!param->send) {
				KUNIT_EXPECT_EQ(test, 0,
						gochan_try_send(ch, &val));
				continue;
			}
			KUNIT_EXPECT_EQ(test, 0,
					gochan_try_recv(ch, &val, NULL));
			KUNIT_EXPECT_EQ(test, val, n);
		}
		for (i = 0, n = 0; i < ARRAY_SIZE(ops); i++) {
			KUNIT_EXPECT_EQ(test, 0, gct_finish(test, ops[i]));
			if (!param->send && i != gone)
				KUNIT_EXPECT_EQ(test, ops[i]->val, n++);
		}
		if (!param->send)
			KUNIT_EXPECT_EQ(test, ops[gone]->val, n);
	}
}

static int ready_despite_signal_fn(struct gct_thread *thread)
{
	struct gochan *ch = thread->arg;
	u64 val = 3;
	int err;

	/* Like a task that was signalled just before it came here. */
	send_sig(SIGUSR1, current, 1);
	if (!signal_pending(current))
		return -EINVAL;
	err = gochan_send(ch, &val);
	if (!err)
		err = gochan_recv(ch, &val, NULL);
	if (!err && gochan_recv(ch, &val, NULL) != -ERESTARTSYS)
		err = -EBUSY;
	return err;
}

static void pending_signal_does_not_keep_from_ready(struct kunit *test)
{
	struct gochan *ch = gct_chan(test, sizeof(u64), 1);

	KUNIT_EXPECT_EQ(test, 0,
			gct_join(test, gct_start(test, ready_despite_signal_fn,
						 ch)));
	GCT_EXPECT_STAT(test, ch, 0, 0, 0, false);
}

static void nil_waits_until_deadline(struct kunit *test)
{
	static const clockid_t clocks[] = { CLOCK_MONOTONIC, CLOCK_REALTIME };
	unsigned int i;

	for (i = 0; i < 4; i++) {
		clockid_t clock = clocks[i / 2];

		expect_timeout(test, NULL, i & 1, clock,
			       ktime_add_us(now(clock), 500));
		expect_timeout(test, NULL, i & 1, clock, GCT_PAST);
	}
}

static int nil_forever_fn(struct gct_thread *thread)
{
	complete(thread->arg);
	return gochan_recv(NULL, NULL, NULL);
}

static void nil_waits_until_signalled(struct kunit *test)
{
	struct completion *started;
	struct gct_thread *thread;

	started = kunit_kzalloc(test, sizeof(*started), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, started);
	init_completion(started);
	thread = gct_start(test, nil_forever_fn, started);
	KUNIT_ASSERT_NE(test, 0UL,
			wait_for_completion_timeout(started, gct_timeout()));
	gct_settle();
	KUNIT_EXPECT_TRUE(test, gct_running(thread));
	gct_signal(thread, SIGUSR1);
	KUNIT_EXPECT_EQ(test, -ERESTARTSYS, gct_join(test, thread));
}

/*
 * Hardirq. A timer callback stands for a driver's interrupt handler.
 */

/* Far enough apart for a sanitised, emulated machine to do something else. */
#define IRQ_PERIOD_NS	(200 * NSEC_PER_USEC)

struct irq_peer {
	struct hrtimer timer;
	struct completion done;
	struct gochan *ch;
	u64 next;
	u64 count;
	unsigned int unexpected;
	bool hardirq;
};

static enum hrtimer_restart irq_again(struct irq_peer *irq)
{
	hrtimer_forward_now(&irq->timer, ns_to_ktime(IRQ_PERIOD_NS));
	return HRTIMER_RESTART;
}

static enum hrtimer_restart irq_done(struct irq_peer *irq)
{
	complete(&irq->done);
	return HRTIMER_NORESTART;
}

/* Sends 0 .. count - 1, several per interrupt, and closes. */
static enum hrtimer_restart irq_send(struct hrtimer *timer)
{
	struct irq_peer *irq = container_of(timer, struct irq_peer, timer);
	int err;

	irq->hardirq = in_hardirq();
	while (irq->next < irq->count) {
		err = gochan_try_send(irq->ch, &irq->next);
		if (err == -EAGAIN)
			return irq_again(irq);
		if (err)
			irq->unexpected++;
		irq->next++;
	}
	if (gochan_close(irq->ch))
		irq->unexpected++;
	return irq_done(irq);
}

/* Expects 0 .. count - 1 and then the end. */
static enum hrtimer_restart irq_recv(struct hrtimer *timer)
{
	struct irq_peer *irq = container_of(timer, struct irq_peer, timer);
	u64 val;
	bool ok;
	int err;

	irq->hardirq = in_hardirq();
	for (;;) {
		err = gochan_try_recv(irq->ch, &val, &ok);
		if (err == -EAGAIN)
			return irq_again(irq);
		if (err || (ok && val != irq->next))
			irq->unexpected++;
		if (err || !ok)
			return irq_done(irq);
		irq->next++;
	}
}

/* No assertion may be made from here until irq_finish() stops the timer. */
static struct irq_peer *irq_start(struct kunit *test, struct gochan *ch,
				  enum hrtimer_restart (*fn)(struct hrtimer *))
{
	struct irq_peer *irq = kunit_kzalloc(test, sizeof(*irq), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, irq);
	init_completion(&irq->done);
	irq->ch = ch;
	irq->count = gochan_scaled(1000);
	hrtimer_setup(&irq->timer, fn, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_HARD);
	hrtimer_start(&irq->timer, ns_to_ktime(IRQ_PERIOD_NS),
		      HRTIMER_MODE_REL_HARD);
	return irq;
}

static void irq_finish(struct kunit *test, struct irq_peer *irq)
{
	unsigned long left;

	left = wait_for_completion_timeout(&irq->done, gct_timeout());
	hrtimer_cancel(&irq->timer);
	KUNIT_EXPECT_NE(test, left, 0UL);
	KUNIT_EXPECT_EQ(test, irq->next, irq->count);
	KUNIT_EXPECT_EQ(test, irq->unexpected, 0U);
	KUNIT_EXPECT_TRUE(test, irq->hardirq);
}

static const unsigned int irq_caps[] = { 0, 1, 8 };

static void irq_cap_desc(const unsigned int *cap, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "cap %u", *cap);
}

KUNIT_ARRAY_PARAM(irq_cap, irq_caps, irq_cap_desc);

static void hardirq_sends_and_closes(struct kunit *test)
{
	unsigned int cap = *(const unsigned int *)test->param_value;
	struct gochan *ch = gct_chan(test, sizeof(u64), cap);
	ktime_t end = ktime_add_ms(ktime_get(),
				   jiffies_to_msecs(gct_timeout()));
	struct irq_peer *irq;
	u64 val, n = 0, wrong = 0;
	bool ok = true;
	int err;

	irq = irq_start(test, ch, irq_send);
	for (;;) {
		val = GCT_POISON_U64;
		err = gochan_recv_until(ch, &val, &ok, end);
		if (err || !ok)
			break;
		if (val != n++)
			wrong++;
	}
	irq_finish(test, irq);
	KUNIT_EXPECT_EQ(test, err, 0);
	KUNIT_EXPECT_EQ(test, n, irq->count);
	KUNIT_EXPECT_EQ(test, wrong, 0ULL);
	GCT_EXPECT_STAT(test, ch, 0, 0, 0, true);
}

static void hardirq_receives(struct kunit *test)
{
	unsigned int cap = *(const unsigned int *)test->param_value;
	struct gochan *ch = gct_chan(test, sizeof(u64), cap);
	ktime_t end = ktime_add_ms(ktime_get(),
				   jiffies_to_msecs(gct_timeout()));
	struct irq_peer *irq;
	unsigned int failed = 0;
	u64 n;

	irq = irq_start(test, ch, irq_recv);
	for (n = 0; n < irq->count && !failed; n++) {
		if (gochan_send_until(ch, &n, end))
			failed++;
	}
	/* The interrupt ends with the channel, also after a failure. */
	KUNIT_EXPECT_EQ(test, 0, gochan_close(ch));
	irq_finish(test, irq);
	KUNIT_EXPECT_EQ(test, failed, 0U);
	GCT_EXPECT_STAT(test, ch, 0, 0, 0, true);
}

static struct kunit_case cancel_cases[] = {
	KUNIT_CASE_PARAM(deadline_monotonic, cancel_gen_params),
	KUNIT_CASE_PARAM(deadline_realtime, cancel_gen_params),
	KUNIT_CASE_PARAM(deadline_in_the_past, cancel_gen_params),
	KUNIT_CASE_PARAM(deadline_before_time_began, cancel_gen_params),
	KUNIT_CASE_PARAM(peer_comes_before_deadline, cancel_gen_params),
	KUNIT_CASE_PARAM(signal_ends_interruptible_wait, cancel_gen_params),
	KUNIT_CASE_PARAM(kill_ends_killable_wait, cancel_gen_params),
	KUNIT_CASE_PARAM(killable_wait_is_still_served, cancel_gen_params),
	KUNIT_CASE_PARAM(cancelled_waiter_leaves_the_queue_in_order,
			 cancel_gen_params),
	KUNIT_CASE(pending_signal_does_not_keep_from_ready),
	KUNIT_CASE(nil_waits_until_deadline),
	KUNIT_CASE(nil_waits_until_signalled),
	KUNIT_CASE_PARAM(hardirq_sends_and_closes, irq_cap_gen_params),
	KUNIT_CASE_PARAM(hardirq_receives, irq_cap_gen_params),
	{}
};

struct kunit_suite gochan_cancel_suite = {
	.name = "gochan-cancel",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = cancel_cases,
};
