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

static inline void gochan_sleeper_init(struct gochan_sleeper *s,
				       struct gochan_waiter *records,
				       unsigned int nr)
{
	s->task = current;
	s->poked = false;
	s->winner = NULL;
	s->records = records;
	s->nr = nr;
	atomic_set(&s->state, GOCHAN_PARKED);
}

static __always_inline void gochan_waiter_init(struct gochan_waiter *w,
					       struct gochan_sleeper *s,
					       struct gochan *ch,
					       struct gochan_queue *q,
					       wait_queue_func_t serve)
{
	w->wqe.flags = WQ_FLAG_EXCLUSIVE;
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

/* Take a record off its queue, whose lock is held. */
static inline void __gochan_unlink(struct gochan_waiter *w)
{
	struct gochan_queue *q = w->q;

	lockdep_assert_held(&q->waiters.lock);

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
 * gochan_sleeper_done - end a sleep whose claim was won
 * @s: the sleeper; not to be touched afterwards
 * @winner: the record that ended it, as far as its owner is concerned
 *
 * Context: wake function; whatever keeps the owner from freeing @s is held.
 */
static inline void gochan_sleeper_done(struct gochan_sleeper *s,
				       const struct gochan_waiter *winner)
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
 * @w: the record that was served, filled in and off its queue
 *
 * Neither @w nor its sleeper may be touched afterwards.
 *
 * Context: wake function; the channel's lock is held.
 * Return: how many records the sleeper had.
 */
static inline int gochan_complete(struct gochan_waiter *w)
{
	struct gochan_sleeper *s = w->sleeper;
	unsigned int nr = s->nr;

	if (nr > 1)
		gochan_withdraw(s);
	gochan_sleeper_done(s, w);
	return nr;
}

#endif /* _GOCHAN_WAIT_H */
