// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - shrinking step by step
 *
 * The tests count the tables, entries and directory entries that a step deals
 * with. The bounds are the same for maps of all sizes.
 */

#include "gomap_spread.h"

/* Pairs of tables that a step merges, and the work of the largest step. */
#define STEP_TABLES	2
#define STEP_WORK	(128 + 64 + 256 + 64)

/* Entries of a directory that are filled at a time. */
#define SLICE		1024

struct size_param {
	u32 max_slots;
	u32 keys;
	u32 left;
};

static const struct size_param sizes[] = {
	{ 8, 100, 0 }, { 8, 5000, 3 }, { 8, 20000, 200 }, { 64, 20000, 1000 },
	{ GMT_REAL, 900, 8 }, { GMT_REAL, 20000, 0 }, { GMT_REAL, 20000, 1500 },
	{ GMT_REAL, 100000, 9000 }, { GMT_REAL, 100000, 12 },
};

static void size_desc(const struct size_param *param, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u of %u, tables of %u",
		 param->left, param->keys, param->max_slots);
}

KUNIT_ARRAY_PARAM(size, sizes, size_desc);

static struct gomap *step_map(struct kunit *test, u32 max_slots)
{
	struct gomap_params p = by_key;

	p.gfp = __GFP_ACCOUNT;
	return gmt_map(test, &p, max_slots, 0);
}

static void delete_spread(struct kunit *test, struct gomap *m, u64 from, u64 to)
{
	for (; from < to; from++)
		KUNIT_ASSERT_EQ(test, 0, gmt_delete(m, spread(from)));
}

/* A map that had @keys entries and has the first @left; no step was done. */
static struct gomap *emptied_map(struct kunit *test, u32 max_slots, u32 keys,
				 u32 left)
{
	struct gomap *m = step_map(test, max_slots);

	put_spread(test, m, 0, keys);
	delete_spread(test, m, left, keys);
	return m;
}

/**
 * struct shape - the parts of a map that a step changes
 * @st: its tables and slots
 * @next: the directory that is being filled
 * @filled: the number of its entries that are filled
 */
struct shape {
	struct gomap_stats st;
	const struct gomap_dir *next;
	size_t filled;
};

static struct shape shape_of(const struct gomap *m)
{
	struct shape s = { .next = m->next_dir, .filled = m->next_done };

	gomap_stats(m, &s.st);
	if (!s.next)
		s.filled = 0;
	return s;
}

static void check_step(struct kunit *test, const struct gomap *m,
		       const struct shape *old, const struct shape *new)
{
	KUNIT_ASSERT_LE(test, new->st.tables, old->st.tables);
	KUNIT_ASSERT_LE(test, old->st.tables - new->st.tables,
			(size_t)STEP_TABLES);
	KUNIT_ASSERT_LE(test, new->st.depth, old->st.depth);
	if (new->next)
		KUNIT_ASSERT_LE(test, new->filled,
				(new->next == old->next ? old->filled : 0) +
				(size_t)SLICE);
	/* A new directory, filled at once, or the end of the last one. */
	else if (new->st.depth < old->st.depth)
		KUNIT_ASSERT_LE(test, (1UL << new->st.depth) - old->filled,
				(size_t)SLICE);
}

static void steps_are_bounded(struct kunit *test)
{
	const struct size_param *param = test->param_value;
	/* The proportion stays, and so many keys that shrinking is due. */
	u32 keys = max_t(u32, gochan_scaled(param->keys), 100);
	u32 left = keys * param->left / param->keys;
	struct gomap *m = emptied_map(test, param->max_slots, keys, left);
	struct shape old = shape_of(m), new;
	size_t steps = 0, most;
	bool over;

	most = 4 * old.st.tables + (4UL << old.st.depth) / SLICE + 64;
	KUNIT_EXPECT_TRUE(test, m->shrink_due);
	do {
		KUNIT_ASSERT_LT(test, steps, most);
		over = gmt_pass_step(m);
		steps++;
		new = shape_of(m);
		check_step(test, m, &old, &new);
		KUNIT_ASSERT_EQ(test, 0ULL, missing_spread(m, 0, left));
		if (steps < 100)
			GMT_MUST_CHECK(test, m);
		old = new;
	} while (!over);
	KUNIT_EXPECT_FALSE(test, m->shrink_due);
	KUNIT_EXPECT_EQ(test, (size_t)left, new.st.entries);
	GMT_CHECK(test, m);

	/* As much as all at once. */
	KUNIT_EXPECT_EQ(test, 0, gomap_shrink(m, GFP_KERNEL));
	GMT_EXPECT_SHAPE(test, m, left, new.st.tables, new.st.slots);
	KUNIT_EXPECT_EQ(test, dir_depth(m), new.st.depth);
}

/* A step moves at most the entries of one pair beyond its budget. */
static void moved_entries_are_bounded(struct kunit *test)
{
	struct gomap *m = emptied_map(test, GMT_REAL, 100000, 11000);
	bool over;

	do {
		size_t tables = m->nr_tables;

		over = gmt_pass_step(m);
		if (m->nr_tables == tables)
			continue;
		KUNIT_ASSERT_LE(test, m->pass.work, (u32)STEP_WORK);
	} while (!over);
	KUNIT_EXPECT_LT(test, m->nr_tables, (size_t)100);
	KUNIT_EXPECT_EQ(test, 0ULL, missing_spread(m, 0, 11000));
	GMT_CHECK(test, m);
}

struct empty_param {
	u32 max_slots;
	u32 keys;
	u32 batch;
};

static const struct empty_param empties[] = {
	{ 8, 17, 1 }, { 8, 100, 1 }, { 8, 20000, 1 }, { 64, 20000, 1 },
	{ GMT_REAL, 100, 1 }, { GMT_REAL, 900, 1 }, { GMT_REAL, 3000, 1 },
	{ GMT_REAL, 100000, 1 }, { GMT_REAL, 100000, 16 },
	{ GMT_REAL, 100000, 200 }, { GMT_REAL, 100000, 1024 },
};

static void empty_desc(const struct empty_param *param, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u by %u, tables of %u",
		 param->keys, param->batch, param->max_slots);
}

KUNIT_ARRAY_PARAM(empty, empties, empty_desc);

/*
 * The deletion of all entries includes almost all the steps that a map needs: a
 * pass may rest when two tables are to become one, or with a directory for more
 * tables than there are.
 */
static void emptied_map_is_small(struct kunit *test)
{
	const struct empty_param *param = test->param_value;
	struct gomap *m = step_map(test, param->max_slots);
	u32 i, n, keys = max(gochan_scaled(param->keys), 17U);
	struct gomap_stats st, full;

	put_spread(test, m, 0, keys);
	gomap_stats(m, &full);
	for (i = 0; i < keys; i += n) {
		n = min(param->batch, keys - i);
		delete_spread(test, m, i, i + n);
		gomap_shrink_some(m, n, GFP_KERNEL);
	}
	gomap_stats(m, &st);
	KUNIT_EXPECT_EQ(test, (size_t)0, st.entries);
	KUNIT_EXPECT_LE(test, st.slots, (size_t)16);
	KUNIT_EXPECT_LE(test, st.bytes, max_t(size_t, full.bytes / 32, 1024));
	GMT_CHECK(test, m);
}

/*
 * A pass that rests with a half filled directory.
 */

#define MANY	20000U

/* Keys of one half of the hashes. */
static u64 low(u64 i)
{
	return spread(i) >> 1;
}

static void put_low(struct kunit *test, struct gomap *m, u64 from, u64 to)
{
	for (; from < to; from++)
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, low(from), from, GOMAP_NEW));
}

static u64 missing_low(const struct gomap *m, u64 from, u64 to)
{
	u64 missing = 0;

	for (; from < to; from++)
		missing += !gmt_has(m, low(from), from);
	return missing;
}

/* Keys of the other half, which agree in @depth bits. */
static u64 high(u32 depth, u64 i)
{
	return ~(~0ULL >> depth) | i << (60 - depth) | 1;
}

/* A map whose directory has become longer for the sake of a few entries. */
static struct gomap *resting_map(struct kunit *test)
{
	struct gomap *m = step_map(test, 8);
	u32 i, depth;

	put_low(test, m, 0, MANY);
	depth = dir_depth(m);
	for (i = 0; dir_depth(m) == depth; i++) {
		KUNIT_ASSERT_LT(test, i, 16U);
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, high(depth, i), i,
						 GOMAP_NEW));
	}
	while (i--)
		KUNIT_ASSERT_EQ(test, 0, gmt_delete(m, high(depth, i)));

	WRITE_ONCE(m->shrink_due, true);
	while (!m->next_dir || !m->next_done) {
		KUNIT_ASSERT_FALSE(test, gmt_pass_step(m));
		KUNIT_ASSERT_TRUE(test, m->shrink_due);
	}
	GMT_CHECK(test, m);
	return m;
}

static void resting_pass_ends_with_the_map(struct kunit *test)
{
	struct gomap *m = resting_map(test);

	KUNIT_EXPECT_EQ(test, 0ULL, missing_low(m, 0, MANY));
}

static void resting_pass_goes_on(struct kunit *test)
{
	struct gomap *m = resting_map(test);
	u32 depth = dir_depth(m);

	while (!gmt_pass_step(m))
		KUNIT_ASSERT_TRUE(test, m->shrink_due);
	KUNIT_EXPECT_LT(test, dir_depth(m), depth);
	KUNIT_EXPECT_PTR_EQ(test, m->next_dir, NULL);
	KUNIT_EXPECT_EQ(test, 0ULL, missing_low(m, 0, MANY));
	GMT_CHECK(test, m);
}

static void resting_pass_lets_the_map_grow(struct kunit *test)
{
	struct gomap *m = resting_map(test);
	u32 i, depth = dir_depth(m);

	for (i = MANY; dir_depth(m) <= depth; i += MANY / 8) {
		KUNIT_ASSERT_LT(test, i, 8 * MANY);
		put_low(test, m, i, i + MANY / 8);
		GMT_MUST_CHECK(test, m);
	}
	KUNIT_EXPECT_EQ(test, 0ULL, missing_low(m, 0, i));
}

static void resting_pass_outlives_clear(struct kunit *test)
{
	struct gomap *m = resting_map(test);

	gomap_clear(m);
	KUNIT_EXPECT_PTR_EQ(test, m->next_dir, NULL);
	put_spread(test, m, 0, 100);
	while (!gmt_pass_step(m))
		KUNIT_ASSERT_TRUE(test, m->shrink_due);
	KUNIT_EXPECT_EQ(test, 0ULL, missing_spread(m, 0, 100));
	GMT_CHECK(test, m);
}

static void reservation_ends_a_resting_pass(struct kunit *test)
{
	struct gomap *m = resting_map(test);
	struct gomap_stats st, now;
	u32 i;

	KUNIT_ASSERT_EQ(test, 0, gomap_reserve(m, 1, GFP_KERNEL));
	gomap_stats(m, &st);
	KUNIT_EXPECT_TRUE(test, gmt_pass_step(m));
	KUNIT_EXPECT_FALSE(test, m->shrink_due);
	gomap_stats(m, &now);
	KUNIT_EXPECT_EQ(test, st.slots, now.slots);
	KUNIT_EXPECT_EQ(test, st.depth, now.depth);
	for (i = 0; i < MANY; i++)
		KUNIT_ASSERT_EQ(test, 0, gmt_delete(m, low(i)));
	KUNIT_EXPECT_FALSE(test, m->shrink_due);
	GMT_CHECK(test, m);
}

/*
 * Calls that do no step.
 */

static void one_caller_at_a_time(struct kunit *test)
{
	struct gomap *m = emptied_map(test, GMT_REAL, 20000, 100);
	size_t tables = m->nr_tables;

	KUNIT_ASSERT_FALSE(test, test_and_set_bit_lock(0, &m->shrink_busy));
	KUNIT_EXPECT_FALSE(test, gomap_shrink_some(m, 16, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, tables, m->nr_tables);
	clear_bit_unlock(0, &m->shrink_busy);
	KUNIT_EXPECT_FALSE(test, gmt_pass_step(m));
	KUNIT_EXPECT_LT(test, m->nr_tables, tables);
}

/* Steps are spread over the deletions, but keep up with them. */
static void tables_fall_with_entries(struct kunit *test)
{
	u32 i, gap = 0, keys = gochan_scaled(100000);
	struct gomap *m = step_map(test, GMT_REAL);

	put_spread(test, m, 0, keys);
	for (i = 0; i < keys; i++, gap++) {
		size_t tables = m->nr_tables, left = keys - i - 1;

		delete_spread(test, m, i, i + 1);
		gomap_shrink_some(m, 1, GFP_KERNEL);
		if (left > GMT_REAL)
			KUNIT_ASSERT_LE(test, m->nr_tables,
					1 + left / (GMT_REAL / 32));
		if (m->nr_tables == tables)
			continue;
		/* Two steps per table, for as many deletions as entries. */
		KUNIT_ASSERT_GE(test, (gap + 2) * 2 * tables, left);
		gap = 0;
	}
	KUNIT_EXPECT_LE(test, m->nr_tables, (size_t)1);
}

static void only_when_it_is_due(struct kunit *test)
{
	struct gomap *m = emptied_map(test, GMT_REAL, 20000, 10000);
	struct gomap *other = gmt_map(test, &by_key, GMT_REAL, 0);
	size_t tables = m->nr_tables;

	KUNIT_EXPECT_FALSE(test, gomap_shrink_some(NULL, 1, GFP_KERNEL));
	KUNIT_EXPECT_FALSE(test, gomap_shrink_some(m, 100, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, tables, m->nr_tables);
	delete_spread(test, m, 100, 10000);
	KUNIT_EXPECT_FALSE(test, gomap_shrink_some(m, 0, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, tables, m->nr_tables);

	/* A map that shrinks by itself. */
	put_spread(test, other, 0, 20000);
	delete_spread(test, other, 0, 20000);
	KUNIT_EXPECT_FALSE(test, other->shrink_due);
	KUNIT_EXPECT_FALSE(test, gomap_shrink_some(other, 1, GFP_KERNEL));
}

static void missing_memory_ends_a_pass(struct kunit *test)
{
	struct gomap *m = emptied_map(test, GMT_REAL, 20000, 1000);
	size_t tables = m->nr_tables;
	bool over, failed;

	if (!gmt_can_fail())
		kunit_skip(test, "no fault injection");
	m->pass.credit = gomap_len(m);
	gmt_fail_begin(1);
	over = gomap_shrink_some(m, 1, GMT_NOWAIT);
	failed = gmt_fail_end();
	KUNIT_ASSERT_TRUE(test, failed);
	KUNIT_EXPECT_TRUE(test, over);
	KUNIT_EXPECT_EQ(test, tables, m->nr_tables);
	KUNIT_EXPECT_EQ(test, 0ULL, missing_spread(m, 0, 1000));

	/* The next pass begins after half of the entries have been deleted. */
	delete_spread(test, m, 999, 1000);
	KUNIT_EXPECT_FALSE(test, m->shrink_due);
	delete_spread(test, m, 499, 999);
	KUNIT_EXPECT_TRUE(test, m->shrink_due);
	while (!gmt_pass_step(m))
		KUNIT_ASSERT_TRUE(test, m->shrink_due);
	KUNIT_EXPECT_LT(test, m->nr_tables, tables);
	GMT_CHECK(test, m);
}

static struct kunit_case step_cases[] = {
	KUNIT_CASE_PARAM(steps_are_bounded, size_gen_params),
	KUNIT_CASE(moved_entries_are_bounded),
	KUNIT_CASE_PARAM(emptied_map_is_small, empty_gen_params),
	KUNIT_CASE(resting_pass_ends_with_the_map),
	KUNIT_CASE(resting_pass_goes_on),
	KUNIT_CASE(resting_pass_lets_the_map_grow),
	KUNIT_CASE(resting_pass_outlives_clear),
	KUNIT_CASE(reservation_ends_a_resting_pass),
	KUNIT_CASE(one_caller_at_a_time),
	KUNIT_CASE(tables_fall_with_entries),
	KUNIT_CASE(only_when_it_is_due),
	KUNIT_CASE(missing_memory_ends_a_pass),
	{}
};

struct kunit_suite gomap_step_suite = {
	.name = "gomap-step",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = step_cases,
};
