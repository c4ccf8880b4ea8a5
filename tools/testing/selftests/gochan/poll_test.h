/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What poll, select and epoll say about a descriptor at this moment.
 */

#ifndef GOCHAN_POLL_TEST_H
#define GOCHAN_POLL_TEST_H

#include <sys/epoll.h>
#include <sys/select.h>

#include "gochan_test.h"

#define IN_BITS		(POLLIN | POLLRDNORM)
#define OUT_BITS	(POLLOUT | POLLWRNORM)
#define HUP_BITS	(POLLHUP | POLLRDHUP)
#define ALL_BITS	(IN_BITS | OUT_BITS | HUP_BITS | POLLPRI | POLLERR)

/* Long for an event that must come, yet short of the test's own timeout. */
#define EVENT_MS	20000

static inline int poll_now(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = ALL_BITS };
	int ret = poll(&pfd, 1, 0);

	return ret < 0 ? -errno : pfd.revents;
}

static inline int select_now(int fd)
{
	struct timeval zero = { 0 };
	fd_set in, out, except;
	int ret;

	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_ZERO(&except);
	FD_SET(fd, &in);
	FD_SET(fd, &out);
	FD_SET(fd, &except);
	ret = select(fd + 1, &in, &out, &except, &zero);
	if (ret < 0)
		return -errno;
	return (FD_ISSET(fd, &in) ? POLLIN : 0) |
	       (FD_ISSET(fd, &out) ? POLLOUT : 0) |
	       (FD_ISSET(fd, &except) ? POLLPRI : 0);
}

static inline int epoll_add(int ep, int fd, __u32 events)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };

	return epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static inline int epoll_mod(int ep, int fd, __u32 events)
{
	struct epoll_event ev = { .events = events, .data.fd = fd };

	return epoll_ctl(ep, EPOLL_CTL_MOD, fd, &ev) ? -errno : 0;
}

/* The events of the one fd, 0 for none, or -errno. */
static inline int epoll_get(int ep, int timeout)
{
	struct epoll_event ev[2];
	int ret = epoll_wait(ep, ev, 2, timeout);

	if (ret < 0)
		return -errno;
	return ret ? (int)ev[0].events : 0;
}

static inline int epoll_level_now(int fd)
{
	int ep, ret;

	ep = epoll_create1(EPOLL_CLOEXEC);
	if (ep < 0)
		return -errno;
	ret = epoll_add(ep, fd, ALL_BITS);
	if (!ret)
		ret = epoll_get(ep, 0);
	close(ep);
	return ret;
}

#define new_epoll(fd, events)						\
	({								\
		int __ep = epoll_create1(EPOLL_CLOEXEC);		\
									\
		ASSERT_LE(0, __ep);					\
		ASSERT_EQ(0, epoll_add(__ep, fd, events));		\
		__ep;							\
	})

#endif /* GOCHAN_POLL_TEST_H */
