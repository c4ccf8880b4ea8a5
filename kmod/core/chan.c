// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channels: the ring, direct hand-off between sleepers, and close.
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
 * Lifetime and lock order: internal.h. For users: include/linux/gochan.h and
 * Documentation/core-api/gochan.rst.
 *
 * Conventions: @ch is a channel, @q one of its queues, @w a waiter's record,
 * @x the message offered to a waiter. A leading "__" means that the channel's
 * lock is held.
 */

#include <linux/export.h>
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <uapi/linux/gochan.h>

#include "../compat.h"
#include "internal.h"

/*
 * Slots. A slot of a variable-length channel begins with the message's length;
 * slot_size keeps it aligned.
 */

static void *gochan_slot(struct gochan *ch, u32 index)
{
	return ch->ring + (size_t)index * ch->slot_size;
}

static u32 gochan_next_slot(const struct gochan *ch, u32 index)
{
	return index + 1 == ch->cap ? 0 : index + 1;
}

/* Length of the oldest message in the ring. */
static u32 __gochan_head_len(struct gochan *ch)
{
	return ch->varlen ? *(u32 *)gochan_slot(ch, ch->recvx) : ch->elem_size;
}

/* Fill the next free slot; the caller accounts for it in ch->len. */
static void __gochan_store(struct gochan *ch, const void *src, u32 len)
{
	void *slot = gochan_slot(ch, ch->sendx);

	if (ch->varlen) {
		*(u32 *)slot = len;
		slot += sizeof(u32);
	}
	memcpy(slot, src, len);
	ch->sendx = gochan_next_slot(ch, ch->sendx);
}

/* Empty the oldest slot; the caller accounts for it in ch->len. */
static u32 __gochan_fetch(struct gochan *ch, void *dst)
{
	void *slot = gochan_slot(ch, ch->recvx);
	u32 len = __gochan_head_len(ch);

	if (ch->varlen) {
		*(u32 *)slot = 0;
		slot += sizeof(u32);
	}
	if (dst)
		memcpy(dst, slot, len);
	/* What was received must not be found in memory again. */
	memset(slot, 0, len);
	ch->recvx = gochan_next_slot(ch, ch->recvx);
	return len;
}

/*
 * Hand-off to and from sleepers.
 */

/*
 * Offer @x to the waiters of @q; the first that can be claimed is served.
 * Return 0 then, or -EAGAIN if there is none.
 */
static int __gochan_serve(struct gochan *ch, struct gochan_queue *q,
			  struct gochan_xfer *x, __poll_t events)
{
	x->err = -EAGAIN;
	if (!q->nr)
		return -EAGAIN;
	ch->xfer = x;
	__gochan_notify(q, events);
	ch->xfer = NULL;
	return x->err;
}

/*
 * Wake functions. One is called for a waiter either with a message in ch->xfer,
 * or after close; any other wake-up of the queue is for the poll watchers. They
 * return 1, "an exclusive waiter was woken", when the message has found its
 * peer, which ends the walk over the queue.
 */

static int gochan_serve_receiver(struct wait_queue_entry *wqe,
				 unsigned int mode, int wake_flags, void *key)
{
	struct gochan_waiter *w = container_of(wqe, struct gochan_waiter, wqe);
	struct gochan_xfer *x = w->ch->xfer;

	lockdep_assert_held(&w->ch->lock);

	if (!x && !w->ch->closed)
		return 0;
	if (!gochan_claim(w))
		return 0;
	if (x) {
		if (w->dst)
			memcpy(w->dst, x->src, x->len);
		w->len = x->len;
		w->ok = true;
		x->err = 0;
	}
	gochan_complete(w);
	return 1;
}

/* Does the message of @w, if that still waits, exceed the room for it? */
static bool gochan_too_long(const struct gochan_waiter *w,
			    const struct gochan_xfer *x)
{
	return x->dst && w->len > x->len &&
	       atomic_read(&w->sleeper->state) == GOCHAN_PARKED;
}

static int gochan_serve_sender(struct wait_queue_entry *wqe,
			       unsigned int mode, int wake_flags, void *key)
{
	struct gochan_waiter *w = container_of(wqe, struct gochan_waiter, wqe);
	struct gochan *ch = w->ch;
	struct gochan_xfer *x = ch->xfer;

	lockdep_assert_held(&ch->lock);

	if (!x && !ch->closed)
		return 0;
	if (x && gochan_too_long(w, x)) {
		x->len = w->len;
		x->err = -EMSGSIZE;
		return -1;	/* ends the walk */
	}
	if (!gochan_claim(w))
		return 0;
	if (x) {
		if (ch->cap)
			__gochan_store(ch, w->src, w->len);
		else if (x->dst)
			memcpy(x->dst, w->src, w->len);
		x->len = w->len;
		x->err = 0;
		w->ok = true;
	}
	gochan_complete(w);
	return 1;
}

/*
 * State changes.
 */

static int __gochan_send(struct gochan *ch, const void *src, u32 len)
{
	struct gochan_xfer x = { .src = src, .len = len };

	lockdep_assert_held(&ch->lock);

	if (ch->closed)
		return -EPIPE;
	if (!__gochan_serve(ch, &ch->recvq, &x, EPOLLIN | EPOLLRDNORM))
		return 0;
	if (ch->len == ch->cap)
		return -EAGAIN;
	__gochan_store(ch, src, len);
	WRITE_ONCE(ch->len, ch->len + 1);
	__gochan_notify(&ch->recvq, EPOLLIN | EPOLLRDNORM);
	return 0;
}

/* Receive from the ring, which is not empty. */
static int __gochan_recv_ring(struct gochan *ch, void *dst, size_t *len)
{
	struct gochan_xfer x = { };
	u32 head = __gochan_head_len(ch);

	if (dst && head > *len) {
		*len = head;
		return -EMSGSIZE;
	}
	*len = __gochan_fetch(ch, dst);
	if (!__gochan_serve(ch, &ch->sendq, &x, EPOLLOUT | EPOLLWRNORM))
		return 0;
	WRITE_ONCE(ch->len, ch->len - 1);
	__gochan_notify(&ch->sendq, EPOLLOUT | EPOLLWRNORM);
	return 0;
}

/* Receive from a sender that sleeps on a rendezvous channel. */
static int __gochan_recv_sender(struct gochan *ch, void *dst, size_t *len)
{
	struct gochan_xfer x = { .dst = dst, .len = *len };
	int err = __gochan_serve(ch, &ch->sendq, &x, EPOLLOUT | EPOLLWRNORM);

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
		memset(dst, 0, ch->elem_size);
	return ch->elem_size;
}

static int __gochan_recv(struct gochan *ch, void *dst, size_t *len, bool *ok)
{
	lockdep_assert_held(&ch->lock);

	if (ch->len) {
		*ok = true;
		return __gochan_recv_ring(ch, dst, len);
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
 * and leaves. Each answer below was true at some instant between call and
 * return. Only failure and the end of a closed channel are found this way:
 * whoever moves a message takes the lock.
 *
 * Send. A closed channel never becomes "full" for a sender again: it answers
 * -EPIPE for ever. So "not closed" and "full", in whatever order they were
 * read, mean an instant at which the channel was open and full, and the loads
 * need no order.
 */
static bool gochan_send_would_block(const struct gochan *ch)
{
	return !READ_ONCE(ch->closed) && READ_ONCE(ch->len) == ch->cap &&
	       !READ_ONCE(ch->recvq.nr);
}

/* Nothing in the ring, and no sender asleep on a rendezvous channel. */
static bool gochan_looks_empty(const struct gochan *ch)
{
	/* Acquire: what follows, the load of closed above all, comes later. */
	return !smp_load_acquire(&ch->len) && !smp_load_acquire(&ch->sendq.nr);
}

/*
 * Receive. Here the order matters. With closed read first,
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
 * had. So: empty first, then closed. "Not closed" then held at the earlier
 * look, too, since closing is for ever. If it is closed, nothing is sent any
 * more, and a second look at the ring, ordered after the load of closed, tells
 * whether there is anything left to drain.
 *
 * Return -EAGAIN (would block), 0 (closed and drained) or 1 (take the lock).
 */
static int gochan_recv_would_block(const struct gochan *ch)
{
	if (!gochan_looks_empty(ch))
		return 1;
	/* Pairs with smp_store_release() in gochan_close(). */
	if (!smp_load_acquire(&ch->closed))
		return -EAGAIN;
	return gochan_looks_empty(ch) ? 0 : 1;
}

/*
 * Blocking.
 */

/*
 * Wait on @q with the record @w, set up by the caller: queue it, let go of the
 * lock, sleep. Return 0 once a peer or the closer has filled it in.
 */
static int gochan_block(struct gochan_waiter *w, const struct gochan_wait *wait,
			unsigned long flags)
	__releases(&w->ch->lock)
{
	struct gochan *ch = w->ch;
	int err;

	__gochan_enqueue(w);
	/* A sleeper makes a rendezvous channel ready for the other side. */
	if (!ch->cap && w->q == &ch->sendq)
		__gochan_notify(&ch->recvq, EPOLLIN | EPOLLRDNORM);
	else if (!ch->cap)
		__gochan_notify(&ch->sendq, EPOLLOUT | EPOLLWRNORM);
	spin_unlock_irqrestore(&ch->lock, flags);

	err = gochan_sleep(w->sleeper, wait);
	if (err)
		gochan_cancel(w);
	return err;
}

static noinline int gochan_block_send(struct gochan *ch, const void *src,
				      u32 len, const struct gochan_wait *wait,
				      unsigned long flags)
	__releases(&ch->lock)
{
	struct gochan_sleeper s;
	struct gochan_waiter w;
	int err;

	gochan_sleeper_init(&s);
	gochan_waiter_init(&w, &s, ch, &ch->sendq, gochan_serve_sender);
	w.src = src;
	w.len = len;
	err = gochan_block(&w, wait, flags);
	if (err)
		return err;
	return w.ok ? 0 : -EPIPE;
}

static noinline int gochan_block_recv(struct gochan *ch, void *dst, size_t *len,
				      bool *ok, const struct gochan_wait *wait,
				      unsigned long flags)
	__releases(&ch->lock)
{
	struct gochan_sleeper s;
	struct gochan_waiter w;
	int err;

	gochan_sleeper_init(&s);
	gochan_waiter_init(&w, &s, ch, &ch->recvq, gochan_serve_receiver);
	w.dst = dst;
	err = gochan_block(&w, wait, flags);
	if (err)
		return err;
	*ok = w.ok;
	*len = w.ok ? w.len : gochan_recv_end(ch, dst);
	return 0;
}

/* Go's nil channel: nobody is ever on the other side. */
static int gochan_block_nil(const struct gochan_wait *wait)
{
	struct gochan_sleeper s;

	if (!wait)
		return -EAGAIN;
	gochan_sleeper_init(&s);
	return gochan_sleep(&s, wait);
}

static int gochan_do_send(struct gochan *ch, const void *src, u32 len,
			  const struct gochan_wait *wait)
{
	unsigned long flags;
	int err;

	if (!wait && gochan_send_would_block(ch))
		return -EAGAIN;
	might_sleep_if(wait);

	spin_lock_irqsave(&ch->lock, flags);
	err = __gochan_send(ch, src, len);
	if (err == -EAGAIN && wait)
		return gochan_block_send(ch, src, len, wait, flags);
	spin_unlock_irqrestore(&ch->lock, flags);
	return err;
}

static int gochan_do_recv(struct gochan *ch, void *dst, size_t *len, bool *ok,
			  const struct gochan_wait *wait)
{
	unsigned long flags;
	int err;

	if (!wait) {
		err = gochan_recv_would_block(ch);
		if (!err) {
			*ok = false;
			*len = gochan_recv_end(ch, dst);
		}
		if (err <= 0)
			return err;
	}
	might_sleep_if(wait);

	spin_lock_irqsave(&ch->lock, flags);
	err = __gochan_recv(ch, dst, len, ok);
	if (err == -EAGAIN && wait)
		return gochan_block_recv(ch, dst, len, ok, wait, flags);
	spin_unlock_irqrestore(&ch->lock, flags);
	return err;
}

/*
 * Entry points.
 */

static size_t gochan_slot_size(size_t elem_size, bool varlen)
{
	return varlen ? ALIGN(sizeof(u32) + elem_size, sizeof(u32)) : elem_size;
}

/**
 * gochan_footprint - bytes of memory that a channel takes
 * @elem_size: as for gochan_alloc()
 * @cap: as for gochan_alloc()
 * @varlen: for gochan_alloc_varlen()
 *
 * Context: Any context.
 * Return: the number of bytes, or -EINVAL if there cannot be such a channel.
 */
ssize_t gochan_footprint(size_t elem_size, size_t cap, bool varlen)
{
	size_t size;

	if (elem_size > GOCHAN_MAX_ELEM_SIZE || cap > INT_MAX)
		return -EINVAL;
	if (check_mul_overflow(gochan_slot_size(elem_size, varlen), cap,
			       &size) || size > GOCHAN_MAX_RING_SIZE)
		return -EINVAL;
	return sizeof(struct gochan) + size;
}
EXPORT_SYMBOL_NS_GPL(gochan_footprint, GOCHAN_NS);

static struct gochan *gochan_new(size_t elem_size, size_t cap, bool varlen,
				 gfp_t gfp)
{
	static struct lock_class_key recvq_key, sendq_key;
	ssize_t size = gochan_footprint(elem_size, cap, varlen);
	struct gochan *ch;

	if (size < 0)
		return ERR_PTR(size);

	ch = kvzalloc(size, gfp);
	if (!ch)
		return ERR_PTR(-ENOMEM);
	ch->elem_size = elem_size;
	ch->cap = cap;
	ch->slot_size = gochan_slot_size(elem_size, varlen);
	ch->varlen = varlen;
	refcount_set(&ch->refs, 1);
	spin_lock_init(&ch->lock);
	gochan_queue_init(&ch->recvq, &recvq_key, "gochan.recvq");
	gochan_queue_init(&ch->sendq, &sendq_key, "gochan.sendq");
	return ch;
}

/**
 * gochan_alloc - make a channel of elements of one size
 * @elem_size: bytes per element, 0 to GOCHAN_MAX_ELEM_SIZE (64 KiB)
 * @cap: elements the channel buffers, 0 (rendezvous) to INT_MAX
 * @gfp: how to allocate. Channel and ring are one allocation: rings of more
 *	than a page or two need GFP_KERNEL. __GFP_ACCOUNT is honoured.
 *
 * Context: As @gfp says.
 * Return: the channel with one reference, or ERR_PTR(-EINVAL) if a number is
 * out of range or the ring larger than GOCHAN_MAX_RING_SIZE (1 GiB), or
 * ERR_PTR(-ENOMEM).
 */
struct gochan *gochan_alloc(size_t elem_size, size_t cap, gfp_t gfp)
{
	return gochan_new(elem_size, cap, false, gfp);
}
EXPORT_SYMBOL_NS_GPL(gochan_alloc, GOCHAN_NS);

/**
 * gochan_alloc_varlen - make a channel whose messages keep their own length
 * @max_size: longest message in bytes, 0 to GOCHAN_MAX_ELEM_SIZE (64 KiB)
 * @cap: messages the channel buffers, 0 (rendezvous) to INT_MAX
 * @gfp: as for gochan_alloc()
 *
 * Every slot of the ring has room for the longest message.
 *
 * Context: As @gfp says.
 * Return: as gochan_alloc().
 */
struct gochan *gochan_alloc_varlen(size_t max_size, size_t cap, gfp_t gfp)
{
	return gochan_new(max_size, cap, true, gfp);
}
EXPORT_SYMBOL_NS_GPL(gochan_alloc_varlen, GOCHAN_NS);

/**
 * gochan_get - take another reference
 * @ch: a channel the caller has a reference to, or NULL
 *
 * Context: Any context.
 * Return: @ch.
 */
struct gochan *gochan_get(struct gochan *ch)
{
	if (ch)
		refcount_inc(&ch->refs);
	return ch;
}
EXPORT_SYMBOL_NS_GPL(gochan_get, GOCHAN_NS);

/**
 * gochan_put - give a reference back; the last one frees the channel
 * @ch: the channel, or NULL
 *
 * Elements still buffered are lost.
 *
 * Context: Any context but NMI.
 */
void gochan_put(struct gochan *ch)
{
	if (!ch || !refcount_dec_and_test(&ch->refs))
		return;
	WARN_ON_ONCE(ch->recvq.nr || ch->sendq.nr);
	/* vfree() may sleep unless it is in an interrupt; RCU's worker can. */
	if (is_vmalloc_addr(ch))
		kvfree_rcu(ch, rcu);
	else
		kfree(ch);
}
EXPORT_SYMBOL_NS_GPL(gochan_put, GOCHAN_NS);

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
 * deadline or a signal. The value was sent only if 0 is returned.
 */
int gochan_send_wait(struct gochan *ch, const void *src,
		     const struct gochan_wait *wait)
{
	if (!ch)
		return gochan_block_nil(wait);
	return gochan_do_send(ch, src, ch->elem_size, wait);
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
int gochan_send_msg(struct gochan *ch, const void *src, size_t len,
		    const struct gochan_wait *wait)
{
	if (!ch)
		return gochan_block_nil(wait);
	if (len > ch->elem_size)
		return -EMSGSIZE;
	if (len < ch->elem_size && !ch->varlen)
		return -EINVAL;
	return gochan_do_send(ch, src, len, wait);
}
EXPORT_SYMBOL_NS_GPL(gochan_send_msg, GOCHAN_NS);

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
	bool dummy_ok;
	size_t len;

	if (!ch)
		return gochan_block_nil(wait);
	len = ch->elem_size;
	return gochan_do_recv(ch, dst, &len, ok ?: &dummy_ok, wait);
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
int gochan_recv_msg(struct gochan *ch, void *dst, size_t *len, bool *ok,
		    const struct gochan_wait *wait)
{
	bool dummy_ok;

	if (!ch)
		return gochan_block_nil(wait);
	if (dst && *len < ch->elem_size && (wait || !ch->varlen)) {
		*len = ch->elem_size;
		return -EMSGSIZE;
	}
	return gochan_do_recv(ch, dst, len, ok ?: &dummy_ok, wait);
}
EXPORT_SYMBOL_NS_GPL(gochan_recv_msg, GOCHAN_NS);

/**
 * gochan_close - close a channel
 * @ch: the channel
 *
 * What is buffered can still be received. Sleeping receivers see the end,
 * sleeping senders fail and their values are lost; receivers are woken first.
 *
 * Context: Any context but NMI.
 * Return: 0, or -ESHUTDOWN if the channel is closed already, or -EBADF if @ch
 * is NULL.
 */
int gochan_close(struct gochan *ch)
{
	unsigned long flags;
	int err = -ESHUTDOWN;

	if (!ch)
		return -EBADF;

	spin_lock_irqsave(&ch->lock, flags);
	if (!ch->closed) {
		/*
		 * Pairs with smp_load_acquire() in gochan_recv_would_block():
		 * who sees the channel closed sees what was sent before.
		 */
		smp_store_release(&ch->closed, true);
		__gochan_notify_all(&ch->recvq);
		__gochan_notify_all(&ch->sendq);
		err = 0;
	}
	spin_unlock_irqrestore(&ch->lock, flags);
	return err;
}
EXPORT_SYMBOL_NS_GPL(gochan_close, GOCHAN_NS);

/**
 * gochan_len - number of elements buffered
 * @ch: the channel, or NULL
 *
 * Context: Any context.
 * Return: the number, which may be out of date at once; sleeping senders do not
 * count.
 */
size_t gochan_len(const struct gochan *ch)
{
	return ch ? READ_ONCE(ch->len) : 0;
}
EXPORT_SYMBOL_NS_GPL(gochan_len, GOCHAN_NS);

/**
 * gochan_cap - number of elements the channel can buffer
 * @ch: the channel, or NULL
 *
 * Context: Any context.
 * Return: the number given to gochan_alloc(); 0 for a rendezvous channel.
 */
size_t gochan_cap(const struct gochan *ch)
{
	return ch ? ch->cap : 0;
}
EXPORT_SYMBOL_NS_GPL(gochan_cap, GOCHAN_NS);

/**
 * gochan_stat - state of a channel at one instant
 * @ch: the channel
 * @st: filled in
 *
 * Context: Any context but NMI.
 */
void gochan_stat(struct gochan *ch, struct gochan_stat *st)
{
	unsigned long flags;

	spin_lock_irqsave(&ch->lock, flags);
	*st = (struct gochan_stat) {
		.elem_size = ch->elem_size,
		.cap = ch->cap,
		.len = ch->len,
		.senders = ch->sendq.nr,
		.receivers = ch->recvq.nr,
		.varlen = ch->varlen,
		.closed = ch->closed,
	};
	spin_unlock_irqrestore(&ch->lock, flags);
}
EXPORT_SYMBOL_NS_GPL(gochan_stat, GOCHAN_NS);

/**
 * gochan_poll - the poll operation of a file that stands for a channel
 * @ch: the channel
 * @file: the file being polled
 * @pt: where the caller wants to be woken from; may be NULL
 *
 * EPOLLIN means that a receive would not wait, EPOLLOUT that a send would not,
 * whether it succeeds or fails; EPOLLHUP and EPOLLRDHUP that the channel is
 * closed. Each element that becomes receivable and each slot that becomes free
 * wakes the watchers. A value handed to a sleeper, or taken from one by a
 * buffered channel, changes nothing for them and wakes nobody.
 *
 * Context: Process context.
 * Return: the events that hold now.
 */
__poll_t gochan_poll(struct gochan *ch, struct file *file,
		     struct poll_table_struct *pt)
{
	__poll_t events = 0;
	unsigned long flags;

	/* Register first, look second: see __gochan_notify(). */
	poll_wait(file, &ch->recvq.wq, pt);
	poll_wait(file, &ch->sendq.wq, pt);

	spin_lock_irqsave(&ch->lock, flags);
	if (ch->len || ch->sendq.nr || ch->closed)
		events |= EPOLLIN | EPOLLRDNORM;
	if (ch->len < ch->cap || ch->recvq.nr || ch->closed)
		events |= EPOLLOUT | EPOLLWRNORM;
	if (ch->closed)
		events |= EPOLLHUP | EPOLLRDHUP;
	spin_unlock_irqrestore(&ch->lock, flags);
	return events;
}
EXPORT_SYMBOL_NS_GPL(gochan_poll, GOCHAN_NS);
