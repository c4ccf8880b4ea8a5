// SPDX-License-Identifier: GPL-2.0-only
/*
 * GOCHAN_IOC_SELECT: user memory and descriptors around the core's select.
 *
 * Everything that can go wrong with the user's side is found before anything
 * moves: cases and messages to send are copied in, and what will be written,
 * the room of each receive and the results in each case, is probed. Then the
 * core chooses. Only the chosen case is written to.
 *
 * Messages are staged one after the other in one piece of kernel memory. The
 * receives share the last part of it: only one of them gets a message.
 *
 * Lifetime: each case holds its file, and so its channel, until the end.
 */

#include <linux/file.h>
#include <linux/fs.h>
#include <linux/goselect.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../compat.h"
#include "chan_file.h"

#define GOCHAN_SELECT_FLAGS	(GOCHAN_SELECT_NONBLOCK |		\
				 GOCHAN_SELECT_REALTIME | GOCHAN_SELECT_FIRST)

/* What poll(2) takes: no EPOLLET and the like, no flags of the kernel's own. */
#define GOCHAN_POLL_EVENTS						\
	((__force u32)(EPOLLIN | EPOLLPRI | EPOLLOUT | EPOLLERR |	\
		       EPOLLHUP | EPOLLRDNORM | EPOLLRDBAND |		\
		       EPOLLWRNORM | EPOLLWRBAND | EPOLLMSG | EPOLLRDHUP))

/**
 * struct gochan_user_case - the user's side of a case
 * @u: what the user gave
 * @file: the file, or NULL if the case is switched off
 * @stage: where in the stage its message is
 */
struct gochan_user_case {
	struct gochan_select_case u;
	struct file *file;
	size_t stage;
};

/**
 * struct gochan_user_select - one call
 * @arg: its argument
 * @cases: for the core
 * @stage: memory for messages
 * @send_bytes: of it, for those to send
 * @recv_bytes: and for the one to receive
 * @small: the stage, where that is enough
 * @c: the user's sides; @cases are behind them
 */
struct gochan_user_select {
	struct gochan_select *arg;
	struct goselect_case *cases;
	void *stage;
	size_t send_bytes;
	size_t recv_bytes;
	u64 small[8];	/* a few words */
	struct gochan_user_case c[];
};

static void __user *gochan_case_ptr(const struct gochan_user_select *us, u32 i)
{
	return u64_to_user_ptr(us->arg->cases) + (size_t)i * us->arg->case_size;
}

/*
 * Taking the cases in.
 */

static int gochan_check_case(const struct gochan_select_case *u)
{
	if (u->pad || u->buf != (unsigned long)u->buf)
		return u->pad ? -EINVAL : -EFAULT;
	switch (u->op) {
	case GOCHAN_CASE_SEND:
		return u->events || u->ok ? -EINVAL : 0;
	case GOCHAN_CASE_RECV:
		return u->events || (u->len && !u->buf) ? -EINVAL : 0;
	case GOCHAN_CASE_POLL:
		if (u->events & ~GOCHAN_POLL_EVENTS)
			return -EINVAL;
		return u->buf || u->len || u->ok ? -EINVAL : 0;
	}
	return -EINVAL;
}

static int gochan_take_send(struct gochan_user_select *us, u32 i,
			    const struct gochan_chan_obj *co)
{
	struct gochan_user_case *c = &us->c[i];

	if (c->u.len > co->elem_size)
		return -EMSGSIZE;
	c->stage = us->send_bytes;
	us->send_bytes += ALIGN(c->u.len, 8);
	us->cases[i] = GOSELECT_SEND_MSG(co->ch, NULL, c->u.len);
	return 0;
}

static int gochan_take_recv(struct gochan_user_select *us, u32 i,
			    const struct gochan_chan_obj *co)
{
	struct gochan_user_case *c = &us->c[i];

	us->cases[i] = GOSELECT_RECV(co->ch, NULL);
	if (!c->u.buf)
		return 0;
	if (c->u.len < co->elem_size)
		return -EMSGSIZE;
	us->recv_bytes = max_t(size_t, us->recv_bytes, co->elem_size);
	return gochan_probe_write(u64_to_user_ptr(c->u.buf), co->elem_size);
}

static int gochan_take_chan(struct gochan_user_select *us, u32 i)
{
	struct gochan_user_case *c = &us->c[i];
	struct gochan_chan_obj *co = gochan_chan_of_file(c->file);
	bool send = c->u.op == GOCHAN_CASE_SEND;

	if (!co)
		return -EINVAL;
	if (!(c->file->f_mode & (send ? FMODE_WRITE : FMODE_READ)))
		return -EBADF;
	return send ? gochan_take_send(us, i, co) : gochan_take_recv(us, i, co);
}

static int gochan_take_file(struct gochan_user_select *us, u32 i)
{
	struct gochan_user_case *c = &us->c[i];

	/* Channels have cases of their own, and maps no events. */
	if (gochan_chan_of_file(c->file))
		return -EINVAL;
	us->cases[i] = GOSELECT_POLL(c->file, (__force __poll_t)c->u.events);
	return 0;
}

static int gochan_take_case(struct gochan_user_select *us, u32 i)
{
	struct gochan_user_case *c = &us->c[i];
	int err;

	err = copy_struct_from_user(&c->u, sizeof(c->u), gochan_case_ptr(us, i),
				    us->arg->case_size);
	if (!err && gochan_probe_write(gochan_case_ptr(us, i), sizeof(c->u)))
		err = -EFAULT;
	if (!err)
		err = gochan_check_case(&c->u);
	if (err)
		return err;
	us->cases[i] = GOSELECT_RECV(NULL, NULL);
	if (c->u.fd == -1)
		return 0;
	c->file = fget(c->u.fd);
	if (!c->file)
		return -EBADF;
	if (c->u.op == GOCHAN_CASE_POLL)
		return gochan_take_file(us, i);
	return gochan_take_chan(us, i);
}

static int gochan_take_cases(struct gochan_user_select *us)
{
	int err;
	u32 i;

	for (i = 0; i < us->arg->nr; i++) {
		err = gochan_take_case(us, i);
		if (err) {
			us->arg->index = i;
			return err;
		}
	}
	return 0;
}

/* Give each case its part of the stage, and fill in what is to be sent. */
static int gochan_stage_case(struct gochan_user_select *us, u32 i)
{
	struct gochan_user_case *c = &us->c[i];

	if (!c->file || !c->u.buf)
		return 0;
	if (c->u.op == GOCHAN_CASE_RECV) {
		us->cases[i].dst = us->stage + us->send_bytes;
		return 0;
	}
	us->cases[i].src = us->stage + c->stage;
	if (gochan_get_user(us->stage + c->stage, u64_to_user_ptr(c->u.buf),
			    c->u.len))
		return -EFAULT;
	return 0;
}

static int gochan_stage_cases(struct gochan_user_select *us)
{
	u32 i;

	for (i = 0; i < us->arg->nr; i++) {
		struct gochan_user_case *c = &us->c[i];
		int err = gochan_stage_case(us, i);

		/* Bytes to send from address 0 are as bad as any other there. */
		if (!err && c->file && c->u.op == GOCHAN_CASE_SEND &&
		    c->u.len && !c->u.buf)
			err = -EFAULT;
		if (err) {
			us->arg->index = i;
			return err;
		}
	}
	return 0;
}

/*
 * The select, and giving its result out.
 */

/* After an error: is it a case's? Those not chosen have -EAGAIN. */
static u32 gochan_blame(const struct gochan_user_select *us, int err)
{
	u32 i;

	for (i = 0; i < us->arg->nr && err != -EAGAIN; i++)
		if (us->cases[i].err == err)
			return i;
	return GOCHAN_NO_CASE;
}

/* The case @i has happened. */
static int gochan_give_case(struct gochan_user_select *us, u32 i)
{
	const struct goselect_case *k = &us->cases[i];
	struct gochan_user_case *c = &us->c[i];

	switch (c->u.op) {
	case GOCHAN_CASE_SEND:
		return 0;
	case GOCHAN_CASE_POLL:
		c->u.events = (__force u32)k->ready;
		break;
	case GOCHAN_CASE_RECV:
		c->u.ok = k->ok;
		c->u.len = k->got;
		/* As with GOCHAN_IOC_RECV, it could be written a moment ago. */
		if (k->dst &&
		    gochan_put_user(u64_to_user_ptr(c->u.buf), k->dst, k->got))
			return -EFAULT;
		break;
	}
	if (copy_to_user(gochan_case_ptr(us, i), &c->u, sizeof(c->u)))
		return -EFAULT;
	return 0;
}

static int gochan_run_select(struct gochan_user_select *us,
			     const struct gochan_wait *wait)
{
	struct gochan_select *arg = us->arg;
	unsigned int flags = 0;
	int index;

	if (arg->flags & GOCHAN_SELECT_FIRST)
		flags = GOSELECT_FIRST;
	index = goselect_wait(us->cases, arg->nr, flags, wait);
	if (index < 0) {
		arg->index = gochan_blame(us, index);
		return index;
	}
	arg->index = index;
	return gochan_give_case(us, index) ?: index;
}

static int gochan_do_select(struct gochan_user_select *us,
			    const struct gochan_wait *wait)
{
	int ret = gochan_take_cases(us);

	if (ret)
		return ret;
	us->stage = gochan_stage(us->small, sizeof(us->small),
				 us->send_bytes + us->recv_bytes);
	if (!us->stage)
		return -ENOMEM;
	ret = gochan_stage_cases(us) ?: gochan_run_select(us, wait);
	gochan_unstage(us->small, us->stage);
	return ret;
}

static struct gochan_user_select *
gochan_user_select_alloc(struct gochan_select *arg)
{
	struct gochan_user_select *us;

	/* One piece: an allocation costs more than what is done in it. */
	us = kzalloc(struct_size(us, c, arg->nr) +
		     arg->nr * sizeof(*us->cases), GOCHAN_GFP_USER);
	if (!us)
		return NULL;
	us->arg = arg;
	us->cases = (void *)&us->c[arg->nr];
	return us;
}

static void gochan_user_select_free(struct gochan_user_select *us)
{
	u32 i;

	for (i = 0; i < us->arg->nr; i++)
		if (us->c[i].file)
			fput(us->c[i].file);
	kfree(us);
}

static int gochan_check_select(const struct gochan_select *arg)
{
	if (arg->flags & ~GOCHAN_SELECT_FLAGS || arg->pad ||
	    arg->nr > GOCHAN_SELECT_MAX ||
	    arg->case_size < sizeof(struct gochan_select_case))
		return -EINVAL;
	/* As for the argument itself. */
	if (arg->case_size > PAGE_SIZE)
		return -E2BIG;
	if (arg->cases != (unsigned long)arg->cases)
		return -EFAULT;
	return 0;
}

/**
 * gochan_select - GOCHAN_IOC_SELECT
 * @dev: the device's file
 * @uarg: the argument
 *
 * Context: Process context. May sleep.
 * Return: the index of the case that happened, or what is wrong with a case
 * (-EINVAL, -EBADF, -EMSGSIZE, -EFAULT, -E2BIG), or as goselect_wait().
 */
long gochan_select(struct file *dev, union gochan_arg *uarg)
{
	struct gochan_select *arg = &uarg->select;
	struct gochan_user_select *us;
	struct gochan_wait wait;
	int ret;

	BUILD_BUG_ON(GOCHAN_SELECT_MAX != GOSELECT_MAX_CASES);
	BUILD_BUG_ON(GOCHAN_SELECT_NONBLOCK != GOCHAN_MSG_NONBLOCK);
	BUILD_BUG_ON(GOCHAN_SELECT_REALTIME != GOCHAN_MSG_REALTIME);

	arg->index = GOCHAN_NO_CASE;
	ret = gochan_check_select(arg);
	if (ret)
		return ret;
	us = gochan_user_select_alloc(arg);
	if (!us)
		return -ENOMEM;
	ret = gochan_do_select(us, gochan_msg_wait(dev, arg->flags,
						   arg->deadline, &wait));
	gochan_user_select_free(us);
	return ret;
}
