// SPDX-License-Identifier: GPL-2.0-only
/*
 * Select: one of several sends and receives, chosen at one instant.
 *
 * A select locks all its channels, looks which cases are ready, carries out one
 * of those, and if there is none puts a record per case on the queues before it
 * lets go of the locks. Nothing can become ready unseen in between. The records
 * share one sleeper, so one peer at most is served by it; wait.c explains the
 * claim.
 *
 * Chance decides twice, and with GOSELECT_FIRST the caller's order instead:
 *   - which case is carried out, of those that are ready;
 *   - whose record comes first, of cases that wait in the same queue (of files,
 *     which case is chosen: select_poll.c). Records are queued in the order of
 *     locking, a list that links the caller's cases: sorted by the channel's
 *     address, and at random within a channel.
 *
 * A select never serves itself. It takes from and gives to others only before
 * its own records are queued, under one hold of the locks.
 *
 * Locks
 *	Several gochan.lock are held only here. They are taken by ascending
 *	address, each once, one right after the other and before any other lock;
 *	so no two selects can wait for each other. Who holds a channel's lock
 *	already must not begin a select.
 *
 *	To lockdep the first is of a class of its own (subclass 1), and the
 *	others are nested in it. That is one entry in its table of held locks
 *	instead of 64, which would not fit; and it reports whoever takes a
 *	first lock inside of another. It cannot see whether the addresses
 *	ascend: goselect_lock() checks this itself.
 *
 *	Random numbers are drawn under the locks: those that get_random_u32()
 *	takes nest inside, and lead nowhere else. Once in a while it fetches
 *	new ones for this processor, with interrupts off: a few microseconds.
 *
 *	With a claim won under one channel's lock the others are not needed.
 *	Records are taken back one by one, each under the lock of its queue.
 *
 * Files among the cases: select_poll.c.
 *
 * Lifetime: the caller holds references to the channels. Records live on the
 * stack, or if they are many in an allocation, as long as the call.
 */

#include <linux/bitops.h>
#include <linux/export.h>
#include <linux/random.h>
#include <linux/slab.h>

#include "../compat.h"
#include "select.h"

/*
 * Records that fit on the stack: few selects have more than four cases, and
 * four records (350 bytes) leave room for whatever called us.
 */
#define GOSELECT_STACK_RECORDS	4

/*
 * Preparation, before any lock is taken.
 */

static size_t goselect_len(const struct goselect_case *c)
{
	return c->len == GOSELECT_ELEM ? c->ch->elem_size : c->len;
}

static int goselect_check(const struct goselect_case *c)
{
	switch (c->dir) {
	case GOSELECT_DIR_SEND:
		return gochan_check_send(c->ch, goselect_len(c));
	case GOSELECT_DIR_RECV:
		/* What comes is not known yet: there must be room for all. */
		if (c->dst && goselect_len(c) < c->ch->elem_size)
			return -EMSGSIZE;
		return 0;
	case GOSELECT_DIR_POLL:
		return goselect_check_poll(c);
	}
	return -EINVAL;
}

/* A random number below @n, one of up to 64: as likely as any to one in 2^26. */
static unsigned int goselect_random(unsigned int n)
{
	return ((u64)get_random_u32() * n) >> 32;
}

/* How many cases of the list from @c on have the channel @ch; they come first. */
static unsigned int goselect_same(const struct goselect_case *c,
				  const struct gochan *ch)
{
	unsigned int n = 0;

	for (; c && c->ch == ch; c = c->next)
		n++;
	return n;
}

/*
 * Insert a case into the order of locking. To walk a list of up to 64 takes no
 * more than a microsecond or two for all of them.
 */
static void goselect_insert(struct goselect *sel, struct goselect_case *c)
{
	struct goselect_case **at = &sel->first;
	unsigned int skip;

	while (*at && (*at)->ch < c->ch)
		at = &(*at)->next;
	skip = goselect_same(*at, c->ch);
	if (skip && !(sel->flags & GOSELECT_FIRST))
		skip = goselect_random(skip + 1);
	while (skip--)
		at = &(*at)->next;
	c->next = *at;
	*at = c;
	sel->nr_chans++;
}

static int goselect_prepare(struct goselect *sel)
{
	unsigned int i;
	int bad = 0;

	for (i = 0; i < sel->n; i++) {
		struct goselect_case *c = &sel->cases[i];

		c->err = -EAGAIN;
		if (!c->ch || bad)
			continue;
		bad = goselect_check(c);
		if (bad)
			c->err = bad;
		else if (c->dir == GOSELECT_DIR_POLL)
			sel->files = true;
		else
			goselect_insert(sel, c);
	}
	return bad;
}

/*
 * All channels at one instant.
 */

/* Sparse cannot count the locks of a loop: none is taken as far as it knows. */
void goselect_lock(struct goselect *sel)
{
	struct gochan *first = sel->first->ch, *prev = first;
	const struct goselect_case *c;

	spin_lock_irqsave_nested(&first->lock, sel->irqflags,
				 SINGLE_DEPTH_NESTING);
	__release(&first->lock);
	for (c = sel->first->next; c; c = c->next) {
		if (c->ch == prev)
			continue;
		WARN_ON_ONCE(c->ch < prev);
		spin_lock_nest_lock(&c->ch->lock, &first->lock);
		__release(&c->ch->lock);
		prev = c->ch;
	}
}

/* The first, which the others are nested in, comes last. */
void goselect_unlock(struct goselect *sel)
{
	struct gochan *first = sel->first->ch, *prev = first;
	const struct goselect_case *c;

	for (c = sel->first->next; c; c = c->next) {
		if (c->ch == prev)
			continue;
		__acquire(&c->ch->lock);
		spin_unlock(&c->ch->lock);
		prev = c->ch;
	}
	__acquire(&first->lock);
	spin_unlock_irqrestore(&first->lock, sel->irqflags);
}

static int __goselect_try_case(struct goselect_case *c)
{
	size_t len;
	bool ok;
	int err;

	if (c->dir == GOSELECT_DIR_POLL)
		return 0;
	len = goselect_len(c);
	if (c->dir == GOSELECT_DIR_SEND)
		return __gochan_send(c->ch, c->src, len);
	err = __gochan_recv(c->ch, c->dst, &len, &ok);
	if (!err) {
		c->got = len;
		c->ok = ok;
	}
	return err;
}

/* The outcome of the case that was chosen: its index or its error. */
static int goselect_report(struct goselect *sel, u8 index, int err)
{
	sel->cases[index].err = err;
	return err ?: index;
}

/* Who waits there, if only that makes it ready, may not be to be had any more. */
static bool __goselect_ready(const struct goselect_case *c)
{
	const struct gochan *ch = c->ch;

	switch (c->dir) {
	case GOSELECT_DIR_SEND:
		return ch->len < ch->cap || ch->closed ||
		       __gochan_has_waiters(&ch->recvq);
	case GOSELECT_DIR_RECV:
		return ch->len || ch->closed ||
		       __gochan_has_waiters(&ch->sendq);
	case GOSELECT_DIR_POLL:
		/* A file was asked before the locks were taken. */
		return c->ready;
	}
	return false;
}

/* Choose one of the cases whose bits are set in @ready. */
static u8 goselect_choose(const struct goselect *sel, u64 ready)
{
	unsigned int skip = 0;

	/* Only who has a choice needs a random number: they are dear. */
	if (ready & (ready - 1) && !(sel->flags & GOSELECT_FIRST))
		skip = goselect_random(hweight64(ready));
	while (skip--)
		ready &= ready - 1;
	return __ffs64(ready);
}

/* Carry out a case that is ready. Return -EAGAIN if there is none. */
int __goselect_poll(struct goselect *sel)
{
	u64 ready = 0;
	unsigned int i;

	for (i = 0; i < sel->n; i++)
		if (sel->cases[i].ch && __goselect_ready(&sel->cases[i]))
			ready |= BIT_ULL(i);
	while (ready) {
		u8 index = goselect_choose(sel, ready);
		int err = __goselect_try_case(&sel->cases[index]);

		if (err != -EAGAIN)
			return goselect_report(sel, index, err);
		ready &= ~BIT_ULL(index);
	}
	return -EAGAIN;
}

/*
 * Blocking.
 */

/* Queue @w, as many records as there are channels, in the order of locking. */
void __goselect_park(struct goselect *sel, struct gochan_sleeper *s,
		     struct gochan_waiter *w)
{
	struct goselect_case *c;

	for (c = sel->first; c; c = c->next, w++) {
		if (c->dir == GOSELECT_DIR_SEND)
			gochan_sender_init(w, s, c->ch, c->src,
					   goselect_len(c));
		else
			gochan_receiver_init(w, s, c->ch, c->dst);
		__gochan_park(w);
	}
}

/* What became of the record @w, which was served, of those from @first on. */
int goselect_served(struct goselect *sel, const struct gochan_waiter *first,
		    const struct gochan_waiter *w)
{
	struct goselect_case *c = sel->first;
	int err = 0;

	while (first++ != w)
		c = c->next;
	if (c->dir == GOSELECT_DIR_SEND)
		err = gochan_sender_result(w);
	else
		gochan_receiver_result(w, &c->got, &c->ok);
	return goselect_report(sel, c - sel->cases, err);
}

/* Queue the records @w, one for each channel, let go of the locks, sleep. */
static int goselect_block(struct goselect *sel, struct gochan_waiter *w,
			  const struct gochan_wait *wait)
{
	struct gochan_sleeper s;
	int err;

	gochan_sleeper_init(&s, w, sel->nr_chans);
	__goselect_park(sel, &s, w);
	goselect_unlock(sel);

	err = gochan_sleep(&s, wait);
	return err ?: goselect_served(sel, w, s.winner);
}

static noinline int goselect_block_few(struct goselect *sel,
				       const struct gochan_wait *wait)
{
	struct gochan_waiter w[GOSELECT_STACK_RECORDS];

	return goselect_block(sel, w, wait);
}

/* Memory cannot be allocated under the locks: after that, judge once more. */
static noinline int goselect_block_many(struct goselect *sel,
					const struct gochan_wait *wait)
{
	struct gochan_waiter *w;
	int index;

	goselect_unlock(sel);
	/* Charged to the task: one asleep has little else to its name. */
	w = kmalloc_array(sel->nr_chans, sizeof(*w), GOCHAN_GFP_USER);
	if (!w)
		return -ENOMEM;
	goselect_lock(sel);
	index = __goselect_poll(sel);
	if (index == -EAGAIN)	/* lets go of the locks */
		index = goselect_block(sel, w, wait);
	else
		goselect_unlock(sel);
	kfree(w);
	return index;
}

/*
 * Entry point. It is flat: it has the whole path of a select that finds a case
 * ready in it, but not what happens if there is none.
 */

/**
 * goselect_wait - carry out one of several operations, waiting as told
 * @cases: the operations; their results are filled in
 * @n: how many, at most GOSELECT_MAX_CASES
 * @flags: GOSELECT_FIRST, or 0 for a random choice
 * @wait: how to wait, or NULL to fail instead of waiting
 *
 * goselect(), goselect_killable(), goselect_until() and goselect_try() are this
 * with the usual values of @flags and @wait.
 *
 * Context: Process context if @wait or if there are files among the cases, else
 * any context but NMI.
 * Return: the index of the case that happened, or -EPIPE if the chosen one is a
 * send to a channel that is or becomes closed; if no case is ready, -EAGAIN
 * without @wait, or else -ETIMEDOUT or -ERESTARTSYS after the deadline or a
 * signal. -EINVAL for a flag, direction or number of cases that is unknown, or
 * a message shorter than the element size on a channel without variable length,
 * or a file that cannot be polled; -EMSGSIZE for a message longer than an element
 * or a buffer with too little room for one; -EBADF for a send to a timer's
 * channel; -ENOMEM if it would have to wait and there is no memory for that.
 * With an error no message has moved; goselect_case.err tells whose fault it
 * was.
 */
__flatten int goselect_wait(struct goselect_case *cases, unsigned int n,
			    unsigned int flags, const struct gochan_wait *wait)
{
	struct goselect sel = { .cases = cases, .n = n, .flags = flags };
	int index, err;

	might_sleep_if(wait);
	if (n > GOSELECT_MAX_CASES || flags & ~GOSELECT_FIRST)
		return -EINVAL;
	err = goselect_prepare(&sel);
	if (err)
		return err;
	if (sel.files)
		return goselect_wait_files(&sel, wait);
	if (!sel.nr_chans)
		return gochan_block_nil(wait);

	goselect_lock(&sel);
	index = __goselect_poll(&sel);
	if (index != -EAGAIN || !wait) {
		goselect_unlock(&sel);
		return index;
	}
	/* These let go of the locks. */
	if (sel.nr_chans <= GOSELECT_STACK_RECORDS)
		return goselect_block_few(&sel, wait);
	return goselect_block_many(&sel, wait);
}
EXPORT_SYMBOL_NS_GPL(goselect_wait, GOCHAN_NS);
