// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - iterators
 *
 * What a walk has to produce while the map changes is in gomap_walk_kunit.c;
 * here are the iterator itself, its order, and what it says of odd keys.
 */

#include <linux/bitops.h>
#include <linux/slab.h>

#include "gomap_kunit.h"

static void begun_on_empty_stays_empty(struct kunit *test)
{
	struct gomap *m = gmt_map_u64(test, GMT_REAL);
	struct gomap_iter it;
	u64 key, val;

	gomap_iter_init(&it, m);
	gmt_fill(test, m, 0, 20);
	KUNIT_EXPECT_FALSE(test, gomap_iter_next(&it, &key, &val));
	KUNIT_EXPECT_FALSE(test, gomap_iter_next(&it, &key, &val));
	gomap_iter_end(&it);
	gomap_iter_end(&it);
}

static void outputs_may_be_null(struct kunit *test)
{
	struct gomap *m = gmt_map_u64(test, GMT_REAL);
	u64 key = 0, val = 0, keys = 0, vals = 0;
	struct gomap_iter it;
	unsigned int n = 0;

	gmt_fill(test, m, 0, 100);
	gomap_iter_init(&it, m);
	while (gomap_iter_next(&it, n % 3 ? &key : NULL, n % 5 ? &val : NULL)) {
		keys += n % 3 ? key : 0;
		vals += n % 5 ? val : 0;
		if (n % 3 && n % 5)
			KUNIT_EXPECT_EQ(test, key, val);
		n++;
	}
	KUNIT_EXPECT_EQ(test, n, 100U);
	KUNIT_EXPECT_GT(test, keys, 0ULL);
	KUNIT_EXPECT_GT(test, vals, 0ULL);
}

/* An iterator that ends early holds nothing; nor does it disturb another. */
static void iterators_are_independent(struct kunit *test)
{
	struct gomap *m = gmt_map_u64(test, 16);
	struct gomap_iter *its;
	u64 key, val, sums[4] = { };
	unsigned int i, n;

	its = kunit_kcalloc(test, 4, sizeof(*its), GFP_KERNEL);
	KUNIT_ASSERT_NOT_NULL(test, its);
	gmt_fill(test, m, 0, 200);
	for (i = 0; i < 4; i++)
		gomap_iter_init(&its[i], m);
	for (n = 0; n < 200; n++)
		for (i = 0; i < 4; i++)
			if (n < 50 * (i + 1) &&
			    gomap_iter_next(&its[i], &key, &val))
				sums[i]++;
	for (i = 0; i < 4; i++) {
		KUNIT_EXPECT_EQ(test, sums[i], 50ULL * (i + 1));
		gomap_iter_end(&its[i]);
		KUNIT_EXPECT_FALSE(test, gomap_iter_next(&its[i], &key, &val));
	}
}

static const u64 few[] = { 2, 3, 8, 9, 100, 2000 };

static void few_desc(const u64 *n, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "of %llu", *n);
}

KUNIT_ARRAY_PARAM(few, few, few_desc);

/*
 * Within 64 iterations each of few entries comes first, or of many more than a
 * handful. By chance this fails once in 2^50 times.
 */
static void order_varies(struct kunit *test)
{
	u64 n = *(const u64 *)test->param_value, key, firsts = 0, want;
	struct gomap *m = gmt_map_u64(test, GMT_REAL);
	unsigned long *first = kunit_kcalloc(test, BITS_TO_LONGS(n),
					     sizeof(*first), GFP_KERNEL);
	struct gomap_iter it;
	unsigned int i;

	KUNIT_ASSERT_NOT_NULL(test, first);
	gmt_fill(test, m, 0, n);
	for (i = 0; i < (n > 3 ? 64 : 256); i++) {
		gomap_iter_init(&it, m);
		KUNIT_ASSERT_TRUE(test, gomap_iter_next(&it, &key, NULL));
		gomap_iter_end(&it);
		firsts += !test_and_set_bit(key, first);
	}
	want = min(n, 5ULL);
	KUNIT_EXPECT_GE(test, firsts, want);
}

/* Of 64 iterations over four tables, some begin in each. */
static void any_table_comes_first(struct kunit *test)
{
	static const struct gomap_params p = {
		.key_size = sizeof(u64),
		.val_size = sizeof(u64),
		.hash = gmt_hash_is_key,
	};
	struct gomap *m = gmt_map(test, &p, GMT_REAL, 2000);
	unsigned int i, firsts[4] = { };
	struct gomap_iter it;
	u64 key;

	for (i = 0; i < 400; i++)
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, (u64)i << 62 | i << 7, i,
						 GOMAP_NEW));
	for (i = 0; i < 64; i++) {
		gomap_iter_init(&it, m);
		KUNIT_ASSERT_TRUE(test, gomap_iter_next(&it, &key, NULL));
		gomap_iter_end(&it);
		firsts[key >> 62]++;
	}
	for (i = 0; i < 4; i++)
		KUNIT_EXPECT_GT(test, firsts[i], 0U);
}

struct meddle {
	struct gomap *m;
	unsigned int calls;
	int err;
};

static int meddle(const void *key, const void *val, void *ctx)
{
	struct meddle *meddle = ctx;
	u64 old = *(const u64 *)key, new = old + 1000;
	int err;

	if (old >= 1000)
		return 0;
	meddle->calls++;
	err = gomap_put(meddle->m, &new, &new, GOMAP_ANY, GFP_ATOMIC);
	if (!err && old % 2)
		err = gomap_delete(meddle->m, &old);
	meddle->err = meddle->err ?: err;
	return 0;
}

static void callback_may_change_the_map(struct kunit *test)
{
	struct meddle ctx = { .m = gmt_map_u64(test, 16) };

	gmt_fill(test, ctx.m, 0, 500);
	KUNIT_EXPECT_EQ(test, 0, gomap_for_each(ctx.m, meddle, &ctx));
	KUNIT_EXPECT_EQ(test, ctx.calls, 500U);
	KUNIT_EXPECT_EQ(test, ctx.err, 0);
	KUNIT_EXPECT_EQ(test, gomap_len(ctx.m), (size_t)750);
	KUNIT_EXPECT_EQ(test, gmt_missing(ctx.m, 1000, 1500), 0ULL);
	GMT_CHECK(test, ctx.m);
}

/*
 * Keys that are equal to others, or not to themselves: the low byte does not
 * count, and with it all set a key is not equal to itself.
 */

static u64 loose_hash(const void *key, u32 len, u64 seed)
{
	u64 id = *(const u64 *)key >> 8;

	return gmt_hash_good(&id, sizeof(id), seed);
}

static bool loose_equal(const void *a, const void *b, u32 a_len, u32 b_len)
{
	u64 x = *(const u64 *)a, y = *(const u64 *)b;

	return x >> 8 == y >> 8 && (x & 0xff) != 0xff && (y & 0xff) != 0xff;
}

static void current_key_and_keys_unlike_themselves(struct kunit *test)
{
	static const struct gomap_params p = {
		.key_size = sizeof(u64),
		.val_size = sizeof(u64),
		.flags = GOMAP_UPDATE_KEY | GOMAP_IRREFLEXIVE,
		.hash = loose_hash,
		.equal = loose_equal,
	};
	struct gomap *m = gmt_map(test, &p, 16, 0);
	u64 n, key, val, likes = 0, unlikes = 0;
	unsigned int at, steps;
	struct gomap_iter it;

	for (at = 0; at < 60; at += 5) {
		gomap_clear(m);
		for (n = 0; n < 30; n++) {
			KUNIT_ASSERT_EQ(test, 0, gmt_put(m, n << 8, 1,
							 GOMAP_NEW));
			KUNIT_ASSERT_EQ(test, 0, gmt_put(m, n << 8 | 0xff, 1,
							 GOMAP_NEW));
		}
		likes = 0;
		unlikes = 0;
		steps = 0;
		gomap_iter_init(&it, m);
		while (gomap_iter_next(&it, &key, &val)) {
			likes += key >> 8 < 30 && (key & 0xff) != 0xff;
			unlikes += key >> 8 < 30 && (key & 0xff) == 0xff;
			if (steps > at && (key & 0xff) != 0xff)
				KUNIT_EXPECT_EQ(test, key & 0xff, 1ULL);
			if (steps++ != at)
				continue;
			for (n = 0; n < 30; n++)
				KUNIT_ASSERT_EQ(test, 0, gmt_put(m, n << 8 | 1,
								 2, GOMAP_ANY));
			for (n = 30; n < 200; n++)
				KUNIT_ASSERT_EQ(test, 0, gmt_put(m, n << 8 | 1,
								 2, GOMAP_ANY));
		}
		KUNIT_EXPECT_EQ(test, likes, 30ULL);
		KUNIT_EXPECT_EQ(test, unlikes, 30ULL);
		GMT_CHECK(test, m);
	}
}

static struct kunit_case iter_cases[] = {
	KUNIT_CASE(begun_on_empty_stays_empty),
	KUNIT_CASE(outputs_may_be_null),
	KUNIT_CASE(iterators_are_independent),
	KUNIT_CASE_PARAM(order_varies, few_gen_params),
	KUNIT_CASE(any_table_comes_first),
	KUNIT_CASE(callback_may_change_the_map),
	KUNIT_CASE(current_key_and_keys_unlike_themselves),
	{}
};

struct kunit_suite gomap_iter_suite = {
	.name = "gomap-iter",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = iter_cases,
};
