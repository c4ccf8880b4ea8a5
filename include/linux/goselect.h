/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * goselect - wait on several channels at once
 *
 * A select is given sends and receives on any channels and carries out exactly
 * one of them: one that is ready, else the first to become ready. Of several
 * that are ready each has the same chance, so that a busy channel cannot starve
 * a quiet one. The semantics are those of Go's select statement.
 *
 * A timeout that competes with the other cases is a receive from a timer's
 * channel, see <linux/gotimer.h>; one that merely ends the wait is the deadline
 * of goselect_until().
 *
 * Example
 *	struct goselect_case cases[] = {
 *		GOSELECT_RECV(jobs, &job),
 *		GOSELECT_SEND(results, &result),
 *		GOSELECT_RECV(quit, NULL),
 *	};
 *
 *	switch (goselect(cases, ARRAY_SIZE(cases))) {
 *	case 0:			// job == 7, cases[0].ok: a job, not the end
 *		return start(job);
 *	case 1:			// cases[1].err == 0: the result is on its way
 *		return next(&result);
 *	case 2:			// cases[2].ok == false: told to stop
 *		return -ECANCELED;
 *	default:		// cases[0].err != 0: a signal, or closed results
 *		return -EINTR;
 *	}
 *
 * Guarantees
 *	All channels are judged at one instant. A select that may not wait fails
 *	only if at that instant no case was ready; one that waits has no gap
 *	between looking and sleeping.
 *
 *	Exactly one case happens, or none at all: success means that the message
 *	of the chosen case has moved and no other has; a failure that none has,
 *	also when a signal or the deadline arrived at the same moment. Memory
 *	order is that of the operation which was carried out.
 *
 *	A select waits in the queues of its channels like a plain send or
 *	receive, in the order of arrival. It never serves itself, but two
 *	selects can serve each other.
 *
 *	A case on a closed channel is ready: a receive reports the end, a send
 *	fails with -EPIPE. When a channel is closed on which a select waits to
 *	send as well as to receive, the receive is chosen.
 *
 *	The same channel may be in several cases; each is a ticket of its own in
 *	the draw. A case whose channel is NULL is never ready, and the others
 *	keep their index: the way to switch a case off. Without any other case,
 *	a select that waits does so until the deadline or a signal.
 *
 *	A case may also be any file that poll(2) can wait for. It is ready when
 *	poll(2) would say so, nothing is read from it, and as with poll(2) the
 *	event may be gone when one looks. Files are asked a moment before the
 *	channels are judged. A select that a file has woken for nothing goes to
 *	the end of its channels' queues.
 *
 * Errors
 *	-EPIPE: the chosen case is a send, and its channel is closed, or closes
 *	meanwhile. -EAGAIN: told not to wait, and no case is ready. -ETIMEDOUT:
 *	the deadline passed. -ERESTARTSYS: a signal. -EINVAL: an unknown flag or
 *	direction, too many cases, a file that cannot be polled, or a message
 *	shorter than an element on a channel of fixed size. -EMSGSIZE: a message
 *	longer than an element, or less room than one needs. -EBADF: a send to a
 *	timer's channel. -ENOMEM: it would have to wait, and there is no memory
 *	for that. The member @err of the cases tells which one is to blame.
 *
 * Contexts
 *	goselect_try() works in process, softirq and hardirq context and
 *	allocates nothing, unless there is a file: files are asked in process
 *	context. The others may sleep, and allocate memory when they
 *	have to and have more than four cases with a channel. All channels are
 *	locked, with interrupts off, while they are judged; GOSELECT_MAX_CASES
 *	bounds that time. Exceptions, PREEMPT_RT:
 *	Documentation/core-api/contexts.rst.
 *
 * Lifetime
 *	The caller holds a reference to every channel, and leaves the cases and
 *	their buffers alone, until the select returns; nothing refers to them
 *	afterwards. The cases can then be used again as they are.
 */

#ifndef _LINUX_GOSELECT_H
#define _LINUX_GOSELECT_H

#include <linux/bits.h>
#include <linux/gochan.h>
#include <linux/limits.h>
#include <linux/types.h>

struct file;

/* Each case may be one more spinlock held, which an 8-bit count must survive. */
#define GOSELECT_MAX_CASES	64

/* Length of a message: one element of the channel. */
#define GOSELECT_ELEM		SIZE_MAX

/* Flag: of several cases that are ready, choose the first. */
#define GOSELECT_FIRST		BIT(0)

/**
 * enum goselect_dir - what a case does
 * @GOSELECT_DIR_SEND: send to the channel
 * @GOSELECT_DIR_RECV: receive from the channel
 * @GOSELECT_DIR_POLL: wait for an event of the file
 */
enum goselect_dir {
	GOSELECT_DIR_SEND,
	GOSELECT_DIR_RECV,
	GOSELECT_DIR_POLL,
};

/**
 * struct goselect_case - one of the operations that a select may carry out
 * @ch: the channel, or NULL for a case that is never ready
 * @file: poll: the file instead, or NULL
 * @dir: send, receive or poll
 * @src: send: the message; may be NULL if its length is 0
 * @dst: receive: room for one element, or NULL to discard the message. Only
 *	the chosen case writes there.
 * @len: length of the message, or bytes of room at @dst; GOSELECT_ELEM for one
 *	element
 * @events: poll: those waited for, EPOLLIN and so on; EPOLLERR and EPOLLHUP
 *	always count
 * @ready: out, chosen poll: the events that are there
 * @got: out, chosen receive: length of the message
 * @ok: out, chosen receive: a message (true), or the end of a closed channel,
 *	where @dst is zeroed unless the channel has variable length (false)
 * @err: out: -EAGAIN for a case that was not chosen, 0 for the one that was, or
 *	the error it is to blame for
 */
struct goselect_case {
	union {
		struct gochan *ch;
		struct file *file;
	};
	enum goselect_dir dir;
	union {
		const void *src;
		void *dst;
	};
	size_t len;
	__poll_t events;
	/* results */
	__poll_t ready;
	size_t got;
	bool ok;
	int err;
	/* private: the select's own, see select.c */
	struct goselect_case *next;
};

/* Cases for channels of fixed size; also to be assigned. */
#define GOSELECT_SEND(_ch, _src)	GOSELECT_SEND_MSG(_ch, _src, GOSELECT_ELEM)
#define GOSELECT_RECV(_ch, _dst)	GOSELECT_RECV_MSG(_ch, _dst, GOSELECT_ELEM)

/* Cases for channels of variable length. */
#define GOSELECT_SEND_MSG(_ch, _src, _len)				\
	((struct goselect_case) {					\
		.ch = (_ch),						\
		.dir = GOSELECT_DIR_SEND,				\
		.src = (_src),						\
		.len = (_len),						\
	})
#define GOSELECT_RECV_MSG(_ch, _dst, _room)				\
	((struct goselect_case) {					\
		.ch = (_ch),						\
		.dir = GOSELECT_DIR_RECV,				\
		.dst = (_dst),						\
		.len = (_room),						\
	})

/* A file, and which events of it to wait for. */
#define GOSELECT_POLL(_file, _events)					\
	((struct goselect_case) {					\
		.file = (_file),					\
		.dir = GOSELECT_DIR_POLL,				\
		.events = (_events),					\
	})

int __must_check goselect_wait(struct goselect_case *cases, unsigned int n,
			       unsigned int flags,
			       const struct gochan_wait *wait);

/**
 * goselect - carry out one of several operations, sleeping until one is ready
 * @cases: the operations
 * @n: how many, at most GOSELECT_MAX_CASES
 *
 * Context: Process context. May sleep; signals end the sleep.
 * Return: the index of the case that happened, or -EPIPE if the chosen one is a
 * send to a channel that is or becomes closed, or -ERESTARTSYS after a signal,
 * or -EINVAL, -EMSGSIZE, -EBADF or -ENOMEM as goselect_wait().
 */
static inline int __must_check goselect(struct goselect_case *cases,
					unsigned int n)
{
	const struct gochan_wait wait = {
		.state = TASK_INTERRUPTIBLE,
		.deadline = KTIME_MAX,
	};

	return goselect_wait(cases, n, 0, &wait);
}

/**
 * goselect_killable - goselect(), but only fatal signals end the sleep
 * @cases: the operations
 * @n: how many, at most GOSELECT_MAX_CASES
 *
 * Context: Process context. May sleep.
 * Return: as goselect(), with -ERESTARTSYS when the task is being killed.
 */
static inline int __must_check goselect_killable(struct goselect_case *cases,
						 unsigned int n)
{
	const struct gochan_wait wait = {
		.state = TASK_KILLABLE,
		.deadline = KTIME_MAX,
	};

	return goselect_wait(cases, n, 0, &wait);
}

/**
 * goselect_until - goselect() before a deadline
 * @cases: the operations
 * @n: how many, at most GOSELECT_MAX_CASES
 * @deadline: absolute CLOCK_MONOTONIC time, see ktime_get()
 *
 * Context: Process context. May sleep; signals end the sleep.
 * Return: as goselect(), or -ETIMEDOUT if the deadline passed.
 */
static inline int __must_check goselect_until(struct goselect_case *cases,
					      unsigned int n, ktime_t deadline)
{
	const struct gochan_wait wait = {
		.state = TASK_INTERRUPTIBLE,
		.clock = CLOCK_MONOTONIC,
		.deadline = deadline,
	};

	return goselect_wait(cases, n, 0, &wait);
}

/**
 * goselect_try - carry out one of several operations if one is ready
 * @cases: the operations
 * @n: how many, at most GOSELECT_MAX_CASES
 *
 * Go's select with a default case.
 *
 * Context: Any context but NMI.
 * Return: the index of the case that happened, or -EAGAIN if none was ready, or
 * -EPIPE if the chosen one is a send to a closed channel, or -EINVAL, -EMSGSIZE
 * or -EBADF as goselect_wait().
 */
static inline int __must_check goselect_try(struct goselect_case *cases,
					    unsigned int n)
{
	return goselect_wait(cases, n, 0, NULL);
}

#endif /* _LINUX_GOSELECT_H */
