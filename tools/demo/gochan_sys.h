/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The five system calls of a channel, each in a few lines. There is no library
 * behind them: a channel is a file descriptor, and these are its ioctls.
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
	int dev, fd;

	dev = open("/dev/gochan", O_RDWR | O_CLOEXEC);
	if (dev < 0)
		die("/dev/gochan");
	fd = ioctl(dev, GOCHAN_IOC_CHAN_CREATE, &arg);
	if (fd < 0)
		die("GOCHAN_IOC_CHAN_CREATE");
	close(dev);
	return fd;
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

#endif /* GOCHAN_SYS_H */
