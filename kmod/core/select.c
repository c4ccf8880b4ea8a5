// SPDX-License-Identifier: GPL-2.0-only
/*
 * Select: one of several sends and receives, chosen at one instant.
 *
 * A select locks all its channels, looks for a case that is ready, and if there
 * is none puts a record per case on the queues before it lets go of the locks.
 * Nothing can become ready unseen in between. The records share one sleeper, so
 * one peer at most is served by it; wait.c explains the claim.
 *
 * Two orders, both of indices into the caller's cases:
 *   - poll_order, in which the cases are looked at: a random permutation, or
 *     with GOSELECT_FIRST the caller's order;
 *   - lock_order, in which channels are locked and records queued: sorted by
 *     the channel's address. Cases of one channel are neighbours, and keep the
 *     order they have in poll_order: whose record comes first in the queue is
 *     also a matter of chance.
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
 *	With a claim won under one channel's lock the others are not needed.
 *	Records are taken back one by one, each under the lock of its channel.
 *
 * Files among the cases: select_poll.c.
 *
 * Lifetime: the caller holds references to the channels. Records live on the
 * stack, or if they are many in an allocation, as long as the call.
 */

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

/*
 * A random number below @n. One of the kernel's, which cost more than all else
 * about a select of two cases, has digits for several: a fraction, times @n, is
 * the number and the fraction that is left. With 2^16 possibilities of that
 * used up, a number of up to 64 is still as likely as any to one in 2^10.
 */
static unsigned int goselect_random(struct goselect *sel, unsigned int n)
{
	u64 product;

	if (sel->digits < n) {
		sel->fraction = get_random_u32();
		sel->digits = U16_MAX;
	}
	sel->digits /= n;
	product = (u64)sel->fraction * n;
	sel->fraction = product;
	return product >> 32;
}

/* Add the case @index to the permutation, each place being as likely. */
static void goselect_add(struct goselect *sel, u8 index, unsigned int flags)
{
	unsigned int last = sel->nr++, place = last;

	if (last && !(flags & GOSELECT_FIRST))
		place = goselect_random(sel, last + 1);
	if (place != last)
		sel->poll_order[last] = sel->poll_order[place];
	sel->poll_order[place] = index;
}

static struct gochan *goselect_chan(const struct goselect *sel, unsigned int i)
{
	return sel->cases[sel->lock_order[i]].ch;
}

/*
 * An insertion sort needs neither memory nor a stack, keeps what is equal in
 * its order, and with up to 64 entries takes no more than a microsecond or two.
 */
static void goselect_sort(struct goselect *sel)
{
	unsigned int i, j;

	for (i = 0; i < sel->nr; i++) {
		u8 index = sel->poll_order[i];
		struct gochan *ch = sel->cases[index].ch;

		if (sel->cases[index].dir == GOSELECT_DIR_POLL)
			continue;
		for (j = sel->nr_chans++; j; j--) {
			if (goselect_chan(sel, j - 1) <= ch)
				break;
			sel->lock_order[j] = sel->lock_order[j - 1];
		}
		sel->lock_order[j] = index;
	}
}

static int goselect_prepare(struct goselect *sel, struct goselect_case *cases,
			    unsigned int n, unsigned int flags)
{
	unsigned int i;
	int bad = 0;

	if (n > GOSELECT_MAX_CASES || flags & ~GOSELECT_FIRST)
		return -EINVAL;
	sel->cases = cases;
	sel->nr = 0;
	sel->nr_chans = 0;
	sel->digits = 0;
	for (i = 0; i < n; i++) {
		cases[i].err = -EAGAIN;
		if (!cases[i].ch || bad)
			continue;
		bad = goselect_check(&cases[i]);
		if (bad)
			cases[i].err = bad;
		else
			goselect_add(sel, i, flags);
	}
	if (!bad)
		goselect_sort(sel);
	return bad;
}

/*
 * All channels at one instant.
 */

/* Sparse cannot count the locks of a loop: none is taken as far as it knows. */
void goselect_lock(struct goselect *sel)
{
	struct gochan *ch, *first = goselect_chan(sel, 0), *prev = first;
	unsigned int i;

	spin_lock_irqsave_nested(&first->lock, sel->irqflags,
				 SINGLE_DEPTH_NESTING);
	__release(&first->lock);
	for (i = 1; i < sel->nr_chans; i++) {
		ch = goselect_chan(sel, i);
		if (ch == prev)
			continue;
		WARN_ON_ONCE(ch < prev);
		spin_lock_nest_lock(&ch->lock, &first->lock);
		__release(&ch->lock);
		prev = ch;
	}
}

void goselect_unlock(struct goselect *sel)
{
	struct gochan *ch;
	unsigned int i;

	for (i = sel->nr_chans - 1; i; i--) {
		ch = goselect_chan(sel, i);
		if (ch == goselect_chan(sel, i - 1))
			continue;
		__acquire(&ch->lock);
		spin_unlock(&ch->lock);
	}
	ch = goselect_chan(sel, 0);
	__acquire(&ch->lock);
	spin_unlock_irqrestore(&ch->lock, sel->irqflags);
}

static int __goselect_try_case(struct goselect_case *c)
{
	size_t len;
	bool ok;
	int err;

	/* A file was asked before the locks were taken. */
	if (c->dir == GOSELECT_DIR_POLL)
		return c->ready ? 0 : -EAGAIN;
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
int goselect_report(struct goselect *sel, u8 index, int err)
{
	sel->cases[index].err = err;
	return err ?: index;
}

/* Carry out a case that is ready. Return -EAGAIN if there is none. */
int __goselect_poll(struct goselect *sel)
{
	unsigned int i;

	for (i = 0; i < sel->nr; i++) {
		u8 index = sel->poll_order[i];
		int err = __goselect_try_case(&sel->cases[index]);

		if (err != -EAGAIN)
			return goselect_report(sel, index, err);
	}
	return -EAGAIN;
}

static int goselect_poll(struct goselect *sel)
{
	int index;

	goselect_lock(sel);
	index = __goselect_poll(sel);
	goselect_unlock(sel);
	return index;
}

/*
 * Blocking.
 */

/* Queue @w, as many records as there are channels, in the order of locking. */
void __goselect_park(struct goselect *sel, struct gochan_sleeper *s,
		     struct gochan_waiter *w)
{
	unsigned int i;

	for (i = 0; i < sel->nr_chans; i++, w++) {
		struct goselect_case *c = &sel->cases[sel->lock_order[i]];

		if (c->dir == GOSELECT_DIR_SEND)
			gochan_sender_init(w, s, c->ch, c->src,
					   goselect_len(c));
		else
			gochan_receiver_init(w, s, c->ch, c->dst);
		__gochan_park(w);
	}
}

/* After the sleep: take back all records but the one that was served. */
void goselect_cancel(struct goselect *sel, struct gochan_sleeper *s,
		     struct gochan_waiter *w)
{
	unsigned int i;

	/* Also those of the winner's channel; after an error all of them. */
	for (i = 0; i < sel->nr_chans; i++)
		if (&w[i] != s->winner)
			gochan_cancel(&w[i]);
}

/* What became of the record @w, which was served, of those from @first on. */
int goselect_served(struct goselect *sel, const struct gochan_waiter *first,
		    const struct gochan_waiter *w)
{
	u8 index = sel->lock_order[w - first];
	struct goselect_case *c = &sel->cases[index];
	int err = 0;

	if (c->dir == GOSELECT_DIR_SEND)
		err = gochan_sender_result(w);
	else
		gochan_receiver_result(w, &c->got, &c->ok);
	return goselect_report(sel, index, err);
}

/* The select itself, with @w for as many records as there are cases. */
static int goselect_block(struct goselect *sel, struct gochan_waiter *w,
			  const struct gochan_wait *wait)
{
	struct gochan_sleeper s;
	int err;

	gochan_sleeper_init(&s);
	goselect_lock(sel);
	err = __goselect_poll(sel);
	if (err != -EAGAIN) {
		goselect_unlock(sel);
		return err;
	}
	__goselect_park(sel, &s, w);
	goselect_unlock(sel);

	err = gochan_sleep(&s, wait);
	goselect_cancel(sel, &s, w);
	return err ?: goselect_served(sel, w, s.winner);
}

static noinline int goselect_block_few(struct goselect *sel,
				       const struct gochan_wait *wait)
{
	struct gochan_waiter w[GOSELECT_STACK_RECORDS];

	return goselect_block(sel, w, wait);
}

/* Memory is allocated only when it looks as if it will be needed. */
static int goselect_block_many(struct goselect *sel,
			       const struct gochan_wait *wait)
{
	struct gochan_waiter *w;
	int index = goselect_poll(sel);

	if (index != -EAGAIN)
		return index;
	/* Charged to the task: one asleep has little else to its name. */
	w = kmalloc_array(sel->nr, sizeof(*w), GFP_KERNEL_ACCOUNT);
	if (!w)
		return -ENOMEM;
	index = goselect_block(sel, w, wait);
	kfree(w);
	return index;
}

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
int goselect_wait(struct goselect_case *cases, unsigned int n,
		  unsigned int flags, const struct gochan_wait *wait)
{
	struct goselect sel;
	int err;

	might_sleep_if(wait);
	err = goselect_prepare(&sel, cases, n, flags);
	if (err)
		return err;
	if (!sel.nr)
		return gochan_block_nil(wait);
	if (sel.nr > sel.nr_chans)
		return goselect_wait_files(&sel, wait);
	if (!wait)
		return goselect_poll(&sel);
	if (sel.nr <= GOSELECT_STACK_RECORDS)
		return goselect_block_few(&sel, wait);
	return goselect_block_many(&sel, wait);
}
EXPORT_SYMBOL_NS_GPL(goselect_wait, GOCHAN_NS);
