// SPDX-License-Identifier: GPL-2.0-only
/*
 * Waiting on channels: queues, the claim that ends a sleep exactly once, and
 * the sleep itself.
 *
 * A task that has to wait puts one record (struct gochan_waiter) on the queue
 * of each channel and direction it waits for, all of them sharing one
 * struct gochan_sleeper, and sleeps. The record is a wait queue entry. A peer
 * that makes the channel ready takes the first record whose sleeper it can
 * claim off the queue and calls the entry's wake function,
 * gochan_serve_sender() or gochan_serve_receiver() in chan.c, which moves the
 * message on the sleeper's behalf. Poll watchers are in a wait queue of their
 * own: to add one takes the same time however many waiters there are.
 *
 * The claim word
 *	Several may want to end one sleep: peers on different channels, the
 *	closer, and the task itself because of a signal, its deadline, or a
 *	file that has woken it (select_poll.c). The
 *	one that moves gochan_sleeper.state from PARKED to CLAIMED wins; the
 *	others leave the sleeper alone:
 *
 *	    peer or closer, under the lock	    task
 *	    ------------------------------	    ----
 *	    unlink the record			    unlink all records
 *	    PARKED -> CLAIMED			    PARKED -> CLAIMED
 *	      lost: try the next record		      lost: sleep until DONE and
 *	      won:  copy the message			    report success
 *	            unlink its other records	      won:  report the signal or
 *	            CLAIMED -> DONE (release)		    the deadline
 *	            wake the task
 *
 *	A message moves only between CLAIMED and DONE, and only by the winner:
 *	an operation never moves two messages, and never moves one and fails.
 *
 * Records that cannot be had
 *	A record whose sleeper was claimed by way of another record is dead
 *	weight: a peer that meets it drops it, with interrupts off. So there are
 *	never many. The winner takes the other records off their queues before
 *	it lets go of the lock under which it won, and the task takes its own
 *	off before it tries the claim. So a peer on one channel may miss a select
 *	whose deadline or signal has come, although a peer on another channel
 *	then serves it. However many tasks a user starts, and
 *	however late they run, what is left in a queue is from winners that are
 *	at work on other processors this very moment: GOSELECT_MAX_CASES records
 *	for each at the most. That bounds the walk of __gochan_take().
 *
 *	Up to then gochan_queue.nr counts such a record: 0 means that nobody
 *	waits, another number that the lock is to be taken and a claim tried.
 *	Whatever fails without the lock relies on the former only.
 *
 * Why the task's stack is safe
 *	A peer finds a record only on a queue, under the lock of that queue, and
 *	touches it and the sleeper only as long as it holds this lock, except
 *	that the winner goes on, with all records of the sleeper, until the
 *	store of DONE. So a task may return once each of its records is off its
 *	queue, found so or made so under the lock, and the claim is its own or
 *	the sleep is DONE.
 */

#include <linux/err.h>
#include <linux/hrtimer.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>

#include "wait.h"

void gochan_queue_init(struct gochan_queue *q, struct lock_class_key *keys,
		       const char *name)
{
	q->nr = 0;
	__init_waitqueue_head(&q->watchers, name, &keys[0]);
	__init_waitqueue_head(&q->waiters, name, &keys[1]);
}

/* Put a record behind the other waiters of its queue. */
void __gochan_enqueue(struct gochan_waiter *w)
{
	struct gochan_queue *q = w->q;

	lockdep_assert_held(&w->ch->lock);

	spin_lock(&q->waiters.lock);
	__add_wait_queue_entry_tail(&q->waiters, &w->wqe);
	/* Pairs with smp_load_acquire() in chan.c, "Failing without the lock". */
	smp_store_release(&q->nr, q->nr + 1);
	spin_unlock(&q->waiters.lock);
}

/**
 * gochan_withdraw - take all records of a sleeper off their queues
 * @s: the sleeper, which the caller has claimed or owns
 *
 * The lock is taken even for a record that is off its queue: the peer that took
 * it off may still be about to try its claim.
 *
 * Context: Any but NMI. Takes the locks of the queues, one after the other.
 */
void gochan_withdraw(struct gochan_sleeper *s)
{
	struct gochan_waiter *w;
	unsigned long flags;

	for (w = s->records; w < s->records + s->nr; w++) {
		spin_lock_irqsave(&w->q->waiters.lock, flags);
		if (!list_empty(&w->wqe.entry))
			__gochan_unlink(w);
		spin_unlock_irqrestore(&w->q->waiters.lock, flags);
	}
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
 * Return: 0 if @s->winner was served, or -ERESTARTSYS, -ETIMEDOUT, or -EAGAIN if a
 * file of a select has woken the task, and no peer has served a record or will.
 * The records are off their queues in any case.
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
		err = READ_ONCE(s->poked) ? -EAGAIN : gochan_sleep_once(wait);
		if (!err)
			continue;
		/* First, so that nobody ever meets records of a lost claim. */
		gochan_withdraw(s);
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
	gochan_sleeper_init(&s, NULL, 0);
	return gochan_sleep(&s, wait);
}

/* Does the message of a sender that can still be had exceed the room for it? */
static bool gochan_too_long(const struct gochan_waiter *w,
			    const struct gochan_xfer *x)
{
	return x && x->dst && w->len > x->len &&
	       atomic_read(&w->sleeper->state) == GOCHAN_PARKED;
}

/*
 * Take the first waiter that can be claimed off its queue. Return NULL if there
 * is none, or -EMSGSIZE if its message is too long for @x; it stays then.
 */
static struct gochan_waiter *__gochan_take(struct gochan_queue *q,
					   struct gochan_xfer *x)
{
	struct gochan_waiter *w, *taken = NULL;

	spin_lock(&q->waiters.lock);
	while (!taken && q->nr) {
		w = list_first_entry(&q->waiters.head, struct gochan_waiter,
				     wqe.entry);
		if (gochan_too_long(w, x)) {
			x->len = w->len;
			taken = ERR_PTR(-EMSGSIZE);
			break;
		}
		__gochan_unlink(w);
		if (gochan_sleeper_claim(w->sleeper))
			taken = w;
	}
	spin_unlock(&q->waiters.lock);
	return taken;
}

/* Call the wake function of a waiter that was claimed. */
static int __gochan_wake(struct gochan_waiter *w, struct gochan_xfer *x)
{
	return w->wqe.func(&w->wqe, TASK_NORMAL, 0, x);
}

/**
 * __gochan_offer - let the first waiter that can be claimed be served
 * @q: the queue
 * @x: the message offered to it, or asked from it
 *
 * Poll watchers are not woken: what goes straight to or from a waiter changes
 * nothing for them.
 *
 * Context: Any but NMI. The channel's lock is held.
 * Return: 0, or -EAGAIN if there is no waiter, or -EMSGSIZE if the message of
 * the first one does not fit; its length is in @x then.
 */
int __gochan_offer(struct gochan_queue *q, struct gochan_xfer *x)
{
	struct gochan_waiter *w;

	if (!__gochan_has_waiters(q))
		return -EAGAIN;
	w = __gochan_take(q, x);
	if (!w)
		return -EAGAIN;
	if (IS_ERR(w))
		return PTR_ERR(w);
	x->records = __gochan_wake(w, x);
	return 0;
}

/**
 * __gochan_dismiss - wake waiters of a closed channel
 * @q: the queue
 * @budget: how many records to take off queues; what is left of it is stored
 *	back. The last waiter may exceed it by the number of its records.
 *
 * Context: Any but NMI. The channel's lock is held.
 */
void __gochan_dismiss(struct gochan_queue *q, unsigned int *budget)
{
	struct gochan_waiter *w;

	while (*budget && __gochan_has_waiters(q)) {
		w = __gochan_take(q, NULL);
		if (w)
			*budget -= min_t(unsigned int, *budget,
					 __gochan_wake(w, NULL));
	}
}
