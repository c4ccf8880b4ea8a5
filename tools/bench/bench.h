/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the benchmarks of the device share: how subjects are described, timed
 * side by side and reported.
 */

#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <linux/types.h>

#include "gochan_sys.h"

/* More rounds than this do not make a median better. */
#define BENCH_MAX_ROUNDS	31

#define ARRAY_SIZE(array)	(sizeof(array) / sizeof((array)[0]))

/**
 * struct bench - one thing to be measured: a subject doing an operation
 * @subject: who is measured, as it appears in the results
 * @op: what it does
 * @setup: make what it needs; 0, or -1 and errno: it is left out
 * @prepare: before each round, outside of what is timed; may be NULL
 * @run: do the operation, a call that moves many, @ops times, in a loop of its own, so that no call
 *	through a pointer is measured; dies of errors
 * @teardown: undo @setup; may be NULL
 * @only_n: measured with this n only; 0: with all
 * @flags: for the subject's own use
 * @per_call: operations that one call does; 0 means 1
 * @n: size of a message in bytes, or number of entries
 * @fd: for the subject's own use, as all below
 * @pid: child process
 * @ready: @setup has succeeded
 * @results: nanoseconds per operation, one for each round
 */
struct bench {
	const char *subject;
	const char *op;
	int (*setup)(struct bench *b);
	void (*prepare)(struct bench *b);
	void (*run)(struct bench *b, unsigned long ops);
	void (*teardown)(struct bench *b);
	size_t only_n;
	__u32 flags;
	unsigned int per_call;
	size_t n;
	int fd[4];
	pid_t pid;
	bool ready;
	double results[BENCH_MAX_ROUNDS];
};

void bench_run(const char *suite, struct bench *benches, size_t nr, size_t n,
	       unsigned long ops);
void bench_skip(const char *suite, const char *subject, const char *reason);
__u64 bench_mix(__u64 x);
void bench_die(const struct bench *b);

/* What fails while it is measured makes the result meaningless. */
static inline void bench_must(bool good, const struct bench *b)
{
	if (!good)
		bench_die(b);
}

#endif /* BENCH_H */
