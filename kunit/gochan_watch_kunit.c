// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - crowds of poll watchers
 *
 * A peer wakes a few watchers itself. More of them are woken by the work item of
 * the channel: all of them, and as many exclusive ones as there were messages.
 */

#include <linux/poll.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "gochan_kunit.h"
#include "../kmod/core/internal.h"

#define FEW	32
#define MANY	500

/**
 * struct fan - a watcher
 * @wqe: its entry
 * @wq: the queue it is in
 * @crowd: the test's watchers
 * @wants: the events it waits for; of others it wakes nobody
 * @leaves: it takes its entry off the queue when it is woken, as poll() does
 * @woken: how often it was woken
 */
struct fan {
	struct wait_queue_entry wqe;
	struct wait_queue_head *wq;
	struct crowd *crowd;
	__poll_t wants;
	bool leaves;
	unsigned int woken;
};

/**
 * struct crowd - the watchers of a test
 * @ch: the channel
 * @fans: the watchers
 * @n: how many there are
 * @peer: the task that sends
 * @direct: watchers that this task has woken itself
 * @key: what the last one was told
 */
struct crowd {
	struct gochan *ch;
	struct fan fans[MANY];
	unsigned int n;
	struct task_struct *peer;
	unsigned int direct;
	__poll_t key;
};

static int fan_wake(struct wait_queue_entry *wqe, unsigned int mode, int flags,
		    void *key)
{
	struct fan *fan = container_of(wqe, struct fan, wqe);

	/* As epoll does. */
	if (key && !(key_to_poll(key) & fan->wants))
		return 0;
	fan->woken++;
	fan->crowd->direct += current == fan->crowd->peer;
	fan->crowd->key = key_to_poll(key);
	if (fan->leaves)
		list_del_init(&wqe->entry);
	return 1;
}

static struct crowd *new_crowd(struct kunit *test)
{
	struct crowd *crowd = kunit_kzalloc(test, sizeof(*crowd), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, crowd);
	crowd->ch = gochan_alloc(sizeof(u64), MANY, GFP_KERNEL);
	KUNIT_ASSERT_FALSE(test, IS_ERR(crowd->ch));
	crowd->peer = current;
	return crowd;
}

static void watch_for(struct crowd *crowd, struct gochan_queue *q, __poll_t wants,
		      unsigned int n, bool exclusive, bool leaves)
{
	for (; n; n--) {
		struct fan *fan = &crowd->fans[crowd->n++];

		*fan = (struct fan) {
			.wq = &q->watchers,
			.crowd = crowd,
			.wants = wants,
			.leaves = leaves,
		};
		init_waitqueue_func_entry(&fan->wqe, fan_wake);
		if (exclusive)
			add_wait_queue_exclusive(&q->watchers, &fan->wqe);
		else
			add_wait_queue(&q->watchers, &fan->wqe);
	}
}

static void watch(struct crowd *crowd, unsigned int n, bool exclusive,
		  bool leaves)
{
	watch_for(crowd, &crowd->ch->recvq, EPOLLIN, n, exclusive, leaves);
}

/* No assertions between watch() and this. */
static void end_crowd(struct kunit *test, struct crowd *crowd)
{
	unsigned int i;

	for (i = 0; i < crowd->n; i++)
		remove_wait_queue(crowd->fans[i].wq, &crowd->fans[i].wqe);
	gochan_put(crowd->ch);
}

/* How often the watchers from @from on were woken, all @n together. */
static unsigned int woken(const struct crowd *crowd, unsigned int from,
			  unsigned int n)
{
	unsigned int i, all = 0;

	for (i = from; i < from + n; i++)
		all += crowd->fans[i].woken;
	return all;
}

static void expect_each(struct kunit *test, const struct crowd *crowd,
			unsigned int from, unsigned int n, unsigned int times)
{
	unsigned int i, wrong = 0;

	for (i = from; i < from + n; i++)
		wrong += crowd->fans[i].woken != times;
	KUNIT_EXPECT_EQ(test, 0U, wrong);
}

static int send(struct crowd *crowd, u64 val)
{
	return gochan_try_send(crowd->ch, &val);
}

static void peer_wakes_a_few(struct kunit *test)
{
	struct crowd *crowd = new_crowd(test);

	watch(crowd, FEW, false, false);
	KUNIT_EXPECT_EQ(test, 0, send(crowd, 1));
	KUNIT_EXPECT_EQ(test, (unsigned int)FEW, crowd->direct);
	KUNIT_EXPECT_TRUE(test, crowd->key & EPOLLIN);
	expect_each(test, crowd, 0, FEW, 1);
	end_crowd(test, crowd);
}

static void work_item_wakes_a_crowd(struct kunit *test)
{
	static const unsigned int sizes[] = { FEW + 1, 2 * FEW, MANY };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct crowd *crowd = new_crowd(test);

		watch(crowd, sizes[i], false, false);
		KUNIT_EXPECT_EQ(test, 0, send(crowd, 1));
		KUNIT_EXPECT_EQ(test, 0U, crowd->direct);
		flush_work(&crowd->ch->crowd_work);
		expect_each(test, crowd, 0, sizes[i], 1);
		KUNIT_EXPECT_EQ(test, 0, send(crowd, 2));
		flush_work(&crowd->ch->crowd_work);
		expect_each(test, crowd, 0, sizes[i], 2);
		end_crowd(test, crowd);
	}
}

static void each_message_wakes_one_exclusive(struct kunit *test)
{
	struct crowd *crowd = new_crowd(test);
	const unsigned int all = 40, one = 100;
	u64 vals[5] = { };

	watch(crowd, all, false, false);
	watch(crowd, one, true, false);
	KUNIT_EXPECT_EQ(test, 0, send(crowd, 1));
	flush_work(&crowd->ch->crowd_work);
	expect_each(test, crowd, 0, all, 1);
	KUNIT_EXPECT_EQ(test, 1U, woken(crowd, all, one));

	KUNIT_EXPECT_EQ(test, 5, gochan_send_many(crowd->ch, vals, NULL, 5,
						  NULL));
	flush_work(&crowd->ch->crowd_work);
	expect_each(test, crowd, 0, all, 2);
	KUNIT_EXPECT_EQ(test, 6U, woken(crowd, all, one));

	KUNIT_EXPECT_EQ(test, 0, gochan_close(crowd->ch));
	flush_work(&crowd->ch->crowd_work);
	expect_each(test, crowd, 0, all, 3);
	KUNIT_EXPECT_EQ(test, 6U + one, woken(crowd, all, one));
	KUNIT_EXPECT_EQ(test, 0U, crowd->direct);
	end_crowd(test, crowd);
}

/* Watchers of the other event are in the same queue, and in front. */
static void exclusive_watchers_pass_on_what_they_do_not_want(struct kunit *test)
{
	static const unsigned int sizes[] = { FEW / 2, 2 * FEW };
	u64 vals[4] = { };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		struct crowd *crowd = new_crowd(test);
		const unsigned int n = sizes[i];

		KUNIT_EXPECT_EQ(test, 4, gochan_send_many(crowd->ch, vals, NULL,
							  4, NULL));
		watch_for(crowd, &crowd->ch->sendq, EPOLLIN, n, true, false);
		watch_for(crowd, &crowd->ch->sendq, EPOLLOUT, n, true, false);
		KUNIT_EXPECT_EQ(test, 1, gochan_recv_many(crowd->ch, vals, NULL,
							  1, NULL));
		flush_work(&crowd->ch->crowd_work);
		KUNIT_EXPECT_EQ(test, 0U, woken(crowd, 0, n));
		KUNIT_EXPECT_EQ(test, 1U, woken(crowd, n, n));
		KUNIT_EXPECT_EQ(test, 3, gochan_recv_many(crowd->ch, vals, NULL,
							  3, NULL));
		flush_work(&crowd->ch->crowd_work);
		KUNIT_EXPECT_EQ(test, 0U, woken(crowd, 0, n));
		KUNIT_EXPECT_EQ(test, 4U, woken(crowd, n, n));
		KUNIT_EXPECT_EQ(test, 0, gochan_close(crowd->ch));
		flush_work(&crowd->ch->crowd_work);
		expect_each(test, crowd, 0, n, 1);
		end_crowd(test, crowd);
	}
}

static void woken_watchers_may_leave(struct kunit *test)
{
	struct crowd *crowd = new_crowd(test);

	watch(crowd, MANY / 2, false, true);
	watch(crowd, MANY / 4, false, false);
	watch(crowd, MANY / 4, false, true);
	KUNIT_EXPECT_EQ(test, 0, send(crowd, 1));
	flush_work(&crowd->ch->crowd_work);
	expect_each(test, crowd, 0, MANY, 1);
	KUNIT_EXPECT_EQ(test, 0, send(crowd, 2));
	flush_work(&crowd->ch->crowd_work);
	KUNIT_EXPECT_EQ(test, MANY + MANY / 4U, woken(crowd, 0, MANY));
	end_crowd(test, crowd);
}

struct late_owner {
	struct gochan_owner owner;
	struct completion gone;
};

static void late_release(struct gochan_owner *owner)
{
	complete(&container_of(owner, struct late_owner, owner)->gone);
}

/* The last reference but the work item's goes before that has run. */
static void channel_may_go_before_the_work_item(struct kunit *test)
{
	unsigned int round;
	unsigned long left;

	for (round = 0; round < 50; round++) {
		struct crowd *crowd = new_crowd(test);
		struct late_owner *late = kunit_kzalloc(test, sizeof(*late),
							GFP_KERNEL);

		KUNIT_ASSERT_NOT_NULL(test, late);
		init_completion(&late->gone);
		late->owner.module = THIS_MODULE;
		late->owner.release = late_release;
		gochan_set_owner(crowd->ch, &late->owner);
		watch(crowd, 2 * FEW, false, false);
		KUNIT_EXPECT_EQ(test, 0, send(crowd, 1));
		end_crowd(test, crowd);
		left = wait_for_completion_timeout(&late->gone, gct_timeout());
		KUNIT_ASSERT_NE(test, 0UL, left);
	}
}

static struct kunit_case watch_cases[] = {
	KUNIT_CASE(peer_wakes_a_few),
	KUNIT_CASE(work_item_wakes_a_crowd),
	KUNIT_CASE(each_message_wakes_one_exclusive),
	KUNIT_CASE(exclusive_watchers_pass_on_what_they_do_not_want),
	KUNIT_CASE(woken_watchers_may_leave),
	KUNIT_CASE(channel_may_go_before_the_work_item),
	{}
};

struct kunit_suite gochan_watch_suite = {
	.name = "gochan-watch",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = watch_cases,
};
