/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * gochan - channels for kernel code
 *
 * A channel carries messages of one size between tasks, or from an interrupt
 * to a task. With capacity 0 a send waits until a receiver takes the value
 * (rendezvous); with capacity N the channel buffers up to N values. Values
 * arrive in the order they were sent, sleepers are served in the order in which
 * they fell asleep, and after close the receivers drain what is buffered and then see the
 * end. The semantics are those of Go's channels.
 *
 * To wait on several channels see <linux/goselect.h>, for channels that tell
 * the time <linux/gotimer.h>.
 *
 * Example
 *	struct gochan *ch = gochan_alloc(sizeof(u64), 16, GFP_KERNEL);
 *	u64 v = 42;
 *	bool ok;
 *
 *	if (IS_ERR(ch))
 *		return PTR_ERR(ch);
 *	err = gochan_send(ch, &v);		// 0: there was room
 *	err = gochan_recv(ch, &v, &ok);		// v == 42, ok: not the end
 *	err = gochan_close(ch);			// 0
 *	err = gochan_recv(ch, &v, &ok);		// v == 0, !ok: the end
 *	err = gochan_send(ch, &v);		// -EPIPE
 *	gochan_put(ch);
 *
 * Guarantees
 *	A send happens before the completion of the receive that obtains its
 *	value; on a rendezvous channel the receive also happens before the
 *	completion of the send; with capacity C the k-th receive happens before
 *	the completion of the (k+C)-th send; a close happens before a receive
 *	that reports the end. There is no ordering from gochan_len(),
 *	gochan_cap(), or an operation that failed.
 *
 *	A message is delivered once or not at all. An operation that reports
 *	success has moved its message, one that fails has not, also when a
 *	signal or the deadline arrived at the same moment.
 *
 *	A NULL channel is Go's nil channel: sends and receives on it never
 *	become ready, its length and capacity are 0, and it cannot be closed.
 *
 * Errors
 *	-EPIPE: a send to a channel that is closed, or closes meanwhile. The end
 *	of a closed channel is no error: a receive returns 0 and clears @ok.
 *	-EAGAIN: told not to wait, and not ready. -ETIMEDOUT: the deadline
 *	passed. -ERESTARTSYS: a signal. -EMSGSIZE: a message longer than an
 *	element, or less room than it needs. -EINVAL: a shorter one on a channel
 *	of fixed size; a receive of no messages by gochan_recv_many(); from
 *	gochan_alloc(), a number out of range. -ENOMEM: from gochan_alloc().
 *	-ESHUTDOWN: closed already. -EBADF: the channel is a timer's, which can
 *	be received from only; or a close of NULL.
 *
 * Contexts
 *	gochan_try_send(), gochan_try_recv(), gochan_close(), gochan_len(),
 *	gochan_cap(), gochan_peek() and gochan_stat() work in process, softirq
 *	and hardirq context, as do gochan_send_many() and gochan_recv_many()
 *	that are told not to wait; gochan_put() too, but for callers that hold a
 *	spinlock. Exceptions, such as under the scheduler's own locks, and what
 *	holds on PREEMPT_RT: Documentation/core-api/contexts.rst.
 *	Everything named without "try" may sleep. Messages are copied under the
 *	channel's irq-safe lock: prefer pointers to large elements.
 *
 *	kthread_stop() ends an interruptible sleep as a signal does. A killable
 *	one lasts until the channel is ready or closed: close it first.
 *
 * Lifetime
 *	gochan_alloc() returns the first reference. Whoever calls a function on
 *	a channel holds a reference until it returns. Closing and freeing are
 *	different things: the last gochan_put() frees the channel and what is
 *	still buffered in it, whether or not it was closed.
 */

#ifndef _LINUX_GOCHAN_H
#define _LINUX_GOCHAN_H

#include <linux/fs.h>
#include <linux/ktime.h>
#include <linux/llist.h>
#include <linux/sched.h>
#include <linux/time.h>
#include <linux/types.h>

struct gochan;
struct module;
struct poll_table_struct;

/**
 * struct gochan_wait - how a blocking operation sleeps
 * @state: TASK_INTERRUPTIBLE or TASK_KILLABLE, and flags such as
 *	TASK_FREEZABLE: which signals end the sleep
 * @clock: clock of @deadline, CLOCK_MONOTONIC or CLOCK_REALTIME
 * @deadline: absolute time at which to give up, KTIME_MAX for never
 *
 * An operation that can complete at once does so even after the deadline.
 */
struct gochan_wait {
	unsigned int state;
	clockid_t clock;
	ktime_t deadline;
};

/**
 * struct gochan_stat - state of a channel at one instant
 * @elem_size: bytes per element, the maximum if @varlen
 * @cap: elements the channel can buffer
 * @len: elements buffered
 * @senders: sends asleep on the channel, cases of selects included
 * @receivers: receives asleep on the channel, cases of selects included
 * @varlen: each message has its own length
 * @closed: gochan_close() has been called
 */
struct gochan_stat {
	u32 elem_size;
	u32 cap;
	u32 len;
	u32 senders;
	u32 receivers;
	bool varlen;
	bool closed;
};

/**
 * struct gochan_owner - who wants to know when a channel has gone
 * @module: whose text @release is, THIS_MODULE; it is not unloaded before
 * @release: called once the channel has been freed, in process context, where
 *	it may sleep. It may free what the owner is embedded in.
 */
struct gochan_owner {
	struct module *module;
	void (*release)(struct gochan_owner *owner);
	/* private: */
	struct gochan *ch;
	struct llist_node node;
};

struct gochan *gochan_alloc(size_t elem_size, size_t cap, gfp_t gfp);
struct gochan *gochan_alloc_varlen(size_t max_size, size_t cap, gfp_t gfp);
ssize_t gochan_footprint(size_t elem_size, size_t cap, bool varlen);
struct gochan *gochan_get(struct gochan *ch);
void gochan_put(struct gochan *ch);
void gochan_set_owner(struct gochan *ch, struct gochan_owner *owner);

int __must_check gochan_send_wait(struct gochan *ch, const void *src,
				  const struct gochan_wait *wait);
int __must_check gochan_send_msg(struct gochan *ch, const void *src, size_t len,
				 const struct gochan_wait *wait);
int __must_check gochan_recv_wait(struct gochan *ch, void *dst, bool *ok,
				  const struct gochan_wait *wait);
int __must_check gochan_recv_msg(struct gochan *ch, void *dst, size_t *len,
				 bool *ok, const struct gochan_wait *wait);
int __must_check gochan_send_many(struct gochan *ch, const void *src,
				  const u32 *lens, u32 n,
				  const struct gochan_wait *wait);
int __must_check gochan_recv_many(struct gochan *ch, void *dst, u32 *lens,
				  u32 n, const struct gochan_wait *wait);
int __must_check gochan_peek(struct gochan *ch, void *dst, size_t *len,
			     bool *ok);
int gochan_close(struct gochan *ch);

size_t gochan_len(const struct gochan *ch);
size_t gochan_cap(const struct gochan *ch);
void gochan_stat(struct gochan *ch, struct gochan_stat *st);
__poll_t gochan_poll(struct gochan *ch, struct file *file,
		     struct poll_table_struct *pt);
__poll_t gochan_poll_mode(struct gochan *ch, struct file *file,
			  struct poll_table_struct *pt, fmode_t mode);

/* From gochan.ko, the device. */
struct gochan *gochan_get_from_fd(int fd, fmode_t mode, size_t elem_size,
				  bool varlen);

/**
 * gochan_send - send a value, sleeping until it can go
 * @ch: the channel
 * @src: the value, of the channel's element size; may be NULL if that is 0
 *
 * Context: Process context. May sleep; signals end the sleep.
 * Return: 0, or -EPIPE if the channel is or becomes closed, or -ERESTARTSYS
 * after a signal, or -EBADF if it is a timer's. The value was sent only if 0 is
 * returned.
 */
static inline int __must_check gochan_send(struct gochan *ch, const void *src)
{
	static const struct gochan_wait wait = {
		.state = TASK_INTERRUPTIBLE,
		.deadline = KTIME_MAX,
	};

	return gochan_send_wait(ch, src, &wait);
}

/**
 * gochan_send_killable - send a value; only fatal signals end the sleep
 * @ch: the channel
 * @src: the value, of the channel's element size; may be NULL if that is 0
 *
 * Context: Process context. May sleep.
 * Return: 0, or -EPIPE if the channel is or becomes closed, or -ERESTARTSYS
 * when the task is being killed, or -EBADF if it is a timer's.
 */
static inline int __must_check gochan_send_killable(struct gochan *ch,
						    const void *src)
{
	static const struct gochan_wait wait = {
		.state = TASK_KILLABLE,
		.deadline = KTIME_MAX,
	};

	return gochan_send_wait(ch, src, &wait);
}

/**
 * gochan_send_until - send a value before a deadline
 * @ch: the channel
 * @src: the value, of the channel's element size; may be NULL if that is 0
 * @deadline: absolute CLOCK_MONOTONIC time, see ktime_get()
 *
 * Context: Process context. May sleep; signals end the sleep.
 * Return: 0, or -EPIPE if the channel is or becomes closed, -ETIMEDOUT if the
 * deadline passed, or -ERESTARTSYS after a signal, or -EBADF if it is a timer's.
 */
static inline int __must_check gochan_send_until(struct gochan *ch,
						 const void *src,
						 ktime_t deadline)
{
	const struct gochan_wait wait = {
		.state = TASK_INTERRUPTIBLE,
		.clock = CLOCK_MONOTONIC,
		.deadline = deadline,
	};

	return gochan_send_wait(ch, src, &wait);
}

/**
 * gochan_try_send - send a value if that is possible at once
 * @ch: the channel
 * @src: the value, of the channel's element size; may be NULL if that is 0
 *
 * Context: Any context but NMI.
 * Return: 0, or -EAGAIN if the channel is full (with capacity 0: if no
 * receiver sleeps), or -EPIPE if it is closed, or -EBADF if it is a timer's.
 */
static inline int __must_check gochan_try_send(struct gochan *ch,
					       const void *src)
{
	return gochan_send_wait(ch, src, NULL);
}

/**
 * gochan_recv - receive a value, sleeping until there is one
 * @ch: the channel
 * @dst: room for one element, or NULL to discard the value
 * @ok: set to true with a value, to false at the end of a closed channel,
 *	where @dst is zeroed (not on a channel of variable length); may be NULL
 *
 * Context: Process context. May sleep; signals end the sleep.
 * Return: 0, or -ERESTARTSYS after a signal.
 */
static inline int __must_check gochan_recv(struct gochan *ch, void *dst,
					   bool *ok)
{
	static const struct gochan_wait wait = {
		.state = TASK_INTERRUPTIBLE,
		.deadline = KTIME_MAX,
	};

	return gochan_recv_wait(ch, dst, ok, &wait);
}

/**
 * gochan_recv_killable - receive a value; only fatal signals end the sleep
 * @ch: the channel
 * @dst: room for one element, or NULL to discard the value
 * @ok: as for gochan_recv()
 *
 * Context: Process context. May sleep.
 * Return: 0, or -ERESTARTSYS when the task is being killed.
 */
static inline int __must_check gochan_recv_killable(struct gochan *ch,
						    void *dst, bool *ok)
{
	static const struct gochan_wait wait = {
		.state = TASK_KILLABLE,
		.deadline = KTIME_MAX,
	};

	return gochan_recv_wait(ch, dst, ok, &wait);
}

/**
 * gochan_recv_until - receive a value before a deadline
 * @ch: the channel
 * @dst: room for one element, or NULL to discard the value
 * @ok: as for gochan_recv()
 * @deadline: absolute CLOCK_MONOTONIC time, see ktime_get()
 *
 * Context: Process context. May sleep; signals end the sleep.
 * Return: 0, or -ETIMEDOUT if the deadline passed, or -ERESTARTSYS after a
 * signal.
 */
static inline int __must_check gochan_recv_until(struct gochan *ch, void *dst,
						 bool *ok, ktime_t deadline)
{
	const struct gochan_wait wait = {
		.state = TASK_INTERRUPTIBLE,
		.clock = CLOCK_MONOTONIC,
		.deadline = deadline,
	};

	return gochan_recv_wait(ch, dst, ok, &wait);
}

/**
 * gochan_try_recv - receive a value if there is one
 * @ch: the channel
 * @dst: room for one element, or NULL to discard the value
 * @ok: as for gochan_recv()
 *
 * Context: Any context but NMI.
 * Return: 0, also at the end of a closed channel, or -EAGAIN if the channel is
 * open and empty (with capacity 0: if no sender sleeps).
 */
static inline int __must_check gochan_try_recv(struct gochan *ch, void *dst,
					       bool *ok)
{
	return gochan_recv_wait(ch, dst, ok, NULL);
}

#endif /* _LINUX_GOCHAN_H */
