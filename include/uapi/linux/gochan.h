/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * gochan: channels as file descriptors, made by /dev/gochan.
 *
 * Every structure begins with its own size in bytes, filled in by the caller.
 * It is how the interface grows: a kernel that knows more fields takes the
 * missing ones as zero, one that knows fewer refuses those that are not zero
 * (E2BIG). Unknown flags and non-zero padding are refused with EINVAL.
 * Pointers travel as __u64, so that 32-bit and 64-bit callers share one layout.
 *
 * Documentation/userspace-api/gochan.rst describes each command.
 */

#ifndef _UAPI_LINUX_GOCHAN_H
#define _UAPI_LINUX_GOCHAN_H

#include <linux/ioctl.h>
#include <linux/types.h>

/* Largest element, and so the largest message, in bytes. */
#define GOCHAN_MAX_ELEM_SIZE	65536

/* Largest ring of one channel in bytes, bookkeeping of messages included. */
#define GOCHAN_MAX_RING_SIZE	(1U << 30)

/* A deadline that never comes: wait until the message moves. */
#define GOCHAN_NO_DEADLINE	(~(__u64)0)

/*
 * Flags of GOCHAN_IOC_CHAN_CREATE, reported again by GOCHAN_IOC_INFO.
 *
 * VARLEN: the element size is a maximum and each message keeps its own length.
 */
#define GOCHAN_CHAN_VARLEN	(1U << 0)

/**
 * struct gochan_chan_create - argument of GOCHAN_IOC_CHAN_CREATE
 * @size: sizeof(struct gochan_chan_create)
 * @flags: GOCHAN_CHAN_* flags
 * @elem_size: bytes per message, 0 to GOCHAN_MAX_ELEM_SIZE
 * @capacity: messages the channel buffers; 0 makes senders and receivers meet
 *
 * The ioctl returns the new file descriptor, close-on-exec.
 */
struct gochan_chan_create {
	__u32 size;
	__u32 flags;
	__u32 elem_size;
	__u32 capacity;
};

/*
 * Flags of GOCHAN_IOC_SEND and GOCHAN_IOC_RECV.
 *
 * NONBLOCK: fail with EAGAIN instead of sleeping, whatever O_NONBLOCK says.
 * REALTIME: the deadline is CLOCK_REALTIME instead of CLOCK_MONOTONIC.
 */
#define GOCHAN_MSG_NONBLOCK	(1U << 0)
#define GOCHAN_MSG_REALTIME	(1U << 1)

/**
 * struct gochan_msg - argument of GOCHAN_IOC_SEND and GOCHAN_IOC_RECV
 * @size: sizeof(struct gochan_msg)
 * @flags: GOCHAN_MSG_* flags
 * @buf: address of the bytes to send, or of room for those received
 * @len: in: bytes at @buf; a receive needs room for a whole element, or 0 at
 *	address 0 to discard the message. Out, receive only: its length
 * @ok: send: 0. Receive, out: 1 with a message, 0 once the channel is closed
 *	and drained; then @buf gets an element of zeroes, or with
 *	GOCHAN_CHAN_VARLEN nothing and @len is 0
 * @deadline: absolute time in nanoseconds, or GOCHAN_NO_DEADLINE. 0 is a time
 *	long past: the call then never sleeps, and fails with ETIMEDOUT
 */
struct gochan_msg {
	__u32 size;
	__u32 flags;
	__u64 buf;
	__u32 len;
	__u32 ok;
	__u64 deadline;
};

/**
 * struct gochan_info - argument of GOCHAN_IOC_INFO
 * @size: sizeof(struct gochan_info)
 * @flags: in: 0. Out: the GOCHAN_CHAN_* flags of the channel
 * @elem_size: out: bytes per message
 * @capacity: out: messages the channel can buffer
 * @length: out: messages buffered now
 * @closed: out: 1 once the channel is closed
 * @senders: out: senders asleep on the channel
 * @receivers: out: receivers asleep on the channel
 *
 * All numbers are of one instant.
 */
struct gochan_info {
	__u32 size;
	__u32 flags;
	__u32 elem_size;
	__u32 capacity;
	__u32 length;
	__u32 closed;
	__u32 senders;
	__u32 receivers;
};

/*
 * The numbers carry no argument size: the structures do. GOCHAN_IOC_CLOSE
 * takes no structure; its argument is 0.
 */
#define GOCHAN_IOC_MAGIC	0xBD

/* On the device. */
#define GOCHAN_IOC_CHAN_CREATE	_IO(GOCHAN_IOC_MAGIC, 0x00)

/* On a channel. */
#define GOCHAN_IOC_SEND		_IO(GOCHAN_IOC_MAGIC, 0x10)
#define GOCHAN_IOC_RECV		_IO(GOCHAN_IOC_MAGIC, 0x11)
#define GOCHAN_IOC_CLOSE	_IO(GOCHAN_IOC_MAGIC, 0x12)
#define GOCHAN_IOC_INFO		_IO(GOCHAN_IOC_MAGIC, 0x13)

#endif /* _UAPI_LINUX_GOCHAN_H */
