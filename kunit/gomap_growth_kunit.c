// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - many tables: splits, directories, limits, churn, shrinking
 */

#include <linux/prandom.h>
#include <linux/slab.h>

#include "gomap_kunit.h"

static const struct gomap_params composed = {
	.key_size = sizeof(u64),
	.val_size = sizeof(u64),
	.hash = gmt_hash_is_key,
};

static struct gomap_stats stats(const struct gomap *m)
{
	struct gomap_stats st;

	gomap_stats(m, &st);
	return st;
}

/* A key whose directory bits are @top, @bits of them; @nr tells it apart. */
static u64 key_under(u64 top, u32 bits, u64 nr)
{
	return (bits ? top << (64 - bits) : 0) | nr << 7 | nr % 0x80;
}

/*
 * Splits.
 */

static void split_by_the_next_bit(struct kunit *test)
{
	struct gomap *m = gmt_map(test, &composed, GMT_REAL, 896);
	u64 nr;

	for (nr = 0; nr < 600; nr++)
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, key_under(0, 1, nr), nr,
						 GOMAP_NEW));
	for (nr = 0; nr < 296; nr++)
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, key_under(1, 1, nr), nr,
						 GOMAP_NEW));
	GMT_EXPECT_SHAPE(test, m, 896, 1, 1024);
	KUNIT_ASSERT_EQ(test, 0, gmt_put(m, key_under(1, 1, 296), 296,
					 GOMAP_NEW));
	GMT_EXPECT_SHAPE(test, m, 897, 2, 2048);
	KUNIT_EXPECT_EQ(test, stats(m).depth, 1U);
	KUNIT_EXPECT_EQ(test, gmt_table(m, 0)->used, 600);
	KUNIT_EXPECT_EQ(test, gmt_table(m, BIT_ULL(63))->used, 297);
	for (nr = 0; nr < 600; nr++)
		KUNIT_EXPECT_TRUE(test, gmt_has(m, key_under(0, 1, nr), nr));
	for (nr = 0; nr < 297; nr++)
		KUNIT_EXPECT_TRUE(test, gmt_has(m, key_under(1, 1, nr), nr));
	GMT_CHECK(test, m);
}

struct size_param {
	u32 max_slots;
	u64 keys;
};

static const struct size_param sizes[] = {
	{ 8, 500 }, { 16, 2000 }, { 64, 5000 }, { 128, 5000 },
	{ GMT_REAL, 6000 },
};

static void size_desc(const struct size_param *param, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%llu keys, tables of %u",
		 param->keys, param->max_slots);
}

KUNIT_ARRAY_PARAM(size, sizes, size_desc);

static void splits_keep_everything_findable(struct kunit *test)
{
	const struct size_param *param = test->param_value;
	struct gomap *m = gmt_map_u64(test, param->max_slots);
	u32 checks = gochan_scaled(100);
	size_t tables = 1;
	u64 key;

	for (key = 0; key < param->keys; key++) {
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, key, key, GOMAP_NEW));
		if (m->nr_tables == tables || !checks)
			continue;
		tables = m->nr_tables;
		checks--;
		KUNIT_ASSERT_EQ(test, gmt_missing(m, 0, key + 1), 0ULL);
		KUNIT_ASSERT_TRUE(test, gmt_lacks(m, key + 1));
		GMT_MUST_CHECK(test, m);
	}
	KUNIT_EXPECT_GE(test, stats(m).tables,
			(size_t)param->keys / param->max_slots);
	KUNIT_EXPECT_EQ(test, stats(m).entries, (size_t)param->keys);
	KUNIT_EXPECT_EQ(test, gmt_missing(m, 0, param->keys), 0ULL);
	GMT_CHECK(test, m);
}

/* Growth of one table leaves the others alone, though the directory doubles. */
static void growth_is_local(struct kunit *test)
{
	struct gomap *m = gmt_map(test, &composed, 16, 0);
	struct gomap_table *right;
	u64 nr;

	for (nr = 0; nr < 8; nr++)
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, key_under(1, 1, nr), nr,
						 GOMAP_NEW));
	for (nr = 0; nr < 7; nr++)
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, key_under(nr, 4, nr), nr,
						 GOMAP_NEW));
	KUNIT_ASSERT_EQ(test, stats(m).tables, (size_t)2);
	right = gmt_table(m, BIT_ULL(63));
	for (nr = 7; nr < 200; nr++)
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, key_under(nr & 127, 8, nr),
						 nr, GOMAP_NEW));
	KUNIT_EXPECT_GT(test, stats(m).depth, 3U);
	KUNIT_EXPECT_PTR_EQ(test, gmt_table(m, BIT_ULL(63)), right);
	KUNIT_EXPECT_PTR_EQ(test, gmt_table(m, ~0ULL), right);
	KUNIT_EXPECT_EQ(test, right->depth, 1);
	GMT_CHECK(test, m);
}

/* Each table has a run of 2^(difference of depths), in the order of prefixes. */
static void directory_runs(struct kunit *test)
{
	struct gomap *m = gmt_map(test, &composed, 8, 0);
	const struct gomap_dir *d;
	size_t i, run, end;
	u64 nr;

	/* Squares: the smaller, the denser. */
	for (nr = 256; nr-- > 0;)
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, key_under(nr * nr, 16, nr),
						 nr, GOMAP_NEW));
	d = rcu_dereference_protected(m->dir, true);
	KUNIT_EXPECT_GE(test, d->depth, 5U);
	end = 1UL << d->depth;
	for (i = 0; i < end; i += run) {
		struct gomap_table *t =
			gomap_word_table(gomap_word(&gomap_entries(d)[i]));

		KUNIT_ASSERT_NOT_NULL(test, t);
		KUNIT_ASSERT_LE(test, (u32)t->depth, d->depth);
		run = 1UL << (d->depth - t->depth);
		KUNIT_ASSERT_EQ(test, t->prefix,
				(u64)i << 1 << (63 - d->depth));
		KUNIT_ASSERT_EQ(test, i % run, (size_t)0);
		for (nr = i; nr < i + run; nr++)
			KUNIT_ASSERT_EQ(test, gomap_word(&gomap_entries(d)[nr]),
					gomap_entry_word(t));
	}
	KUNIT_EXPECT_EQ(test, i, end);
	GMT_CHECK(test, m);
}

/*
 * Limits.
 */

static void max_entries_is_a_limit(struct kunit *test)
{
	static const size_t limits[] = { 1, 7, 8, 9, 14, 15, 100, 896, 1000 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(limits); i++) {
		u64 sum, key = GCT_POISON_U64, limit = limits[i];
		const struct gomap_params p = {
			.key_size = sizeof(u64),
			.val_size = sizeof(u64),
			.max_entries = limit,
		};
		struct gomap *m = gmt_map(test, &p, GMT_REAL, 0);
		struct gomap_stats full;

		gmt_fill(test, m, 0, limit);
		full = stats(m);
		KUNIT_EXPECT_EQ(test, -E2BIG, gmt_put(m, key, 1, GOMAP_ANY));
		KUNIT_EXPECT_EQ(test, -E2BIG, gmt_put(m, key, 1, GOMAP_NEW));
		KUNIT_EXPECT_EQ(test, -E2BIG, gomap_add(m, &key, 1, GOMAP_ANY,
							&sum, GFP_KERNEL));
		KUNIT_EXPECT_EQ(test, -ENOENT,
				gmt_put(m, key, 1, GOMAP_EXISTING));
		KUNIT_EXPECT_EQ(test, stats(m).bytes, full.bytes);
		KUNIT_EXPECT_TRUE(test, gmt_lacks(m, key));
		/* Overwriting is free, and so is the place of a deleted one. */
		KUNIT_EXPECT_EQ(test, 0, gmt_put(m, 0, 0, GOMAP_ANY));
		KUNIT_EXPECT_EQ(test, 0, gmt_delete(m, 0));
		KUNIT_EXPECT_EQ(test, 0, gmt_put(m, key, 1, GOMAP_NEW));
		KUNIT_EXPECT_EQ(test, -E2BIG, gmt_put(m, 0, 0, GOMAP_ANY));
		KUNIT_EXPECT_EQ(test, gmt_missing(m, 1, limit), 0ULL);
		KUNIT_EXPECT_EQ(test, gomap_len(m), (size_t)limit);
		GMT_CHECK(test, m);
		gomap_clear(m);
		gmt_fill(test, m, 0, limit);
		KUNIT_EXPECT_EQ(test, -E2BIG, gmt_put(m, key, 1, GOMAP_ANY));
	}
}

struct hostile_param {
	const char *name;
	u64 (*hash)(const void *key, u32 len, u64 seed);
	u32 max_slots;
	u64 room;
};

/* Differ in the low bits only. */
static u64 hash_low(const void *key, u32 len, u64 seed)
{
	return gmt_hash_is_key(key, len, seed) & 0xffffff;
}

static const struct hostile_param hostiles[] = {
	{ "all the same", gmt_hash_same, GMT_REAL, 896 },
	{ "low bits only", hash_low, GMT_REAL, 896 },
	{ "all the same, small tables", gmt_hash_same, 8, 8 },
	{ "low bits only, small tables", hash_low, 64, 56 },
};

static void hostile_desc(const struct hostile_param *param, char *desc)
{
	strscpy(desc, param->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(hostile, hostiles, hostile_desc);

/* Splitting cannot help: it has to end before the directory is enormous. */
static void hostile_hash_meets_the_depth_limit(struct kunit *test)
{
	const struct hostile_param *param = test->param_value;
	const struct gomap_params p = {
		.key_size = sizeof(u64),
		.val_size = sizeof(u64),
		.hash = param->hash,
	};
	struct gomap *m = gmt_map(test, &p, param->max_slots, 0);
	struct gomap_stats st;
	u64 i;

	gmt_fill(test, m, 0, param->room);
	KUNIT_EXPECT_EQ(test, -E2BIG, gmt_put(m, param->room, 0, GOMAP_NEW));
	st = stats(m);
	KUNIT_EXPECT_LE(test, st.depth, 12U);
	KUNIT_EXPECT_LE(test, st.tables, (size_t)13);
	KUNIT_EXPECT_EQ(test, st.entries, (size_t)param->room);

	/* Trying again changes nothing; what is there can be used. */
	for (i = 0; i < 10; i++)
		KUNIT_EXPECT_EQ(test, -E2BIG, gmt_put(m, param->room, 0,
						      GOMAP_ANY));
	KUNIT_EXPECT_EQ(test, stats(m).bytes, st.bytes);
	KUNIT_EXPECT_EQ(test, gmt_missing(m, 0, param->room), 0ULL);
	KUNIT_EXPECT_TRUE(test, gmt_lacks(m, param->room));
	GMT_CHECK(test, m);
	KUNIT_EXPECT_EQ(test, 0, gmt_put(m, 0, 0, GOMAP_ANY));
	KUNIT_EXPECT_EQ(test, 0, gmt_delete(m, 0));
	KUNIT_EXPECT_EQ(test, 0, gmt_put(m, 0, 0, GOMAP_NEW));
	KUNIT_EXPECT_EQ(test, gmt_missing(m, 0, param->room), 0ULL);
	GMT_CHECK(test, m);
}

/* Other parts of the hashes are not concerned. */
static void depth_limit_is_local(struct kunit *test)
{
	struct gomap *m = gmt_map(test, &composed, 8, 0);
	int err = 0;
	u64 nr;

	for (nr = 0; nr < 1000 && !err; nr++)
		err = gmt_put(m, key_under(0, 40, nr), nr, GOMAP_NEW);
	KUNIT_EXPECT_EQ(test, err, -E2BIG);
	KUNIT_EXPECT_GE(test, nr, 8ULL);
	for (nr = 1; nr < 100; nr++)
		KUNIT_EXPECT_EQ(test, 0, gmt_put(m, key_under(nr, 7, 0), nr,
						 GOMAP_NEW));
	KUNIT_EXPECT_EQ(test, -E2BIG, gmt_put(m, key_under(0, 40, 1001), 0,
					      GOMAP_NEW));
	GMT_CHECK(test, m);
}

/*
 * Churn: one key goes, another one comes.
 */

struct churn_param {
	u64 keys;
	bool full;
};

static const struct churn_param churns[] = {
	{ 7, false }, { 8, false }, { 10, false }, { 14, true },
	{ 20, false }, { 28, true }, { 50, false }, { 100, false },
	{ 112, true }, { 300, false }, { 448, true }, { 500, false },
	{ 800, false }, { 896, true }, { 4000, false }, { 10000, false },
};

static void churn_desc(const struct churn_param *param, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%llu keys%s", param->keys,
		 param->full ? ", completely full" : "");
}

KUNIT_ARRAY_PARAM(churn, churns, churn_desc);

static void churn_does_not_grow(struct kunit *test)
{
	const struct churn_param *param = test->param_value;
	struct gomap *m = gmt_map_u64(test, GMT_REAL);
	u64 i, rounds = max_t(u64, gochan_scaled(30000), param->keys);
	struct gomap_stats st;
	size_t slots;

	gmt_fill(test, m, 0, param->keys);
	slots = stats(m).slots;
	for (i = 0; i < rounds; i++) {
		KUNIT_ASSERT_EQ(test, 0, gmt_delete(m, i));
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, i + param->keys,
						 i + param->keys, GOMAP_NEW));
	}
	st = stats(m);
	KUNIT_EXPECT_LE(test, st.slots, param->full ? 4 * slots : 2 * slots);
	KUNIT_EXPECT_EQ(test, st.entries, (size_t)param->keys);
	KUNIT_EXPECT_EQ(test, gmt_missing(m, rounds, rounds + param->keys),
			0ULL);
	GMT_CHECK(test, m);
}

/*
 * Shrinking.
 */

static void shrink_gives_memory_back(struct kunit *test)
{
	const struct size_param *param = test->param_value;
	struct gomap *m = gmt_map_u64(test, param->max_slots);
	u64 key, keep = param->keys / 20;
	struct gomap_stats full, st;

	gmt_fill(test, m, 0, param->keys);
	full = stats(m);
	for (key = keep; key < param->keys; key++)
		KUNIT_ASSERT_EQ(test, 0, gmt_delete(m, key));
	flush_delayed_work(&m->shrink_work);
	KUNIT_EXPECT_EQ(test, 0, gomap_shrink(m, GFP_KERNEL));
	st = stats(m);
	KUNIT_EXPECT_EQ(test, st.entries, (size_t)keep);
	KUNIT_EXPECT_LE(test, st.bytes * 3, full.bytes);
	KUNIT_EXPECT_EQ(test, gmt_missing(m, 0, keep), 0ULL);
	KUNIT_EXPECT_EQ(test, gmt_missing(m, keep, param->keys),
			param->keys - keep);
	GMT_CHECK(test, m);
	gmt_fill(test, m, keep, param->keys);
	KUNIT_EXPECT_EQ(test, gmt_missing(m, 0, param->keys), 0ULL);
	GMT_CHECK(test, m);
}

static void map_shrinks_by_itself(struct kunit *test)
{
	const struct size_param *param = test->param_value;
	struct gomap *m = gmt_map_u64(test, param->max_slots);
	struct gomap_stats st;
	u64 key;

	gmt_fill(test, m, 0, param->keys);
	for (key = 8; key < param->keys; key++)
		KUNIT_ASSERT_EQ(test, 0, gmt_delete(m, key));
	flush_delayed_work(&m->shrink_work);
	st = stats(m);
	/* Stated: not less than an eighth full, but for the smallest. */
	KUNIT_EXPECT_LE(test, st.slots, (size_t)8 * 8);
	KUNIT_EXPECT_LE(test, st.depth, 6U);
	KUNIT_EXPECT_EQ(test, gmt_missing(m, 0, 8), 0ULL);
	GMT_CHECK(test, m);
}

static void empty_map_has_no_table(struct kunit *test)
{
	const struct size_param *param = test->param_value;
	struct gomap *m = gmt_map_u64(test, param->max_slots);
	u64 key;

	gmt_fill(test, m, 0, param->keys);
	for (key = 0; key < param->keys; key++)
		KUNIT_ASSERT_EQ(test, 0, gmt_delete(m, key));
	flush_delayed_work(&m->shrink_work);
	KUNIT_EXPECT_EQ(test, 0, gomap_shrink(m, GFP_KERNEL));
	GMT_EXPECT_SHAPE(test, m, 0, 0, 0);
	KUNIT_EXPECT_EQ(test, stats(m).depth, 0U);
	gmt_fill(test, m, 0, param->keys);
	KUNIT_EXPECT_EQ(test, gmt_missing(m, 0, param->keys), 0ULL);
	GMT_CHECK(test, m);
}

/* What was given back is not asked for again before the entries triple. */
static void shrinking_does_not_thrash(struct kunit *test)
{
	struct gomap *m = gmt_map_u64(test, GMT_REAL);
	u64 key, kept = 1000;
	size_t slots;

	gmt_fill(test, m, 0, 10000);
	for (key = kept; key < 10000; key++)
		KUNIT_ASSERT_EQ(test, 0, gmt_delete(m, key));
	flush_delayed_work(&m->shrink_work);
	KUNIT_EXPECT_EQ(test, 0, gomap_shrink(m, GFP_KERNEL));
	slots = stats(m).slots;
	KUNIT_EXPECT_LT(test, slots, (size_t)10000);
	gmt_fill(test, m, kept, 2 * kept);
	KUNIT_EXPECT_EQ(test, stats(m).slots, slots);
	for (key = kept / 2; key < 2 * kept; key++)
		KUNIT_ASSERT_EQ(test, 0, gmt_delete(m, key));
	flush_delayed_work(&m->shrink_work);
	gmt_fill(test, m, kept / 2, kept);
	KUNIT_EXPECT_LE(test, stats(m).slots, slots);
	GMT_CHECK(test, m);
}

static void reservation_keeps_a_map_large(struct kunit *test)
{
	struct gomap *m = gmt_map_u64(test, GMT_REAL);
	size_t slots;
	u64 key;

	KUNIT_ASSERT_EQ(test, 0, gomap_reserve(m, 800, GFP_KERNEL));
	slots = stats(m).slots;
	KUNIT_EXPECT_GE(test, slots, (size_t)1024);
	gmt_fill(test, m, 0, 800);
	KUNIT_EXPECT_EQ(test, stats(m).slots, slots);
	for (key = 0; key < 799; key++)
		KUNIT_ASSERT_EQ(test, 0, gmt_delete(m, key));
	flush_delayed_work(&m->shrink_work);
	KUNIT_EXPECT_EQ(test, stats(m).slots, slots);
	KUNIT_EXPECT_EQ(test, 0, gomap_shrink(m, GFP_KERNEL));
	KUNIT_EXPECT_LT(test, stats(m).slots, slots);
	KUNIT_EXPECT_TRUE(test, gmt_has(m, 799, 799));
	GMT_CHECK(test, m);
}

static struct kunit_case growth_cases[] = {
	KUNIT_CASE(split_by_the_next_bit),
	KUNIT_CASE_PARAM(splits_keep_everything_findable, size_gen_params),
	KUNIT_CASE(growth_is_local),
	KUNIT_CASE(directory_runs),
	KUNIT_CASE(max_entries_is_a_limit),
	KUNIT_CASE_PARAM(hostile_hash_meets_the_depth_limit,
			 hostile_gen_params),
	KUNIT_CASE(depth_limit_is_local),
	KUNIT_CASE_PARAM(churn_does_not_grow, churn_gen_params),
	KUNIT_CASE_PARAM(shrink_gives_memory_back, size_gen_params),
	KUNIT_CASE_PARAM(map_shrinks_by_itself, size_gen_params),
	KUNIT_CASE_PARAM(empty_map_has_no_table, size_gen_params),
	KUNIT_CASE(shrinking_does_not_thrash),
	KUNIT_CASE(reservation_keeps_a_map_large),
	{}
};

struct kunit_suite gomap_growth_suite = {
	.name = "gomap-growth",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = growth_cases,
};
