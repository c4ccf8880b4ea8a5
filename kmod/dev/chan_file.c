// SPDX-License-Identifier: GPL-2.0-only
/*
 * Channels as files: rights, user buffers, and what read(2), write(2), poll(2)
 * and the ioctls mean in terms of the core's channel.
 *
 * A message is staged in kernel memory between the user's buffer and the
 * channel, because no user memory is touched under the channel's lock. Messages
 * of up to GOCHAN_STACK_MSG bytes are staged on the stack.
 *
 * Lifetime: internal.h.
 */

#include <linux/err.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/gochan.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/seq_file.h>
#include <linux/slab.h>
#include <linux/time_namespace.h>
#include <linux/uaccess.h>

#include "../compat.h"
#include "internal.h"

/* Four cache lines: most messages, and a modest part of the kernel's stack. */
#define GOCHAN_STACK_MSG	256

/**
 * struct gochan_chan_file - what a channel's file owns
 * @ch: the channel
 * @acct: the account it is charged to
 * @footprint: bytes charged
 * @elem_size: the channel's element size
 * @varlen: the channel's messages keep their own length
 *
 * Invariant while the file is open.
 */
struct gochan_chan_file {
	struct gochan *ch;
	struct gochan_account *acct;
	size_t footprint;
	u32 elem_size;
	bool varlen;
};

/**
 * struct gochan_user_msg - the user's side of a transfer
 * @buf: the user's buffer
 * @len: in: its length. Out, receive: length of the message
 * @discard: receive: take the message, but nobody wants it
 * @ok: out, receive: a message, not the end
 */
struct gochan_user_msg {
	void __user *buf;
	size_t len;
	bool discard;
	bool ok;
};

static void *gochan_stage(void *stack, size_t len)
{
	if (len <= GOCHAN_STACK_MSG)
		return stack;
	return kvmalloc(len, GFP_KERNEL_ACCOUNT);
}

static void gochan_unstage(void *stack, void *stage)
{
	if (stage != stack)
		kvfree(stage);
}

static int gochan_file_send(struct gochan_chan_file *cf,
			    const struct gochan_user_msg *msg,
			    const struct gochan_wait *wait)
{
	u8 stack[GOCHAN_STACK_MSG] __aligned(8);
	void *stage;
	int err;

	if (msg->len > cf->elem_size)
		return -EMSGSIZE;

	stage = gochan_stage(stack, msg->len);
	if (!stage)
		return -ENOMEM;
	if (copy_from_user(stage, msg->buf, msg->len))
		err = -EFAULT;
	else
		err = gochan_send_msg(cf->ch, stage, msg->len, wait);
	gochan_unstage(stack, stage);
	return err;
}

/* Receive by way of @stage, which has @room bytes; NULL discards. */
static int gochan_recv_staged(struct gochan_chan_file *cf, void *stage,
			      size_t room, struct gochan_user_msg *msg,
			      const struct gochan_wait *wait)
{
	int err = gochan_recv_msg(cf->ch, stage, &room, &msg->ok, wait);

	if (err)
		return err;
	msg->len = room;
	/*
	 * The buffer could be written a moment ago. If it no longer can, its
	 * owner has unmapped it during the call and loses the message.
	 */
	if (stage && msg->ok && copy_to_user(msg->buf, stage, msg->len))
		return -EFAULT;
	return 0;
}

static int gochan_file_recv(struct gochan_chan_file *cf,
			    struct gochan_user_msg *msg,
			    const struct gochan_wait *wait)
{
	u8 stack[GOCHAN_STACK_MSG] __aligned(8);
	void *stage;
	int err;

	if (msg->discard)
		return gochan_recv_staged(cf, NULL, 0, msg, wait);
	if (msg->len < cf->elem_size)
		return -EMSGSIZE;
	if (gochan_probe_write(msg->buf, cf->elem_size))
		return -EFAULT;

	/*
	 * Large elements with lengths of their own mostly carry small messages.
	 * One that is there already needs no allocation.
	 */
	if (cf->varlen && cf->elem_size > sizeof(stack)) {
		err = gochan_recv_staged(cf, stack, sizeof(stack), msg, NULL);
		if (err != -EMSGSIZE && (err != -EAGAIN || !wait))
			return err;
	}

	stage = gochan_stage(stack, cf->elem_size);
	if (!stage)
		return -ENOMEM;
	err = gochan_recv_staged(cf, stage, cf->elem_size, msg, wait);
	gochan_unstage(stack, stage);
	return err;
}

/*
 * read(2) and write(2): one message a call.
 */

/* Does this call wait, and how? Return @wait filled in, or NULL. */
static const struct gochan_wait *gochan_file_wait(struct file *file,
						  struct gochan_wait *wait)
{
	if (file->f_flags & O_NONBLOCK)
		return NULL;
	*wait = (struct gochan_wait) {
		.state = TASK_INTERRUPTIBLE,
		.clock = CLOCK_MONOTONIC,
		.deadline = KTIME_MAX,
	};
	return wait;
}

static ssize_t gochan_chan_read(struct file *file, char __user *buf,
				size_t count, loff_t *ppos)
{
	struct gochan_user_msg msg = { .buf = buf, .len = count };
	struct gochan_wait wait;
	int err = gochan_file_recv(file->private_data, &msg,
				   gochan_file_wait(file, &wait));

	if (err)
		return err;
	return msg.ok ? msg.len : 0;
}

static ssize_t gochan_chan_write(struct file *file, const char __user *buf,
				 size_t count, loff_t *ppos)
{
	struct gochan_user_msg msg = { .buf = (char __user *)buf, .len = count };
	struct gochan_wait wait;
	int err = gochan_file_send(file->private_data, &msg,
				   gochan_file_wait(file, &wait));

	return err ?: count;
}

static __poll_t gochan_chan_poll(struct file *file, poll_table *pt)
{
	struct gochan_chan_file *cf = file->private_data;

	return gochan_poll(cf->ch, file, pt);
}

static void gochan_chan_show_fdinfo(struct seq_file *m, struct file *file)
{
	struct gochan_chan_file *cf = file->private_data;
	struct gochan_stat st;

	gochan_stat(cf->ch, &st);
	seq_puts(m, "gochan-type:\tchan\n");
	seq_printf(m, "gochan-elem-size:\t%u\n", st.elem_size);
	seq_printf(m, "gochan-varlen:\t%d\n", st.varlen);
	seq_printf(m, "gochan-capacity:\t%u\n", st.cap);
	seq_printf(m, "gochan-length:\t%u\n", st.len);
	seq_printf(m, "gochan-closed:\t%d\n", st.closed);
	seq_printf(m, "gochan-senders:\t%u\n", st.senders);
	seq_printf(m, "gochan-receivers:\t%u\n", st.receivers);
}

/*
 * The ioctls of a channel.
 */

#define GOCHAN_MSG_FLAGS	(GOCHAN_MSG_NONBLOCK | GOCHAN_MSG_REALTIME)

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

/* Translate flags and deadline. *@how is what the core gets: NULL, or @wait. */
static int gochan_msg_wait(struct file *file, const struct gochan_msg *arg,
			   struct gochan_wait *wait,
			   const struct gochan_wait **how)
{
	if (arg->flags & ~GOCHAN_MSG_FLAGS)
		return -EINVAL;
	if (arg->buf != (unsigned long)arg->buf)
		return -EFAULT;
	*how = gochan_file_wait(file, wait);
	if (arg->flags & GOCHAN_MSG_NONBLOCK)
		*how = NULL;
	/* Later than ktime_t can say, in 292 years, is never. */
	if (!*how || arg->deadline >= KTIME_MAX)
		return 0;
	wait->deadline = arg->deadline;
	if (arg->flags & GOCHAN_MSG_REALTIME)
		wait->clock = CLOCK_REALTIME;
	else
		wait->deadline = gochan_host_time(wait->deadline);
	return 0;
}

static long gochan_chan_send(struct file *file, union gochan_arg *arg)
{
	struct gochan_user_msg msg = {
		.buf = u64_to_user_ptr(arg->msg.buf),
		.len = arg->msg.len,
	};
	const struct gochan_wait *how;
	struct gochan_wait wait;
	int err = gochan_msg_wait(file, &arg->msg, &wait, &how);

	/* A result of receives only: kept free for a meaning here. */
	if (arg->msg.ok)
		return -EINVAL;
	return err ?: gochan_file_send(file->private_data, &msg, how);
}

static long gochan_chan_recv(struct file *file, union gochan_arg *arg)
{
	struct gochan_chan_file *cf = file->private_data;
	struct gochan_user_msg msg = {
		.buf = u64_to_user_ptr(arg->msg.buf),
		.len = arg->msg.len,
		.discard = !arg->msg.buf && !arg->msg.len,
	};
	const struct gochan_wait *how;
	struct gochan_wait wait;
	int err = gochan_msg_wait(file, &arg->msg, &wait, &how);

	if (!err)
		err = gochan_file_recv(cf, &msg, how);
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
	struct gochan_chan_file *cf = file->private_data;

	return gochan_close(cf->ch);
}

static long gochan_chan_info(struct file *file, union gochan_arg *arg)
{
	struct gochan_chan_file *cf = file->private_data;
	struct gochan_stat st;

	if (arg->info.flags)
		return -EINVAL;
	gochan_stat(cf->ch, &st);
	arg->info = (struct gochan_info) {
		.size = arg->info.size,
		.flags = st.varlen ? GOCHAN_CHAN_VARLEN : 0,
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
		.min_size = offsetofend(struct gochan_msg, deadline),
		.size = sizeof(struct gochan_msg),
		.fn = gochan_chan_send,
	}, {
		.cmd = GOCHAN_IOC_RECV,
		.min_size = offsetofend(struct gochan_msg, deadline),
		.size = sizeof(struct gochan_msg),
		.out = true,
		.irrevocable = true,
		.fn = gochan_chan_recv,
	}, {
		.cmd = GOCHAN_IOC_CLOSE,
		.fn = gochan_chan_close,
	}, {
		.cmd = GOCHAN_IOC_INFO,
		.min_size = offsetofend(struct gochan_info, receivers),
		.size = sizeof(struct gochan_info),
		.out = true,
		.fn = gochan_chan_info,
	},
};

static long gochan_chan_ioctl(struct file *file, unsigned int cmd,
			      unsigned long arg)
{
	return gochan_dispatch(gochan_chan_ops, ARRAY_SIZE(gochan_chan_ops),
			       file, cmd, arg);
}

/*
 * Life and death.
 */

static void gochan_chan_free(struct gochan_chan_file *cf)
{
	gochan_put(cf->ch);
	gochan_uncharge(cf->acct, cf->footprint);
	kfree(cf);
}

static int gochan_chan_release(struct inode *inode, struct file *file)
{
	gochan_chan_free(file->private_data);
	gochan_fs_release();
	return 0;
}

static const struct file_operations gochan_chan_fops = {
	.owner = THIS_MODULE,
	.read = gochan_chan_read,
	.write = gochan_chan_write,
	.poll = gochan_chan_poll,
	.unlocked_ioctl = gochan_chan_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.show_fdinfo = gochan_chan_show_fdinfo,
	.release = gochan_chan_release,
};

static struct gochan *gochan_chan_alloc(const struct gochan_chan_create *arg)
{
	if (arg->flags & GOCHAN_CHAN_VARLEN)
		return gochan_alloc_varlen(arg->elem_size, arg->capacity,
					   GFP_KERNEL_ACCOUNT);
	return gochan_alloc(arg->elem_size, arg->capacity, GFP_KERNEL_ACCOUNT);
}

/* Make a channel, charged to the caller, and what its file will own. */
static struct gochan_chan_file *
gochan_chan_new(const struct gochan_chan_create *arg)
{
	bool varlen = arg->flags & GOCHAN_CHAN_VARLEN;
	struct gochan_chan_file *cf;
	ssize_t size;
	int err;

	size = gochan_footprint(arg->elem_size, arg->capacity, varlen);
	if (size < 0)
		return ERR_PTR(size);
	cf = kzalloc(sizeof(*cf), GFP_KERNEL_ACCOUNT);
	if (!cf)
		return ERR_PTR(-ENOMEM);
	cf->footprint = size + sizeof(*cf);
	cf->elem_size = arg->elem_size;
	cf->varlen = varlen;

	cf->acct = gochan_charge(cf->footprint);
	if (IS_ERR(cf->acct)) {
		err = PTR_ERR(cf->acct);
		goto free_cf;
	}
	cf->ch = gochan_chan_alloc(arg);
	if (IS_ERR(cf->ch)) {
		err = PTR_ERR(cf->ch);
		goto uncharge;
	}
	return cf;

uncharge:
	gochan_uncharge(cf->acct, cf->footprint);
free_cf:
	kfree(cf);
	return ERR_PTR(err);
}

/* GOCHAN_IOC_CHAN_CREATE: return a new file descriptor. */
long gochan_chan_create(struct file *dev, union gochan_arg *arg)
{
	struct gochan_chan_file *cf;
	struct file *file;
	int fd;

	if (arg->chan_create.flags & ~GOCHAN_CHAN_VARLEN)
		return -EINVAL;
	cf = gochan_chan_new(&arg->chan_create);
	if (IS_ERR(cf))
		return PTR_ERR(cf);
	file = gochan_fs_file(&gochan_chan_fops, cf);
	if (IS_ERR(file)) {
		gochan_chan_free(cf);
		return PTR_ERR(file);
	}
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0) {
		fput(file);
		return fd;
	}
	fd_install(fd, file);
	return fd;
}
