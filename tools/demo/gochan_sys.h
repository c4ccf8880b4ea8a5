/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The system calls of a channel, and a few of a map, each in a few lines. There
 * is no library behind them: channels and maps are file descriptors, and these
 * are their ioctls.
 */

#ifndef GOCHAN_SYS_H
#define GOCHAN_SYS_H

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <linux/gochan.h>

static inline void die(const char *what)
{
	fprintf(stderr, "%s: %s\n", what, strerror(errno));
	exit(1);
}

/* Whatever there is begins with an ioctl of the device. */
static inline int gochan_device(void)
{
	static int dev = -1;

	if (dev < 0)
		dev = open("/dev/gochan", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		die("/dev/gochan");
	return dev;
}

static inline int gochan_create(unsigned long cmd, void *arg)
{
	int fd = ioctl(gochan_device(), cmd, arg);

	if (fd < 0)
		die("create");
	return fd;
}

/*
 * Make a channel for @capacity messages of @elem_size bytes. With capacity 0
 * a sender waits until somebody takes its message. With the flag
 * GOCHAN_CHAN_VARLEN messages may be shorter than @elem_size.
 */
static inline int chan_create(__u32 flags, __u32 elem_size, __u32 capacity)
{
	/* Every structure carries its size: that is how the ABI can grow. */
	struct gochan_chan_create arg = {
		.size = sizeof(arg),
		.flags = flags,
		.elem_size = elem_size,
		.capacity = capacity,
	};

	return gochan_create(GOCHAN_IOC_CHAN_CREATE, &arg);
}

/* Send one message. -1 with EPIPE: the channel was closed, nobody wants it. */
static inline int chan_send(int fd, const void *buf, __u32 len)
{
	struct gochan_msg msg = {
		.size = sizeof(msg),
		.buf = (uintptr_t)buf,
		.len = len,
		.deadline = GOCHAN_NO_DEADLINE,
	};

	return ioctl(fd, GOCHAN_IOC_SEND, &msg);
}

/*
 * Receive one message into @buf, which has *@len bytes of room: enough for a
 * whole element. Return 1 and its length in *@len, or 0 at the end: the
 * channel is closed, and everything that was in it has been received.
 */
static inline int chan_recv(int fd, void *buf, __u32 *len)
{
	struct gochan_msg msg = {
		.size = sizeof(msg),
		.buf = (uintptr_t)buf,
		.len = *len,
		.deadline = GOCHAN_NO_DEADLINE,
	};

	if (ioctl(fd, GOCHAN_IOC_RECV, &msg))
		die("GOCHAN_IOC_RECV");
	*len = msg.len;
	return msg.ok;
}

/* No more messages will be sent. Receivers drain the rest, then see the end. */
static inline int chan_close(int fd)
{
	return ioctl(fd, GOCHAN_IOC_CLOSE, 0);
}

/*
 * Do one of @nr operations, whichever can be done first, and return its index.
 * With the flag GOCHAN_SELECT_NONBLOCK it does not wait: -1 with EAGAIN.
 */
static inline int chan_select(struct gochan_select_case *cases, __u32 nr,
			      __u32 flags)
{
	struct gochan_select arg = {
		.size = sizeof(arg),
		.flags = flags,
		.cases = (uintptr_t)cases,
		.nr = nr,
		.case_size = sizeof(cases[0]),
		.deadline = GOCHAN_NO_DEADLINE,
	};

	return ioctl(gochan_device(), GOCHAN_IOC_SELECT, &arg);
}

/*
 * Make a map from keys of @key_size bytes to values of @value_size bytes. With
 * the flag GOCHAN_MAP_VARLEN keys may be shorter than @key_size.
 */
static inline int map_create(__u32 flags, __u32 key_size, __u32 value_size)
{
	struct gochan_map_create arg = {
		.size = sizeof(arg),
		.flags = flags,
		.key_size = key_size,
		.value_size = value_size,
	};

	return gochan_create(GOCHAN_IOC_MAP_CREATE, &arg);
}

/* Add to the counter of a key. One that is not there yet begins at 0. */
static inline int map_add(int fd, const void *key, __u32 len, __u64 delta)
{
	struct gochan_map_add arg = {
		.size = sizeof(arg),
		.flags = GOCHAN_MAP_ADD_CREATE,
		.key = (uintptr_t)key,
		.delta = delta,
		.key_len = len,
	};

	return ioctl(fd, GOCHAN_IOC_MAP_ADD, &arg);
}

/*
 * Get the next entries. @it has the addresses of arrays for @count of them; it
 * also keeps the place, which is all zeroes at the beginning. Return the number
 * of entries, 0 at the end.
 */
static inline __u32 map_iter(int fd, struct gochan_map_iter *it)
{
	it->size = sizeof(*it);
	if (ioctl(fd, GOCHAN_IOC_MAP_ITER, it))
		die("GOCHAN_IOC_MAP_ITER");
	return it->done;
}

#endif /* GOCHAN_SYS_H */
