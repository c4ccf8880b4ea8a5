// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting on channels: queues, the claim that ends a sleep exactly once, and
 * the sleep itself.
 *
 * A task that has to wait puts one record (struct gochan_waiter) on the queue
 * of each channel and direction it waits for, all of them sharing one
 * struct gochan_sleeper, and sleeps. The record is a wait queue entry: who
 * makes the channel ready wakes the queue under the channel's lock, and the
 * entry's wake function, gochan_serve_sender() or gochan_serve_receiver() in
 * chan.c, moves the message on the sleeper's behalf.
 *
 * The claim word
 *	Several may want to end one sleep: peers on different channels, the
 *	closer, and the task itself because of a signal or its deadline. The
 *	one that moves gochan_sleeper.state from PARKED to CLAIMED wins; the
 *	others leave the sleeper alone:
 *
 *	    peer or closer, under the lock	    task
 *	    ------------------------------	    ----
 *	    PARKED -> CLAIMED			    PARKED -> CLAIMED
 *	      lost: drop the record, try the next     lost: sleep until DONE and
 *	      won:  copy the message			    report success
 *	            CLAIMED -> DONE (release)	      won:  take the records off
 *	            wake the task			    the queues, report the
 *						    signal or the deadline
 *
 *	A message moves only between CLAIMED and DONE, and only by the winner:
 *	an operation never moves two messages, and never moves one and fails.
 *
 *	The other records of a select stay queued until their owner has run
 *	again and takes them back, or a peer meets them and drops them. Until
 *	then gochan_queue.nr counts them: who finds it 0 knows that nobody
 *	waits, who does not takes the lock and tries to claim. Whatever fails
 *	without the lock relies on the former only.
 *
 * Why the task's stack is safe
 *	A peer finds a record only on a queue, under that channel's lock, and
 *	touches it and the sleeper only as long as it holds the lock and the
 *	record is on the queue, except that the winner goes on, with its record,
 *	until the store of DONE. So a task may return once each of its records
 *	is off its queue, found so or made so under the lock, or is the winner
 *	of a sleep that is DONE.
 */

#include <linux/hrtimer.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "wait.h"

void gochan_queue_init(struct gochan_queue *q, struct lock_class_key *key,
		       const char *name)
{
	__init_waitqueue_head(&q->wq, name, key);
	q->last = &q->wq.head;
	q->nr = 0;
}

/* Put a record behind the other waiters of its queue. */
void __gochan_enqueue(struct gochan_waiter *w)
{
	struct gochan_queue *q = w->q;

	lockdep_assert_held(&w->ch->lock);

	spin_lock(&q->wq.lock);
	list_add(&w->wqe.entry, q->last);
	q->last = &w->wqe.entry;
	/* Pairs with smp_load_acquire() in chan.c, "Failing without the lock". */
	smp_store_release(&q->nr, q->nr + 1);
	spin_unlock(&q->wq.lock);
}

/**
 * gochan_cancel - take back a record that was not served
 * @w: the record; a peer that lost the claim may have taken it off already
 *
 * The locks are taken even for a record that is off its queue: the peer that
 * took it off may still be about to try its claim.
 *
 * Context: Process context. Takes the locks of the channel and the queue.
 */
void gochan_cancel(struct gochan_waiter *w)
{
	unsigned long flags;

	spin_lock_irqsave(&w->ch->lock, flags);
	spin_lock(&w->q->wq.lock);
	if (!list_empty(&w->wqe.entry))
		__gochan_unlink(w);
	spin_unlock(&w->q->wq.lock);
	spin_unlock_irqrestore(&w->ch->lock, flags);
}

/**
 * gochan_wait_over - has a wait ended, for one who did not sleep just now?
 * @wait: how to sleep
 *
 * Context: Process context.
 * Return: 0, or -ERESTARTSYS for a signal, or -ETIMEDOUT.
 */
int gochan_wait_over(const struct gochan_wait *wait)
{
	bool real = wait->clock == CLOCK_REALTIME;

	if (signal_pending_state(wait->state, current))
		return -ERESTARTSYS;
	if (wait->deadline == KTIME_MAX ||
	    wait->deadline > (real ? ktime_get_real() : ktime_get()))
		return 0;
	return -ETIMEDOUT;
}

/* Sleep once. Return 0, or why the caller should stop waiting. */
static int gochan_sleep_once(const struct gochan_wait *wait)
{
	/* Timers count from 0; what is before that is long past as well. */
	ktime_t deadline = max_t(ktime_t, wait->deadline, 0);

	if (signal_pending_state(wait->state, current))
		return -ERESTARTSYS;
	if (deadline == KTIME_MAX) {
		schedule();
		return 0;
	}
	if (!schedule_hrtimeout_range_clock(&deadline, current->timer_slack_ns,
					    HRTIMER_MODE_ABS, wait->clock))
		return -ETIMEDOUT;
	return 0;
}

/**
 * gochan_sleep - sleep until a peer or the closer has ended the sleep
 * @s: the sleeper; its records are queued
 * @wait: how to sleep
 *
 * Context: Process context.
 * Return: 0 if @s->winner was served, or -ERESTARTSYS or -ETIMEDOUT. After an
 * error no peer will serve a record, but they are still queued: the caller
 * owes each a gochan_cancel().
 */
int gochan_sleep(struct gochan_sleeper *s, const struct gochan_wait *wait)
{
	unsigned int state = wait->state;
	int err = 0;

	WARN_ON_ONCE(!state);	/* would not sleep, but spin */
	for (;;) {
		set_current_state(state);
		/*
		 * Pairs with atomic_set_release() in gochan_sleeper_done().
		 * Tests: sleep-done.litmus and, with the barrier above,
		 * sleep-wake.litmus.
		 */
		if (atomic_read_acquire(&s->state) == GOCHAN_DONE)
			break;
		if (err) {
			schedule();
			continue;
		}
		err = gochan_sleep_once(wait);
		if (!err)
			continue;
		if (gochan_sleeper_claim(s)) {
			__set_current_state(TASK_RUNNING);
			return err;
		}
		/* A peer is at it: DONE and its wake-up are on their way. */
		state = TASK_UNINTERRUPTIBLE;
	}
	__set_current_state(TASK_RUNNING);
	return 0;
}

/* Go's nil channel: nobody is ever on the other side. */
int gochan_block_nil(const struct gochan_wait *wait)
{
	struct gochan_sleeper s;

	if (!wait)
		return -EAGAIN;
	gochan_sleeper_init(&s);
	return gochan_sleep(&s, wait);
}

/* Call the wake function of a queue's first waiter; the queue has one. */
static int __gochan_wake_first(struct gochan_queue *q)
{
	struct wait_queue_entry *wqe;

	/* The waiters come before all watchers: gochan_waiter_init(). */
	wqe = list_first_entry(&q->wq.head, struct wait_queue_entry, entry);
	return wqe->func(wqe, TASK_NORMAL, 0, NULL);
}

/**
 * __gochan_serve - let the first waiter that can be claimed be served
 * @q: the queue
 *
 * Poll watchers are not woken: what goes straight to or from a waiter changes
 * nothing for them. They would be if this were __wake_up_locked_key() and every
 * claim was lost, and some of them (io_uring, aio) take the event for a fact.
 *
 * Context: Any but NMI. The channel's lock is held.
 */
void __gochan_serve(struct gochan_queue *q)
{
	spin_lock(&q->wq.lock);
	/* Who cannot be claimed leaves the queue, so this ends. */
	while (q->nr && !__gochan_wake_first(q))
		;
	spin_unlock(&q->wq.lock);
}

/**
 * __gochan_dismiss - wake waiters of a closed channel
 * @q: the queue
 * @budget: how many at the most; what is left of it is stored back
 *
 * Context: Any but NMI. The channel's lock is held.
 */
void __gochan_dismiss(struct gochan_queue *q, unsigned int *budget)
{
	spin_lock(&q->wq.lock);
	for (; q->nr && *budget; --*budget)
		__gochan_wake_first(q);
	spin_unlock(&q->wq.lock);
}

/**
 * __gochan_notify_watchers - wake the poll watchers of a queue
 * @q: the queue; it has no waiters that want to be served
 * @events: what has become possible
 *
 * Call it through __gochan_notify().
 *
 * Context: Any but NMI. The channel's lock is held.
 */
void __gochan_notify_watchers(struct gochan_queue *q, __poll_t events)
{
	spin_lock(&q->wq.lock);
	__wake_up_locked_key(&q->wq, TASK_NORMAL, poll_to_key(events));
	spin_unlock(&q->wq.lock);
}

/**
 * __gochan_notify_all - wake all poll watchers of a queue, exclusive or not
 * @q: the queue of a closed channel; it has no waiters
 *
 * Context: Any but NMI. The channel's lock is held.
 */
void __gochan_notify_all(struct gochan_queue *q)
{
	if (!waitqueue_active(&q->wq))	/* as in __gochan_notify() */
		return;
	spin_lock(&q->wq.lock);
	/* The count 0 is never reached: no limit to the exclusive ones. */
	__wake_up_locked(&q->wq, TASK_NORMAL, 0);
	spin_unlock(&q->wq.lock);
}
