// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - maps without memory
 *
 * Each allocation of an operation fails in turn, until the operation succeeds
 * without one failing: then all its steps have been there. After a failure the
 * map must be as it was. And what a reservation promises must hold although
 * every allocation fails.
 *
 * This needs a kernel that can make allocations fail (CONFIG_FAILSLAB); what
 * can be said about reservations without is tested in all.
 */

#include <linux/bitmap.h>
#include <linux/err.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include "gomap_kunit.h"

/* More allocations than any single operation makes. */
#define MANY_STEPS	200

static int fail_init(struct kunit *test)
{
	if (!gmt_can_fail())
		kunit_skip(test, "allocations never fail (CONFIG_FAILSLAB)");
	return gct_init(test);
}

/*
 * Single operations. Keys from 0 on are in the map before, as their own values
 * of version 1; the operation is about the next one.
 */

struct scene {
	const char *name;
	u32 val_size;
	u32 max_slots;
	u32 keys;
	u32 deleted;
	u32 failures;
	int (*op)(struct gomap *m, u32 next);
	gfp_t gfp;
};

static int op_put(struct gomap *m, u32 next)
{
	u8 val[512] = { };
	u64 key = next;

	gmt_val_of(m->val_size, val, next, 1);
	return gomap_put(m, &key, val, GOMAP_NEW, GMT_NOWAIT);
}

static int op_overwrite(struct gomap *m, u32 next)
{
	u8 val[512] = { };
	u64 key = next - 1;

	gmt_val_of(m->val_size, val, next - 1, 1);
	return gomap_put(m, &key, val, GOMAP_EXISTING, GMT_NOWAIT);
}

static int op_add(struct gomap *m, u32 next)
{
	u64 val, key = next;

	gmt_val_of(m->val_size, &val, next, 1);
	return gomap_add(m, &key, val, GOMAP_NEW, NULL, GMT_NOWAIT);
}

static int op_cas(struct gomap *m, u32 next)
{
	u8 val[512] = { };
	u64 key = next - 1;

	gmt_val_of(m->val_size, val, next - 1, 1);
	return gomap_cas(m, &key, val, val, GMT_NOWAIT);
}

/* These keep what they have got; entries must not change. */
static int op_reserve_one(struct gomap *m, u32 next)
{
	return gomap_reserve(m, 10, GMT_NOWAIT);
}

static int op_reserve_many(struct gomap *m, u32 next)
{
	return gomap_reserve(m, 5000, GMT_NOWAIT);
}

static int op_shrink(struct gomap *m, u32 next)
{
	return gomap_shrink(m, GMT_NOWAIT);
}

static const struct scene scenes[] = {
	{ "first insert", 8, GMT_REAL, 0, 0, 2, op_put },
	{ "ninth insert", 8, GMT_REAL, 8, 0, 2, op_put },
	{ "doubling", 8, GMT_REAL, 448, 0, 2, op_put },
	/* Others have what it takes in stock. */
	{ "first split", 8, GMT_REAL, 896, 0, 5, op_put, __GFP_ACCOUNT },
	{ "first split of small tables", 8, 8, 8, 0, 5, op_put },
	{ "add that splits", 8, 16, 14, 0, 5, op_add },
	{ "outside, no growth", 500, GMT_REAL, 3, 0, 1, op_put },
	{ "outside, doubling", 500, GMT_REAL, 28, 0, 3, op_put },
	{ "outside, split", 500, 16, 14, 0, 6, op_put },
	{ "outside, overwrite", 500, 16, 100, 0, 1, op_overwrite },
	{ "outside, cas", 500, 16, 100, 0, 1, op_cas },
	{ "reserve in one table", 8, GMT_REAL, 3, 0, 2, op_reserve_one },
	{ "reserve many", 8, GMT_REAL, 2000, 0, 10, op_reserve_many },
	{ "shrink a table", 8, GMT_REAL, 400, 390, 2, op_shrink },
	{ "shrink many", 8, 16, 400, 390, 10, op_shrink },
};

static void scene_desc(const struct scene *scene, char *desc)
{
	strscpy(desc, scene->name, KUNIT_PARAM_DESC_SIZE);
}

KUNIT_ARRAY_PARAM(scene, scenes, scene_desc);

static void expect_entries(struct kunit *test, const struct gomap *m, u32 from,
			   u32 to)
{
	u8 val[512], want[512];
	u64 key;

	for (key = from; key < to; key++) {
		gmt_val_of(m->val_size, want, key, 1);
		KUNIT_ASSERT_TRUE(test, gomap_get(m, &key, val));
		KUNIT_ASSERT_EQ(test, 0, memcmp(val, want, m->val_size));
	}
}

/* One run, with the @nth allocation failing; true if all is over. */
static bool fail_at(struct kunit *test, const struct scene *scene,
		    unsigned int nth, unsigned int *failures)
{
	const struct gomap_params p = {
		.key_size = sizeof(u64),
		.val_size = scene->val_size,
		.gfp = scene->gfp,
	};
	struct gomap *m = gmt_map(test, &p, scene->max_slots, 0);
	bool changes = scene->op == op_reserve_one ||
		       scene->op == op_reserve_many || scene->op == op_shrink;
	struct gomap_stats before, after;
	int err;
	u64 key;

	for (key = 0; key < scene->keys; key++)
		KUNIT_ASSERT_EQ(test, 0, op_put(m, key));
	/* Not to shrink by itself: that is up to the test. */
	m->shrink_floor = 0;
	for (key = 0; key < scene->deleted; key++)
		KUNIT_ASSERT_EQ(test, 0, gomap_delete(m, &key));

	gomap_stats(m, &before);
	gmt_fail_begin(nth);
	err = scene->op(m, scene->keys);
	if (!gmt_fail_end() && !err)
		return true;
	gomap_stats(m, &after);
	if (err) {
		++*failures;
		KUNIT_EXPECT_EQ(test, err, -ENOMEM);
		KUNIT_EXPECT_EQ(test, after.entries, before.entries);
		key = scene->keys;
		KUNIT_EXPECT_FALSE(test, gomap_contains(m, &key));
		if (!changes)
			KUNIT_EXPECT_EQ(test, 0, memcmp(&after, &before,
							sizeof(after)));
	}
	expect_entries(test, m, scene->deleted, scene->keys);
	GMT_CHECK(test, m);

	/* With memory all is well. */
	if (err) {
		KUNIT_EXPECT_EQ(test, 0, scene->op(m, scene->keys));
		GMT_CHECK(test, m);
		expect_entries(test, m, scene->deleted, gomap_len(m) +
			       scene->deleted);
	}
	gomap_clear(m);
	return false;
}

/* How many of a scene's allocations make it fail. */
static unsigned int count_failures(struct kunit *test,
				   const struct scene *scene)
{
	unsigned int nth, failures = 0;

	for (nth = 1; nth < MANY_STEPS; nth++)
		if (fail_at(test, scene, nth, &failures))
			break;
	KUNIT_EXPECT_LT(test, nth, (unsigned int)MANY_STEPS);
	return failures;
}

/*
 * A debug kernel allocates, too, when it sees a stack or a lock for the first
 * time, and may be the one whose n-th allocation fails. It knows them all after
 * a few rounds. With several processors it does not settle: the n-th allocation
 * of one run is another one in the next, and only all rounds together are sure
 * to meet as many.
 */
static void each_allocation_fails_once(struct kunit *test)
{
	const struct scene *scene = test->param_value;
	unsigned int round, failures = 0, all = 0;

	for (round = 0; round < 8 && failures < scene->failures; round++) {
		failures = count_failures(test, scene);
		all += failures;
	}
	KUNIT_EXPECT_GE(test, IS_ENABLED(CONFIG_SMP) ? all : failures,
			scene->failures);
}

static void init_fails_and_leaks_nothing(struct kunit *test)
{
	static const struct gomap_params p = { .key_size = 8, .val_size = 8 };
	static const size_t hints[] = { 9, 897, 5000 };
	struct gomap *own = kunit_kzalloc(test, sizeof(*own), GFP_KERNEL), *m;
	unsigned int i, nth;
	bool over;
	int err;

	KUNIT_ASSERT_NOT_NULL(test, own);
	for (i = 0; i < ARRAY_SIZE(hints); i++) {
		unsigned int failures = 0;

		for (nth = 1, over = false; nth < MANY_STEPS && !over; nth++) {
			gmt_fail_begin(nth);
			err = gomap_init(own, &p, hints[i], GMT_NOWAIT);
			over = !gmt_fail_end() && !err;
			if (!err)
				gomap_destroy(own);
			else
				KUNIT_EXPECT_EQ(test, err, -ENOMEM);
			failures += !!err;

			gmt_fail_begin(nth);
			m = gomap_alloc(&p, hints[i], GMT_NOWAIT);
			gmt_fail_end();
			if (!IS_ERR(m))
				gomap_free(m);
			else
				KUNIT_EXPECT_EQ(test, PTR_ERR(m), -ENOMEM);
		}
		KUNIT_EXPECT_TRUE(test, over);
		/* One can be passed over, as above. */
		KUNIT_EXPECT_GE(test, failures,
				IS_ENABLED(CONFIG_SMP) ? 1U : 2U);
	}
}

/*
 * A long script in which any allocation may fail.
 */

#define IDS		512

static void random_failures(struct kunit *test, u32 val_size)
{
	const struct gomap_params p = {
		.key_size = sizeof(u64),
		.val_size = val_size,
	};
	u32 i, failed = 0, rounds = gochan_scaled(100000);
	struct gomap *m = gmt_map(test, &p, 16, 0);
	DECLARE_BITMAP(there, IDS) = { };
	u64 seed = gochan_seed();
	struct rnd_state rnd;
	u8 val[200] = { };
	int err;

	kunit_info(test, "%u operations, seed %llu\n", rounds, seed);
	prandom_seed_state(&rnd, seed);
	for (i = 0; i < rounds; i++) {
		bool rising = i / 4096 % 2 == 0;
		u64 id = gmt_below(&rnd, IDS);
		bool insert = gmt_below(&rnd, 4) ? rising : !rising;

		gmt_fail_begin(1 + gmt_below(&rnd, 6));
		if (insert)
			err = gomap_put(m, &id, val, GOMAP_NEW, GMT_NOWAIT);
		else
			err = gomap_delete(m, &id);
		gmt_fail_end();

		if (err == -ENOMEM)
			failed++;
		else if (insert == test_bit(id, there))
			KUNIT_ASSERT_EQ(test, err, insert ? -EEXIST : -ENOENT);
		else
			KUNIT_ASSERT_EQ(test, err, 0);
		if (!err)
			__change_bit(id, there);
		if (i % 64 == 0) {
			gmt_fail_begin(1 + gmt_below(&rnd, 6));
			err = gomap_shrink(m, GMT_NOWAIT);
			gmt_fail_end();
			KUNIT_ASSERT_TRUE(test, !err || err == -ENOMEM);
		}
		if (i % 1000)
			continue;
		GMT_MUST_CHECK(test, m);
		for (id = 0; id < IDS; id++)
			KUNIT_ASSERT_EQ(test, gomap_contains(m, &id),
					test_bit(id, there));
	}
	KUNIT_EXPECT_GT(test, failed, 0U);
}

static void random_failures_of_tables(struct kunit *test)
{
	random_failures(test, 8);
}

static void random_failures_of_values(struct kunit *test)
{
	random_failures(test, 200);
}

static struct kunit_case fail_cases[] = {
	KUNIT_CASE_PARAM(each_allocation_fails_once, scene_gen_params),
	KUNIT_CASE(init_fails_and_leaks_nothing),
	KUNIT_CASE(random_failures_of_tables),
	KUNIT_CASE(random_failures_of_values),
	{}
};

struct kunit_suite gomap_fail_suite = {
	.name = "gomap-fail",
	.init = fail_init,
	.exit = gct_exit,
	.test_cases = fail_cases,
};

/*
 * Reservations.
 */

struct reservation {
	u32 max_slots;
	u32 used;
	u32 n;
};

static const struct reservation reservations[] = {
	{ GMT_REAL, 0, 1 }, { GMT_REAL, 0, 8 }, { GMT_REAL, 0, 9 },
	{ GMT_REAL, 0, 896 }, { GMT_REAL, 0, 897 }, { GMT_REAL, 0, 5000 },
	{ GMT_REAL, 8, 1 }, { GMT_REAL, 5, 890 }, { GMT_REAL, 500, 396 },
	{ GMT_REAL, 500, 397 }, { GMT_REAL, 896, 1 }, { GMT_REAL, 896, 896 },
	{ GMT_REAL, 3000, 10 }, { GMT_REAL, 3000, 1000 },
	{ GMT_REAL, 3000, 7000 }, { GMT_REAL, 20000, 100 },
};

static void reservation_desc(const struct reservation *r, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u beside %u", r->n, r->used);
}

KUNIT_ARRAY_PARAM(reservation, reservations, reservation_desc);

/*
 * No insert may fail, whichever of its allocations does, and none may make the
 * map larger.
 */
static void reserved_inserts_cannot_fail(struct kunit *test)
{
	const struct reservation *r = test->param_value;
	struct gomap *m = gmt_map_u64(test, r->max_slots);
	struct gomap_stats reserved, st;
	u64 seed = gochan_seed();
	struct rnd_state rnd;
	u32 i;
	int err;

	kunit_info(test, "seed %llu\n", seed);
	prandom_seed_state(&rnd, seed);
	/* All keys differ: the low half counts. */
	for (i = 0; i < r->used; i++)
		KUNIT_ASSERT_EQ(test, 0,
				gmt_put(m, (u64)prandom_u32_state(&rnd) << 32 |
					i, i, GOMAP_NEW));
	KUNIT_ASSERT_EQ(test, 0, gomap_reserve(m, r->n, GFP_KERNEL));
	GMT_CHECK(test, m);
	gomap_stats(m, &reserved);
	for (; i < r->used + r->n; i++) {
		u64 key = (u64)prandom_u32_state(&rnd) << 32 | i;

		gmt_fail_begin(1 + i % 4);
		err = gomap_put(m, &key, &key, GOMAP_NEW, GMT_NOWAIT);
		gmt_fail_end();
		KUNIT_ASSERT_EQ_MSG(test, err, 0, "insert %u", i - r->used);
		if (i % 16)
			continue;
		gomap_stats(m, &st);
		KUNIT_ASSERT_LE_MSG(test, st.bytes, reserved.bytes,
				    "insert %u", i - r->used);
	}
	KUNIT_EXPECT_EQ(test, gomap_len(m), (size_t)r->used + r->n);
	GMT_CHECK(test, m);
}

static void reservations_are_checked(struct kunit *test)
{
	static const struct gomap_params outside = {
		.key_size = 8,
		.val_size = 200,
	};
	static const struct gomap_params limited = {
		.key_size = 8,
		.val_size = 8,
		.max_entries = 10,
	};
	struct gomap *m = gmt_map(test, &outside, GMT_REAL, 0);
	struct gomap_stats st;

	KUNIT_EXPECT_EQ(test, -EINVAL, gomap_reserve(m, 1, GFP_KERNEL));
	/* No more than there may be entries. */
	m = gmt_map(test, &limited, GMT_REAL, 0);
	KUNIT_EXPECT_EQ(test, 0, gomap_reserve(m, SIZE_MAX, GFP_KERNEL));
	gomap_stats(m, &st);
	KUNIT_EXPECT_LE(test, st.slots, (size_t)16);
	gmt_fill(test, m, 0, 10);
	KUNIT_EXPECT_EQ(test, 0, gomap_reserve(m, 5, GFP_KERNEL));
	KUNIT_EXPECT_EQ(test, -E2BIG, gmt_put(m, 10, 0, GOMAP_NEW));
	GMT_CHECK(test, m);
}

/* Whoever reserves again and again gets what is missing, not ever more. */
static void reservations_do_not_pile_up(struct kunit *test)
{
	struct gomap *m = gmt_map_u64(test, GMT_REAL);
	struct gomap_stats first, last;
	u32 i;

	gmt_fill(test, m, 0, 3000);
	KUNIT_ASSERT_EQ(test, 0, gomap_reserve(m, 100, GFP_KERNEL));
	gomap_stats(m, &first);
	for (i = 0; i < 100; i++)
		KUNIT_ASSERT_EQ(test, 0, gomap_reserve(m, 100, GFP_KERNEL));
	gomap_stats(m, &last);
	KUNIT_EXPECT_EQ(test, last.bytes, first.bytes);
	KUNIT_EXPECT_EQ(test, 0, gomap_shrink(m, GFP_KERNEL));
	gomap_stats(m, &last);
	KUNIT_EXPECT_LT(test, last.bytes, first.bytes);
	GMT_CHECK(test, m);
}

/* Said of gomap_clear() and gomap_shrink(): also if nothing was inserted. */
static void reservations_can_be_ended(struct kunit *test)
{
	static const size_t sizes[] = { 8, 800, 5000 };
	struct gomap_stats st;
	unsigned int i, clear;

	for (i = 0; i < ARRAY_SIZE(sizes); i++) {
		for (clear = 0; clear < 2; clear++) {
			struct gomap *m = gmt_map_u64(test, GMT_REAL);

			KUNIT_ASSERT_EQ(test, 0, gomap_reserve(m, sizes[i],
							       GFP_KERNEL));
			gomap_stats(m, &st);
			KUNIT_EXPECT_GE(test, st.bytes, sizes[i] * 16);
			if (clear)
				gomap_clear(m);
			else
				KUNIT_EXPECT_EQ(test, 0,
						gomap_shrink(m, GFP_KERNEL));
			/* A directory of one entry may stay. */
			gomap_stats(m, &st);
			KUNIT_EXPECT_LE_MSG(test, st.bytes, (size_t)64,
					    "%zu, %s", sizes[i],
					    clear ? "clear" : "shrink");
			GMT_CHECK(test, m);
		}
	}
}

static struct kunit_case reserve_cases[] = {
	KUNIT_CASE_PARAM(reserved_inserts_cannot_fail, reservation_gen_params),
	KUNIT_CASE(reservations_are_checked),
	KUNIT_CASE(reservations_do_not_pile_up),
	KUNIT_CASE(reservations_can_be_ended),
	{}
};

struct kunit_suite gomap_reserve_suite = {
	.name = "gomap-reserve",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = reserve_cases,
};
