// SPDX-License-Identifier: GPL-2.0
/*
 * Time subjects side by side.
 *
 * All subjects of a comparison are set up, then measured in rounds: each round
 * takes every subject once, beginning with another one each time, so that what
 * disturbs the machine for a while disturbs all of them. The first round is a
 * rehearsal, the median of the others counts. Nothing is subtracted: what a
 * loop itself costs is a subject of its own.
 *
 * A result is a line "suite subject n op value", separated by tabs; a subject
 * that cannot be measured here is a line that begins with "SKIP".
 */

#include <time.h>

#include "bench.h"

#define NSEC_PER_SEC		1000000000ULL

/* Fewer rounds than this do not make a median. */
#define BENCH_MIN_ROUNDS	5

/* Keys are the same in every run, and those of the module. */
#define BENCH_SEED		0x676f6d6170ULL

static __u64 now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC_PER_SEC + ts.tv_nsec;
}

static unsigned int wanted_rounds(void)
{
	const char *env = getenv("BENCH_ROUNDS");
	unsigned long rounds = env ? strtoul(env, NULL, 10) : 0;

	if (rounds < BENCH_MIN_ROUNDS)
		return BENCH_MIN_ROUNDS;
	return rounds < BENCH_MAX_ROUNDS ? rounds : BENCH_MAX_ROUNDS;
}

/* bench_mix - a bijection: different numbers, different keys (splitmix64) */
__u64 bench_mix(__u64 x)
{
	x = (x + BENCH_SEED) * 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

void bench_skip(const char *suite, const char *subject, const char *reason)
{
	printf("SKIP %s: %s: %s\n", suite, subject, reason);
}

void bench_die(const struct bench *b)
{
	fprintf(stderr, "%s %s of %zu: %s\n", b->subject, b->op, b->n,
		errno ? strerror(errno) : "wrong result");
	exit(1);
}

static void bench_setup(const char *suite, struct bench *b, size_t n)
{
	char what[64];

	b->n = n;
	b->ready = false;
	if (b->only_n && b->only_n != n)
		return;
	b->ready = !b->setup || !b->setup(b);
	if (b->ready)
		return;
	snprintf(what, sizeof(what), "%s %s %zu", b->subject, b->op, n);
	bench_skip(suite, what, strerror(errno));
}

static double bench_time(struct bench *b, unsigned long ops)
{
	unsigned int per_call = b->per_call ? b->per_call : 1;
	unsigned long calls = ops / per_call ? ops / per_call : 1;
	__u64 start;

	if (b->prepare)
		b->prepare(b);
	errno = 0;
	start = now_ns();
	b->run(b, calls);
	return (double)(now_ns() - start) / calls / per_call;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void bench_report(const char *suite, struct bench *b,
			 unsigned int rounds)
{
	qsort(b->results, rounds, sizeof(b->results[0]), compare);
	printf("%s\t%s\t%zu\t%s\t%.2f\n", suite, b->subject, b->n, b->op,
	       b->results[rounds / 2]);
}

/* bench_run - measure @nr subjects, each @ops operations in each round */
void bench_run(const char *suite, struct bench *benches, size_t nr, size_t n,
	       unsigned long ops)
{
	unsigned int round, rounds = wanted_rounds();
	struct bench *b;
	size_t i;

	for (i = 0; i < nr; i++)
		bench_setup(suite, &benches[i], n);
	for (round = 0; round <= rounds; round++) {
		for (i = 0; i < nr; i++) {
			b = &benches[(i + round) % nr];
			/* The rehearsal's result is overwritten. */
			if (b->ready)
				b->results[round ? round - 1 : 0] =
					bench_time(b, ops);
		}
	}
	for (i = 0; i < nr; i++) {
		b = &benches[i];
		if (!b->ready)
			continue;
		bench_report(suite, b, rounds);
		if (b->teardown)
			b->teardown(b);
	}
	fflush(stdout);
}
