// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waking the poll watchers of a channel.
 *
 * A user may have as many watchers as descriptors, processes and epoll allow,
 * and an event is for all of them; with EPOLLEXCLUSIVE it is for one, which may
 * be found behind many others. A peer wakes them with the channel's lock held
 * and interrupts off, perhaps in a driver's interrupt. So it does so itself only
 * if they are few. A crowd is left to a work item of the channel, which pauses
 * for interrupts, and has a reference to the channel.
 *
 * To watchers events are hints to look at the channel's state, so it does not
 * matter that the work item comes later, nor that one walk serves for several
 * events. But of the exclusive watchers each message or slot wakes one:
 * gochan_queue.owed counts how many. They are told which event it is: one that
 * waits for another event, on the same queue with a descriptor that may send and
 * receive, passes it on to the next.
 *
 * Locks: internal.h.
 */

#include <linux/errno.h>
#include <linux/init.h>
#include <linux/limits.h>
#include <linux/overflow.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/workqueue.h>

#include "internal.h"

/*
 * Watchers that are woken under one hold of the lock. A wake-up takes about a
 * microsecond: 32 are a short while.
 */
#define GOCHAN_WATCHERS		32

/*
 * Crowds at the same time, in workers that no limit of a user's processes counts.
 * Memory pressure must not delay the wake-up of who is going to free some.
 */
#define GOCHAN_CROWDS		4
#define GOCHAN_CROWDS_FLAGS	(WQ_UNBOUND | WQ_MEM_RECLAIM)

static struct workqueue_struct *gochan_crowds;

/* Are there more watchers than one hold wakes? */
static bool __gochan_is_crowd(const struct wait_queue_head *wq)
{
	const struct list_head *pos;
	unsigned int n = 0;

	lockdep_assert_held(&wq->lock);

	list_for_each(pos, &wq->head)
		if (++n > GOCHAN_WATCHERS)
			return true;
	return false;
}

/* Leave it to the work item to wake all watchers, and @n exclusive ones. */
static void __gochan_defer(struct gochan *ch, struct gochan_queue *q, u32 n)
{
	lockdep_assert_held(&ch->lock);

	if (check_add_overflow(q->owed, n, &q->owed))
		q->owed = U32_MAX;
	gochan_get(ch);
	/* Not the last one: the caller has one, too. */
	if (!queue_work(gochan_crowds, &ch->crowd_work))
		refcount_dec(&ch->refs);
}

/* Others who walk through the queue wake nobody by way of the mark. */
static int gochan_mark_wake(struct wait_queue_entry *wqe, unsigned int mode,
			    int flags, void *key)
{
	return 0;
}

/*
 * Wake some watchers behind the mark, which moves on. Return true if there are
 * more. A wake function may take its entry off the queue.
 */
static bool __gochan_wake_some(struct wait_queue_head *wq,
			       struct wait_queue_entry *mark,
			       __poll_t events, u32 *owed)
{
	unsigned int budget;

	for (budget = GOCHAN_WATCHERS; budget; budget--) {
		struct wait_queue_entry *wqe;
		unsigned int flags;
		int woken;

		if (list_is_last(&mark->entry, &wq->head))
			return false;
		wqe = list_next_entry(mark, entry);
		flags = wqe->flags;
		list_move(&mark->entry, &wqe->entry);
		woken = wqe->func(wqe, TASK_NORMAL, 0, poll_to_key(events));
		if (woken < 0)
			return false;
		if (woken && flags & WQ_FLAG_EXCLUSIVE && !--*owed)
			return false;
	}
	return true;
}

/**
 * __gochan_notify_watchers - wake the poll watchers of a queue
 * @ch: the channel
 * @q: the queue; it has no waiters that want to be served
 * @events: what has become possible, 0 at close
 * @n: for how many messages or slots: as many exclusive watchers are woken,
 *	which come last; U32_MAX for all
 *
 * Call it through __gochan_notify().
 *
 * Context: Any but NMI. The channel's lock is held.
 */
void __gochan_notify_watchers(struct gochan *ch, struct gochan_queue *q,
			      __poll_t events, u32 n)
{
	struct wait_queue_entry mark = { .func = gochan_mark_wake };

	spin_lock(&q->watchers.lock);
	if (__gochan_is_crowd(&q->watchers)) {
		__gochan_defer(ch, q, n);
	} else if (n == 1) {
		__wake_up_locked_key(&q->watchers, TASK_NORMAL,
				     poll_to_key(events));
	} else {
		list_add(&mark.entry, &q->watchers.head);
		__gochan_wake_some(&q->watchers, &mark, events, &n);
		list_del(&mark.entry);
	}
	spin_unlock(&q->watchers.lock);
}

/* Who begins to watch meanwhile is in front of the mark, and sees the state. */
static void gochan_wake_crowd(struct wait_queue_head *wq, __poll_t events,
			      u32 owed)
{
	struct wait_queue_entry mark = { .func = gochan_mark_wake };
	bool more;

	/* Everybody is woken at close only, which is all events. */
	if (owed == U32_MAX)
		events = 0;
	spin_lock_irq(&wq->lock);
	list_add(&mark.entry, &wq->head);
	do {
		more = __gochan_wake_some(wq, &mark, events, &owed);
		if (more) {
			spin_unlock_irq(&wq->lock);
			cond_resched();
			spin_lock_irq(&wq->lock);
		}
	} while (more);
	list_del(&mark.entry);
	spin_unlock_irq(&wq->lock);
}

/**
 * gochan_crowd_work - wake watchers that were too many for a peer
 * @work: the work item of a channel, which has a reference
 *
 * Context: Process context.
 */
void gochan_crowd_work(struct work_struct *work)
{
	struct gochan *ch = container_of(work, struct gochan, crowd_work);
	u32 recv_owed, send_owed;

	spin_lock_irq(&ch->lock);
	recv_owed = ch->recvq.owed;
	send_owed = ch->sendq.owed;
	ch->recvq.owed = 0;
	ch->sendq.owed = 0;
	spin_unlock_irq(&ch->lock);
	if (recv_owed)
		gochan_wake_crowd(&ch->recvq.watchers, EPOLLIN | EPOLLRDNORM,
				  recv_owed);
	if (send_owed)
		gochan_wake_crowd(&ch->sendq.watchers, EPOLLOUT | EPOLLWRNORM,
				  send_owed);
	gochan_put(ch);
}

/**
 * gochan_watch_init - be ready for crowds
 *
 * Context: Process context, before there is a channel.
 * Return: 0 or -ENOMEM.
 */
int __init gochan_watch_init(void)
{
	gochan_crowds = alloc_workqueue("gochan", GOCHAN_CROWDS_FLAGS,
					GOCHAN_CROWDS);
	return gochan_crowds ? 0 : -ENOMEM;
}

/**
 * gochan_watch_exit - wait until nobody is at work any more
 *
 * Context: Process context, after the last use of a channel.
 */
void gochan_watch_exit(void)
{
	destroy_workqueue(gochan_crowds);
}
