// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - cursors of scans
 *
 * What a scan has to produce while the map changes is in gomap_walk_kunit.c;
 * here are its arguments, and what may be done with a cursor.
 */

#include <linux/prandom.h>
#include <linux/slab.h>

#include "gomap_kunit.h"

#define KEYS	500

struct scan {
	struct gomap *m;
	struct gomap_cursor c;
	u64 keys[KEYS + 1];
	u64 vals[KEYS + 1];
	unsigned long seen[BITS_TO_LONGS(KEYS)];
};

static struct scan *scan_new(struct kunit *test, u32 max_slots, u64 keys)
{
	struct scan *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, s);
	s->m = gmt_map_u64(test, max_slots);
	gmt_fill(test, s->m, 0, keys);
	return s;
}

static int scan(struct scan *s, unsigned int n)
{
	return gomap_scan(s->m, &s->c, s->keys, NULL, s->vals, n);
}

static void arguments_are_checked(struct kunit *test)
{
	struct scan *s = scan_new(test, 16, 10);

	KUNIT_EXPECT_EQ(test, -EINVAL, scan(s, 0));
	KUNIT_EXPECT_EQ(test, -EINVAL, scan(s, UINT_MAX));
	KUNIT_EXPECT_EQ(test, 10, scan(s, KEYS));
	KUNIT_EXPECT_EQ(test, 0, scan(s, KEYS));
	KUNIT_EXPECT_EQ(test, s->c.done, GOMAP_CURSOR_END);
}

static void empty_map_ends_at_once(struct kunit *test)
{
	struct scan *s = scan_new(test, 16, 0);

	KUNIT_EXPECT_EQ(test, 0, scan(s, KEYS));
	KUNIT_EXPECT_EQ(test, s->c.done, GOMAP_CURSOR_END);
	gmt_fill(test, s->m, 0, 10);
	KUNIT_EXPECT_EQ(test, 0, scan(s, KEYS));
}

static const unsigned int batches[] = { 1, 2, 31, 32, 33, 64, 100, KEYS };

static void batch_desc(const unsigned int *n, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "by %u", *n);
}

KUNIT_ARRAY_PARAM(batch, batches, batch_desc);

/*
 * Batches are half full at least, but for the last one, and no more than full;
 * each entry comes once, with its value.
 */
static void batches_are_no_less_than_half(struct kunit *test)
{
	unsigned int i, n = *(const unsigned int *)test->param_value;
	static const u32 geometries[] = { 8, 64, GMT_REAL };
	unsigned int g;

	for (g = 0; g < ARRAY_SIZE(geometries); g++) {
		struct scan *s = scan_new(test, geometries[g], KEYS);
		unsigned int left = KEYS;

		gomap_cursor_init(&s->c);
		while (left) {
			int got;

			s->vals[n] = GCT_POISON_U64;
			s->keys[n] = GCT_POISON_U64;
			got = scan(s, n);
			KUNIT_ASSERT_LE(test, got, (int)min(n, left));
			KUNIT_ASSERT_GE(test, 2 * got, (int)min(n, 2 * left));
			KUNIT_EXPECT_EQ(test, s->keys[n], GCT_POISON_U64);
			KUNIT_EXPECT_EQ(test, s->vals[n], GCT_POISON_U64);
			for (i = 0; i < got; i++) {
				KUNIT_ASSERT_LT(test, s->keys[i], (u64)KEYS);
				KUNIT_EXPECT_EQ(test, s->vals[i], s->keys[i]);
				KUNIT_EXPECT_FALSE(test,
						   test_and_set_bit(s->keys[i],
								    s->seen));
			}
			left -= got;
		}
		KUNIT_EXPECT_EQ(test, 0, scan(s, n));
	}
}

/* A cursor is numbers only: the same one gives the same entries. */
static void copies_go_on_alike(struct kunit *test)
{
	struct scan *a = scan_new(test, 16, KEYS);
	struct scan *b = scan_new(test, 16, 0);
	int got;

	b->m = a->m;
	do {
		b->c = a->c;
		got = scan(a, 7);
		KUNIT_ASSERT_EQ(test, got, scan(b, 7));
		KUNIT_ASSERT_EQ(test, 0, memcmp(a->keys, b->keys,
						got * sizeof(u64)));
		KUNIT_ASSERT_EQ(test, a->c.done, b->c.done);
	} while (got);
}

static void any_number_is_a_cursor(struct kunit *test)
{
	struct scan *s = scan_new(test, 16, KEYS);
	u32 i, rounds = gochan_scaled(3000);
	u64 seed = gochan_seed();
	struct rnd_state rnd;

	kunit_info(test, "seed %llu\n", seed);
	prandom_seed_state(&rnd, seed);
	for (i = 0; i < rounds; i++) {
		u32 steps = 0;
		int got;

		prandom_bytes_state(&rnd, &s->c, sizeof(s->c));
		/* Near the ends, too. */
		if (i % 4 == 0)
			s->c.done = (s->c.done & 3) - 2;
		if (i % 4 == 1)
			s->c.done = GOMAP_CURSOR_END + (s->c.done & 3) - 2;
		if (i % 8 < 2)
			s->c.origin = (s->c.origin & 3) - 2;
		do {
			got = scan(s, 40);
			KUNIT_ASSERT_GE(test, got, 0);
			KUNIT_ASSERT_LE(test, got, 40);
		} while (got && ++steps < KEYS);
		KUNIT_ASSERT_EQ(test, got, 0);
	}
}

/* Where a scan begins differs. */
static void beginnings_vary(struct kunit *test)
{
	struct scan *s = scan_new(test, GMT_REAL, KEYS);
	unsigned int i, firsts = 0;

	for (i = 0; i < 64; i++) {
		gomap_cursor_init(&s->c);
		KUNIT_ASSERT_EQ(test, 1, scan(s, 1));
		firsts += !test_and_set_bit(s->keys[0], s->seen);
	}
	KUNIT_EXPECT_GE(test, firsts, 20U);
}

static void outputs_may_be_missing(struct kunit *test)
{
	static const struct gomap_params p = {
		.key_size = 16,
		.val_size = 8,
		.flags = GOMAP_BYTES,
	};
	struct gomap *m = gmt_map(test, &p, 16, 0);
	struct gomap_cursor c = { };
	struct gmt_key k;
	u8 keys[8 * 16];
	u32 lens[8], id, n = 0;
	int i, got;

	for (id = 0; id < 50; id++) {
		u64 val = id;

		gmt_key_of(&p, &k, id);
		KUNIT_ASSERT_EQ(test, 0, gomap_put(m, k.arg, &val, GOMAP_NEW,
						   GFP_KERNEL));
	}
	while ((got = gomap_scan(m, &c, keys, lens, NULL, 8)) > 0) {
		for (i = 0; i < got; i++)
			KUNIT_EXPECT_LT(test, gmt_id_of(&p, keys + i * 16,
							lens[i]), 50U);
		n += got;
	}
	KUNIT_EXPECT_EQ(test, n, 50U);
	c = (struct gomap_cursor){ };
	got = gomap_scan(m, &c, keys, NULL, NULL, 8);
	KUNIT_EXPECT_GE(test, got, 4);
	KUNIT_EXPECT_LE(test, got, 8);
}

/*
 * Entries of one position cannot be split up between two calls.
 */
static void crowd_in_one_place(struct kunit *test)
{
	static const struct gomap_params p = {
		.key_size = sizeof(u64),
		.val_size = sizeof(u64),
		.hash = gmt_hash_same,
	};
	struct gomap *m = gmt_map(test, &p, GMT_REAL, 0);
	struct gomap_cursor c = { };
	u64 keys[64], vals[64];

	gmt_fill(test, m, 0, 20);
	KUNIT_EXPECT_EQ(test, -ENOBUFS, gomap_scan(m, &c, keys, NULL, vals,
						   19));
	KUNIT_EXPECT_EQ(test, 20, gomap_scan(m, &c, keys, NULL, vals, 20));
	KUNIT_EXPECT_EQ(test, 0, gomap_scan(m, &c, keys, NULL, vals, 20));
	gmt_fill(test, m, 20, 33);
	c = (struct gomap_cursor){ };
	KUNIT_EXPECT_EQ(test, -ENOBUFS, gomap_scan(m, &c, keys, NULL, vals,
						   32));
	KUNIT_EXPECT_EQ(test, 33, gomap_scan(m, &c, keys, NULL, vals, 64));
	KUNIT_EXPECT_EQ(test, 0, gomap_scan(m, &c, keys, NULL, vals, 64));
}

/* The entry that a cursor stands on may go, and all around it. */
static void cursor_outlives_its_entry(struct kunit *test)
{
	struct scan *s = scan_new(test, 16, KEYS);
	u32 n = 0;

	while (scan(s, 1) > 0) {
		n++;
		KUNIT_ASSERT_EQ(test, 0, gmt_delete(s->m, s->keys[0]));
		if (n % 50 == 0)
			KUNIT_ASSERT_EQ(test, 0, gomap_shrink(s->m,
							      GFP_KERNEL));
	}
	KUNIT_EXPECT_EQ(test, n, (u32)KEYS);
	KUNIT_EXPECT_EQ(test, gomap_len(s->m), (size_t)0);
	KUNIT_EXPECT_EQ(test, s->c.done, GOMAP_CURSOR_END);
}

static struct kunit_case scan_cases[] = {
	KUNIT_CASE(arguments_are_checked),
	KUNIT_CASE(empty_map_ends_at_once),
	KUNIT_CASE_PARAM(batches_are_no_less_than_half, batch_gen_params),
	KUNIT_CASE(copies_go_on_alike),
	KUNIT_CASE(any_number_is_a_cursor),
	KUNIT_CASE(beginnings_vary),
	KUNIT_CASE(outputs_may_be_missing),
	KUNIT_CASE(crowd_in_one_place),
	KUNIT_CASE(cursor_outlives_its_entry),
	{}
};

struct kunit_suite gomap_scan_suite = {
	.name = "gomap-scan",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = scan_cases,
};
