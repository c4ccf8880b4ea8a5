// SPDX-License-Identifier: GPL-2.0-only
/*
 * goselect-poll - files among the cases of a select
 *
 * The files are of our own: the tests decide what they are ready for, when they
 * wake, and with which key.
 */

#include <kunit/resource.h>
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/poll.h>
#include <linux/slab.h>

#include "goselect_kunit.h"

/**
 * struct event - a file with two wait queues, and what it is ready for
 * @wq: the queues
 * @ready: EPOLL events
 * @asked: poll operations so far
 * @late: becomes ready for EPOLLIN right after the next answer
 * @file: the file
 */
struct event {
	wait_queue_head_t wq[2];
	__poll_t ready;
	atomic_t asked;
	bool late;
	struct file *file;
};

static __poll_t event_poll(struct file *file, struct poll_table_struct *pt)
{
	struct event *ev = file->private_data;
	__poll_t ready = READ_ONCE(ev->ready);

	poll_wait(file, &ev->wq[0], pt);
	poll_wait(file, &ev->wq[1], pt);
	atomic_inc(&ev->asked);
	/* On the queue only if it is going to wait. */
	if (ev->late && wq_has_sleeper(&ev->wq[0])) {
		ev->late = false;
		WRITE_ONCE(ev->ready, EPOLLIN);
		wake_up_poll(&ev->wq[0], EPOLLIN);
	}
	return ready;
}

static const struct file_operations event_fops = {
	.owner = THIS_MODULE,
	.poll = event_poll,
};

static const struct file_operations deaf_fops = {
	.owner = THIS_MODULE,
};

static int event_init(struct kunit_resource *res, void *context)
{
	res->data = context;
	return 0;
}

/* After the fixture has ended the threads. */
static void event_exit(struct kunit_resource *res)
{
	struct event *ev = res->data;

	/* Nothing of a select is left in the queues. */
	WARN_ON(waitqueue_active(&ev->wq[0]) || waitqueue_active(&ev->wq[1]));
	fput(ev->file);
}

static struct event *event_new(struct kunit *test)
{
	struct event *ev = kunit_kzalloc(test, sizeof(*ev), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, ev);
	init_waitqueue_head(&ev->wq[0]);
	init_waitqueue_head(&ev->wq[1]);
	ev->file = anon_inode_getfile("[event]", &event_fops, ev, O_RDWR);
	KUNIT_ASSERT_FALSE(test, IS_ERR(ev->file));
	KUNIT_ASSERT_NOT_NULL(test,
			      kunit_alloc_resource(test, event_init, event_exit,
						   GFP_KERNEL, ev));
	return ev;
}

static void event_set(struct event *ev, __poll_t ready, unsigned int queue,
		      __poll_t key)
{
	WRITE_ONCE(ev->ready, ready);
	wake_up_poll(&ev->wq[queue], key);
}

static void add_file(struct gst_select *sel, struct file *file, __poll_t events)
{
	sel->cases[sel->n++] = GOSELECT_POLL(file, events);
}

/* Sparse wants events to be compared as plain numbers. */
#define EXPECT_READY(test, sel, events)					\
	KUNIT_EXPECT_EQ(test, (__force u32)(sel)->cases[0].ready,	\
			(__force u32)(events))

/* A receive from a channel, and a file. */
static struct gst_select *pair_new(struct kunit *test, struct gochan **ch,
				   struct event **ev)
{
	struct gst_select *sel = gst_new(test);

	gst_chans(test, ch, 1, 0);
	*ev = event_new(test);
	add_file(sel, (*ev)->file, EPOLLIN);
	gst_recv(sel, *ch);
	return sel;
}

static void ready_file_is_reported(struct kunit *test)
{
	struct gochan *ch;
	struct event *ev;
	struct gst_select *sel = pair_new(test, &ch, &ev);

	KUNIT_EXPECT_EQ(test, -EAGAIN, gst_try(sel));
	ev->ready = EPOLLOUT;
	KUNIT_EXPECT_EQ(test, -EAGAIN, gst_try(sel));
	ev->ready = EPOLLIN | EPOLLOUT;
	KUNIT_EXPECT_EQ(test, 0, gst_try(sel));
	EXPECT_READY(test, sel, EPOLLIN);
	KUNIT_EXPECT_EQ(test, 0, gst_until(sel, KTIME_MAX));
	KUNIT_EXPECT_EQ(test, sel->vals[1], GCT_POISON_U64);
}

static void errors_always_count(struct kunit *test)
{
	struct event *ev = event_new(test);
	struct gst_select *sel = gst_new(test);

	add_file(sel, ev->file, 0);
	ev->ready = EPOLLIN;
	KUNIT_EXPECT_EQ(test, -EAGAIN, gst_try(sel));
	ev->ready = EPOLLHUP;
	KUNIT_EXPECT_EQ(test, 0, gst_try(sel));
	EXPECT_READY(test, sel, EPOLLHUP);
	ev->ready = EPOLLERR;
	KUNIT_EXPECT_EQ(test, 0, gst_until(sel, KTIME_MAX));
	EXPECT_READY(test, sel, EPOLLERR);
}

static void deaf_file_is_refused(struct kunit *test)
{
	struct gst_select *sel = gst_new(test);
	struct file *file = anon_inode_getfile("[deaf]", &deaf_fops, NULL, 0);

	KUNIT_ASSERT_FALSE(test, IS_ERR(file));
	gst_nil(sel);
	add_file(sel, file, EPOLLIN);
	KUNIT_EXPECT_EQ(test, -EINVAL, gst_try(sel));
	KUNIT_EXPECT_EQ(test, -EINVAL, sel->cases[1].err);
	fput(file);
}

static void no_file_is_never_ready(struct kunit *test)
{
	struct gst_select *sel = gst_new(test);
	struct gochan *ch;

	gst_chans(test, &ch, 1, 1);
	add_file(sel, NULL, EPOLLIN);
	gst_send(sel, ch, 5);
	KUNIT_EXPECT_EQ(test, 1, gst_until(sel, KTIME_MAX));
	KUNIT_EXPECT_EQ(test, -EAGAIN, gst_try(sel));
}

/* Which queue, and with which key, does not matter if the event is there. */
static void wake_up_ends_the_sleep(struct kunit *test)
{
	static const __poll_t keys[] = { 0, EPOLLIN, EPOLLIN | EPOLLOUT };
	struct gochan *ch;
	struct event *ev;
	struct gst_select *sel = pair_new(test, &ch, &ev);
	unsigned int i;

	for (i = 0; i < 2 * ARRAY_SIZE(keys); i++) {
		ev->ready = 0;
		gst_park(test, sel);
		event_set(ev, EPOLLIN, i % 2, keys[i / 2]);
		KUNIT_EXPECT_EQ(test, 0, gst_finish(test, sel));
		EXPECT_READY(test, sel, EPOLLIN);
		KUNIT_EXPECT_EQ(test, sel->vals[1], GCT_POISON_U64);
		GCT_EXPECT_STAT(test, ch, 0, 0, 0, false);
	}
}

/* The events asked for are not there: the select sleeps on. */
static void false_alarm_is_slept_through(struct kunit *test)
{
	u64 val = 7;
	struct gochan *ch;
	struct event *ev;
	struct gst_select *sel = pair_new(test, &ch, &ev);
	unsigned long end = jiffies + gct_timeout();
	int asked;

	gst_park(test, sel);
	asked = atomic_read(&ev->asked);
	event_set(ev, EPOLLOUT, 0, EPOLLOUT);
	gct_settle();
	/* Another key does not even wake; without one the file is asked. */
	KUNIT_EXPECT_EQ(test, atomic_read(&ev->asked), asked);
	event_set(ev, EPOLLOUT, 1, 0);
	while (atomic_read(&ev->asked) < asked + 2 &&
	       time_before(jiffies, end))
		gct_pause();
	KUNIT_ASSERT_GE(test, atomic_read(&ev->asked), asked + 2);
	GCT_ASSERT_WAITERS(test, ch, 0, 1);
	KUNIT_EXPECT_EQ(test, 0, gochan_try_send(ch, &val));
	KUNIT_EXPECT_EQ(test, 1, gst_finish(test, sel));
	KUNIT_EXPECT_EQ(test, sel->vals[1], 7ULL);
}

/* Between the question and the sleep: nothing else wakes the select. */
static void event_before_the_sleep_is_seen(struct kunit *test)
{
	struct gochan *ch;
	struct event *ev;
	struct gst_select *sel = pair_new(test, &ch, &ev);

	ev->late = true;
	KUNIT_EXPECT_EQ(test, 0, gst_until(sel, gct_in_us(USEC_PER_SEC)));
	KUNIT_EXPECT_FALSE(test, ev->late);
	GCT_EXPECT_STAT(test, ch, 0, 0, 0, false);
}

/**
 * struct relay - wakes a file's watchers when a channel's are woken, as epoll
 * @wqe: in the channel's queue
 * @wq: that queue
 * @pt: how it gets there
 * @ev: the file
 */
struct relay {
	struct wait_queue_entry wqe;
	struct wait_queue_head *wq;
	poll_table pt;
	struct event *ev;
};

static int relay_woken(struct wait_queue_entry *wqe, unsigned int mode,
		       int sync, void *key)
{
	struct relay *relay = container_of(wqe, struct relay, wqe);

	wake_up_poll(&relay->ev->wq[0], EPOLLIN);
	return 0;
}

/* Only the queue for senders, which is the one of the two that comes last. */
static void relay_add(struct file *file, struct wait_queue_head *wq,
		      poll_table *pt)
{
	container_of(pt, struct relay, pt)->wq = wq;
}

/* A file that waits for the select, which waits for the file. */
static void own_record_is_no_event(struct kunit *test)
{
	struct gochan *ch;
	struct relay relay = { };
	struct gst_select *sel = pair_new(test, &ch, &relay.ev);

	init_poll_funcptr(&relay.pt, relay_add);
	gochan_poll(ch, NULL, &relay.pt);
	init_waitqueue_func_entry(&relay.wqe, relay_woken);
	add_wait_queue(relay.wq, &relay.wqe);
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT, gst_until(sel, gct_in_us(2000)));
	/* Before the channel is judged, and when it sleeps. */
	KUNIT_EXPECT_EQ(test, atomic_read(&relay.ev->asked), 2);
	remove_wait_queue(relay.wq, &relay.wqe);
}

static void channel_can_win(struct kunit *test)
{
	u64 val = 9;
	struct gochan *ch;
	struct event *ev;
	struct gst_select *sel = pair_new(test, &ch, &ev);

	gst_park(test, sel);
	KUNIT_EXPECT_EQ(test, 0, gochan_try_send(ch, &val));
	/* Too late, whether the select has run again or not. */
	event_set(ev, EPOLLIN, 0, EPOLLIN);
	KUNIT_EXPECT_EQ(test, 1, gst_finish(test, sel));
	KUNIT_EXPECT_EQ(test, sel->vals[1], 9ULL);
}

static void deadline_and_signal(struct kunit *test)
{
	struct gochan *ch;
	struct event *ev;
	struct gst_select *sel = pair_new(test, &ch, &ev);

	KUNIT_EXPECT_EQ(test, -ETIMEDOUT, gst_until(sel, gct_in_us(1000)));
	KUNIT_EXPECT_EQ(test, -ETIMEDOUT, gst_until(sel, GCT_PAST));
	gst_park(test, sel);
	gct_signal(sel->thread, SIGUSR1);
	KUNIT_EXPECT_EQ(test, -ERESTARTSYS, gst_finish(test, sel));
	GCT_EXPECT_STAT(test, ch, 0, 0, 0, false);
}

static void files_and_channels_are_as_likely(struct kunit *test)
{
	unsigned int i, counts[3] = { }, trials = gochan_scaled(10000);
	struct gst_select *sel = gst_new(test);
	struct event *ev = event_new(test);
	struct gochan *ch;

	gst_chans(test, &ch, 1, 1);
	ev->ready = EPOLLIN;
	add_file(sel, ev->file, EPOLLIN);
	gst_recv(sel, ch);
	add_file(sel, ev->file, EPOLLIN);
	for (i = 0; i < trials; i++) {
		int index;

		if (!gochan_len(ch))
			gst_put(test, ch, i);
		index = gst_try(sel);
		KUNIT_ASSERT_GE(test, index, 0);
		counts[index]++;
	}
	gst_expect_uniform(test, counts, 3, trials);
}

/* A channel and a file race for many selects; each is won by one of them. */
struct race {
	struct gochan *ch;
	struct event *ev;
	unsigned int rounds;
	unsigned int sent;
	bool done;
};

static int racing_sender(struct gct_thread *thread)
{
	struct race *race = thread->arg;
	unsigned int spins = 0;
	u64 val = 1;

	while (race->sent < race->rounds && !gct_stopping(thread)) {
		if (gochan_try_send(race->ch, &val))
			gct_relax(&spins);
		else
			race->sent++;
	}
	return 0;
}

static int racing_event(struct gct_thread *thread)
{
	struct race *race = thread->arg;
	unsigned int spins = 0;

	while (!READ_ONCE(race->done) && !gct_stopping(thread)) {
		event_set(race->ev, EPOLLIN, 0, EPOLLIN);
		gct_relax(&spins);
		event_set(race->ev, 0, 1, 0);
		gct_relax(&spins);
	}
	return 0;
}

static void each_race_has_one_winner(struct kunit *test)
{
	struct race *race = kunit_kzalloc(test, sizeof(*race), GFP_KERNEL);
	struct gct_thread *sender, *event;
	struct gst_select *sel;
	unsigned int got = 0;

	KUNIT_ASSERT_NOT_NULL(test, race);
	race->rounds = gochan_scaled(20000);
	sel = pair_new(test, &race->ch, &race->ev);
	sender = gct_start(test, racing_sender, race);
	event = gct_start(test, racing_event, race);
	while (got < race->rounds) {
		int index = gst_until(sel, KTIME_MAX);

		KUNIT_ASSERT_GE(test, index, 0);
		KUNIT_ASSERT_TRUE(test, gst_only(sel, index));
		KUNIT_ASSERT_EQ(test, sel->vals[1],
				index ? 1ULL : GCT_POISON_U64);
		got += index;
		/* The file stays ready until its thread has run. */
		cond_resched();
	}
	WRITE_ONCE(race->done, true);
	KUNIT_EXPECT_EQ(test, 0, gct_join(test, event));
	KUNIT_EXPECT_EQ(test, 0, gct_join(test, sender));
	KUNIT_EXPECT_EQ(test, race->sent, got);
	GCT_EXPECT_STAT(test, race->ch, 0, 0, 0, false);
}

/* Three cases of one file, asleep: a wake-up reaches the last one first. */
static struct gst_select *triple_new(struct kunit *test, struct event **ev)
{
	struct gst_select *sel = gst_new(test);
	struct gochan *ch;
	unsigned int i;

	gst_chans(test, &ch, 1, 0);
	*ev = event_new(test);
	for (i = 0; i < 3; i++)
		add_file(sel, (*ev)->file, EPOLLIN);
	gst_recv(sel, ch);
	return sel;
}

/* The case that the select chooses when the file becomes ready for @events. */
static int triple_wakes(struct kunit *test, struct gst_select *sel,
			struct event *ev, __poll_t events)
{
	ev->ready = 0;
	gst_park(test, sel);
	event_set(ev, events, 0, 0);
	return gst_finish(test, sel);
}

static void first_case_of_a_file_that_wakes_is_chosen(struct kunit *test)
{
	struct event *ev;
	struct gst_select *sel = triple_new(test, &ev);
	unsigned int i;

	sel->flags = GOSELECT_FIRST;
	for (i = 0; i < 20; i++)
		KUNIT_EXPECT_EQ(test, 0, triple_wakes(test, sel, ev, EPOLLIN));
	/* Not one that waits for another event. */
	sel->cases[0].events = EPOLLOUT;
	KUNIT_EXPECT_EQ(test, 1, triple_wakes(test, sel, ev, EPOLLIN));
	KUNIT_EXPECT_EQ(test, 0, triple_wakes(test, sel, ev, EPOLLOUT));
}

static void each_case_of_a_file_that_wakes_can_be_chosen(struct kunit *test)
{
	struct event *ev;
	struct gst_select *sel = triple_new(test, &ev);
	unsigned int chosen[3] = { }, i;
	int ret;

	/* One of them is left out once in 2^33. */
	for (i = 0; i < 60; i++) {
		ret = triple_wakes(test, sel, ev, EPOLLIN);
		KUNIT_ASSERT_GE(test, ret, 0);
		KUNIT_ASSERT_LT(test, ret, 3);
		chosen[ret]++;
	}
	for (i = 0; i < 3; i++)
		KUNIT_EXPECT_GT(test, chosen[i], 0U);
}

static struct kunit_case poll_cases[] = {
	KUNIT_CASE(ready_file_is_reported),
	KUNIT_CASE(errors_always_count),
	KUNIT_CASE(deaf_file_is_refused),
	KUNIT_CASE(no_file_is_never_ready),
	KUNIT_CASE(wake_up_ends_the_sleep),
	KUNIT_CASE(false_alarm_is_slept_through),
	KUNIT_CASE(event_before_the_sleep_is_seen),
	KUNIT_CASE(own_record_is_no_event),
	KUNIT_CASE(channel_can_win),
	KUNIT_CASE(deadline_and_signal),
	KUNIT_CASE(files_and_channels_are_as_likely),
	KUNIT_CASE(first_case_of_a_file_that_wakes_is_chosen),
	KUNIT_CASE(each_case_of_a_file_that_wakes_can_be_chosen),
	KUNIT_CASE(each_race_has_one_winner),
	{}
};

struct kunit_suite goselect_poll_suite = {
	.name = "goselect-poll",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = poll_cases,
};
