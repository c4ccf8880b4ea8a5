/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Selects, by this process and by peers.
 *
 * Each call is checked for what it must not write: the cases that were not
 * chosen, and after an error all of them.
 */

#ifndef GOCHAN_SELECT_TEST_H
#define GOCHAN_SELECT_TEST_H

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "gochan_test.h"

/* One more than there may be. */
#define MAX_CASES	(GOCHAN_SELECT_MAX + 1)

/**
 * struct selection - a select, in memory that peers share
 * @args: the argument of the ioctl
 * @cases: its cases
 * @values: what each case sends, or has received
 */
struct selection {
	struct gochan_select args;
	struct gochan_select_case cases[MAX_CASES];
	__u64 values[MAX_CASES];
};

/* Make it a select without cases, that may sleep. */
static inline void selection_reset(struct selection *s)
{
	poison(s->values, sizeof(s->values));
	memset(s->cases, 0, sizeof(s->cases));
	s->args = (struct gochan_select) {
		.size = sizeof(s->args),
		.cases = (uintptr_t)s->cases,
		.case_size = sizeof(s->cases[0]),
		.deadline = GOCHAN_NO_DEADLINE,
	};
}

static inline struct selection *selection_new(void)
{
	struct selection *s = shared_alloc(sizeof(*s));

	selection_reset(s);
	return s;
}

static inline struct gochan_select_case *add_case(struct selection *s, __u32 op,
						  int fd)
{
	struct gochan_select_case *c = &s->cases[s->args.nr++];

	*c = (struct gochan_select_case) { .op = op, .fd = fd };
	return c;
}

static inline struct gochan_select_case *
add_send_msg(struct selection *s, int fd, const void *buf, __u32 len)
{
	struct gochan_select_case *c = add_case(s, GOCHAN_CASE_SEND, fd);

	c->buf = (uintptr_t)buf;
	c->len = len;
	return c;
}

static inline struct gochan_select_case *
add_recv_msg(struct selection *s, int fd, void *buf, __u32 room)
{
	struct gochan_select_case *c = add_case(s, GOCHAN_CASE_RECV, fd);

	c->buf = (uintptr_t)buf;
	c->len = room;
	c->ok = POISON_U32;
	return c;
}

/* Most tests use channels of one __u64. */

static inline void add_send(struct selection *s, int fd, __u64 value)
{
	__u64 *p = &s->values[s->args.nr];

	*p = value;
	add_send_msg(s, fd, p, sizeof(*p));
}

static inline void add_recv(struct selection *s, int fd)
{
	add_recv_msg(s, fd, &s->values[s->args.nr], sizeof(s->values[0]));
}

static inline void add_poll(struct selection *s, int fd, __u32 events)
{
	add_case(s, GOCHAN_CASE_POLL, fd)->events = events;
}

/* Besides its results, a case that was chosen is what it was. */
static inline bool only_results_differ(const struct gochan_select_case *before,
				       const struct gochan_select_case *after)
{
	struct gochan_select_case want = *before;

	if (want.op == GOCHAN_CASE_RECV) {
		want.len = after->len;
		want.ok = after->ok;
		if (after->ok > 1)
			return false;
	} else if (want.op == GOCHAN_CASE_POLL) {
		want.events = after->events;
		if (!after->events)
			return false;
	}
	return !memcmp(&want, after, sizeof(want));
}

static inline bool cases_untouched(const struct gochan_select_case *before,
				   const struct gochan_select_case *after,
				   int chosen)
{
	int i;

	for (i = 0; i < (int)MAX_CASES; i++) {
		if (i == chosen) {
			if (!only_results_differ(&before[i], &after[i]))
				return false;
		} else if (memcmp(&before[i], &after[i], sizeof(before[i]))) {
			return false;
		}
	}
	return true;
}

/* Returns the case that was chosen, or -errno. */
static inline int run_select(struct selection *s)
{
	struct gochan_select_case before[MAX_CASES];
	struct gochan_select args = s->args;
	int ret;

	memcpy(before, s->cases, sizeof(before));
	s->args.index = POISON_U32;
	ret = chan_ioctl(gochan_dev, GOCHAN_IOC_SELECT, &s->args);
	args.index = s->args.index;
	if (memcmp(&args, &s->args, sizeof(args)) ||
	    !cases_untouched(before, s->cases, ret) ||
	    (ret >= 0 && args.index != (__u32)ret))
		return OUTPUT_TOUCHED;
	return ret;
}

static inline int run_select_flags(struct selection *s, __u32 flags,
				   __u64 deadline)
{
	s->args.flags = flags;
	s->args.deadline = deadline;
	return run_select(s);
}

static inline int try_select(struct selection *s)
{
	return run_select_flags(s, GOCHAN_SELECT_NONBLOCK, GOCHAN_NO_DEADLINE);
}

/* The error, and the case that is to blame for it. */
#define check_blame(error, culprit, s)					\
	do {								\
		struct selection *__blamed = (s);			\
									\
		EXPECT_EQ(error, try_select(__blamed));			\
		EXPECT_EQ((__u32)(culprit), __blamed->args.index);	\
	} while (0)

/* A select of another process; its result is what the peer returns. */

static inline int peer_run_select(struct peer *peer)
{
	struct selection *s = (void *)(uintptr_t)peer->value;

	peer_ready(peer);
	return run_select(s);
}

static inline struct peer *selection_start(struct selection *s)
{
	return peer_start(peer_run_select, gochan_dev, (uintptr_t)s);
}

static inline int event_new(unsigned int count)
{
	return eventfd(count, EFD_CLOEXEC | EFD_NONBLOCK);
}

static inline int event_signal(int fd)
{
	__u64 one = 1;

	return fd_write(fd, &one, sizeof(one));
}

/* What the eventfd has counted, which is 0 afterwards. */
static inline __u64 event_take(int fd)
{
	__u64 count = 0;

	return fd_read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

#define new_event(count)						\
	({								\
		int __event = event_new(count);				\
									\
		ASSERT_LE(0, __event);					\
		__event;						\
	})

#endif /* GOCHAN_SELECT_TEST_H */
