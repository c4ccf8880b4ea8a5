// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channels: messages by way of the ring, and direct hand-off between sleepers.
 *
 * A channel is a ring of elements with a queue of sleeping receivers and one of
 * sleeping senders. All state changes happen under gochan.lock, as plain
 * functions (__gochan_send() and friends) that never sleep; the entry points
 * lock, try, and if asked to wait hand themselves to wait.c.
 *
 * A message goes one of four ways:
 *   - into the ring, when there is room and nobody waits for it;
 *   - straight to the oldest sleeping receiver, without passing the ring;
 *   - straight from the oldest sleeping sender, on a rendezvous channel;
 *   - from the ring, whose freed slot the oldest sleeping sender then fills:
 *     what it sends becomes the tail, so order holds and the ring stays full.
 * Nobody overtakes: a newcomer finds the channel ready only if nobody of its
 * direction sleeps.
 *
 * Slots of the ring: ring.h. Several messages at once: batch.c. Closing: close.c.
 *
 * Lifetime and lock order: internal.h. For users: include/linux/gochan.h and
 * Documentation/core-api/gochan.rst.
 *
 * Conventions: @ch is a channel, @q one of its queues, @w a waiter's record,
 * @x the message offered to a waiter. A leading "__" means that the channel's
 * lock is held.
 */

#include <linux/export.h>
#include <linux/poll.h>
#include <linux/string.h>

#include "../compat.h"
#include "internal.h"
#include "ring.h"
#include "wait.h"

/*
 * Hand-off to and from sleepers.
 */

/*
 * Wake functions. Each is called for a waiter that was claimed and is off its
 * queue, with a message as the key, or with none after close, and returns how
 * many records the waiter had.
 */

static int gochan_serve_receiver(struct wait_queue_entry *wqe,
				 unsigned int mode, int wake_flags, void *key)
{
	struct gochan_waiter *w = container_of(wqe, struct gochan_waiter, wqe);
	struct gochan_xfer *x = key;

	lockdep_assert_held(&w->ch->lock);

	if (x) {
		if (w->dst)
			gochan_copy(w->dst, x->src, x->len);
		w->len = x->len;
		w->ok = true;
	}
	return gochan_complete(w);
}

static int gochan_serve_sender(struct wait_queue_entry *wqe,
			       unsigned int mode, int wake_flags, void *key)
{
	struct gochan_waiter *w = container_of(wqe, struct gochan_waiter, wqe);
	struct gochan *ch = w->ch;
	struct gochan_xfer *x = key;

	lockdep_assert_held(&ch->lock);

	if (x) {
		if (ch->cap)
			__gochan_store(ch, w->src, w->len, false);
		else if (x->dst)
			gochan_copy(x->dst, w->src, w->len);
		x->len = w->len;
		w->ok = true;
	}
	return gochan_complete(w);
}

/*
 * State changes.
 */

/* Send to a receiver that sleeps; -EAGAIN if there is none. */
static noinline int __gochan_send_receiver(struct gochan *ch, const void *src,
					   u32 len)
{
	struct gochan_xfer x = { .src = src, .len = len };

	return __gochan_offer(&ch->recvq, &x);
}

/* Can a message go into the ring, and does nobody wait for it? */
static __always_inline bool __gochan_has_room(const struct gochan *ch)
{
	return !ch->closed && !__gochan_has_waiters(&ch->recvq) &&
	       ch->len != ch->cap;
}

/* Send to the ring, which has room. */
static __always_inline void __gochan_send_ring(struct gochan *ch,
					       const void *src, u32 len,
					       bool words)
{
	__gochan_store(ch, src, len, words);
	/* Pairs with smp_load_acquire() in gochan_looks_full(). */
	smp_store_release(&ch->len, ch->len + 1);
	__gochan_notify(ch, &ch->recvq, EPOLLIN | EPOLLRDNORM);
}

int __gochan_send(struct gochan *ch, const void *src, u32 len)
{
	lockdep_assert_held(&ch->lock);

	if (ch->closed)
		return -EPIPE;
	if (__gochan_has_waiters(&ch->recvq) &&
	    !__gochan_send_receiver(ch, src, len))
		return 0;
	if (ch->len == ch->cap)
		return -EAGAIN;
	__gochan_send_ring(ch, src, len, false);
	return 0;
}

/* Let a sender that sleeps fill the slot just freed; -EAGAIN if there is none. */
static noinline int __gochan_refill(struct gochan *ch)
{
	struct gochan_xfer x = { };

	return __gochan_offer(&ch->sendq, &x);
}

/* May the oldest message of the ring be received? */
static __always_inline int __gochan_check_head(struct gochan *ch,
					       const void *dst, size_t *len)
{
	u32 head = __gochan_head_len(ch);

	if (!dst || head <= *len)
		return 0;
	*len = head;
	return -EMSGSIZE;
}

/* Receive from the ring, which is not empty. */
static __always_inline int __gochan_recv_ring(struct gochan *ch, void *dst,
					      size_t *len, bool words)
{
	int err = words ? 0 : __gochan_check_head(ch, dst, len);

	if (err)
		return err;
	*len = __gochan_fetch(ch, dst, words);
	/* Who still waits to send when the channel is closed has failed. */
	if (__gochan_has_waiters(&ch->sendq) && !ch->closed &&
	    !__gochan_refill(ch)) {
		__gochan_notify(ch, &ch->recvq, EPOLLIN | EPOLLRDNORM);
		return 0;
	}
	/* Pairs with smp_load_acquire() in gochan_looks_empty(). */
	smp_store_release(&ch->len, ch->len - 1);
	if (!words && ch->timer)
		__gotimer_taken(ch->timer);
	else
		__gochan_notify(ch, &ch->sendq, EPOLLOUT | EPOLLWRNORM);
	return 0;
}

/* Receive from a sender that sleeps on a rendezvous channel. */
static noinline int __gochan_recv_sender(struct gochan *ch, void *dst,
					 size_t *len)
{
	struct gochan_xfer x = { .dst = dst, .len = dst ? *len : 0 };
	int err = __gochan_offer(&ch->sendq, &x);

	if (err != -EAGAIN)
		*len = x.len;
	return err;
}

/* The end of a closed channel: the zero value, or no bytes at all. */
static size_t gochan_recv_end(const struct gochan *ch, void *dst)
{
	if (ch->varlen)
		return 0;
	if (dst)
		gochan_zero(dst, ch->elem_size);
	return ch->elem_size;
}

int __gochan_recv(struct gochan *ch, void *dst, size_t *len, bool *ok)
{
	lockdep_assert_held(&ch->lock);

	if (ch->len) {
		*ok = true;
		return __gochan_recv_ring(ch, dst, len, false);
	}
	if (ch->closed) {
		*ok = false;
		*len = gochan_recv_end(ch, dst);
		return 0;
	}
	*ok = true;
	return __gochan_recv_sender(ch, dst, len);
}

/*
 * Failing without the lock.
 *
 * An operation that may not wait and would have to looks at two or three words
 * and leaves. Each answer below was true of the channel at some instant between
 * call and return. Between channels these instants have no common order: of two
 * tasks that each receive from one of two full channels, and then try to send to
 * the other, both may fail. Test: chan-two-nolock.litmus; under the lock one of
 * them would succeed, chan-two-locked.litmus. Only failure, which orders
 * nothing, and the end of a closed channel are found this way: what moves a
 * message takes the lock.
 *
 * Both directions first look whether the channel is ready and then whether it
 * is closed. "Not closed" then held at the earlier look, too, since closing is
 * for ever: at that instant the channel was open and not ready. What makes a
 * channel not ready (storing or fetching an element, a waiter's leaving) is
 * written with release semantics. So a reader that sees what a channel became
 * after its close, by drained elements or dismissed waiters, sees the close.
 */

/* No room in the ring, and no receiver asleep on a rendezvous channel. */
static bool gochan_looks_full(const struct gochan *ch)
{
	/* Acquire: what follows, the load of closed above all, comes later. */
	if (smp_load_acquire(&ch->len) != ch->cap)
		return false;
	return !smp_load_acquire(&ch->recvq.nr);	/* acquire: as above */
}

static bool gochan_send_would_block(const struct gochan *ch)
{
	return gochan_looks_full(ch) && !READ_ONCE(ch->closed);
}

/* Nothing in the ring, and no sender asleep on a rendezvous channel. */
static bool gochan_looks_empty(const struct gochan *ch)
{
	/* Acquire: as above. */
	return !smp_load_acquire(&ch->len) && !smp_load_acquire(&ch->sendq.nr);
}

/*
 * Receive. With closed read first,
 *
 *	receiver			others
 *	--------			------
 *	sees closed == false
 *					send		(open, not empty)
 *					close		(closed, not empty)
 *					receive		(closed, empty)
 *	sees empty: "would block"
 *
 * although at every instant of the call there was a value or the end to be
 * had. If the channel is closed, nothing is sent any more, and a second look at
 * the ring, ordered after the load of closed, tells whether there is anything
 * left to drain.
 *
 * Return -EAGAIN (would block), 0 (closed and drained) or 1 (take the lock).
 */
static int gochan_recv_would_block(const struct gochan *ch)
{
	if (!gochan_looks_empty(ch))
		return 1;
	/*
	 * Pairs with smp_store_release() in gochan_close(). Test:
	 * chan-recv-nolock.litmus.
	 */
	if (!smp_load_acquire(&ch->closed))
		return -EAGAIN;
	return gochan_looks_empty(ch) ? 0 : 1;
}

/*
 * Blocking. A select (select.c) does the same with several records.
 */

void gochan_sender_init(struct gochan_waiter *w, struct gochan_sleeper *s,
			struct gochan *ch, const void *src, u32 len)
{
	gochan_waiter_init(w, s, ch, &ch->sendq, gochan_serve_sender);
	w->src = src;
	w->len = len;
}

void gochan_receiver_init(struct gochan_waiter *w, struct gochan_sleeper *s,
			  struct gochan *ch, void *dst)
{
	gochan_waiter_init(w, s, ch, &ch->recvq, gochan_serve_receiver);
	w->dst = dst;
}

/* Queue a record: once the lock is released, peers may serve it. */
void __gochan_park(struct gochan_waiter *w)
{
	struct gochan *ch = w->ch;

	__gochan_enqueue(w);
	/* A sleeper makes a rendezvous channel ready for the other side. */
	if (!ch->cap && w->q == &ch->sendq)
		__gochan_notify(ch, &ch->recvq, EPOLLIN | EPOLLRDNORM);
	else if (!ch->cap)
		__gochan_notify(ch, &ch->sendq, EPOLLOUT | EPOLLWRNORM);
}

/* What the send of a record that was served returns. */
int gochan_sender_result(const struct gochan_waiter *w)
{
	return w->ok ? 0 : -EPIPE;
}

/* What the receive of a record that was served tells, besides the message. */
void gochan_receiver_result(const struct gochan_waiter *w, size_t *len,
			    bool *ok)
{
	*ok = w->ok;
	*len = w->ok ? w->len : gochan_recv_end(w->ch, w->dst);
}

/*
 * Wait with the record @w: queue it, let go of the lock, sleep. Return 0 once a
 * peer or the closer has filled it in.
 */
static int gochan_block(struct gochan_waiter *w, const struct gochan_wait *wait,
			unsigned long flags)
	__releases(&w->ch->lock)
{
	__gochan_park(w);
	spin_unlock_irqrestore(&w->ch->lock, flags);
	return gochan_sleep(w->sleeper, wait);
}

static noinline int gochan_block_send(struct gochan *ch, const void *src,
				      u32 len, const struct gochan_wait *wait,
				      unsigned long flags)
	__releases(&ch->lock)
{
	struct gochan_sleeper s;
	struct gochan_waiter w;
	int err;

	gochan_sleeper_init(&s, &w, 1);
	gochan_sender_init(&w, &s, ch, src, len);
	err = gochan_block(&w, wait, flags);
	return err ?: gochan_sender_result(&w);
}

static noinline int gochan_block_recv(struct gochan *ch, void *dst, size_t *len,
				      bool *ok, const struct gochan_wait *wait,
				      unsigned long flags)
	__releases(&ch->lock)
{
	struct gochan_sleeper s;
	struct gochan_waiter w;
	int err;

	gochan_sleeper_init(&s, &w, 1);
	gochan_receiver_init(&w, &s, ch, dst);
	err = gochan_block(&w, wait, flags);
	if (!err)
		gochan_receiver_result(&w, len, ok);
	return err;
}

/* May a message of @len bytes be sent on the channel at all? */
int gochan_check_send(const struct gochan *ch, size_t len)
{
	if (ch->timer)
		return -EBADF;
	if (len > ch->elem_size)
		return -EMSGSIZE;
	if (len < ch->elem_size && !ch->varlen)
		return -EINVAL;
	return 0;
}

/* Whatever it takes to send. Lets go of the lock. */
static noinline __flatten int
gochan_send_locked(struct gochan *ch, const void *src, u32 len,
		   const struct gochan_wait *wait, unsigned long flags)
	__releases(&ch->lock)
{
	int err = __gochan_send(ch, src, len);

	if (err == -EAGAIN && wait)	/* lets go of the lock */
		return gochan_block_send(ch, src, len, wait, flags);
	spin_unlock_irqrestore(&ch->lock, flags);
	return err;
}

static __always_inline int gochan_do_send(struct gochan *ch, const void *src,
					  u32 len,
					  const struct gochan_wait *wait,
					  bool words)
{
	unsigned long flags;

	if (!wait && gochan_send_would_block(ch))
		return -EAGAIN;
	might_sleep_if(wait);

	spin_lock_irqsave(&ch->lock, flags);
	if (!__gochan_has_room(ch))
		return gochan_send_locked(ch, src, len, wait, flags);
	__gochan_send_ring(ch, src, len, words);
	spin_unlock_irqrestore(&ch->lock, flags);
	return 0;
}

/* Receive from elsewhere than the ring. Lets go of the lock. */
static noinline int gochan_recv_locked(struct gochan *ch, void *dst,
				       size_t *len, bool *ok,
				       const struct gochan_wait *wait,
				       unsigned long flags)
	__releases(&ch->lock)
{
	int err = -EAGAIN;

	/* Most who get here find nothing to take, and nobody to take it from. */
	if (__gochan_has_waiters(&ch->sendq) || ch->closed)
		err = __gochan_recv(ch, dst, len, ok);
	if (err == -EAGAIN && wait)	/* lets go of the lock */
		return gochan_block_recv(ch, dst, len, ok, wait, flags);
	spin_unlock_irqrestore(&ch->lock, flags);
	return err;
}

/* For who may not wait: return as gochan_recv_would_block(). */
static __always_inline int gochan_recv_unlocked(struct gochan *ch, void *dst,
						size_t *len, bool *ok)
{
	int err = gochan_recv_would_block(ch);

	if (!err) {
		*ok = false;
		*len = gochan_recv_end(ch, dst);
	}
	return err;
}

/* The same for a word, whose length need not be told. */
static noinline int gochan_recv_word_locked(struct gochan *ch, void *dst,
					    bool *ok,
					    const struct gochan_wait *wait,
					    unsigned long flags)
	__releases(&ch->lock)
{
	size_t len = sizeof(u64);
	bool whichever;

	return gochan_recv_locked(ch, dst, &len, ok ?: &whichever, wait, flags);
}

static __always_inline int gochan_do_recv(struct gochan *ch, void *dst,
					  size_t *len, bool *ok,
					  const struct gochan_wait *wait)
{
	unsigned long flags;
	int err = wait ? 1 : gochan_recv_unlocked(ch, dst, len, ok);

	if (err <= 0)
		return err;
	might_sleep_if(wait);

	spin_lock_irqsave(&ch->lock, flags);
	if (!ch->len)
		return gochan_recv_locked(ch, dst, len, ok, wait, flags);
	*ok = true;
	err = __gochan_recv_ring(ch, dst, len, false);
	spin_unlock_irqrestore(&ch->lock, flags);
	return err;
}

/* For who does not want to know whether it was a value or the end. */
static noinline int gochan_recv_whichever(struct gochan *ch, void *dst,
					  size_t *len,
					  const struct gochan_wait *wait)
{
	bool ok;

	return gochan_do_recv(ch, dst, len, &ok, wait);
}

/*
 * Entry points. Those that a message takes are flat: each has a copy of the whole
 * path in it, but for what happens when somebody sleeps.
 */

static noinline __flatten int gochan_send_word(struct gochan *ch,
					       const void *src,
					       const struct gochan_wait *wait)
{
	return gochan_do_send(ch, src, sizeof(u64), wait, true);
}

static noinline __flatten int gochan_send_any(struct gochan *ch,
					      const void *src,
					      const struct gochan_wait *wait)
{
	if (!ch)
		return gochan_block_nil(wait);
	if (ch->timer)
		return -EBADF;
	return gochan_do_send(ch, src, ch->elem_size, wait, false);
}

/**
 * gochan_send_wait - send a value, waiting as told
 * @ch: the channel
 * @src: the value, of the channel's element size; may be NULL if that is 0
 * @wait: how to wait, or NULL to fail instead of waiting
 *
 * gochan_send(), gochan_send_killable(), gochan_send_until() and
 * gochan_try_send() are this with the usual values of @wait.
 *
 * Context: Process context if @wait, else any context but NMI.
 * Return: 0, or -EPIPE if the channel is or becomes closed; if it is not
 * ready, -EAGAIN without @wait, or else -ETIMEDOUT or -ERESTARTSYS after the
 * deadline or a signal; or -EBADF if it is a timer's. The value was sent only
 * if 0 is returned.
 */
int gochan_send_wait(struct gochan *ch, const void *src,
		     const struct gochan_wait *wait)
{
	if (likely(ch && ch->words))
		return gochan_send_word(ch, src, wait);
	return gochan_send_any(ch, src, wait);
}
EXPORT_SYMBOL_NS_GPL(gochan_send_wait, GOCHAN_NS);

/**
 * gochan_send_msg - send a message of a given length
 * @ch: the channel
 * @src: the message; may be NULL if @len is 0
 * @len: its length in bytes: the element size, or any up to that if the
 *	channel has variable length
 * @wait: how to wait, or NULL to fail instead of waiting
 *
 * Context: Process context if @wait, else any context but NMI.
 * Return: as gochan_send_wait(), or -EMSGSIZE if the message is longer than an
 * element, or -EINVAL if it is shorter and the channel has no variable length.
 */
__flatten int gochan_send_msg(struct gochan *ch, const void *src, size_t len,
			      const struct gochan_wait *wait)
{
	int err;

	if (!ch)
		return gochan_block_nil(wait);
	err = gochan_check_send(ch, len);
	return err ?: gochan_do_send(ch, src, len, wait, false);
}
EXPORT_SYMBOL_NS_GPL(gochan_send_msg, GOCHAN_NS);

static noinline __flatten int gochan_recv_word(struct gochan *ch, void *dst,
					       bool *ok,
					       const struct gochan_wait *wait)
{
	unsigned long flags;
	size_t len;

	might_sleep_if(wait);

	spin_lock_irqsave(&ch->lock, flags);
	if (!ch->len)
		return gochan_recv_word_locked(ch, dst, ok, wait, flags);
	if (ok)
		*ok = true;
	__gochan_recv_ring(ch, dst, &len, true);
	spin_unlock_irqrestore(&ch->lock, flags);
	return 0;
}

static noinline __flatten int gochan_recv_any(struct gochan *ch, void *dst,
					      bool *ok,
					      const struct gochan_wait *wait)
{
	size_t len;

	if (!ch)
		return gochan_block_nil(wait);
	len = ch->elem_size;
	if (!ok)
		return gochan_recv_whichever(ch, dst, &len, wait);
	return gochan_do_recv(ch, dst, &len, ok, wait);
}

/**
 * gochan_recv_wait - receive a value, waiting as told
 * @ch: the channel
 * @dst: room for one element, or NULL to discard the value
 * @ok: set to true with a value, to false at the end of a closed channel,
 *	where @dst is zeroed; may be NULL
 * @wait: how to wait, or NULL to fail instead of waiting
 *
 * gochan_recv(), gochan_recv_killable(), gochan_recv_until() and
 * gochan_try_recv() are this with the usual values of @wait. A channel of
 * variable length wants gochan_recv_msg(), which tells the length.
 *
 * Context: Process context if @wait, else any context but NMI.
 * Return: 0, also at the end of a closed channel; if there is nothing to
 * receive, -EAGAIN without @wait, or else -ETIMEDOUT or -ERESTARTSYS after the
 * deadline or a signal. A value was taken only if 0 is returned.
 */
int gochan_recv_wait(struct gochan *ch, void *dst, bool *ok,
		     const struct gochan_wait *wait)
{
	/* Who may not wait, and would have to, does not take the lock. */
	if (likely(ch && ch->words && dst && (wait || READ_ONCE(ch->len))))
		return gochan_recv_word(ch, dst, ok, wait);
	return gochan_recv_any(ch, dst, ok, wait);
}
EXPORT_SYMBOL_NS_GPL(gochan_recv_wait, GOCHAN_NS);

/**
 * gochan_recv_msg - receive a message and its length
 * @ch: the channel
 * @dst: room for the message, or NULL to discard it
 * @len: in: bytes of room at @dst. Out: length of the message; with -EMSGSIZE
 *	the room that is needed
 * @ok: as for gochan_recv_wait()
 * @wait: how to wait, or NULL to fail instead of waiting
 *
 * A receiver that may wait does not know what it will get and needs room for a
 * whole element. One that does not wait may come with less on a channel of
 * variable length, and succeeds if the next message fits.
 *
 * Context: Process context if @wait, else any context but NMI.
 * Return: as gochan_recv_wait(), or -EMSGSIZE if there is too little room; the
 * message is then still in the channel.
 */
__flatten int gochan_recv_msg(struct gochan *ch, void *dst, size_t *len,
			      bool *ok, const struct gochan_wait *wait)
{
	if (!ch)
		return gochan_block_nil(wait);
	if (dst && *len < ch->elem_size && (wait || !ch->varlen)) {
		*len = ch->elem_size;
		return -EMSGSIZE;
	}
	if (!ok)
		return gochan_recv_whichever(ch, dst, len, wait);
	return gochan_do_recv(ch, dst, len, ok, wait);
}
EXPORT_SYMBOL_NS_GPL(gochan_recv_msg, GOCHAN_NS);
