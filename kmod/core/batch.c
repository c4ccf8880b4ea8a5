// SPDX-License-Identifier: GPL-2.0-only
/*
 * Several messages in one call: gochan_send_many() and gochan_recv_many().
 *
 * A batch is a convenience, not a transaction: its messages go in order, but
 * others may come in between. It waits for its first message only, by way of
 * the functions for one message, and then goes on for as long as the channel is
 * ready. What it does under one hold of the lock leaves the channel as the same
 * number of single operations would have:
 *
 *   - a send first serves sleeping receivers, which there are only if nothing
 *     is buffered, and then fills free slots;
 *   - a receive first empties slots and then lets sleeping senders fill them,
 *     before the lock is dropped: a free slot means that no sender waits;
 *   - on a rendezvous channel each message goes from or to a sleeper.
 *
 * Elements of one size lie in the ring without gaps: they are copied in one
 * piece, or in two where the ring wraps around.
 *
 * Lifetime and lock order: internal.h.
 */

#include <linux/export.h>
#include <linux/kernel.h>
#include <linux/poll.h>
#include <linux/string.h>

#include "../compat.h"
#include "internal.h"
#include "ring.h"

/*
 * Interrupts are off during a hold. It moves as many messages as a close wakes
 * sleepers, since each may wake one, and as many bytes as are copied in about
 * the same time. Selects among the sleepers, which have a record to take off a
 * queue for each case, end it earlier.
 */
#define GOCHAN_HOLD_MSGS	32
#define GOCHAN_HOLD_BYTES	16384
#define GOCHAN_HOLD_RECORDS	64

/**
 * struct gochan_batch - a batch on its way
 * @ch: the channel
 * @src: send: the messages, one every element size
 * @dst: receive: room for them, or NULL to discard them
 * @lens: send: their lengths; NULL if that is the element size
 * @got: receive: room for the lengths, or NULL
 * @n: how many messages
 * @done: how many have moved
 * @hold: the most to move under one hold of the lock
 * @records: those of the sleepers served under this hold
 * @taken: messages received from the ring under this hold
 * @filled: slots that sleeping senders have filled under this hold
 */
struct gochan_batch {
	struct gochan *ch;
	const void *src;
	void *dst;
	const u32 *lens;
	u32 *got;
	u32 n;
	u32 done;
	u32 hold;
	u32 records;
	u32 taken;
	u32 filled;
};

static void gochan_batch_init(struct gochan_batch *b, struct gochan *ch, u32 n)
{
	u32 fit = GOCHAN_HOLD_BYTES / max(ch->slot_size, 1U);

	memset(b, 0, sizeof(*b));
	b->ch = ch;
	/* The result is an int. */
	b->n = min_t(u32, n, INT_MAX);
	b->hold = clamp_t(u32, fit, 1, GOCHAN_HOLD_MSGS);
}

/* Where this hold ends. */
static u32 gochan_batch_end(const struct gochan_batch *b)
{
	return b->done + min(b->n - b->done, b->hold);
}

/* Have the sleepers served under this hold had many records? */
static bool gochan_batch_tired(const struct gochan_batch *b)
{
	return b->records >= GOCHAN_HOLD_RECORDS;
}

/* Offer a message to sleepers, or ask for one, as long as the hold may last. */
static int __gochan_batch_offer(struct gochan_batch *b, struct gochan_queue *q,
				struct gochan_xfer *x)
{
	int err = gochan_batch_tired(b) ? -EAGAIN : __gochan_offer(q, x);

	if (!err)
		b->records += x->records;
	return err;
}

static const void *gochan_batch_src(const struct gochan_batch *b)
{
	return b->src + (size_t)b->done * b->ch->elem_size;
}

static void *gochan_batch_dst(const struct gochan_batch *b)
{
	if (!b->dst)
		return NULL;
	return b->dst + (size_t)b->done * b->ch->elem_size;
}

static u32 gochan_batch_len(const struct gochan_batch *b)
{
	return b->lens ? b->lens[b->done] : b->ch->elem_size;
}

/* One more message has been received. */
static void gochan_batch_got(struct gochan_batch *b, u32 len)
{
	if (b->got)
		b->got[b->done] = len;
	b->done++;
}

/*
 * Sending.
 */

/* Hand messages up to @end to sleeping receivers, as long as there are any. */
static void __gochan_hand_over(struct gochan_batch *b, u32 end)
{
	while (b->done < end) {
		struct gochan_xfer x = {
			.src = gochan_batch_src(b),
			.len = gochan_batch_len(b),
		};

		if (__gochan_batch_offer(b, &b->ch->recvq, &x))
			return;
		b->done++;
	}
}

/* Copy @n messages of the element size into slots that are free. */
static void __gochan_store_run(struct gochan_batch *b, u32 n)
{
	struct gochan *ch = b->ch;

	while (n) {
		u32 run = min(n, ch->cap - ch->sendx);

		memcpy(gochan_slot(ch, ch->sendx), gochan_batch_src(b),
		       (size_t)run * ch->slot_size);
		ch->sendx = gochan_next_slot(ch, ch->sendx + run - 1);
		b->done += run;
		n -= run;
	}
}

/* Fill @n slots that are free; the caller keeps ch->len. */
static void __gochan_store_many(struct gochan_batch *b, u32 n)
{
	if (!b->ch->varlen) {
		__gochan_store_run(b, n);
		return;
	}
	for (; n; n--, b->done++)
		__gochan_store(b->ch, gochan_batch_src(b), gochan_batch_len(b),
			       false);
}

/* Send what one hold of the lock can. Return 0 if there may be more to do. */
static int __gochan_send_hold(struct gochan_batch *b)
{
	struct gochan *ch = b->ch;
	u32 end = gochan_batch_end(b);
	u32 stored;

	lockdep_assert_held(&ch->lock);

	if (ch->closed)
		return -EPIPE;
	b->records = 0;
	__gochan_hand_over(b, end);
	if (gochan_batch_tired(b))
		return 0;
	stored = min(end - b->done, ch->cap - ch->len);
	if (stored) {
		__gochan_store_many(b, stored);
		/* Pairs with smp_load_acquire() in gochan_looks_full(). */
		smp_store_release(&ch->len, ch->len + stored);
		__gochan_notify_many(ch, &ch->recvq, EPOLLIN | EPOLLRDNORM, stored);
	}
	return b->done < end ? -EAGAIN : 0;
}

/* Send what can go at once. */
static int gochan_send_ready(struct gochan_batch *b)
{
	unsigned long flags;
	int err = 0;

	while (!err && b->done < b->n) {
		spin_lock_irqsave(&b->ch->lock, flags);
		err = __gochan_send_hold(b);
		spin_unlock_irqrestore(&b->ch->lock, flags);
	}
	return err;
}

/* The batch ends before the first message that cannot be sent. */
static int gochan_check_lens(struct gochan_batch *b, const u32 *lens)
{
	struct gochan *ch = b->ch;
	u32 i;

	for (i = 0; lens && i < b->n; i++) {
		if (lens[i] <= ch->elem_size &&
		    (ch->varlen || lens[i] == ch->elem_size))
			continue;
		b->n = i;
		if (!i)
			return lens[i] > ch->elem_size ? -EMSGSIZE : -EINVAL;
	}
	b->lens = lens;
	return 0;
}

/**
 * gochan_send_many - send messages, waiting for the first as told
 * @ch: the channel
 * @src: the messages, one every element size; may be NULL if that is 0
 * @lens: their lengths, as for gochan_send_msg(); NULL if all are of the element
 *	size
 * @n: their number
 * @wait: how to wait, or NULL to fail instead of waiting
 *
 * When the first message has gone, those that follow go as long as that needs
 * no waiting. Others may send in between.
 *
 * Context: Process context if @wait, else any context but NMI.
 * Return: the number of messages that were sent, which are the first ones; at
 * least one, if @n is not 0. If it was none, what gochan_send_msg() returns for
 * the first.
 */
int gochan_send_many(struct gochan *ch, const void *src, const u32 *lens, u32 n,
		     const struct gochan_wait *wait)
{
	struct gochan_batch b;
	int err;

	if (!ch)
		return gochan_send_msg(NULL, NULL, 0, wait);
	if (ch->timer)
		return -EBADF;
	gochan_batch_init(&b, ch, n);
	b.src = src;
	err = gochan_check_lens(&b, lens);
	if (err)
		return err;
	err = gochan_send_ready(&b);
	if (!b.done && err == -EAGAIN && wait) {
		err = gochan_send_msg(ch, src, gochan_batch_len(&b), wait);
		if (err)
			return err;
		b.done = 1;
		gochan_send_ready(&b);
	}
	return b.done ?: err;
}
EXPORT_SYMBOL_NS_GPL(gochan_send_many, GOCHAN_NS);

/*
 * Receiving.
 */

/* Take messages up to @end from senders that sleep on a rendezvous channel. */
static void __gochan_take_over(struct gochan_batch *b, u32 end)
{
	while (b->done < end) {
		struct gochan_xfer x = {
			.dst = gochan_batch_dst(b),
			.len = b->dst ? b->ch->elem_size : 0,
		};

		if (__gochan_batch_offer(b, &b->ch->sendq, &x))
			return;
		gochan_batch_got(b, x.len);
	}
}

/* Copy @n elements of one size out of the ring, and clear their slots. */
static void __gochan_fetch_run(struct gochan_batch *b, u32 n)
{
	struct gochan *ch = b->ch;

	while (n) {
		u32 i, run = min(n, ch->cap - ch->recvx);
		void *slot = gochan_slot(ch, ch->recvx);
		size_t size = (size_t)run * ch->slot_size;

		if (b->dst)
			memcpy(gochan_batch_dst(b), slot, size);
		/* What was received must not be found in memory again. */
		memset(slot, 0, size);
		ch->recvx = gochan_next_slot(ch, ch->recvx + run - 1);
		for (i = 0; b->got && i < run; i++)
			b->got[b->done + i] = ch->elem_size;
		b->done += run;
		n -= run;
	}
}

/* Empty the @n oldest slots; the caller keeps ch->len. */
static void __gochan_fetch_many(struct gochan_batch *b, u32 n)
{
	if (!b->ch->varlen) {
		__gochan_fetch_run(b, n);
		return;
	}
	for (; n; n--)
		gochan_batch_got(b, __gochan_fetch(b->ch, gochan_batch_dst(b),
						   false));
}

/* Let sleeping senders fill up to @n slots just freed. Return their number. */
static u32 __gochan_refill(struct gochan_batch *b, u32 n)
{
	u32 i;

	/* Who still waits to send when the channel is closed has failed. */
	for (i = 0; i < n && !b->ch->closed; i++) {
		struct gochan_xfer x = { };

		if (__gochan_offer(&b->ch->sendq, &x))
			break;
		b->records += x.records;
	}
	return i;
}

/* Take messages up to @end from the ring, one by one if senders wait. */
static void __gochan_recv_run(struct gochan_batch *b, u32 end)
{
	struct gochan *ch = b->ch;
	u32 taken = min(end - b->done, ch->len);
	u32 filled;

	if (__gochan_has_waiters(&ch->sendq))
		taken = 1;
	__gochan_fetch_many(b, taken);
	filled = __gochan_refill(b, taken);
	/* Pairs with smp_load_acquire() in gochan_looks_empty(). */
	smp_store_release(&ch->len, ch->len - taken + filled);
	b->taken += taken;
	b->filled += filled;
}

/* What a hold that received from the ring means for others: once for each hold. */
static void __gochan_recv_notify(struct gochan_batch *b)
{
	struct gochan *ch = b->ch;

	if (!b->taken)
		return;
	__gochan_notify_many(ch, &ch->recvq, EPOLLIN | EPOLLRDNORM, b->filled);
	if (ch->timer)
		__gotimer_taken(ch->timer);
	else
		__gochan_notify_many(ch, &ch->sendq, EPOLLOUT | EPOLLWRNORM,
				     b->taken - b->filled);
}

/*
 * Receive what one hold of the lock can. Return 0 if there may be more to do,
 * -EAGAIN if not for now, -EPIPE at the end.
 */
static int __gochan_recv_hold(struct gochan_batch *b)
{
	struct gochan *ch = b->ch;
	u32 end = gochan_batch_end(b);

	lockdep_assert_held(&ch->lock);

	if (!ch->len && ch->closed)
		return -EPIPE;
	b->records = 0;
	b->taken = 0;
	b->filled = 0;
	if (!ch->len)
		__gochan_take_over(b, end);
	while (ch->len && b->done < end && !gochan_batch_tired(b))
		__gochan_recv_run(b, end);
	__gochan_recv_notify(b);
	return b->done == end || ch->len || gochan_batch_tired(b) ? 0 : -EAGAIN;
}

/* Receive what is to be had at once. */
static int gochan_recv_ready(struct gochan_batch *b)
{
	unsigned long flags;
	int err = 0;

	while (!err && b->done < b->n) {
		spin_lock_irqsave(&b->ch->lock, flags);
		err = __gochan_recv_hold(b);
		spin_unlock_irqrestore(&b->ch->lock, flags);
	}
	return err;
}

/* Wait for the first message. Return 1, or 0 at the end, or an error. */
static int gochan_recv_first(struct gochan_batch *b,
			     const struct gochan_wait *wait)
{
	size_t len = b->ch->elem_size;
	bool ok;
	int err = gochan_recv_msg(b->ch, b->dst, &len, &ok, wait);

	if (err || !ok)
		return err;
	gochan_batch_got(b, len);
	return 1;
}

/**
 * gochan_recv_many - receive messages, waiting for the first as told
 * @ch: the channel
 * @dst: room for @n elements, or NULL to discard the messages
 * @lens: room for their lengths, or NULL
 * @n: how many messages to receive at the most, at least 1
 * @wait: how to wait, or NULL to fail instead of waiting
 *
 * When the first message is there, those that follow are taken as long as that
 * needs no waiting. Others may receive in between. The room for messages that
 * were not received may be zeroed at the end of a closed channel.
 *
 * Context: Process context if @wait, else any context but NMI.
 * Return: the number of messages, or 0 at the end of a closed channel, or -EINVAL
 * if @n is 0. If there was none, -EAGAIN without @wait, or else -ETIMEDOUT or
 * -ERESTARTSYS after the deadline or a signal.
 */
int gochan_recv_many(struct gochan *ch, void *dst, u32 *lens, u32 n,
		     const struct gochan_wait *wait)
{
	struct gochan_batch b;
	int err;

	if (!n)
		return -EINVAL;
	if (!ch)
		return gochan_recv_wait(NULL, NULL, NULL, wait);
	gochan_batch_init(&b, ch, n);
	b.dst = dst;
	b.got = lens;
	err = gochan_recv_ready(&b);
	if (!b.done && err == -EAGAIN && wait) {
		err = gochan_recv_first(&b, wait);
		if (err <= 0)
			return err;
		gochan_recv_ready(&b);
	}
	if (b.done)
		return b.done;
	return err == -EPIPE ? 0 : err;
}
EXPORT_SYMBOL_NS_GPL(gochan_recv_many, GOCHAN_NS);
