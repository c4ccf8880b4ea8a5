// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - in which order entries are produced
 */

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

static struct kunit_case order_cases[] = {
	KUNIT_CASE_PARAM(either_of_two_comes_first, walk_gen_params),
	{}
};

struct kunit_suite gomap_order_suite = {
	.name = "gomap-order",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = order_cases,
};
