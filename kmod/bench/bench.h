/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the benchmark asks of a data structure under test.
 */

#ifndef _GOCHAN_BENCH_H
#define _GOCHAN_BENCH_H

#include <linux/gfp_types.h>
#include <linux/types.h>

struct rhashtable_params;

/**
 * struct bench_keying - what keys are like
 * @words: u64s that a key takes in an array of keys
 * @dense: the next numbers, not remote ones, are those of absent keys
 * @make: make the key of a number
 */
struct bench_keying {
	unsigned int words;
	bool dense;
	void (*make)(u64 *key, u64 number);
};

/**
 * struct bench_string - a key of variable length
 * @len: its length
 * @data: its bytes, and zeroes
 */
struct bench_string {
	u8 len;
	char data[31];
};

/**
 * struct bench_subject - a map under test
 * @name: as it appears in the results
 * @keying: its keys; @bench_dense: 0, 1, 2, ..., inserted in order
 * @set: values have no bytes, and the sum of values is zero
 * @create: make an empty table; @n is for those that cannot grow
 * @destroy: free a table and what is in it; NULL is allowed
 * @create_reserved: make one with room for @n; NULL: leave that out
 * @insert: add keys that are absent, each with its first word as its value
 * @get: look keys up, count those found and sum their values up
 * @get_many: the same in batches of BENCH_BATCH; may be NULL
 * @overwrite: replace the values of keys that are present, count those found
 * @remove: remove keys and count those found
 * @iterate: count all entries and sum their values up; may be NULL
 * @settle: wait for what operations left to a worker; may be NULL
 * @bytes: memory held for the entries, without the handle; may be NULL
 *
 * The operations loop over keys themselves, so that no call through a pointer
 * stands between the measurement and what is measured.
 */
struct bench_subject {
	const char *name;
	const struct bench_keying *keying;
	bool set;
	void *(*create)(size_t n);
	void *(*create_reserved)(size_t n);
	void (*destroy)(void *table);
	int (*insert)(void *table, const u64 *keys, size_t n, gfp_t gfp);
	size_t (*get)(void *table, const u64 *keys, size_t n, u64 *sum);
	size_t (*get_many)(void *table, const u64 *keys, size_t n, u64 *sum);
	size_t (*overwrite)(void *table, const u64 *keys, size_t n);
	size_t (*remove)(void *table, const u64 *keys, size_t n);
	size_t (*iterate)(void *table, u64 *sum);
	void (*settle)(void *table);
	size_t (*bytes)(void *table);
};

/**
 * struct bench_keys - the keys of one size
 * @n: number of entries
 * @probes: number of lookups, in @hit and in @miss
 * @words: u64s that a key takes
 * @insert: the keys in order of insertion
 * @remove: the same in another order
 * @hit: keys that are present, in random order
 * @miss: keys that are absent
 */
struct bench_keys {
	size_t n;
	size_t probes;
	unsigned int words;
	u64 *insert;
	u64 *remove;
	u64 *hit;
	u64 *miss;
};

/* Keys per call of a bulk lookup. */
#define BENCH_BATCH	16

/* Distinct lookups, at least: fewer are learnt by the branch predictor. */
#define BENCH_MIN_PROBES	16384UL

/* More rounds than this do not make a median better. */
#define BENCH_MAX_ROUNDS	31U

extern const struct bench_keying bench_sparse;
extern const struct bench_keying bench_dense;
extern const struct bench_keying bench_u32;
extern const struct bench_keying bench_pair;
extern const struct bench_keying bench_strings;

extern const struct bench_subject bench_gomap;
extern const struct bench_subject bench_rhashtable;
extern const struct bench_subject bench_rhashtable_noshrink;
extern const struct bench_subject bench_hlist;
extern const struct bench_subject bench_xarray;

/* Maps with other keys and values, and who is compared in each. */
#define BENCH_KINDS		5
#define BENCH_KIND_PEERS	3
extern const struct bench_subject *const
bench_kinds[BENCH_KINDS][BENCH_KIND_PEERS];

void bench_gomap_destroy(void *table);
void bench_gomap_settle(void *table);
void *bench_rht_create(const struct rhashtable_params *params);
void bench_rht_destroy(void *table);
void bench_rht_settle(void *table);

void bench_touch(void);
int bench_chans(unsigned long ops, unsigned int rounds);
int bench_slices(size_t n, unsigned int rounds);
int bench_scale(unsigned int rounds);

int bench_keys_init(struct bench_keys *k, size_t n,
		    const struct bench_keying *how);
void bench_keys_free(struct bench_keys *k);

u64 bench_per_op(u64 start, u64 end, u64 ops);
u64 bench_median(u64 *values);
void bench_print(const char *subject, unsigned long n, const char *op,
		 u64 value);

#endif /* _GOCHAN_BENCH_H */
