/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the benchmark asks of a data structure under test.
 */

#ifndef _GOCHAN_BENCH_H
#define _GOCHAN_BENCH_H

#include <linux/gfp_types.h>
#include <linux/types.h>

/**
 * struct bench_subject - a map from u64 to u64 under test
 * @name: as it appears in the results
 * @dense: keys are 0, 1, 2, ..., inserted in order; otherwise they are random
 * @create: make an empty table; @n is for those that cannot grow
 * @destroy: free a table and what is in it; NULL is allowed
 * @insert: add keys that are absent, each with itself as its value
 * @get: look keys up, count those found and sum their values up
 * @get_many: the same in batches of BENCH_BATCH; may be NULL
 * @overwrite: replace the values of keys that are present, count those found
 * @remove: remove keys and count those found
 * @settle: wait for what operations left to a worker; may be NULL
 * @bytes: memory held for the entries, without the handle; may be NULL
 *
 * The operations loop over keys themselves, so that no call through a pointer
 * stands between the measurement and what is measured.
 */
struct bench_subject {
	const char *name;
	bool dense;
	void *(*create)(size_t n);
	void (*destroy)(void *table);
	int (*insert)(void *table, const u64 *keys, size_t n, gfp_t gfp);
	size_t (*get)(void *table, const u64 *keys, size_t n, u64 *sum);
	size_t (*get_many)(void *table, const u64 *keys, size_t n, u64 *sum);
	size_t (*overwrite)(void *table, const u64 *keys, size_t n);
	size_t (*remove)(void *table, const u64 *keys, size_t n);
	void (*settle)(void *table);
	size_t (*bytes)(void *table);
};

/**
 * struct bench_keys - the keys of one size
 * @n: number of entries
 * @probes: number of lookups, in @hit and in @miss
 * @insert: the keys in order of insertion
 * @remove: the same in another order
 * @hit: keys that are present, in random order
 * @miss: keys that are absent
 */
struct bench_keys {
	size_t n;
	size_t probes;
	u64 *insert;
	u64 *remove;
	u64 *hit;
	u64 *miss;
};

/* Keys per call of a bulk lookup. */
#define BENCH_BATCH	16

/* More rounds than this do not make a median better. */
#define BENCH_MAX_ROUNDS	31U

extern const struct bench_subject bench_gomap;
extern const struct bench_subject bench_rhashtable;
extern const struct bench_subject bench_rhashtable_noshrink;
extern const struct bench_subject bench_hlist;
extern const struct bench_subject bench_xarray;

int bench_chans(unsigned long ops, unsigned int rounds);
int bench_slices(size_t n, unsigned int rounds);
int bench_scale(unsigned int rounds);

int bench_keys_init(struct bench_keys *k, size_t n, bool dense);
void bench_keys_free(struct bench_keys *k);

u64 bench_per_op(u64 start, u64 end, u64 ops);
u64 bench_median(u64 *values);
void bench_print(const char *subject, unsigned long n, const char *op,
		 u64 value);

#endif /* _GOCHAN_BENCH_H */
