// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - what inserts put in stock before a full-size table splits
 */

#include "gomap_spread.h"

#define FULL_TABLE	1024
#define FULL		(FULL_TABLE / 8 * 7U)

static struct gomap *full_size_map(struct kunit *test, u64 n)
{
	struct gomap *m = gmt_map(test, &by_key, FULL_TABLE, 0);

	put_spread(test, m, 0, n);
	return m;
}

static void last_inserts_stock_for_the_split(struct kunit *test)
{
	struct gomap *m = full_size_map(test, FULL - 2);

	KUNIT_EXPECT_EQ(test, 0U, m->nr_pool);
	KUNIT_EXPECT_EQ(test, 0U, dir_depth(m));
	put_spread(test, m, FULL - 2, FULL - 1);
	KUNIT_EXPECT_EQ(test, 1U, m->nr_pool);
	KUNIT_EXPECT_EQ(test, 1U, dir_depth(m));
	put_spread(test, m, FULL - 1, FULL);
	KUNIT_EXPECT_EQ(test, 2U, m->nr_pool);
	GMT_CHECK(test, m);

	gmt_fail_begin(1);
	KUNIT_EXPECT_EQ(test, 0, gmt_put_nowait(m, spread(FULL), FULL));
	KUNIT_EXPECT_FALSE(test, gmt_fail_end());
	KUNIT_EXPECT_EQ(test, (size_t)2, m->nr_tables);
	KUNIT_EXPECT_EQ(test, 0U, m->nr_pool);
	GMT_CHECK(test, m);
}

static void each_split_is_stocked_for(struct kunit *test)
{
	u32 i, n = gochan_scaled(40000), splits = 0;
	struct gomap *m = full_size_map(test, FULL - 2);

	for (i = FULL - 2; i < n; i++) {
		size_t tables = m->nr_tables;
		u32 pool = m->nr_pool;

		put_spread(test, m, i, i + 1);
		if (m->nr_tables == tables)
			continue;
		KUNIT_ASSERT_GE_MSG(test, pool, 2U, "insert %u", i);
		KUNIT_ASSERT_EQ_MSG(test, m->nr_pool, pool - 2, "insert %u", i);
		splits++;
	}
	if (n > 2 * FULL)
		KUNIT_EXPECT_GT(test, splits, 0U);
	/* No more than what is needed soon. */
	KUNIT_EXPECT_LE(test, (size_t)m->nr_pool, 8 + m->nr_tables / 2);
	GMT_CHECK(test, m);
}

/* The @i-th of other keys, one of the first table. */
static u64 spread_first(struct gomap *m, u64 i)
{
	return spread(1000000 + i) >> gmt_table(m, 0)->depth;
}

/*
 * Fill the first table, and delete and put its entries: some of them leave an
 * empty slot, not a deleted one, and fill that again.
 */
static void fill_and_churn(struct kunit *test, struct gomap *m)
{
	struct gomap_table *t = gmt_table(m, 0);
	u32 i, n = 0, filled = 0;

	while (t->growth_left)
		KUNIT_ASSERT_EQ(test, 0, gmt_put_nowait(m, spread_first(m, n++),
							1));
	for (i = 0; i < n; i++) {
		u64 key = spread_first(m, i);

		KUNIT_ASSERT_EQ(test, 0, gmt_delete(m, key));
		filled += t->growth_left;
		KUNIT_ASSERT_EQ(test, 0, gmt_put_nowait(m, key, 2));
	}
	KUNIT_EXPECT_GT(test, filled, 4 * GOMAP_STOCK);
	KUNIT_ASSERT_PTR_EQ(test, t, gmt_table(m, 0));
}

/* One of several tables, for which two are enough. */
static void stock_is_for_one_split(struct kunit *test)
{
	struct gomap *m = full_size_map(test, 5 * FULL);
	u32 before = m->nr_pool;

	KUNIT_ASSERT_GE(test, m->nr_tables, (size_t)8);
	fill_and_churn(test, m);
	KUNIT_EXPECT_LE(test, m->nr_pool, before + GOMAP_STOCK);
	GMT_CHECK(test, m);
}

static struct gomap *other_map(struct kunit *test, gfp_t gfp,
			       size_t max_entries)
{
	struct gomap_params p = by_key;

	p.gfp = gfp;
	p.max_entries = max_entries;
	return gmt_map(test, &p, FULL_TABLE, 0);
}

/* Those who pay for memory, can never need it, or have got it already. */
static void some_maps_stock_nothing(struct kunit *test)
{
	struct gomap *accounted = other_map(test, __GFP_ACCOUNT, 0);
	struct gomap *limited = other_map(test, 0, FULL);
	struct gomap *reserved = other_map(test, 0, 0);

	KUNIT_ASSERT_EQ(test, 0, gomap_reserve(reserved, FULL, GFP_KERNEL));
	put_spread(test, accounted, 0, FULL);
	put_spread(test, limited, 0, FULL);
	gmt_fail_begin(1);
	put_spread(test, reserved, 0, FULL);
	KUNIT_EXPECT_FALSE(test, gmt_fail_end());
	KUNIT_EXPECT_EQ(test, 0U, accounted->nr_pool);
	KUNIT_EXPECT_EQ(test, 0U, limited->nr_pool);
	KUNIT_EXPECT_EQ(test, 0U, reserved->nr_pool);
	KUNIT_EXPECT_EQ(test, 0U, dir_depth(accounted));
	KUNIT_EXPECT_EQ(test, 0U, dir_depth(limited));
	KUNIT_EXPECT_EQ(test, 0U, dir_depth(reserved));
}

/* One entry comes and goes where the next one would split the table. */
static void stock_is_bounded(struct kunit *test)
{
	struct gomap *m = full_size_map(test, FULL);
	u32 i;

	for (i = 0; i < 100; i++) {
		KUNIT_ASSERT_EQ(test, 0, gmt_delete(m, spread(0)));
		put_spread(test, m, 0, 1);
		KUNIT_ASSERT_LE(test, m->nr_pool, 2U);
	}
	KUNIT_EXPECT_EQ(test, (size_t)1, m->nr_tables);
	GMT_CHECK(test, m);
	/* It is no reservation. */
	KUNIT_EXPECT_EQ(test, 0, gomap_shrink(m, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 0U, m->nr_pool);
	GMT_CHECK(test, m);
}

/* The insert has succeeded before, and does so when it has to split, too. */
static void no_memory_for_the_stock(struct kunit *test)
{
	u32 nth, lacking = 0;
	struct gomap *m;

	if (!gmt_can_fail())
		kunit_skip(test, "allocations never fail (CONFIG_FAILSLAB)");
	/* A directory, and the two parts of a table. */
	for (nth = 1; nth <= 3; nth++) {
		m = full_size_map(test, FULL - 2);
		gmt_fail_begin(nth);
		KUNIT_EXPECT_EQ(test, 0, gmt_put_nowait(m, spread(FULL - 2),
							FULL - 2));
		KUNIT_EXPECT_TRUE(test, gmt_fail_end());
		KUNIT_EXPECT_LE(test, m->nr_pool, 1U);
		lacking += !m->nr_pool || !dir_depth(m);
		GMT_CHECK(test, m);
		put_spread(test, m, FULL - 1, FULL + 1);
		KUNIT_EXPECT_EQ(test, (size_t)2, m->nr_tables);
		KUNIT_EXPECT_EQ(test, 0ULL, missing_spread(m, 0, FULL + 1));
		GMT_CHECK(test, m);
	}
	/* Something else in the task may have met one of the failures. */
	KUNIT_EXPECT_GT(test, lacking, 0U);
}

/* A counter that an insert begins with is right where it stocks, too. */
static void sum_is_right_where_an_insert_stocks(struct kunit *test)
{
	struct gomap *m = full_size_map(test, FULL - 1);
	u64 key = spread(FULL - 1), sum = 0;

	KUNIT_EXPECT_EQ(test, 0, gomap_add(m, &key, 5, GOMAP_NEW, &sum,
					   GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, 5ULL, sum);
	KUNIT_EXPECT_EQ(test, 2U, m->nr_pool);
	GMT_CHECK(test, m);
}

static struct kunit_case stock_cases[] = {
	KUNIT_CASE(last_inserts_stock_for_the_split),
	KUNIT_CASE(each_split_is_stocked_for),
	KUNIT_CASE(stock_is_bounded),
	KUNIT_CASE(stock_is_for_one_split),
	KUNIT_CASE(some_maps_stock_nothing),
	KUNIT_CASE(no_memory_for_the_stock),
	KUNIT_CASE(sum_is_right_where_an_insert_stocks),
	{}
};

struct kunit_suite gomap_stock_suite = {
	.name = "gomap-stock",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = stock_cases,
};
