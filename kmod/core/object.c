// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channels as objects: made, shared, freed, and looked at. What they do is in
 * chan.c.
 *
 * A channel may have an owner, who hears of it when the channel has gone: what
 * the channel was charged to, say, outlives every descriptor if kernel code
 * still holds the channel. The owner's module is pinned from gochan_set_owner()
 * until its callback has returned. The callback may sleep, so the last reference
 * that is given back in an interrupt leaves the rest to a work item.
 *
 * Lifetime and lock order: internal.h.
 */

#include <linux/export.h>
#include <linux/llist.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/overflow.h>
#include <linux/poll.h>
#include <linux/preempt.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <uapi/linux/gochan.h>

#include "../compat.h"
#include "internal.h"
#include "mem.h"
#include "ring.h"

static size_t gochan_slot_size(size_t elem_size, bool varlen)
{
	return varlen ? ALIGN(sizeof(u32) + elem_size, sizeof(u32)) : elem_size;
}

/* Bytes of a channel with its ring, or -EINVAL if a number is out of range. */
static ssize_t gochan_size(size_t elem_size, size_t cap, bool varlen)
{
	size_t size;

	if (elem_size > GOCHAN_MAX_ELEM_SIZE || cap > INT_MAX)
		return -EINVAL;
	if (check_mul_overflow(gochan_slot_size(elem_size, varlen), cap,
			       &size) || size > GOCHAN_MAX_RING_SIZE)
		return -EINVAL;
	return sizeof(struct gochan) + size;
}

/**
 * gochan_footprint - bytes that the allocator sets aside for a channel
 * @elem_size: as for gochan_alloc()
 * @cap: as for gochan_alloc()
 * @varlen: for gochan_alloc_varlen()
 *
 * Context: Any context.
 * Return: the number of bytes, or -EINVAL if there cannot be such a channel.
 */
ssize_t gochan_footprint(size_t elem_size, size_t cap, bool varlen)
{
	ssize_t size = gochan_size(elem_size, cap, varlen);

	return size < 0 ? size : gochan_mem_bytes(size, GFP_KERNEL);
}
EXPORT_SYMBOL_NS_GPL(gochan_footprint, GOCHAN_NS);

static struct gochan *gochan_new(size_t elem_size, size_t cap, bool varlen,
				 gfp_t gfp)
{
	static struct lock_class_key recvq_keys[2], sendq_keys[2];
	ssize_t size = gochan_size(elem_size, cap, varlen);
	struct gochan *ch;

	if (size < 0)
		return ERR_PTR(size);

	ch = gochan_mem_alloc(size, gfp | __GFP_ZERO);
	if (!ch)
		return ERR_PTR(-ENOMEM);
	ch->elem_size = elem_size;
	ch->cap = cap;
	ch->slot_size = gochan_slot_size(elem_size, varlen);
	ch->varlen = varlen;
	ch->words = !varlen && elem_size == sizeof(u64);
	refcount_set(&ch->refs, 1);
	INIT_WORK(&ch->crowd_work, gochan_crowd_work);
	spin_lock_init(&ch->lock);
	gochan_queue_init(&ch->recvq, recvq_keys, "gochan.recvq");
	gochan_queue_init(&ch->sendq, sendq_keys, "gochan.sendq");
	return ch;
}

/**
 * gochan_alloc - make a channel of elements of one size
 * @elem_size: bytes per element, 0 to GOCHAN_MAX_ELEM_SIZE (64 KiB)
 * @cap: elements the channel buffers, 0 (rendezvous) to INT_MAX
 * @gfp: how to allocate. Channel and ring are one allocation, of whole pages
 *	if that saves memory: rings of more than a page or two need GFP_KERNEL,
 *	with what vmalloc() supports, such as __GFP_ACCOUNT.
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
 * gochan_set_owner - arrange for a call when the channel has gone
 * @ch: a channel that nobody else knows yet, without an owner
 * @owner: the owner; it must stay until its release function is called
 *
 * The caller is code of @owner->module, which is pinned.
 *
 * Context: Any context.
 */
void gochan_set_owner(struct gochan *ch, struct gochan_owner *owner)
{
	if (WARN_ON_ONCE(ch->owner))
		return;
	__module_get(owner->module);
	owner->ch = ch;
	ch->owner = owner;
}
EXPORT_SYMBOL_NS_GPL(gochan_set_owner, GOCHAN_NS);

static void gochan_free_owned(struct gochan_owner *owner)
{
	struct module *module = owner->module;

	kvfree(owner->ch);
	owner->release(owner);
	module_put(module);
}

/* Channels whose last reference was given back in an interrupt. */
static LLIST_HEAD(gochan_dead);

static void gochan_reap(struct work_struct *work)
{
	struct gochan_owner *owner, *next;

	llist_for_each_entry_safe(owner, next, llist_del_all(&gochan_dead),
				  node)
		gochan_free_owned(owner);
}

static DECLARE_WORK(gochan_reap_work, gochan_reap);

/**
 * gochan_reap_all - wait until the channels put in interrupts have gone
 *
 * Context: Process context.
 */
void gochan_reap_all(void)
{
	flush_work(&gochan_reap_work);
}

/**
 * gochan_put - give a reference back; the last one frees the channel
 * @ch: the channel, or NULL
 *
 * Elements still buffered are lost.
 *
 * Context: Task context that may sleep, softirq or hardirq; not under a
 * spinlock, as vfree() has it.
 */
void gochan_put(struct gochan *ch)
{
	if (!ch || !refcount_dec_and_test(&ch->refs))
		return;
	WARN_ON_ONCE(ch->recvq.nr || ch->sendq.nr);
	kfree(ch->timer);
	/* At once: who makes and drops rings must not outrun the freeing. */
	if (!ch->owner)
		kvfree(ch);
	else if (!in_interrupt())
		gochan_free_owned(ch->owner);
	else if (llist_add(&ch->owner->node, &gochan_dead))
		schedule_work(&gochan_reap_work);
}
EXPORT_SYMBOL_NS_GPL(gochan_put, GOCHAN_NS);

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
	return ch && !ch->timer ? READ_ONCE(ch->len) : 0;
}
EXPORT_SYMBOL_NS_GPL(gochan_len, GOCHAN_NS);

/**
 * gochan_cap - number of elements the channel can buffer
 * @ch: the channel, or NULL
 *
 * Context: Any context.
 * Return: the number given to gochan_alloc(); 0 for a rendezvous channel and
 * for a timer's, whose one slot is nobody's business.
 */
size_t gochan_cap(const struct gochan *ch)
{
	return ch && !ch->timer ? ch->cap : 0;
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
		.cap = gochan_cap(ch),
		.len = gochan_len(ch),
		.senders = READ_ONCE(ch->sendq.nr),
		.receivers = READ_ONCE(ch->recvq.nr),
		.varlen = ch->varlen,
		.closed = ch->closed,
	};
	spin_unlock_irqrestore(&ch->lock, flags);
}
EXPORT_SYMBOL_NS_GPL(gochan_stat, GOCHAN_NS);

/**
 * gochan_peek - look at the oldest message that is buffered
 * @ch: the channel, or NULL
 * @dst: room for the message, or NULL if only its length is wanted
 * @len: in: bytes of room at @dst. Out: length of the message; with -EMSGSIZE
 *	the room that is needed
 * @ok: set to true with a message, to false at the end of a closed channel; may
 *	be NULL
 *
 * The message stays. Nothing tells whether the next receive will find it, nor
 * is there an ordering as with a receive. The message of a sleeping sender is
 * not buffered.
 *
 * Context: Any context but NMI.
 * Return: 0, also at the end of a closed channel, where @len is 0, or -EAGAIN if
 * nothing is buffered, or -EMSGSIZE if there is too little room.
 */
int gochan_peek(struct gochan *ch, void *dst, size_t *len, bool *ok)
{
	unsigned long flags;
	size_t room = *len;
	int err = 0;

	/* A timer's channel has no buffer, as far as others can see. */
	if (!ch || ch->timer)
		return -EAGAIN;
	spin_lock_irqsave(&ch->lock, flags);
	if (!ch->len && !ch->closed) {
		err = -EAGAIN;
		goto unlock;
	}
	if (ok)
		*ok = ch->len;
	*len = ch->len ? __gochan_head_len(ch) : 0;
	if (dst && *len > room)
		err = -EMSGSIZE;
	else if (dst)
		memcpy(dst, gochan_slot(ch, ch->recvx) +
		       (ch->varlen ? sizeof(u32) : 0), *len);
unlock:
	spin_unlock_irqrestore(&ch->lock, flags);
	return err;
}
EXPORT_SYMBOL_NS_GPL(gochan_peek, GOCHAN_NS);

/* Register with @pt first, look second: see __gochan_notify_many(). */
static void gochan_poll_register(struct gochan *ch, struct file *file,
				 struct poll_table_struct *pt, fmode_t mode)
{
	if (mode & FMODE_READ)
		poll_wait(file, &ch->recvq.watchers, pt);
	if (mode & FMODE_WRITE)
		poll_wait(file, &ch->sendq.watchers, pt);
}

/**
 * gochan_poll_mode - the poll operation of a file that is one end of a channel
 * @ch: the channel
 * @file: the file being polled
 * @pt: where the caller wants to be woken from; may be NULL
 * @mode: FMODE_READ if the file may receive, FMODE_WRITE if it may send
 *
 * EPOLLIN means that a receive would not wait, EPOLLOUT that a send would not,
 * whether it succeeds or fails; EPOLLHUP and EPOLLRDHUP that the channel is
 * closed. Each element that becomes receivable and each slot that becomes free
 * wakes the watchers; so does, on a rendezvous channel, a sleeper of the other
 * side. A value handed to a sleeping receiver changes nothing for them, nor
 * does a slot that a sleeping sender fills as soon as it is free.
 *
 * On a rendezvous channel the events are a hint: a sleeper may leave at any
 * time, because of a signal or for another case of its select. A caller that
 * then finds that the operation would wait polls again.
 *
 * A file that may not receive has neither EPOLLIN nor EPOLLRDHUP and is not
 * woken for a message, one that may not send has no EPOLLOUT and is not woken
 * for a free slot.
 *
 * Context: Process context.
 * Return: the events that hold now.
 */
__poll_t gochan_poll_mode(struct gochan *ch, struct file *file,
			  struct poll_table_struct *pt, fmode_t mode)
{
	__poll_t in = 0, out = 0, hup = 0;
	unsigned long flags;

	gochan_poll_register(ch, file, pt, mode);

	spin_lock_irqsave(&ch->lock, flags);
	if (ch->len || ch->closed || __gochan_has_waiters(&ch->sendq))
		in = EPOLLIN | EPOLLRDNORM;
	if (!ch->timer && (ch->len < ch->cap || ch->closed ||
			   __gochan_has_waiters(&ch->recvq)))
		out = EPOLLOUT | EPOLLWRNORM;
	if (ch->closed) {
		in |= EPOLLRDHUP;
		hup = EPOLLHUP;
	}
	spin_unlock_irqrestore(&ch->lock, flags);
	return hup | (mode & FMODE_READ ? in : 0) |
	       (mode & FMODE_WRITE ? out : 0);
}
EXPORT_SYMBOL_NS_GPL(gochan_poll_mode, GOCHAN_NS);

/**
 * gochan_poll - the poll operation of a file that may send and receive
 * @ch: the channel
 * @file: the file being polled
 * @pt: where the caller wants to be woken from; may be NULL
 *
 * Context: Process context.
 * Return: the events that hold now, as for gochan_poll_mode().
 */
__poll_t gochan_poll(struct gochan *ch, struct file *file,
		     struct poll_table_struct *pt)
{
	return gochan_poll_mode(ch, file, pt, FMODE_READ | FMODE_WRITE);
}
EXPORT_SYMBOL_NS_GPL(gochan_poll, GOCHAN_NS);
