// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keys: the same in every run, and those of the programs in tools/bench.
 *
 * Keys are numbered; a keying makes them of their numbers. Orders are random,
 * and the same for all keyings.
 */

#include <linux/bits.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "bench.h"

/* And at most so many distinct lookups, or large tables take minutes. */
#define BENCH_MAX_PROBES	1000000UL

#define BENCH_SEED		0x676f6d6170ULL

/* Numbers of absent keys begin here, unless keys are dense. */
#define BENCH_ABSENT		BIT_ULL(32)

/* A bijection, so that different numbers give different keys (splitmix64). */
static u64 bench_mix(u64 x)
{
	x = (x + BENCH_SEED) * 0x9e3779b97f4a7c15ULL;
	x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

static void bench_make_sparse(u64 *key, u64 number)
{
	*key = bench_mix(number);
}

static void bench_make_dense(u64 *key, u64 number)
{
	*key = number;
}

/* Another bijection; absent keys have the top bit in place of the 32nd. */
static void bench_make_u32(u64 *key, u64 number)
{
	u32 x = (u32)number | (u32)(number / BENCH_ABSENT) << 31;

	x = (x ^ (x >> 16)) * 0x85ebca6bU;
	x = (x ^ (x >> 13)) * 0xc2b2ae35U;
	*key = 0;
	*(u32 *)key = x ^ (x >> 16);
}

/* As addresses are: what differs is in one half, and not all of that. */
static void bench_make_pair(u64 *key, u64 number)
{
	key[0] = bench_mix(number);
	key[1] = key[0] & 0xffff;
}

/* As names are: a common beginning, and of 12 to 24 bytes or so. */
static void bench_make_string(u64 *key, u64 number)
{
	struct bench_string *s = (struct bench_string *)key;
	u64 x = bench_mix(number);

	memset(s, 0, sizeof(*s));
	/* The number makes it unique, the rest gives it its length. */
	s->len = sprintf(s->data, "dev%llu-%0*llx", number,
			 (int)(4 + x % 9), x >> 36);
}

const struct bench_keying bench_sparse = { 1, false, bench_make_sparse };
const struct bench_keying bench_dense = { 1, true, bench_make_dense };
const struct bench_keying bench_u32 = { 1, false, bench_make_u32 };
const struct bench_keying bench_pair = { 2, false, bench_make_pair };
const struct bench_keying bench_strings = {
	sizeof(struct bench_string) / sizeof(u64), false, bench_make_string,
};

static void bench_shuffle(u64 *keys, size_t n, u64 seed)
{
	size_t i;
	u64 j;

	for (i = n; i > 1; i--) {
		div64_u64_rem(bench_mix(seed + i), i, &j);
		swap(keys[i - 1], keys[j]);
	}
}

void bench_keys_free(struct bench_keys *k)
{
	kvfree(k->insert);
	kvfree(k->remove);
	kvfree(k->hit);
	kvfree(k->miss);
}

static void bench_keys_number(struct bench_keys *k, u64 absent)
{
	size_t i, end;

	for (i = 0; i < k->n; i++)
		k->insert[i] = i;
	memcpy(k->remove, k->insert, k->n * sizeof(u64));
	bench_shuffle(k->remove, k->n, 1ULL << 40);
	/* All keys, and again in another order until there are enough. */
	for (i = 0; i < k->probes; i = end) {
		end = min(i + k->n, k->probes);
		bench_shuffle(k->remove, k->n, (2ULL << 40) + i);
		memcpy(&k->hit[i], k->remove, (end - i) * sizeof(u64));
	}
	for (i = 0; i < k->probes; i++)
		k->miss[i] = absent + i;
	bench_shuffle(k->miss, k->probes, 3ULL << 40);
}

/* From the end, since a key may need more room than its number. */
static void bench_keys_make(u64 *keys, size_t n, const struct bench_keying *how)
{
	while (n--)
		how->make(&keys[n * how->words], keys[n]);
}

int bench_keys_init(struct bench_keys *k, size_t n,
		    const struct bench_keying *how)
{
	const size_t bytes = how->words * sizeof(u64);

	k->n = n;
	k->words = how->words;
	k->probes = clamp(n, BENCH_MIN_PROBES, BENCH_MAX_PROBES);
	k->insert = kvmalloc_array(n, bytes, GFP_KERNEL);
	k->remove = kvmalloc_array(n, bytes, GFP_KERNEL);
	k->hit = kvmalloc_array(k->probes, bytes, GFP_KERNEL);
	k->miss = kvmalloc_array(k->probes, bytes, GFP_KERNEL);
	if (!k->insert || !k->remove || !k->hit || !k->miss) {
		bench_keys_free(k);
		return -ENOMEM;
	}
	bench_keys_number(k, how->dense ? n : BENCH_ABSENT);
	bench_keys_make(k->insert, n, how);
	bench_keys_make(k->remove, n, how);
	bench_keys_make(k->hit, k->probes, how);
	bench_keys_make(k->miss, k->probes, how);
	return 0;
}
