// SPDX-License-Identifier: GPL-2.0-only
/*
 * What can be done with a channel's descriptor for one message at a time:
 * read(2), write(2), their relatives and the ioctls, in terms of the core's
 * channel.
 *
 * A message is staged in kernel memory between the user's buffer and the
 * channel, because no user memory is touched under the channel's lock. Messages
 * of up to GOCHAN_STACK_MSG bytes are staged on the stack.
 *
 * Rights and lifetime: chan_file.h.
 */

#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/time_namespace.h>
#include <linux/uaccess.h>
#include <linux/uio.h>

#include "../compat.h"
#include "chan_file.h"

/* Four cache lines: most messages, and a modest part of the kernel's stack. */
#define GOCHAN_STACK_MSG	256

/**
 * struct gochan_user_msg - the user's side of a transfer
 * @buf: the user's buffer
 * @iter: used instead of @buf if not NULL: a message in several pieces
 * @len: in: its length. Out, receive: length of the message
 * @discard: receive: take the message, but nobody wants it
 * @peek: receive: leave the message in the channel
 * @ok: out, receive: a message, not the end
 */
struct gochan_user_msg {
	void __user *buf;
	struct iov_iter *iter;
	size_t len;
	bool discard;
	bool peek;
	bool ok;
};

/**
 * gochan_stage - memory for messages on their way
 * @stack: room for @room bytes on the stack
 * @room: its size
 * @len: bytes that are needed
 *
 * Context: Process context. May sleep.
 * Return: @stack if that is enough, else allocated memory, or NULL.
 */
void *gochan_stage(void *stack, size_t room, size_t len)
{
	if (len <= room)
		return stack;
	return kvmalloc(len, GOCHAN_GFP_USER);
}

/**
 * gochan_unstage - free what gochan_stage() has returned
 * @stack: as for gochan_stage()
 * @stage: what it returned
 *
 * Context: Process context. May sleep.
 */
void gochan_unstage(void *stack, void *stage)
{
	if (stage != stack)
		kvfree(stage);
}

/*
 * Between the stage and the user's side of a transfer.
 */

static bool gochan_stage_in(void *stage, const struct gochan_user_msg *msg)
{
	if (msg->iter)
		return copy_from_iter_full(stage, msg->len, msg->iter);
	return !copy_from_user(stage, msg->buf, msg->len);
}

static bool gochan_stage_out(const struct gochan_user_msg *msg,
			     const void *stage)
{
	if (msg->iter)
		return copy_to_iter(stage, msg->len, msg->iter) == msg->len;
	return !copy_to_user(msg->buf, stage, msg->len);
}

/* Check that @len bytes of the user's side can be written. */
static int gochan_probe_msg(const struct gochan_user_msg *msg, size_t len)
{
	if (!msg->iter)
		return gochan_probe_write(msg->buf, len);
	return fault_in_iov_iter_writeable(msg->iter, len) ? -EFAULT : 0;
}

static noinline int gochan_send_staged(struct gochan_chan_obj *co,
				       const struct gochan_user_msg *msg,
				       const struct gochan_wait *wait)
{
	u8 stack[GOCHAN_STACK_MSG] __aligned(8);
	void *stage;
	int err;

	stage = gochan_stage(stack, sizeof(stack), msg->len);
	if (!stage)
		return -ENOMEM;
	if (!gochan_stage_in(stage, msg))
		err = -EFAULT;
	else
		err = gochan_send_msg(co->ch, stage, msg->len, wait);
	gochan_unstage(stack, stage);
	return err;
}

static int gochan_file_send(struct gochan_chan_obj *co,
			    const struct gochan_user_msg *msg,
			    const struct gochan_wait *wait)
{
	u64 word;

	if (msg->len > co->elem_size)
		return -EMSGSIZE;
	/* A message of one word, as most are. What is wrong shows below. */
	if (msg->len != sizeof(word) ||
	    get_user(word, (const u64 __user *)msg->buf))
		return gochan_send_staged(co, msg, wait);
	if (co->words)
		return gochan_send_wait(co->ch, &word, wait);
	return gochan_send_msg(co->ch, &word, sizeof(word), wait);
}

static int gochan_recv_or_peek(struct gochan_chan_obj *co, void *dst,
			       size_t *len, struct gochan_user_msg *msg,
			       const struct gochan_wait *wait)
{
	if (msg->peek)
		return gochan_peek(co->ch, dst, len, &msg->ok);
	return gochan_recv_msg(co->ch, dst, len, &msg->ok, wait);
}

/* Receive by way of @stage, which has @room bytes; NULL discards. */
static int gochan_recv_staged(struct gochan_chan_obj *co, void *stage,
			      size_t room, struct gochan_user_msg *msg,
			      const struct gochan_wait *wait)
{
	int err = gochan_recv_or_peek(co, stage, &room, msg, wait);

	if (err)
		return err;
	/* The end of a channel of fixed size reads as a zero value. */
	if (!msg->ok)
		room = co->varlen ? 0 : co->elem_size;
	msg->len = room;
	/*
	 * The buffer could be written a moment ago. If it no longer can, its
	 * owner has unmapped it during the call and loses the message.
	 */
	if (stage && msg->ok && !gochan_stage_out(msg, stage))
		return -EFAULT;
	return 0;
}

static noinline int gochan_recv_any(struct gochan_chan_obj *co,
				    struct gochan_user_msg *msg,
				    const struct gochan_wait *wait)
{
	u8 stack[GOCHAN_STACK_MSG] __aligned(8);
	void *stage;
	int err;

	if (gochan_probe_msg(msg, co->elem_size))
		return -EFAULT;

	/*
	 * Large elements with lengths of their own mostly carry small messages.
	 * One that is there already needs no allocation.
	 */
	if (co->varlen && co->elem_size > sizeof(stack)) {
		err = gochan_recv_staged(co, stack, sizeof(stack), msg, NULL);
		if (err != -EMSGSIZE && (err != -EAGAIN || !wait))
			return err;
	}

	stage = gochan_stage(stack, sizeof(stack), co->elem_size);
	if (!stage)
		return -ENOMEM;
	err = gochan_recv_staged(co, stage, co->elem_size, msg, wait);
	gochan_unstage(stack, stage);
	return err;
}

/* A message of one word, from a channel that has no others. */
static __always_inline int gochan_recv_word(struct gochan_chan_obj *co,
					    struct gochan_user_msg *msg,
					    const struct gochan_wait *wait)
{
	u64 __user *buf = msg->buf;
	u64 word;
	int err;

	/* As gochan_probe_write(), which looks closer if this fails. */
	if (get_user(word, buf) || put_user(word, buf))
		return gochan_recv_any(co, msg, wait);
	msg->len = sizeof(word);
	err = gochan_recv_wait(co->ch, &word, &msg->ok, wait);
	if (!err && msg->ok && gochan_put_user(buf, &word, sizeof(word)))
		return -EFAULT;
	return err;
}

static __always_inline int gochan_file_recv(struct gochan_chan_obj *co,
					    struct gochan_user_msg *msg,
					    const struct gochan_wait *wait)
{
	if (msg->discard)
		return gochan_recv_staged(co, NULL, 0, msg, wait);
	if (msg->len < co->elem_size)
		return -EMSGSIZE;
	if (co->words && !msg->peek)
		return gochan_recv_word(co, msg, wait);
	return gochan_recv_any(co, msg, wait);
}

/*
 * Waiting.
 */

/*
 * A CLOCK_MONOTONIC time of the caller's time namespace as the kernel counts
 * it; what is before the boot has passed. timens_ktime_to_host() does this, but
 * is not for modules on most kernels.
 */
static ktime_t gochan_host_time(ktime_t time)
{
	struct timespec64 ts = { };
	ktime_t offset;

	timens_add_monotonic(&ts);
	offset = timespec64_to_ktime(ts);
	if (offset > 0)
		return max(time, offset) - offset;
	return ktime_add_safe(time, -offset);
}

const struct gochan_wait gochan_forever = {
	.state = TASK_INTERRUPTIBLE,
	.deadline = KTIME_MAX,
};

/**
 * gochan_msg_wait - does a call wait, and how?
 * @file: the channel's file
 * @flags: GOCHAN_MSG_NONBLOCK, GOCHAN_MSG_REALTIME
 * @deadline: as the user gave it
 * @wait: room for what there is to tell
 *
 * Context: Process context.
 * Return: how, for the core, valid as long as @wait; or NULL.
 */
const struct gochan_wait *gochan_msg_wait(struct file *file, u32 flags,
					  u64 deadline,
					  struct gochan_wait *wait)
{
	if (file->f_flags & O_NONBLOCK || flags & GOCHAN_MSG_NONBLOCK)
		return NULL;
	/* Later than ktime_t can say, in 292 years, is never. */
	if (deadline >= KTIME_MAX)
		return &gochan_forever;
	wait->state = TASK_INTERRUPTIBLE;
	if (flags & GOCHAN_MSG_REALTIME) {
		wait->clock = CLOCK_REALTIME;
		wait->deadline = deadline;
	} else {
		wait->clock = CLOCK_MONOTONIC;
		wait->deadline = gochan_host_time(deadline);
	}
	return wait;
}

/*
 * read(2) and write(2): one message a call.
 */

ssize_t gochan_chan_read(struct file *file, char __user *buf, size_t count,
			 loff_t *ppos)
{
	struct gochan_user_msg msg = { .buf = buf, .len = count };
	struct gochan_wait wait;
	int err = gochan_file_recv(file->private_data, &msg,
				   gochan_msg_wait(file, 0, GOCHAN_NO_DEADLINE,
						   &wait));

	if (err)
		return err;
	return msg.ok ? msg.len : 0;
}

ssize_t gochan_chan_write(struct file *file, const char __user *buf,
			  size_t count, loff_t *ppos)
{
	struct gochan_user_msg msg = { .buf = (char __user *)buf, .len = count };
	struct gochan_wait wait;
	int err = gochan_file_send(file->private_data, &msg,
				   gochan_msg_wait(file, 0, GOCHAN_NO_DEADLINE,
						   &wait));

	return err ?: count;
}

/*
 * readv(2), writev(2), io_uring and aio: one message a call as well, scattered to
 * or gathered from several pieces. read(2) and write(2) could come this way, too,
 * but building the iterator costs more than the call does otherwise.
 */

static const struct gochan_wait *gochan_iocb_wait(const struct kiocb *iocb)
{
	if (iocb->ki_flags & IOCB_NOWAIT ||
	    iocb->ki_filp->f_flags & O_NONBLOCK)
		return NULL;
	return &gochan_forever;
}

ssize_t gochan_chan_read_iter(struct kiocb *iocb, struct iov_iter *to)
{
	struct gochan_chan_obj *co = iocb->ki_filp->private_data;
	struct gochan_user_msg msg = { .iter = to };
	int err;

	if (iov_iter_count(to) < co->elem_size)
		return -EMSGSIZE;
	err = gochan_recv_any(co, &msg, gochan_iocb_wait(iocb));
	if (err)
		return err;
	return msg.ok ? msg.len : 0;
}

/* After an error the iterator is where it was, for another attempt. */
ssize_t gochan_chan_write_iter(struct kiocb *iocb, struct iov_iter *from)
{
	struct gochan_chan_obj *co = iocb->ki_filp->private_data;
	struct gochan_user_msg msg = {
		.iter = from,
		.len = iov_iter_count(from),
	};
	int err;

	if (msg.len > co->elem_size)
		return -EMSGSIZE;
	err = gochan_send_staged(co, &msg, gochan_iocb_wait(iocb));
	if (!err)
		return msg.len;
	iov_iter_revert(from, msg.len - iov_iter_count(from));
	return err;
}

/*
 * The ioctls of a channel.
 */

#define GOCHAN_SEND_FLAGS	(GOCHAN_MSG_NONBLOCK | GOCHAN_MSG_REALTIME)
#define GOCHAN_RECV_FLAGS	(GOCHAN_SEND_FLAGS | GOCHAN_MSG_PEEK)

static int gochan_check_msg(const struct gochan_msg *arg, u32 flags)
{
	if (arg->flags & ~flags)
		return -EINVAL;
	if (arg->buf != (unsigned long)arg->buf)
		return -EFAULT;
	return 0;
}

static long gochan_chan_send(struct file *file, union gochan_arg *arg)
{
	struct gochan_user_msg msg = {
		.buf = u64_to_user_ptr(arg->msg.buf),
		.len = arg->msg.len,
	};
	struct gochan_wait wait;
	int err = gochan_check_msg(&arg->msg, GOCHAN_SEND_FLAGS);

	/* A result of receives only: kept free for a meaning here. */
	if (arg->msg.ok)
		return -EINVAL;
	if (err)
		return err;
	return gochan_file_send(file->private_data, &msg,
				gochan_msg_wait(file, arg->msg.flags,
						arg->msg.deadline, &wait));
}

static long gochan_chan_recv(struct file *file, union gochan_arg *arg)
{
	struct gochan_user_msg msg = {
		.buf = u64_to_user_ptr(arg->msg.buf),
		.len = arg->msg.len,
		.discard = !arg->msg.buf && !arg->msg.len,
		.peek = arg->msg.flags & GOCHAN_MSG_PEEK,
	};
	struct gochan_wait wait;
	int err = gochan_check_msg(&arg->msg, GOCHAN_RECV_FLAGS);

	if (err)
		return err;
	err = gochan_file_recv(file->private_data, &msg,
			       gochan_msg_wait(file, arg->msg.flags,
					       arg->msg.deadline, &wait));
	if (err)
		return err;
	/* The end of a channel of fixed size reads as a zero value. */
	if (!msg.ok && !msg.discard && clear_user(msg.buf, msg.len))
		return -EFAULT;
	arg->msg.len = msg.len;
	arg->msg.ok = msg.ok;
	return 0;
}

static long gochan_chan_close(struct file *file, union gochan_arg *arg)
{
	struct gochan_chan_obj *co = file->private_data;

	return gochan_close(co->ch);
}

static long gochan_chan_info(struct file *file, union gochan_arg *arg)
{
	struct gochan_chan_obj *co = file->private_data;
	struct gochan_stat st;

	if (arg->info.flags)
		return -EINVAL;
	gochan_stat(co->ch, &st);
	arg->info = (struct gochan_info) {
		.size = arg->info.size,
		.flags = (st.varlen ? GOCHAN_CHAN_VARLEN : 0) |
			 (co->autoclose ? GOCHAN_CHAN_AUTOCLOSE : 0),
		.elem_size = st.elem_size,
		.capacity = st.cap,
		.length = st.len,
		.closed = st.closed,
		.senders = st.senders,
		.receivers = st.receivers,
	};
	return 0;
}

static const struct gochan_op gochan_chan_ops[] = {
	{
		.cmd = GOCHAN_IOC_SEND,
		.mode = FMODE_WRITE,
		.min_size = offsetofend(struct gochan_msg, deadline),
		.size = sizeof(struct gochan_msg),
		.fn = gochan_chan_send,
	}, {
		.cmd = GOCHAN_IOC_RECV,
		.mode = FMODE_READ,
		.min_size = offsetofend(struct gochan_msg, deadline),
		.size = sizeof(struct gochan_msg),
		.out = true,
		.irrevocable = true,
		.fn = gochan_chan_recv,
	}, {
		.cmd = GOCHAN_IOC_CLOSE,
		.mode = FMODE_WRITE,	/* as in Go: who receives cannot */
		.fn = gochan_chan_close,
	}, {
		.cmd = GOCHAN_IOC_INFO,
		.min_size = offsetofend(struct gochan_info, receivers),
		.size = sizeof(struct gochan_info),
		.out = true,
		.fn = gochan_chan_info,
	}, {
		.cmd = GOCHAN_IOC_SEND_MANY,
		.mode = FMODE_WRITE,
		.min_size = offsetofend(struct gochan_msg_batch, deadline),
		.size = sizeof(struct gochan_msg_batch),
		.out = true,
		.irrevocable = true,
		.partial = true,
		.fn = gochan_chan_send_many,
	}, {
		.cmd = GOCHAN_IOC_RECV_MANY,
		.mode = FMODE_READ,
		.min_size = offsetofend(struct gochan_msg_batch, deadline),
		.size = sizeof(struct gochan_msg_batch),
		.out = true,
		.irrevocable = true,
		.partial = true,
		.fn = gochan_chan_recv_many,
	}, {
		.cmd = GOCHAN_IOC_RESTRICT,
		.min_size = offsetofend(struct gochan_restrict, pad),
		.size = sizeof(struct gochan_restrict),
		.fn = gochan_chan_restrict,
	},
};

/* An ioctl of a channel. */
long gochan_chan_dispatch(struct file *file, unsigned int cmd,
			  unsigned long arg)
{
	return gochan_dispatch(gochan_chan_ops, ARRAY_SIZE(gochan_chan_ops),
			       file, cmd, arg);
}
