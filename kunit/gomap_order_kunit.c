// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - orders: in which one entries are produced, and in which one
 * the keys of a batch are looked up
 */

#include <linux/bitmap.h>
#include <linux/slab.h>

#include "gomap_kunit.h"

/*
 * Walks.
 */

/* Walks over one map. Each of two entries comes first in half of them. */
#define WALKS		128

/*
 * How often each must come first. That one does so less often has a probability
 * below 2^-50.
 */
#define AT_LEAST	20

/* How often one of a hundred entries may be the first of all, a fortiori. */
#define AT_MOST		64

#define MAX_ENTRIES	2000

struct walk {
	u32 entries;
	u32 hint;
	u32 batch;	/* 0: an iterator */
};

static const struct walk walks[] = {
	{ 2, 0, 0 }, { 2, 0, 1 }, { 2, 0, MAX_ENTRIES },
	{ 3, 0, 0 }, { 3, 0, 2 }, { 3, 0, MAX_ENTRIES },
	{ 8, 0, 0 }, { 8, 0, 3 }, { 8, 0, MAX_ENTRIES },
	{ 2, 800, 0 }, { 2, 800, MAX_ENTRIES },
	{ 9, 0, 0 }, { 9, 0, MAX_ENTRIES },
	{ 100, 0, 0 }, { 100, 0, 7 }, { 100, 0, MAX_ENTRIES },
	{ MAX_ENTRIES, 0, 0 }, { MAX_ENTRIES, 0, 100 },
	{ MAX_ENTRIES, 0, MAX_ENTRIES },
};

static void walk_desc(const struct walk *walk, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u entries by %u, hint %u",
		 walk->entries, walk->batch, walk->hint);
}

KUNIT_ARRAY_PARAM(walk, walks, walk_desc);

/* Write the keys of @m to @keys in the order of a new walk; return how many. */
static u32 walk_once(struct gomap *m, u32 batch, u64 *keys)
{
	struct gomap_cursor c;
	struct gomap_iter it;
	u32 n = 0;
	int got;

	if (!batch) {
		gomap_iter_init(&it, m);
		while (n < MAX_ENTRIES && gomap_iter_next(&it, &keys[n], NULL))
			n++;
		gomap_iter_end(&it);
		return n;
	}
	gomap_cursor_init(&c);
	do {
		got = gomap_scan(m, &c, keys + n, NULL, NULL,
				 min(batch, MAX_ENTRIES - n + 1));
		n += max(got, 0);
	} while (got > 0 && n < MAX_ENTRIES);
	return n;
}

/* Of each two of some entries either comes before the other. */
static void either_of_two_comes_first(struct kunit *test)
{
	const struct walk *walk = test->param_value;
	u32 pairs = min(walk->entries, 10U) - 1, round, i, most = 0;
	struct gomap *m = gmt_map(test, &(const struct gomap_params) {
		.key_size = sizeof(u64),
		.val_size = sizeof(u64),
	}, GMT_REAL, walk->hint);
	u64 *keys = kunit_kcalloc(test, MAX_ENTRIES + 1, sizeof(*keys),
				  GFP_KERNEL);
	u32 *at = kunit_kcalloc(test, MAX_ENTRIES, sizeof(*at), GFP_KERNEL);
	u32 *first = kunit_kcalloc(test, MAX_ENTRIES, sizeof(*first),
				   GFP_KERNEL);
	u32 before[10] = { };

	KUNIT_ASSERT_NOT_NULL(test, keys);
	KUNIT_ASSERT_NOT_NULL(test, at);
	KUNIT_ASSERT_NOT_NULL(test, first);
	gmt_fill(test, m, 0, walk->entries);
	for (round = 0; round < WALKS; round++) {
		KUNIT_ASSERT_EQ(test, walk->entries,
				walk_once(m, walk->batch, keys));
		for (i = 0; i < walk->entries; i++) {
			KUNIT_ASSERT_LT(test, keys[i], (u64)walk->entries);
			at[keys[i]] = i;
		}
		for (i = 0; i < pairs; i++)
			before[i] += at[i] < at[i + 1];
		most = max(most, ++first[keys[0]]);
	}
	for (i = 0; i < pairs; i++) {
		KUNIT_EXPECT_GE(test, before[i], (u32)AT_LEAST);
		KUNIT_EXPECT_LE(test, before[i], (u32)(WALKS - AT_LEAST));
	}
	if (walk->entries >= 100)
		KUNIT_EXPECT_LE(test, most, (u32)AT_MOST);
}

/*
 * Batches of lookups.
 */

#define FLAG		1000000ULL
#define DATA		2000000ULL
#define BATCH		40

/* What the map's equality does when it first meets the flag in a lookup. */
static struct {
	struct gomap *m;
	void (*then)(struct gomap *m);
	int err;
} ambush;

static int ambush_put(struct gomap *m, u64 key, u64 val)
{
	int err = gomap_put(m, &key, &val, GOMAP_ANY, GFP_ATOMIC);

	ambush.err = ambush.err ?: err;
	return err;
}

/* A lookup holds no lock, so its comparison may do what an interrupt may. */
static bool ambush_equal(const void *a, const void *b, u32 a_len, u32 b_len)
{
	void (*then)(struct gomap *m) = ambush.then;
	struct gomap *m = ambush.m;

	if (then && *(const u64 *)a == FLAG) {
		ambush.then = NULL;
		then(m);
		ambush_put(m, FLAG, 2);
	}
	return *(const u64 *)a == *(const u64 *)b;
}

static void ambush_changes(struct gomap *m)
{
	ambush_put(m, DATA, 2);
}

/* Each table grows or splits, and then the data change. */
static void ambush_grows(struct gomap *m)
{
	u64 key;

	for (key = 0; key < 2000; key++)
		ambush_put(m, 3000000 + key, 0);
	ambush_put(m, DATA, 2);
}

/* All goes and the seed is another one. */
static void ambush_empties(struct gomap *m)
{
	u64 key;

	for (key = 0; key < 2000; key++)
		gomap_delete(m, &key);
	for (key = FLAG; key <= DATA; key += DATA - FLAG)
		gomap_delete(m, &key);
	ambush_put(m, DATA, 2);
}

struct batch {
	const char *name;
	u32 fill;
	bool absent;	/* the data at first */
	void (*then)(struct gomap *m);
};

static const struct batch batches[] = {
	{ "few, changed", 3, false, ambush_changes },
	{ "few, inserted", 3, true, ambush_changes },
	{ "few, grown", 3, false, ambush_grows },
	{ "few, grown and inserted", 3, true, ambush_grows },
	{ "few, emptied", 3, false, ambush_empties },
	{ "many, changed", 2000, false, ambush_changes },
	{ "many, inserted", 2000, true, ambush_changes },
	{ "many, grown", 2000, false, ambush_grows },
	{ "many, grown and inserted", 2000, true, ambush_grows },
	{ "many, emptied", 2000, false, ambush_empties },
};

static void batch_desc(const struct batch *batch, char *desc)
{
	strscpy(desc, batch->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(batch, batches, batch_desc);

/*
 * The data are stored, and then the flag, while the flag is being read: that
 * begins again, finds the new flag, and must find the new data behind it.
 */
static void later_key_is_not_older(struct kunit *test)
{
	static const struct gomap_params p = {
		.key_size = sizeof(u64),
		.val_size = sizeof(u64),
		.hash = gmt_hash_good,
		.equal = ambush_equal,
	};
	const struct batch *batch = test->param_value;
	u64 *keys = kunit_kcalloc(test, BATCH, sizeof(u64), GFP_KERNEL);
	u64 *vals = kunit_kcalloc(test, BATCH, sizeof(u64), GFP_KERNEL);
	DECLARE_BITMAP(found, BATCH);
	u32 flag, i;

	KUNIT_ASSERT_NOT_NULL(test, keys);
	KUNIT_ASSERT_NOT_NULL(test, vals);
	for (flag = 0; flag < BATCH - 1; flag++) {
		struct gomap *m = gmt_map(test, &p, 64, 0);

		gmt_fill(test, m, 0, batch->fill);
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, FLAG, 1, GOMAP_ANY));
		if (!batch->absent)
			KUNIT_ASSERT_EQ(test, 0,
					gmt_put(m, DATA, 1, GOMAP_ANY));
		for (i = 0; i < BATCH; i++)
			keys[i] = i < flag ? i : i == flag ? FLAG : DATA;
		ambush.m = m;
		ambush.err = 0;
		ambush.then = batch->then;
		gomap_get_many(m, keys, vals, found, BATCH);
		KUNIT_ASSERT_TRUE(test, !ambush.then);
		KUNIT_ASSERT_EQ(test, 0, ambush.err);
		KUNIT_ASSERT_TRUE(test, test_bit(flag, found));
		KUNIT_EXPECT_EQ(test, vals[flag], 2ULL);
		for (i = flag + 1; i < BATCH; i++) {
			KUNIT_EXPECT_TRUE(test, test_bit(i, found));
			KUNIT_EXPECT_EQ(test, vals[i], 2ULL);
		}
	}
}

static struct kunit_case order_cases[] = {
	KUNIT_CASE_PARAM(either_of_two_comes_first, walk_gen_params),
	KUNIT_CASE_PARAM(later_key_is_not_older, batch_gen_params),
	{}
};

struct kunit_suite gomap_order_suite = {
	.name = "gomap-order",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = order_cases,
};
