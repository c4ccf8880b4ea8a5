/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Private parts of the channel core: the objects, who owns them, and which
 * lock protects what.
 *
 * Lifetime
 *	A struct gochan is reference counted. Every caller of the API holds a
 *	reference, so a channel with sleepers or poll watchers is never freed.
 *	A gochan_waiter and its gochan_sleeper belong to the task that sleeps,
 *	usually on its stack. It returns only when its records are off every
 *	queue and no peer can still touch them; wait.c argues this.
 *
 * Locks, in the order they are taken
 *	1. gochan.lock		irq-safe; the state of the channel. Only a
 *				select holds several, taken in the order of
 *				their addresses: select.c.
 *	2. gochan_queue.watchers.lock
 *				inside 1; the poll watchers, which come and go
 *				under this one alone. Whatever a watcher's wake
 *				function takes (epoll, the run queue) nests
 *				inside. Such a function must not call back into
 *				a channel.
 *	3. gochan_queue.waiters.lock
 *				inside 1, and innermost: the waiters' records.
 *				A record is queued under 1 and 3. Under 3 alone
 *				records are taken back, by the task or by the
 *				winner of its claim.
 */

#ifndef _GOCHAN_INTERNAL_H
#define _GOCHAN_INTERNAL_H

#include <linux/atomic.h>
#include <linux/gfp.h>
#include <linux/gochan.h>
#include <linux/gotimer.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/string.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

/*
 * How to allocate what a user chooses the size of: too much of it is an error,
 * without a stack trace in the log, and kills no task.
 */
#define GOCHAN_GFP_USER		(GFP_KERNEL_ACCOUNT | __GFP_NOWARN | \
				 __GFP_RETRY_MAYFAIL)

/**
 * struct gochan_queue - the sleepers of one direction, and poll watchers
 * @nr: number of waiters, read anywhere; it is raised under the channel's lock
 *	and lowered under that of @waiters
 * @owed: watchers are to be woken by the work item, of the exclusive ones so
 *	many, U32_MAX for all; protected by the channel's lock
 * @watchers: the poll watchers
 * @waiters: the waiters' records, in the order they came
 */
struct gochan_queue {
	u32 nr;
	u32 owed;
	wait_queue_head_t watchers;
	wait_queue_head_t waiters;
};

/**
 * struct gochan_xfer - one message on its way to or from a waiter
 * @src: its bytes, when a receiver is served
 * @dst: where they go, when a sender of a rendezvous channel is served; NULL
 *	discards them
 * @len: length of the message; before a sender is served, room at @dst
 * @records: how many records the waiter had that was served
 */
struct gochan_xfer {
	const void *src;
	void *dst;
	u32 len;
	unsigned int records;
};

/**
 * struct gochan - a channel
 * @elem_size: bytes per element, the maximum if @varlen; invariant
 * @cap: elements the ring holds; invariant
 * @slot_size: bytes per slot of the ring; invariant
 * @varlen: a slot begins with the u32 length of its message; invariant
 * @words: all messages are words, and anybody may send them; invariant
 * @timer: what feeds a timer's channel, and nobody else does; freed with the
 *	channel; invariant
 * @refs: references
 * @crowd_work: wakes watchers that are too many for a peer: watch.c. Has a
 *	reference while it is queued
 * @owner: whom to tell when the channel has gone, or NULL; set before it is
 *	shared
 * @lock: protects all that follows
 * @closed: goes from false to true once; also read without @lock
 * @len: elements in the ring; also read without @lock
 * @recvx: slot of the oldest element
 * @sendx: slot that the next element goes to
 * @recvq: receivers
 * @sendq: senders
 * @ring: @cap slots; the bytes of a free slot are zero
 *
 * As long as the channel is open, elements in the ring mean that no receiver
 * waits, and a slot that is free means that no sender waits. Once it is closed
 * nobody begins to wait, and gochan_close() is about to wake who still does.
 */
struct gochan {
	u32 elem_size;
	u32 cap;
	u32 slot_size;
	bool varlen;
	bool words;
	refcount_t refs;
	struct gotimer *timer;
	struct gochan_owner *owner;
	struct work_struct crowd_work;

	spinlock_t lock;	/* protects what follows */
	bool closed;
	u32 len;
	u32 recvx;
	u32 sendx;
	struct gochan_queue recvq;
	struct gochan_queue sendq;
	u8 ring[] __aligned(8);
};

/**
 * enum gochan_sleep_state - the claim word of a sleeping task
 * @GOCHAN_PARKED: nobody has decided how the sleep ends
 * @GOCHAN_CLAIMED: somebody has: a peer, the closer, or the task itself
 * @GOCHAN_DONE: the peer or closer no longer needs the task's memory
 */
enum gochan_sleep_state {
	GOCHAN_PARKED,
	GOCHAN_CLAIMED,
	GOCHAN_DONE,
};

/**
 * struct gochan_sleeper - what the records of one sleeping task share
 * @task: the task
 * @state: enum gochan_sleep_state
 * @poked: a file of a select has woken the task: select_poll.c
 * @winner: the record that was served; NULL until @state is GOCHAN_DONE
 * @records: all its records
 * @nr: how many these are
 */
struct gochan_sleeper {
	struct task_struct *task;
	atomic_t state;
	bool poked;
	const struct gochan_waiter *winner;
	struct gochan_waiter *records;
	unsigned int nr;
};

/**
 * struct gochan_waiter - the record of a sleeping task on one queue
 * @wqe: links the record into the queue; its function serves it
 * @sleeper: the task's shared part
 * @ch: the channel
 * @q: the queue of @ch
 * @src: sender: the message
 * @dst: receiver: room for a whole element, or NULL
 * @len: length of the message; set by the peer for a receiver
 * @ok: set by whoever wakes: a message moved (true) or the channel was closed
 */
struct gochan_waiter {
	struct wait_queue_entry wqe;
	struct gochan_sleeper *sleeper;
	struct gochan *ch;
	struct gochan_queue *q;
	const void *src;
	void *dst;
	u32 len;
	bool ok;
};

/* chan.c: state changes, and the records of those who wait for one. */
int gochan_check_send(const struct gochan *ch, size_t len);
int __gochan_send(struct gochan *ch, const void *src, u32 len);
int __gochan_recv(struct gochan *ch, void *dst, size_t *len, bool *ok);
void gochan_sender_init(struct gochan_waiter *w, struct gochan_sleeper *s,
			struct gochan *ch, const void *src, u32 len);
void gochan_receiver_init(struct gochan_waiter *w, struct gochan_sleeper *s,
			  struct gochan *ch, void *dst);
void __gochan_park(struct gochan_waiter *w);
int gochan_sender_result(const struct gochan_waiter *w);
void gochan_receiver_result(const struct gochan_waiter *w, size_t *len,
			    bool *ok);

/* timer.c */
void __gotimer_taken(struct gotimer *t);

/* object.c */
void gochan_reap_all(void);

/* wait.c: queues, claims and sleeping. */
void gochan_queue_init(struct gochan_queue *q, struct lock_class_key *keys,
		       const char *name);
void __gochan_enqueue(struct gochan_waiter *w);
void gochan_withdraw(struct gochan_sleeper *s);
int gochan_wait_over(const struct gochan_wait *wait);
int gochan_sleep(struct gochan_sleeper *s, const struct gochan_wait *wait);
int gochan_block_nil(const struct gochan_wait *wait);
int __gochan_offer(struct gochan_queue *q, struct gochan_xfer *x);
void __gochan_dismiss(struct gochan_queue *q, unsigned int *budget);

/* watch.c: poll watchers. */
void __gochan_notify_watchers(struct gochan *ch, struct gochan_queue *q,
			      __poll_t events, u32 n);
void gochan_crowd_work(struct work_struct *work);
int gochan_watch_init(void);
void gochan_watch_exit(void);

/*
 * Are there waiters? None comes while the caller holds the channel's lock, but
 * one may leave: "yes" is a hint, and whatever follows copes with finding none.
 */
static inline bool __gochan_has_waiters(const struct gochan_queue *q)
{
	return READ_ONCE(q->nr);
}

/*
 * Wake the poll watchers of a queue for @n messages or slots, U32_MAX to wake the
 * exclusive ones all, under the channel's lock. A queue that looks empty is left
 * alone without its own lock. No watcher is missed: it is added before
 * gochan_poll() takes the channel's lock to look at the state. Either that was
 * before our caller took the lock, then the entry is visible here; or it comes
 * later and sees the state our caller left. Test: chan-poll.litmus.
 */
static inline void __gochan_notify_many(struct gochan *ch,
					struct gochan_queue *q,
					__poll_t events, u32 n)
{
	/* Ordered by the channel's lock. */
	if (n && waitqueue_active(&q->watchers))
		__gochan_notify_watchers(ch, q, events, n);
}

static inline void __gochan_notify(struct gochan *ch, struct gochan_queue *q,
				   __poll_t events)
{
	__gochan_notify_many(ch, q, events, 1);
}

#endif /* _GOCHAN_INTERNAL_H */
