/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Records of sleeping tasks, and the claim that ends a sleep: what every hand-off
 * goes through, in line. wait.c explains it.
 */

#ifndef _GOCHAN_WAIT_H
#define _GOCHAN_WAIT_H

#include <linux/rcupdate.h>
#include <linux/sched.h>

#include "internal.h"

static inline void gochan_sleeper_init(struct gochan_sleeper *s)
{
	s->task = current;
	s->winner = NULL;
	atomic_set(&s->state, GOCHAN_PARKED);
}

static __always_inline void gochan_waiter_init(struct gochan_waiter *w,
					       struct gochan_sleeper *s,
					       struct gochan *ch,
					       struct gochan_queue *q,
					       wait_queue_func_t serve)
{
	/*
	 * PRIORITY keeps the poll watchers, which come to the head of the
	 * queue or with EPOLLEXCLUSIVE to its tail, behind the waiters. The
	 * price is that adding a watcher walks over the waiters.
	 */
	w->wqe.flags = WQ_FLAG_EXCLUSIVE | WQ_FLAG_PRIORITY;
	w->wqe.private = s->task;
	w->wqe.func = serve;
	INIT_LIST_HEAD(&w->wqe.entry);
	w->sleeper = s;
	w->ch = ch;
	w->q = q;
	w->src = NULL;
	w->dst = NULL;
	w->len = 0;
	w->ok = false;
}

/* Take a record off its queue; both locks are held. */
static inline void __gochan_unlink(struct gochan_waiter *w)
{
	struct gochan_queue *q = w->q;

	lockdep_assert_held(&w->ch->lock);
	lockdep_assert_held(&q->wq.lock);

	/* What is before a waiter is a waiter or the head: PRIORITY, FIFO. */
	if (q->last == &w->wqe.entry)
		q->last = w->wqe.entry.prev;
	list_del_init(&w->wqe.entry);
	/* Pairs with smp_load_acquire() in chan.c, "Failing without the lock". */
	smp_store_release(&q->nr, q->nr - 1);
}

/* Try to become the one who ends a sleep. Fully ordered if that succeeds. */
static inline bool gochan_sleeper_claim(struct gochan_sleeper *s)
{
	return atomic_cmpxchg(&s->state, GOCHAN_PARKED, GOCHAN_CLAIMED) ==
	       GOCHAN_PARKED;
}

/**
 * gochan_claim - try to become the one who ends a sleep, for a peer
 * @w: a record on the queue being woken
 *
 * The record leaves the queue whatever the outcome.
 *
 * Context: wake function; the locks of the channel and the queue are held.
 * Return: true if the sleep is the caller's to end.
 */
static inline bool gochan_claim(struct gochan_waiter *w)
{
	__gochan_unlink(w);
	return gochan_sleeper_claim(w->sleeper);
}

/**
 * gochan_sleeper_done - end a sleep whose claim was won
 * @s: the sleeper; not to be touched afterwards
 * @winner: the record that ended it, as far as its owner is concerned
 *
 * Context: wake function; whatever keeps the owner from freeing @s is held.
 */
static inline void gochan_sleeper_done(struct gochan_sleeper *s, const void *winner)
{
	struct task_struct *task = s->task;

	s->winner = winner;
	/*
	 * With DONE the task may return from its sleep and even exit before it
	 * is woken here; RCU keeps its task_struct until then.
	 */
	rcu_read_lock();
	/* Pairs with atomic_read_acquire() in gochan_sleep(); tests there. */
	atomic_set_release(&s->state, GOCHAN_DONE);
	wake_up_process(task);
	rcu_read_unlock();
}

/**
 * gochan_complete - end a sleep whose claim was won, for a peer
 * @w: the record that was served, filled in
 *
 * Neither @w nor its sleeper may be touched afterwards.
 *
 * Context: wake function; the locks of the channel and the queue are held.
 */
static inline void gochan_complete(struct gochan_waiter *w)
{
	gochan_sleeper_done(w->sleeper, w);
}

#endif /* _GOCHAN_WAIT_H */
