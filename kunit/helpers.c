// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - fixture, helper threads and waits of the gochan suites
 *
 * Lifetime: threads and channels of a test hang off its fixture. The memory of
 * threads is managed by KUnit, which releases it after gct_exit() has joined
 * them and put the channels, in this order.
 */

#include <linux/err.h>
#include <linux/goslice.h>
#include <linux/hrtimer.h>
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "gochan_kunit.h"

/* Long enough to let others run, short beside the work of a test. */
#define GCT_PAUSE_NS		(10 * NSEC_PER_USEC)

/* Rounds of gct_pause() after which a task that could run has run. */
#define GCT_SETTLE_ROUNDS	20

/* Spins of gct_relax() before it gives the CPU away. */
#define GCT_SPINS		2000

const struct gochan_wait gct_interruptible = {
	.state = TASK_INTERRUPTIBLE,
	.deadline = KTIME_MAX,
};

const struct gochan_wait gct_killable = {
	.state = TASK_KILLABLE,
	.deadline = KTIME_MAX,
};

DEFINE_GOSLICE(gct_chan, struct gochan *);

struct gct_fixture {
	struct list_head threads;
	struct gct_chan_slice channels;
};

int gct_init(struct kunit *test)
{
	struct gct_fixture *fix = kunit_kzalloc(test, sizeof(*fix), GFP_KERNEL);

	if (!fix)
		return -ENOMEM;
	INIT_LIST_HEAD(&fix->threads);
	test->priv = fix;
	return 0;
}

static void gct_reap(struct gct_thread *thread)
{
	kthread_stop(thread->task);
	put_task_struct(thread->task);
	thread->task = NULL;
	list_del(&thread->node);
}

/*
 * The kill is repeated: a thread may have looked at its stop flag just before
 * it was set, and flush its signals just after they were sent.
 */
static void gct_kill(struct gct_thread *thread)
{
	WRITE_ONCE(thread->stop, true);
	if (completion_done(&thread->done))
		return;
	do {
		gct_signal(thread, SIGKILL);
	} while (!wait_for_completion_timeout(&thread->done, 1));
}

void gct_exit(struct kunit *test)
{
	struct gct_fixture *fix = test->priv;
	struct gct_thread *thread, *tmp;
	struct gochan **ch;

	if (!fix)
		return;
	list_for_each_entry_safe(thread, tmp, &fix->threads, node) {
		gct_kill(thread);
		gct_reap(thread);
	}
	goslice_for_each(ch, &fix->channels)
		gochan_put(*ch);
	goslice_put(&fix->channels);
	test->priv = NULL;
}

void gct_put_later(struct kunit *test, struct gochan *ch)
{
	struct gct_fixture *fix = test->priv;
	int err;

	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, ch);
	err = goslice_append(&fix->channels, ch, GFP_KERNEL);
	if (err)
		gochan_put(ch);
	KUNIT_ASSERT_EQ(test, 0, err);
}

struct gochan *gct_chan(struct kunit *test, size_t elem_size, size_t cap)
{
	struct gochan *ch = gochan_alloc(elem_size, cap, GFP_KERNEL);

	gct_put_later(test, ch);
	return ch;
}

struct gochan *gct_chan_varlen(struct kunit *test, size_t max, size_t cap)
{
	struct gochan *ch = gochan_alloc_varlen(max, cap, GFP_KERNEL);

	gct_put_later(test, ch);
	return ch;
}

/* Put a channel of the fixture now, for tests that use very many. */
void gct_put_now(struct kunit *test, struct gochan *ch)
{
	struct gct_fixture *fix = test->priv;
	size_t i, len = goslice_len(&fix->channels);

	for (i = 0; i < len && fix->channels.array[i] != ch; i++)
		;
	KUNIT_ASSERT_EQ(test, 0, goslice_delete(&fix->channels, i, i + 1));
	gochan_put(ch);
}

static int gct_thread_main(void *data)
{
	struct gct_thread *thread = data;

	allow_signal(SIGKILL);
	allow_signal(SIGUSR1);
	complete(&thread->ready);
	thread->ret = thread->fn(thread);
	complete_all(&thread->done);
	return 0;
}

struct gct_thread *gct_start(struct kunit *test,
			     int (*fn)(struct gct_thread *thread), void *arg)
{
	struct gct_fixture *fix = test->priv;
	struct gct_thread *thread;
	struct task_struct *task;

	thread = kunit_kzalloc(test, sizeof(*thread), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, thread);
	init_completion(&thread->ready);
	init_completion(&thread->done);
	thread->fn = fn;
	thread->arg = arg;
	task = kthread_create(gct_thread_main, thread, "gochan-test");
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, task);
	thread->task = get_task_struct(task);
	list_add_tail(&thread->node, &fix->threads);
	wake_up_process(task);
	/* A signal before the thread allows any would be lost. */
	wait_for_completion(&thread->ready);
	return thread;
}

int gct_join(struct kunit *test, struct gct_thread *thread)
{
	KUNIT_ASSERT_NE_MSG(test, 0UL,
			    wait_for_completion_timeout(&thread->done,
							gct_timeout()),
			    "a helper thread did not come back");
	if (thread->task)
		gct_reap(thread);
	return thread->ret;
}

bool gct_running(struct gct_thread *thread)
{
	return !completion_done(&thread->done);
}

bool gct_stopping(struct gct_thread *thread)
{
	return READ_ONCE(thread->stop);
}

void gct_signal(struct gct_thread *thread, int sig)
{
	send_sig(sig, thread->task, 1);
}

/*
 * Give way to whoever can run. A sleep, because with one CPU neither spinning
 * nor cond_resched() lets the others run before the time slice is over; nobody
 * may rely on how long it takes.
 */
void gct_pause(void)
{
	ktime_t delay = ns_to_ktime(GCT_PAUSE_NS);

	set_current_state(TASK_UNINTERRUPTIBLE);
	schedule_hrtimeout(&delay, HRTIMER_MODE_REL);
}

/*
 * Give a task that should stay asleep every chance to show that it does not.
 * A test can pass wrongly if this is too short, but never fail.
 */
void gct_settle(void)
{
	int i;

	for (i = 0; i < GCT_SETTLE_ROUNDS; i++)
		gct_pause();
}

/*
 * One turn of a loop that waits for another task. On a single CPU that task runs
 * now, if it can: a sleep would cost a timer for each turn.
 */
void gct_relax(unsigned int *spins)
{
	if (!(++*spins % GCT_SPINS))
		gct_pause();
	else if (num_online_cpus() > 1)
		cpu_relax();
	else
		schedule();
}

/*
 * Two threads leave together, as far as they can. Return false if the test is
 * over instead.
 */
bool gct_meet(struct gct_thread *thread, atomic_t *arrived)
{
	unsigned int spins = 0;

	atomic_inc(arrived);
	while (atomic_read(arrived) < 2) {
		if (gct_stopping(thread))
			return false;
		gct_relax(&spins);
	}
	return true;
}

bool gct_await_waiters(struct gochan *ch, u32 senders, u32 receivers)
{
	unsigned long end = jiffies + gct_timeout();
	struct gochan_stat st;

	for (;;) {
		gochan_stat(ch, &st);
		if (st.senders == senders && st.receivers == receivers)
			return true;
		if (time_after(jiffies, end))
			return false;
		gct_pause();
	}
}

static int gct_op_fn(struct gct_thread *thread)
{
	struct gct_op *op = thread->arg;

	if (op->send)
		return gochan_send_wait(op->ch, op->buf, &op->wait);
	return gochan_recv_wait(op->ch, op->buf, &op->ok, &op->wait);
}

struct gct_op *gct_park_op(struct kunit *test, struct gochan *ch, bool send,
			   void *buf, u64 val, const struct gochan_wait *wait)
{
	struct gct_op *op = kunit_kzalloc(test, sizeof(*op), GFP_KERNEL);
	struct gochan_stat st;

	KUNIT_ASSERT_NOT_NULL(test, op);
	op->ch = ch;
	op->val = val;
	op->buf = buf ?: &op->val;
	op->send = send;
	op->ok = true;
	op->wait = *wait;
	gochan_stat(ch, &st);
	op->thread = gct_start(test, gct_op_fn, op);
	GCT_ASSERT_WAITERS(test, ch, st.senders + send, st.receivers + !send);
	return op;
}

/* A sender of @val asleep on a channel of u64. */
struct gct_op *gct_park_send(struct kunit *test, struct gochan *ch, u64 val)
{
	return gct_park_op(test, ch, true, NULL, val, &gct_interruptible);
}

/* A receiver asleep on a channel of u64. */
struct gct_op *gct_park_recv(struct kunit *test, struct gochan *ch)
{
	return gct_park_op(test, ch, false, NULL, GCT_POISON_U64,
			   &gct_interruptible);
}

int gct_finish(struct kunit *test, struct gct_op *op)
{
	return gct_join(test, op->thread);
}

/* Bytes that differ from their neighbours, and from those of other seeds. */
static u8 gct_byte(size_t i, unsigned int seed)
{
	return (u8)(seed * 37 + i * 11 + (i >> 8) + 1);
}

void gct_fill(void *buf, size_t len, unsigned int seed)
{
	u8 *p = buf;
	size_t i;

	for (i = 0; i < len; i++)
		p[i] = gct_byte(i, seed);
}

bool gct_filled(const void *buf, size_t len, unsigned int seed)
{
	const u8 *p = buf;
	size_t i;

	for (i = 0; i < len; i++) {
		if (p[i] != gct_byte(i, seed))
			return false;
	}
	return true;
}

bool gct_all(const void *buf, u8 byte, size_t len)
{
	return !memchr_inv(buf, byte, len);
}
