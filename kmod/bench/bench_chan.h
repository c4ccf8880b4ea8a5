/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the measurements of channels share.
 */

#ifndef _GOCHAN_BENCH_CHAN_H
#define _GOCHAN_BENCH_CHAN_H

#include <linux/types.h>

#include "bench.h"

struct task_struct;

/* Longest message, and room for two of them. */
#define BENCH_MSG_WORDS		(1024 / sizeof(u64))
extern u64 bench_sent[BENCH_MSG_WORDS];
extern u64 bench_received[BENCH_MSG_WORDS];

/* Room of what one task fills and empties: not all in the same place. */
#define BENCH_CHAN_CAP		16

/**
 * struct bench_peer - the other thread
 * @work: what it does, @ops times; 0 or a negative errno
 * @ctx: with what
 * @ops: how often
 * @task: itself
 *
 * Its work and that of the caller cannot end without each other.
 */
struct bench_peer {
	int (*work)(void *ctx, unsigned long ops);
	void *ctx;
	unsigned long ops;
	struct task_struct *task;
};

int bench_time_pair(struct bench_peer *p,
		    int (*work)(void *ctx, unsigned long ops),
		    void (*give_up)(void *ctx), u64 *result);

int bench_fifo_send_recv(size_t size, unsigned long ops, u64 *result);
int bench_fifo_stream(size_t cap, unsigned long ops, u64 *result);
int bench_ring_send_recv(size_t size, unsigned long ops, u64 *result);
int bench_completion_round_trip(size_t cap, unsigned long ops, u64 *result);

#endif /* _GOCHAN_BENCH_CHAN_H */
