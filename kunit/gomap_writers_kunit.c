// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - several writers of one map, and of the same keys
 *
 * Fixed amounts of work whose outcome can be counted: nothing is lost, nothing
 * done twice, and of those who want the same thing one gets it.
 */

#include <linux/atomic.h>
#include <linux/limits.h>
#include <linux/prandom.h>
#include <linux/slab.h>

#include "gomap_kunit.h"

#define MAX_WRITERS	3
#define KEYS		512

struct geometry {
	u32 max_slots;
	u32 writers;
};

static const struct geometry geometries[] = {
	{ 8, 2 }, { 16, 3 }, { 64, 2 }, { GMT_REAL, 2 }, { GMT_REAL, 3 },
};

static void geometry_desc(const struct geometry *g, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "%u writers, tables of %u",
		 g->writers, g->max_slots);
}

KUNIT_ARRAY_PARAM(geometry, geometries, geometry_desc);

/**
 * struct crowd - some writers that do the same
 * @m: the map
 * @rounds: operations of each
 * @seed: seed of what they do
 * @nr: next writer's number
 * @wins: per key, operations that succeeded
 * @losses: operations that failed as they may
 * @unexpected: results that must not be
 */
struct crowd {
	struct gomap *m;
	u32 rounds;
	u64 seed;
	atomic_t nr;
	atomic_t wins[KEYS];
	atomic_t losses;
	atomic_t unexpected;
};

static struct crowd *crowd_new(struct kunit *test, size_t max_entries)
{
	const struct geometry *g = test->param_value;
	const struct gomap_params p = {
		.key_size = sizeof(u64),
		.val_size = sizeof(u64),
		.max_entries = max_entries,
	};
	struct crowd *crowd = kunit_kzalloc(test, sizeof(*crowd), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, crowd);
	crowd->m = gmt_map(test, &p, g->max_slots, 0);
	crowd->rounds = gochan_scaled(40000);
	crowd->seed = gochan_seed();
	return crowd;
}

static void crowd_run(struct kunit *test, struct crowd *crowd,
		      int (*fn)(struct gct_thread *thread))
{
	const struct geometry *g = test->param_value;
	struct gct_thread *threads[MAX_WRITERS];
	u32 i;

	for (i = 0; i < g->writers; i++)
		threads[i] = gct_start(test, fn, crowd);
	for (i = 0; i < g->writers; i++)
		KUNIT_EXPECT_EQ(test, 0, gct_join(test, threads[i]));
	KUNIT_EXPECT_EQ(test, atomic_read(&crowd->unexpected), 0);
	GMT_CHECK(test, crowd->m);
}

/* The same for threads that use random numbers. */
static void crowd_run_seeded(struct kunit *test, struct crowd *crowd,
			     int (*fn)(struct gct_thread *thread))
{
	kunit_info(test, "seed %llu\n", crowd->seed);
	crowd_run(test, crowd, fn);
}

static void crowd_rnd(struct crowd *crowd, struct rnd_state *rnd)
{
	prandom_seed_state(rnd, crowd->seed * 16 +
			   atomic_inc_return(&crowd->nr));
}

/* Note an operation that either succeeds or fails with @may. */
static void outcome(struct crowd *crowd, u64 key, int err, int may)
{
	if (!err)
		atomic_inc(&crowd->wins[key]);
	else if (err == may)
		atomic_inc(&crowd->losses);
	else
		atomic_inc(&crowd->unexpected);
}

/*
 * Counters.
 */

static int add_fn(struct gct_thread *thread)
{
	struct crowd *crowd = thread->arg;
	unsigned int turns = 0;
	struct rnd_state rnd;
	u32 i;

	crowd_rnd(crowd, &rnd);
	for (i = 0; i < crowd->rounds; i++) {
		u64 sum, key = gmt_below(&rnd, KEYS);

		outcome(crowd, key, gomap_add(crowd->m, &key, 3, GOMAP_ANY,
					      &sum, GFP_KERNEL), 0);
		if (!sum || sum % 3)
			atomic_inc(&crowd->unexpected);
		gmt_breathe(&turns);
	}
	return 0;
}

static int cas_fn(struct gct_thread *thread)
{
	struct crowd *crowd = thread->arg;
	unsigned int turns = 0;
	struct rnd_state rnd;
	u32 i;

	crowd_rnd(crowd, &rnd);
	for (i = 0; i < crowd->rounds; i++) {
		u64 old = 0, new, key = gmt_below(&rnd, KEYS);
		int err;

		do {
			new = old + 3;
			err = gomap_cas(crowd->m, &key, &old, &new, GFP_KERNEL);
			if (err == -ENOENT)
				err = gomap_put(crowd->m, &key, &new, GOMAP_NEW,
						GFP_KERNEL);
		} while (err == -EEXIST);
		outcome(crowd, key, err, 0);
		gmt_breathe(&turns);
	}
	return 0;
}

static void expect_sums(struct kunit *test, struct crowd *crowd)
{
	const struct geometry *g = test->param_value;
	u64 key, val, sum = 0;

	for (key = 0; key < KEYS; key++) {
		u64 wins = atomic_read(&crowd->wins[key]);

		KUNIT_EXPECT_EQ(test, gomap_get(crowd->m, &key, &val),
				wins > 0);
		KUNIT_EXPECT_EQ(test, val, 3 * wins);
		sum += val;
	}
	KUNIT_EXPECT_EQ(test, sum, 3ULL * g->writers * crowd->rounds);
}

static void add_loses_nothing(struct kunit *test)
{
	struct crowd *crowd = crowd_new(test, 0);

	crowd_run_seeded(test, crowd, add_fn);
	expect_sums(test, crowd);
}

static void cas_loses_nothing(struct kunit *test)
{
	struct crowd *crowd = crowd_new(test, 0);

	crowd_run_seeded(test, crowd, cas_fn);
	expect_sums(test, crowd);
}

/*
 * One winner.
 */

static int put_new_fn(struct gct_thread *thread)
{
	struct crowd *crowd = thread->arg;
	unsigned int turns = 0;
	u64 key, me = atomic_inc_return(&crowd->nr);

	for (key = 0; key < KEYS; key++) {
		outcome(crowd, key, gomap_put(crowd->m, &key, &me, GOMAP_NEW,
					      GFP_KERNEL), -EEXIST);
		gmt_breathe(&turns);
	}
	return 0;
}

static int take_fn(struct gct_thread *thread)
{
	struct crowd *crowd = thread->arg;
	unsigned int turns = 0;
	u64 key, val;

	for (key = 0; key < KEYS; key++) {
		int err = gomap_take(crowd->m, &key, &val);

		outcome(crowd, key, err, -ENOENT);
		if (!err && (!val || val > MAX_WRITERS))
			atomic_inc(&crowd->unexpected);
		gmt_breathe(&turns);
	}
	return 0;
}

static void expect_one_win_each(struct kunit *test, struct crowd *crowd)
{
	u32 key;

	for (key = 0; key < KEYS; key++) {
		KUNIT_EXPECT_EQ(test, atomic_read(&crowd->wins[key]), 1);
		atomic_set(&crowd->wins[key], 0);
	}
}

static void one_put_and_one_take_succeed(struct kunit *test)
{
	u32 round, rounds = gochan_scaled(100);
	struct crowd *crowd = crowd_new(test, 0);

	for (round = 0; round < rounds; round++) {
		atomic_set(&crowd->nr, 0);
		crowd_run(test, crowd, put_new_fn);
		expect_one_win_each(test, crowd);
		KUNIT_ASSERT_EQ(test, gomap_len(crowd->m), (size_t)KEYS);
		crowd_run(test, crowd, take_fn);
		expect_one_win_each(test, crowd);
		KUNIT_ASSERT_EQ(test, gomap_len(crowd->m), (size_t)0);
	}
}

/*
 * Inserts and deletes of the same few keys, so that the map is often empty:
 * for each key they alternate, so one more or as many have succeeded.
 */

static int toggle_fn(struct gct_thread *thread)
{
	struct crowd *crowd = thread->arg;
	unsigned int turns = 0;
	struct rnd_state rnd;
	u32 i;

	crowd_rnd(crowd, &rnd);
	for (i = 0; i < crowd->rounds; i++) {
		u32 range = i / 64 % 2 ? 4 : KEYS / 4;
		u64 key = gmt_below(&rnd, range);
		int err;

		if (gmt_below(&rnd, 2)) {
			err = gomap_put(crowd->m, &key, &key, GOMAP_NEW,
					GFP_KERNEL);
			outcome(crowd, key, err, -EEXIST);
		} else {
			err = gomap_delete(crowd->m, &key);
			if (!err)
				atomic_dec(&crowd->wins[key]);
			else if (err != -ENOENT)
				atomic_inc(&crowd->unexpected);
		}
		gmt_breathe(&turns);
	}
	return 0;
}

static void inserts_and_deletes_alternate(struct kunit *test)
{
	struct crowd *crowd = crowd_new(test, 0);
	size_t there = 0;
	u64 key;

	crowd_run_seeded(test, crowd, toggle_fn);
	for (key = 0; key < KEYS; key++) {
		int left = atomic_read(&crowd->wins[key]);

		KUNIT_EXPECT_TRUE(test, left == 0 || left == 1);
		KUNIT_EXPECT_EQ(test, gomap_contains(crowd->m, &key),
				left == 1);
		there += left;
	}
	KUNIT_EXPECT_EQ(test, gomap_len(crowd->m), there);
}

/*
 * A limit.
 */

#define LIMIT	300

static int limited_fn(struct gct_thread *thread)
{
	struct crowd *crowd = thread->arg;
	unsigned int turns = 0;
	struct rnd_state rnd;
	u32 i;

	crowd_rnd(crowd, &rnd);
	for (i = 0; i < crowd->rounds; i++) {
		u64 key = gmt_below(&rnd, KEYS);

		if (gmt_below(&rnd, 4)) {
			outcome(crowd, key, gomap_put(crowd->m, &key, &key,
						      GOMAP_ANY, GFP_KERNEL),
				-E2BIG);
		} else {
			gomap_delete(crowd->m, &key);
		}
		if (gomap_len(crowd->m) > LIMIT)
			atomic_inc(&crowd->unexpected);
		gmt_breathe(&turns);
	}
	return 0;
}

static void limit_holds_for_all(struct kunit *test)
{
	struct crowd *crowd = crowd_new(test, LIMIT);

	crowd_run_seeded(test, crowd, limited_fn);
	KUNIT_EXPECT_GT(test, atomic_read(&crowd->losses), 0);
	KUNIT_EXPECT_LE(test, gomap_len(crowd->m), (size_t)LIMIT);
	KUNIT_EXPECT_GT(test, gomap_len(crowd->m), (size_t)LIMIT / 2);
}

/*
 * What is reserved is for all together.
 */

static int reserved_fn(struct gct_thread *thread)
{
	struct crowd *crowd = thread->arg;
	u64 i, me = atomic_inc_return(&crowd->nr);
	unsigned int turns = 0;

	for (i = 0; i < KEYS; i++) {
		u64 key = me << 32 | i;

		gmt_fail_begin(1);
		outcome(crowd, i, gomap_put(crowd->m, &key, &key, GOMAP_NEW,
					    GMT_NOWAIT), 0);
		gmt_fail_end();
		gmt_breathe(&turns);
	}
	return 0;
}

static void reservation_serves_all(struct kunit *test)
{
	const struct geometry *g = test->param_value;
	u32 round, rounds = gochan_scaled(50);

	if (g->max_slots < GMT_REAL)
		kunit_skip(test, "promised for evenly spread hashes only");
	for (round = 0; round < rounds; round++) {
		struct crowd *crowd = crowd_new(test, 0);

		gmt_fill(test, crowd->m, 0, round * 40);
		KUNIT_ASSERT_EQ(test, 0, gomap_reserve(crowd->m,
						       g->writers * KEYS,
						       GFP_KERNEL));
		crowd_run(test, crowd, reserved_fn);
		KUNIT_EXPECT_EQ(test, gomap_len(crowd->m),
				(size_t)round * 40 + g->writers * KEYS);
		gomap_clear(crowd->m);
	}
}

static struct kunit_case writers_cases[] = {
	KUNIT_CASE_PARAM(add_loses_nothing, geometry_gen_params),
	KUNIT_CASE_PARAM(cas_loses_nothing, geometry_gen_params),
	KUNIT_CASE_PARAM(one_put_and_one_take_succeed, geometry_gen_params),
	KUNIT_CASE_PARAM(inserts_and_deletes_alternate, geometry_gen_params),
	KUNIT_CASE_PARAM(limit_holds_for_all, geometry_gen_params),
	KUNIT_CASE_PARAM(reservation_serves_all, geometry_gen_params),
	{}
};

struct kunit_suite gomap_writers_suite = {
	.name = "gomap-writers",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = writers_cases,
};
