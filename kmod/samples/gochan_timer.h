/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * gochan_timer: what the sample driver and its users share.
 */

#ifndef _GOCHAN_TIMER_H
#define _GOCHAN_TIMER_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct gochan_timer_start - argument of GOCHAN_TIMER_START
 * @size: sizeof(struct gochan_timer_start)
 * @flags: 0
 * @fd: descriptor of a channel that may send, of struct gochan_timer_event
 * @count: events to send; then the channel is closed. 0: go on until stopped
 * @period: nanoseconds between two events, at least GOCHAN_TIMER_MIN_PERIOD
 * @map_fd: descriptor of a map from __u32 to __u64 that counts the events, by
 *	the keys GOCHAN_TIMER_SENT and GOCHAN_TIMER_DROPPED; or -1
 * @pad: 0
 */
struct gochan_timer_start {
	__u32 size;
	__u32 flags;
	__s32 fd;
	__u32 count;
	__u64 period;
	__s32 map_fd;
	__u32 pad;
};

#define GOCHAN_TIMER_SENT	0
#define GOCHAN_TIMER_DROPPED	1

/**
 * struct gochan_timer_event - a message of the stream
 * @seq: its number, from 0 on; a gap shows that the channel was full
 * @time: CLOCK_MONOTONIC of the interrupt in nanoseconds
 */
struct gochan_timer_event {
	__u64 seq;
	__u64 time;
};

/* A user must not keep a processor in interrupts: 10000 events a second. */
#define GOCHAN_TIMER_MIN_PERIOD	100000

#define GOCHAN_TIMER_START	_IO(0xBD, 0xf0)

#endif /* _GOCHAN_TIMER_H */
