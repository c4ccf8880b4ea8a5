// SPDX-License-Identifier: GPL-2.0-only
/*
 * The ioctls of a channel that move many messages, which user space has in
 * arrays. They work in rounds: messages are copied between the user's arrays
 * and a kernel buffer of bounded size outside of all locks, and between that
 * and the channel by the core's gochan_send_many() and gochan_recv_many(). Only
 * the first message of the call is waited for.
 *
 * How many messages have moved is exact. A send stops in front of the first
 * message that cannot be read. A receive takes no more messages than there is
 * writable room for: that is found out before the channel is touched.
 *
 * A signal ends a batch between two rounds. Task work (TIF_NOTIFY_SIGNAL) does
 * not: it runs when the call returns, or where the call sleeps for its first
 * message. So the test between rounds is task_sigpending(), not
 * signal_pending().
 */

#include <linux/fs.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/uaccess.h>

#include "chan_file.h"

/* Messages and bytes of a round: what the caches hold without noticing. */
#define GOCHAN_ROUND		256
#define GOCHAN_ROUND_BYTES	16384

/**
 * struct gochan_rounds - a batch on its way
 * @co: what the channel's files share
 * @u: the argument
 * @count: the most messages to move
 * @discard: receive: nobody wants the messages
 * @max: most messages of a round
 * @stage: room for them, one every element size; NULL if they are discarded
 * @lens: with variable length, room for their lengths, else NULL
 * @mem: the memory of both
 */
struct gochan_rounds {
	struct gochan_chan_obj *co;
	struct gochan_msg_batch *u;
	u32 count;
	bool discard;
	u32 max;
	void *stage;
	u32 *lens;
	void *mem;
};

static int gochan_rounds_check(const struct gochan_rounds *r)
{
	const struct gochan_msg_batch *u = r->u;

	if (u->flags & ~(GOCHAN_MSG_NONBLOCK | GOCHAN_MSG_REALTIME))
		return -EINVAL;
	if (r->discard)
		return u->elem_size || u->lens ? -EINVAL : 0;
	if (u->elem_size != r->co->elem_size || r->co->varlen != !!u->lens)
		return -EINVAL;
	if (u->buf != (unsigned long)u->buf ||
	    u->lens != (unsigned long)u->lens)
		return -EFAULT;
	return 0;
}

/* Get room for a round, the lengths first, for alignment's sake. */
static int gochan_rounds_init(struct gochan_rounds *r, void *stack, size_t room)
{
	size_t size = r->co->elem_size, lens = 0;

	/* The result is an int. */
	r->count = min_t(u32, r->u->count, INT_MAX);
	r->max = clamp_t(size_t, GOCHAN_ROUND_BYTES / max_t(size_t, size, 1),
			 1, GOCHAN_ROUND);
	r->max = min(r->max, r->count);
	if (r->discard)
		return 0;
	if (r->co->varlen)
		lens = ALIGN(r->max * sizeof(u32), 8);
	r->mem = gochan_stage(stack, room, lens + r->max * size);
	if (!r->mem)
		return -ENOMEM;
	r->lens = lens ? r->mem : NULL;
	r->stage = r->mem + lens;
	return 0;
}

static void gochan_rounds_free(struct gochan_rounds *r, void *stack)
{
	if (r->mem)
		gochan_unstage(stack, r->mem);
}

/* Messages of the next round. */
static u32 gochan_rounds_next(const struct gochan_rounds *r)
{
	return min(r->max, r->count - r->u->done);
}

static void __user *gochan_rounds_buf(const struct gochan_rounds *r, u32 i)
{
	u64 msg = (u64)r->u->done + i;

	return u64_to_user_ptr(r->u->buf + msg * r->co->elem_size);
}

static u32 __user *gochan_rounds_lens(const struct gochan_rounds *r, u32 i)
{
	return (u32 __user *)u64_to_user_ptr(r->u->lens) + r->u->done + i;
}

static void *gochan_rounds_stage(const struct gochan_rounds *r, u32 i)
{
	return r->stage + (size_t)i * r->co->elem_size;
}

/*
 * Does a batch do another round? Not after a round that moved fewer messages than
 * it could: the channel is not ready any more.
 */
static bool gochan_rounds_go_on(const struct gochan_rounds *r, u32 n, u32 moved)
{
	if (moved < n || r->u->done == r->count ||
	    task_sigpending(current))
		return false;
	cond_resched();
	return true;
}

/*
 * Sending.
 */

/* How many of @n whole things of @size bytes were copied, if @left were not? */
static u32 gochan_whole(u32 n, size_t size, size_t left)
{
	return left ? n - DIV_ROUND_UP(left, size) : n;
}

/*
 * Copy in up to @n messages that have a length of their own. One that is too
 * long ends the round: the core will refuse it.
 */
static u32 gochan_copy_in_varlen(struct gochan_rounds *r, u32 n)
{
	size_t left = copy_from_user(r->lens, gochan_rounds_lens(r, 0),
				     n * sizeof(u32));
	u32 i;

	n = gochan_whole(n, sizeof(u32), left);
	for (i = 0; i < n; i++) {
		if (r->lens[i] > r->co->elem_size)
			return i + 1;
		if (gochan_get_user(gochan_rounds_stage(r, i),
				    gochan_rounds_buf(r, i), r->lens[i]))
			break;
	}
	return i;
}

/* Copy in up to @n messages. Return how many are whole. */
static u32 gochan_copy_in(struct gochan_rounds *r, u32 n)
{
	size_t size = r->co->elem_size, left;

	if (r->lens)
		return gochan_copy_in_varlen(r, n);
	left = copy_from_user(r->stage, gochan_rounds_buf(r, 0), n * size);
	return gochan_whole(n, size, left);
}

static int gochan_send_rounds(struct gochan_rounds *r,
			      const struct gochan_wait *wait)
{
	u32 n, have;
	int ret;

	do {
		n = gochan_rounds_next(r);
		have = gochan_copy_in(r, n);
		if (!have)
			return -EFAULT;
		ret = gochan_send_many(r->co->ch, r->stage, r->lens, have,
				       wait);
		if (ret < 0)
			return ret;
		r->u->done += ret;
		wait = NULL;
	} while (gochan_rounds_go_on(r, n, ret));
	return 0;
}

/*
 * Receiving.
 */

/* Can the room for @n messages, and for their lengths, be written? */
static bool gochan_room_for(const struct gochan_rounds *r, u32 i, u32 n)
{
	if (gochan_probe_write(gochan_rounds_buf(r, i),
			       (size_t)n * r->co->elem_size))
		return false;
	return !r->lens || !gochan_probe_write(gochan_rounds_lens(r, i),
					       n * sizeof(u32));
}

/* For how many messages of the round is there room? Mostly for all. */
static u32 gochan_probe_room(const struct gochan_rounds *r, u32 n)
{
	u32 i;

	if (r->discard || gochan_room_for(r, 0, n))
		return n;
	for (i = 0; i < n && gochan_room_for(r, i, 1); i++)
		;
	return i;
}

static u32 gochan_copy_out_varlen(struct gochan_rounds *r, u32 n)
{
	size_t left;
	u32 i;

	for (i = 0; i < n; i++)
		if (gochan_put_user(gochan_rounds_buf(r, i),
				    gochan_rounds_stage(r, i), r->lens[i]))
			break;
	left = copy_to_user(gochan_rounds_lens(r, 0), r->lens,
			    i * sizeof(u32));
	return gochan_whole(i, sizeof(u32), left);
}

/*
 * Copy out @n messages. Return how many arrived: fewer only if the owner of the
 * buffer has unmapped it since it was probed, who loses the others.
 */
static u32 gochan_copy_out(struct gochan_rounds *r, u32 n)
{
	size_t size = r->co->elem_size, left;

	if (r->discard)
		return n;
	if (r->lens)
		return gochan_copy_out_varlen(r, n);
	left = copy_to_user(gochan_rounds_buf(r, 0), r->stage, n * size);
	return gochan_whole(n, size, left);
}

static int gochan_recv_rounds(struct gochan_rounds *r,
			      const struct gochan_wait *wait)
{
	u32 n, room, arrived;
	int ret;

	do {
		n = gochan_rounds_next(r);
		room = gochan_probe_room(r, n);
		if (!room)
			return -EFAULT;
		ret = gochan_recv_many(r->co->ch, r->stage, r->lens, room,
				       wait);
		if (ret <= 0)
			return ret;
		arrived = gochan_copy_out(r, ret);
		r->u->done += arrived;
		if (arrived < ret)
			return -EFAULT;
		wait = NULL;
	} while (gochan_rounds_go_on(r, n, ret));
	return 0;
}

/*
 * The ioctls.
 */

/* What has moved has, whatever came then; the next call will meet it again. */
static long gochan_rounds_result(const struct gochan_rounds *r, int err)
{
	return r->u->done ? (long)r->u->done : err;
}

/* GOCHAN_IOC_SEND_MANY: return the number of messages. */
long gochan_chan_send_many(struct file *file, union gochan_arg *arg)
{
	u8 stack[GOCHAN_STACK_BATCH] __aligned(8);
	struct gochan_rounds r = {
		.co = file->private_data,
		.u = &arg->msg_batch,
	};
	struct gochan_wait wait;
	int err;

	r.u->done = 0;
	/* A result of receives only: kept free for a meaning here. */
	if (r.u->ok)
		return -EINVAL;
	err = gochan_rounds_check(&r);
	if (err || !r.u->count)
		return err;
	err = gochan_rounds_init(&r, stack, sizeof(stack));
	if (err)
		return err;
	err = gochan_send_rounds(&r, gochan_msg_wait(file, r.u->flags,
						     r.u->deadline, &wait));
	gochan_rounds_free(&r, stack);
	return gochan_rounds_result(&r, err);
}

/* GOCHAN_IOC_RECV_MANY: return the number of messages, 0 at the end. */
long gochan_chan_recv_many(struct file *file, union gochan_arg *arg)
{
	u8 stack[GOCHAN_STACK_BATCH] __aligned(8);
	struct gochan_rounds r = {
		.co = file->private_data,
		.u = &arg->msg_batch,
		.discard = !arg->msg_batch.buf && !arg->msg_batch.elem_size,
	};
	struct gochan_wait wait;
	int err;

	r.u->done = 0;
	err = gochan_rounds_check(&r);
	if (err)
		return err;
	if (!r.u->count)
		return -EINVAL;
	err = gochan_rounds_init(&r, stack, sizeof(stack));
	if (err)
		return err;
	err = gochan_recv_rounds(&r, gochan_msg_wait(file, r.u->flags,
						     r.u->deadline, &wait));
	gochan_rounds_free(&r, stack);
	if (!err || r.u->done)
		r.u->ok = r.u->done > 0;
	return gochan_rounds_result(&r, err);
}
