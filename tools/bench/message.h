/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Messages to fd[1] and from fd[0] of a subject, to itself or to somebody who
 * sends them back.
 */

#ifndef BENCH_MESSAGE_H
#define BENCH_MESSAGE_H

#include "bench.h"

#define MAX_SIZE	4096

/* Messages of a call that moves many, and room in a channel. */
#define BATCH		64

static char buf[BATCH * MAX_SIZE];

static void run_write_read(struct bench *b, unsigned long ops)
{
	const ssize_t n = b->n;

	while (ops--)
		bench_must(write(b->fd[1], buf, n) == n &&
			   read(b->fd[0], buf, n) == n, b);
}

/* Channels, by ioctl. */
static void run_send_recv(struct bench *b, unsigned long ops)
{
	__u32 len;

	while (ops--) {
		len = b->n;
		bench_must(!chan_send(b->fd[1], buf, len) &&
			   chan_recv(b->fd[0], buf, &len) == 1, b);
	}
}

#endif /* BENCH_MESSAGE_H */
