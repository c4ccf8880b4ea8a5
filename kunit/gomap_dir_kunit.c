// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - directories of maps, and what a large one has ready for splits
 *
 * A directory is replaced in slices. What can happen in between is tested by
 * planting one: the test begins with a next directory and leaves it there, as
 * one would that was interrupted at this point. The first insert that needs a
 * directory finishes it.
 *
 * Most maps here hash with gmt_hash_is_key(): random keys are spread evenly,
 * and keys of the test's choice make tables as deep as it wants.
 */

#include <linux/gcd.h>
#include <linux/hash.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/prandom.h>
#include <linux/sched.h>

#include "gomap_spread.h"
#include "../kmod/compat.h"

/* Entries copied under the lock at a time, as map_dir.c has it. */
#define SLICE		1024

/* More allocations than any single insert makes. */
#define MANY_STEPS	100

/* Entries that make the directory of a map with tables of 8 two slices long. */
#define MANY		6000

static struct gomap *dir_map(struct kunit *test)
{
	return gmt_map(test, &by_key, 8, 0);
}

/* Nobody may change the map meanwhile. */
static u32 deepest(const struct gomap *m)
{
	u32 depth = GOMAP_MAX_DEPTH;

	while (depth && !m->nr_at_depth[depth])
		depth--;
	return depth;
}

static void settle(struct gomap *m)
{
	flush_delayed_work(&m->shrink_work);
	flush_work(&m->grow_work);
}

static void delete_spread(struct kunit *test, struct gomap *m, u64 from, u64 to)
{
	for (; from < to; from++)
		KUNIT_ASSERT_EQ(test, 0, gmt_delete(m, spread(from)));
}

/* Begin with a directory of another depth, and fill @done of its entries. */
static void plant(struct kunit *test, struct gomap *m, u32 depth, size_t done)
{
	struct gomap_dir *d = kvzalloc(gomap_dir_size(depth), GFP_KERNEL);
	const struct gomap_dir *from;
	size_t i;

	KUNIT_ASSERT_NOT_NULL(test, d);
	settle(m);
	gomap_set_depth(d, depth);
	spin_lock_irq(&m->lock);
	from = rcu_dereference_protected(m->dir, lockdep_is_held(&m->lock));
	for (i = 0; i < done; i++)
		gomap_entries(d)[i] =
			gomap_entries(from)[depth > from->depth ?
					    i >> (depth - from->depth) :
					    i << (from->depth - depth)];
	m->next_dir = d;
	m->next_done = done;
	spin_unlock_irq(&m->lock);
}

/*
 * Put keys that agree in as many bits as the directory looks at, and so need a
 * longer one: what is under way has to get finished first.
 */
static void need_directory(struct kunit *test, struct gomap *m)
{
	u32 depth = dir_depth(m);
	u64 i, key = ~(~0ULL >> depth);

	for (i = 0; dir_depth(m) == depth; i++) {
		KUNIT_ASSERT_LT(test, i, 16ULL);
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, key | i << (60 - depth) | 1,
						 i, GOMAP_NEW));
	}
}

/*
 * A next directory that is under way.
 */

/*
 * How many of the allocations of one more insert make it fail, if each fails in
 * turn? What a debug kernel allocates beside them is not among these.
 */
static unsigned int failures_of_put(struct kunit *test,
				    struct gomap *(*make)(struct kunit *test),
				    u64 key)
{
	unsigned int nth, failures = 0;
	bool over = false;

	if (!gmt_can_fail())
		kunit_skip(test, "allocations never fail (CONFIG_FAILSLAB)");
	for (nth = 1; nth < MANY_STEPS && !over; nth++) {
		struct gomap *m = make(test);
		int err;

		gmt_fail_begin(nth);
		err = gmt_put_nowait(m, key, 8);
		over = !gmt_fail_end() && !err;
		failures += !!err;
		/* With memory it goes on where it was. */
		if (err)
			KUNIT_EXPECT_EQ(test, 0, gmt_put(m, key, 8, GOMAP_NEW));
		GMT_CHECK(test, m);
	}
	KUNIT_EXPECT_TRUE(test, over);
	return failures;
}

static struct gomap *map_with_a_longer_directory_planted(struct kunit *test)
{
	struct gomap *m = dir_map(test);
	u64 i;

	for (i = 0; i < 8; i++)
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, i << 61 | 1, i, GOMAP_NEW));
	plant(test, m, 1, 0);
	return m;
}

/* Who needs the directory that somebody else is making does not make one. */
static void waiting_for_a_directory_takes_no_memory(struct kunit *test)
{
	unsigned int failures;

	failures = failures_of_put(test, map_with_a_longer_directory_planted,
				   1ULL << 60);
	/* Two tables, of two allocations each. */
	KUNIT_EXPECT_LE(test, failures, 4U);
}

static struct gomap *map_with_a_pool(struct kunit *test)
{
	struct gomap *m = dir_map(test);
	u64 i;

	for (i = 0; i < 8; i++)
		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, i << 55, i, GOMAP_NEW));
	KUNIT_ASSERT_EQ(test, 0, gomap_reserve(m, 8, GFP_KERNEL));
	KUNIT_ASSERT_EQ(test, 4U, dir_depth(m));
	KUNIT_ASSERT_GE(test, m->nr_pool, 2 * 6U);
	return m;
}

/*
 * With tables in the pool a split allocates the directory and no more. The
 * ninth key differs from the others in the sixth bit: that takes two of them.
 */
static void pool_serves_splits_that_need_a_directory(struct kunit *test)
{
	KUNIT_EXPECT_LE(test, failures_of_put(test, map_with_a_pool,
					      8ULL << 55), 2U);
}

/* Splits, inserts and deletes while it is half filled. */
static void changes_reach_the_next_directory(struct kunit *test)
{
	struct gomap *m = dir_map(test);
	u32 depth;

	put_spread(test, m, 0, MANY);
	settle(m);
	depth = dir_depth(m);
	KUNIT_ASSERT_GT(test, 2UL << depth, 2UL * SLICE);
	plant(test, m, depth + 1, SLICE);
	put_spread(test, m, MANY, MANY + MANY / 8);
	delete_spread(test, m, 0, 1000);
	KUNIT_ASSERT_EQ(test, depth, dir_depth(m));
	need_directory(test, m);
	KUNIT_EXPECT_GT(test, dir_depth(m), depth);
	KUNIT_EXPECT_EQ(test, 0ULL, missing_spread(m, 1000, MANY + MANY / 8));
	GMT_CHECK(test, m);
}

/* Merges while it is half filled; then it is too long at once. */
static void shrinking_gets_past_a_longer_directory(struct kunit *test)
{
	struct gomap *m = dir_map(test);

	u32 depth;

	put_spread(test, m, 0, MANY);
	settle(m);
	depth = dir_depth(m);
	/* Not to shrink by itself before. */
	m->shrink_floor = 0;
	delete_spread(test, m, 100, MANY);
	plant(test, m, depth + 1, SLICE);
	KUNIT_EXPECT_EQ(test, 0, gomap_shrink(m, GFP_KERNEL));
	KUNIT_EXPECT_PTR_EQ(test, m->next_dir, NULL);
	KUNIT_EXPECT_EQ(test, deepest(m), dir_depth(m));
	KUNIT_EXPECT_LT(test, dir_depth(m), depth);
	KUNIT_EXPECT_EQ(test, 0ULL, missing_spread(m, 0, 100));
	GMT_CHECK(test, m);
}

/* A map whose directory is longer than it needs, by a bit at least. */
static struct gomap *roomy_map(struct kunit *test)
{
	struct gomap *m = dir_map(test);

	put_spread(test, m, 0, MANY);
	settle(m);
	KUNIT_ASSERT_LT(test, deepest(m), dir_depth(m));
	KUNIT_ASSERT_GE(test, 1UL << deepest(m), 2UL * SLICE);
	return m;
}

/* A table that got deeper than a shorter directory could have it. */
static void deeper_table_ends_a_shorter_directory(struct kunit *test)
{
	struct gomap *m = roomy_map(test);
	u32 depth = dir_depth(m);
	u64 i = MANY;

	plant(test, m, depth - 1, SLICE);
	while (!m->nr_at_depth[depth]) {
		KUNIT_ASSERT_LT(test, i, 2ULL * MANY);
		KUNIT_ASSERT_TRUE(test, m->next_dir);
		put_spread(test, m, i, i + 1);
		i++;
	}
	settle(m);
	KUNIT_EXPECT_PTR_EQ(test, m->next_dir, NULL);
	KUNIT_EXPECT_GE(test, dir_depth(m), depth);
	KUNIT_EXPECT_EQ(test, 0ULL, missing_spread(m, 0, i));
	GMT_CHECK(test, m);
}

/* A reservation counts on the directory that there is. */
static void reservation_ends_a_shorter_directory(struct kunit *test)
{
	struct gomap *m = roomy_map(test);
	u32 depth = dir_depth(m);

	plant(test, m, depth - 1, SLICE);
	KUNIT_ASSERT_EQ(test, 0, gomap_reserve(m, 1, GFP_KERNEL));
	KUNIT_EXPECT_PTR_EQ(test, m->next_dir, NULL);
	KUNIT_EXPECT_EQ(test, depth, dir_depth(m));
	GMT_CHECK(test, m);
}

/* A longer one that is under way need not be long enough. */
static void reservation_goes_beyond_a_longer_directory(struct kunit *test)
{
	struct gomap *m = gmt_map(test, &by_key, GMT_REAL, 0);
	u64 i;
	int err;

	put_spread(test, m, 0, 1000);
	KUNIT_ASSERT_EQ(test, 1U, dir_depth(m));
	plant(test, m, 2, 0);
	KUNIT_ASSERT_EQ(test, 0, gomap_reserve(m, 20000, GFP_KERNEL));
	/* 21000 entries, 512 in a table, and one bit to spare. */
	KUNIT_EXPECT_EQ(test, 7U, dir_depth(m));
	for (i = 1000; i < 21000; i++) {
		u64 key = spread(i);

		gmt_fail_begin(1);
		err = gomap_put(m, &key, &i, GOMAP_NEW, GMT_NOWAIT);
		gmt_fail_end();
		KUNIT_ASSERT_EQ_MSG(test, err, 0, "insert %llu", i - 1000);
	}
	GMT_CHECK(test, m);
}

static void clear_ends_a_next_directory(struct kunit *test)
{
	struct gomap *m = dir_map(test);
	u32 depth;

	put_spread(test, m, 0, MANY);
	settle(m);
	depth = dir_depth(m);
	plant(test, m, depth + 1, SLICE);
	gomap_clear(m);
	KUNIT_EXPECT_PTR_EQ(test, m->next_dir, NULL);
	KUNIT_EXPECT_EQ(test, 0U, dir_depth(m));
	KUNIT_EXPECT_EQ(test, 0U, m->nr_pool);
	GMT_CHECK(test, m);
	put_spread(test, m, 0, 500);
	GMT_CHECK(test, m);
}

/* An empty map has a directory, too: the first table goes into both. */
static void first_table_reaches_the_next_directory(struct kunit *test)
{
	struct gomap *m = dir_map(test);

	plant(test, m, 12, 2 * SLICE);
	put_spread(test, m, 0, 4);
	put_spread(test, m, 4, 100);
	/* It is longer than what this wanted: that is no reason to shorten. */
	KUNIT_EXPECT_EQ(test, 12U, dir_depth(m));
	KUNIT_EXPECT_EQ(test, 0ULL, missing_spread(m, 0, 100));
	GMT_CHECK(test, m);
}

/*
 * How long interrupts are off: one that comes while a directory is filled finds
 * it filled up to the end of some slice. So if interrupts have come often, the
 * greatest common divisor of what they found is the size of a slice.
 */
struct sampler {
	struct hrtimer timer;
	struct gomap *m;
	bool over;
	unsigned int samples;
	unsigned long gcd;
};

/* Samples after which a multiple is not to be expected any more. */
#define SAMPLES		24

static enum hrtimer_restart sample_fn(struct hrtimer *timer)
{
	struct sampler *s = container_of(timer, struct sampler, timer);
	unsigned long flags;

	spin_lock_irqsave(&s->m->lock, flags);
	if (s->m->next_dir && s->m->next_done) {
		s->samples++;
		s->gcd = gcd(s->gcd, s->m->next_done);
	}
	spin_unlock_irqrestore(&s->m->lock, flags);
	if (READ_ONCE(s->over))
		return HRTIMER_NORESTART;
	hrtimer_forward_now(timer, ns_to_ktime(20000));
	return HRTIMER_RESTART;
}

static void interrupts_come_between_slices(struct kunit *test)
{
	struct sampler *s = kunit_kzalloc(test, sizeof(*s), GFP_KERNEL);
	unsigned int round;
	u64 i;

	KUNIT_ASSERT_NOT_NULL(test, s);
	s->m = dir_map(test);
	hrtimer_setup(&s->timer, sample_fn, CLOCK_MONOTONIC,
		      HRTIMER_MODE_REL_HARD);
	for (round = 0; round < 50 && s->samples < SAMPLES; round++) {
		gomap_clear(s->m);
		for (i = 0; i < 8; i++)
			KUNIT_ASSERT_EQ(test, 0, gmt_put(s->m, i << 61, i,
							 GOMAP_NEW));
		/* 4 MiB: it takes a while. */
		plant(test, s->m, 18, 0);
		s->over = false;
		hrtimer_start(&s->timer, ns_to_ktime(20000),
			      HRTIMER_MODE_REL_HARD);
		i = gmt_put(s->m, 1ULL << 60, 8, GOMAP_NEW);
		WRITE_ONCE(s->over, true);
		hrtimer_cancel(&s->timer);
		KUNIT_ASSERT_EQ(test, 0ULL, i);
		KUNIT_ASSERT_EQ(test, 18U, dir_depth(s->m));
	}
	kunit_info(test, "%u interrupts in %u rounds\n", s->samples, round);
	GMT_CHECK(test, s->m);
	if (s->samples < SAMPLES)
		kunit_skip(test, "too few interrupts came in between");
	KUNIT_EXPECT_LE(test, s->gcd, (unsigned long)SLICE);
}

/* An empty map keeps no table, also if it has just been about to grow. */
static void last_table_goes_with_a_next_directory(struct kunit *test)
{
	struct gomap *m = dir_map(test);

	put_spread(test, m, 0, 4);
	plant(test, m, 12, 2 * SLICE);
	/* The seed is redrawn: in both. */
	delete_spread(test, m, 0, 4);
	KUNIT_EXPECT_EQ(test, 0, gomap_shrink(m, GFP_KERNEL));
	KUNIT_EXPECT_PTR_EQ(test, gmt_table(m, 0), NULL);
	KUNIT_EXPECT_EQ(test, 0U, dir_depth(m));
	GMT_CHECK(test, m);
}

static struct kunit_case dir_cases[] = {
	KUNIT_CASE(waiting_for_a_directory_takes_no_memory),
	KUNIT_CASE(pool_serves_splits_that_need_a_directory),
	KUNIT_CASE(changes_reach_the_next_directory),
	KUNIT_CASE(shrinking_gets_past_a_longer_directory),
	KUNIT_CASE(deeper_table_ends_a_shorter_directory),
	KUNIT_CASE(reservation_ends_a_shorter_directory),
	KUNIT_CASE(reservation_goes_beyond_a_longer_directory),
	KUNIT_CASE(clear_ends_a_next_directory),
	KUNIT_CASE(first_table_reaches_the_next_directory),
	KUNIT_CASE(last_table_goes_with_a_next_directory),
	KUNIT_CASE(interrupts_come_between_slices),
	{}
};

struct kunit_suite gomap_dir_suite = {
	.name = "gomap-dir",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = dir_cases,
};

/*
 * What a large map has ready.
 */

/* Tables of 32: it takes chance longer than us to split one twice at once. */
#define LARGE_SLOTS	32
#define LARGE		8000

static struct gomap *large_map(struct kunit *test, const struct gomap_params *p)
{
	struct gomap *m = gmt_map(test, p, LARGE_SLOTS, 0);

	put_spread(test, m, 0, LARGE);
	settle(m);
	KUNIT_ASSERT_GE(test, dir_depth(m), 8U);
	return m;
}

static void large_map_is_ahead(struct kunit *test)
{
	struct gomap *m = large_map(test, &by_key);
	u32 depth = dir_depth(m);

	KUNIT_EXPECT_EQ(test, m->nr_pool, (unsigned int)GOMAP_POOL);
	KUNIT_EXPECT_EQ(test, depth, deepest(m) + 1);
	GMT_CHECK(test, m);
	/* Not more and more of it. */
	m->grow_work.func(&m->grow_work);
	KUNIT_EXPECT_EQ(test, m->nr_pool, (unsigned int)GOMAP_POOL);
	KUNIT_EXPECT_EQ(test, depth, dir_depth(m));
	GMT_CHECK(test, m);
}

/* So if the work item keeps up, no insert has to allocate. */
static void large_map_grows_without_allocating(struct kunit *test)
{
	struct gomap *m = large_map(test, &by_key);
	u32 n = gochan_scaled(8000);
	size_t tables = m->nr_tables;
	u64 i;
	int err;

	if (!gmt_can_fail())
		kunit_skip(test, "allocations never fail (CONFIG_FAILSLAB)");
	for (i = LARGE; i < LARGE + n; i++) {
		gmt_fail_begin(1);
		err = gmt_put_nowait(m, spread(i), i);
		KUNIT_ASSERT_FALSE(test, gmt_fail_end());
		KUNIT_ASSERT_EQ_MSG(test, err, 0, "insert %llu", i - LARGE);
		flush_work(&m->grow_work);
	}
	if (n > 1000)
		KUNIT_EXPECT_GT(test, m->nr_tables, tables + n / 100);
	GMT_CHECK(test, m);
}

static void small_map_is_not(struct kunit *test)
{
	struct gomap *m = dir_map(test);

	put_spread(test, m, 0, 9);
	while (dir_depth(m) < 7) {
		KUNIT_ASSERT_EQ(test, 0U, m->nr_pool);
		KUNIT_ASSERT_FALSE(test, work_pending(&m->grow_work));
		KUNIT_ASSERT_LE(test, deepest(m), dir_depth(m));
		put_spread(test, m, gomap_len(m), gomap_len(m) + 1);
	}
	GMT_CHECK(test, m);
}

static void accounted_map_is_not(struct kunit *test)
{
	struct gomap_params p = by_key;
	struct gomap *m;

	p.gfp = __GFP_ACCOUNT;
	m = large_map(test, &p);
	m->grow_work.func(&m->grow_work);
	KUNIT_EXPECT_EQ(test, 0U, m->nr_pool);
	KUNIT_EXPECT_EQ(test, deepest(m), dir_depth(m));
	GMT_CHECK(test, m);
}

/* No memory can hold a table of that size: the next insert sees to it. */
static void work_without_memory_does_no_harm(struct kunit *test)
{
	struct gomap *m = large_map(test, &by_key);
	u8 shift = m->max_shift;

	KUNIT_ASSERT_EQ(test, 0, gomap_shrink(m, GFP_KERNEL));
	KUNIT_ASSERT_EQ(test, 0U, m->nr_pool);
	KUNIT_ASSERT_GE(test, dir_depth(m), 8U);
	/* More than kvmalloc() gives, and no more than a u32 has slots. */
	m->max_shift = 28;
	m->grow_work.func(&m->grow_work);
	m->max_shift = shift;
	KUNIT_EXPECT_EQ(test, 0U, m->nr_pool);
	KUNIT_EXPECT_EQ(test, 0ULL, missing_spread(m, 0, LARGE));
	put_spread(test, m, LARGE, LARGE + 500);
	settle(m);
	KUNIT_EXPECT_EQ(test, m->nr_pool, (unsigned int)GOMAP_POOL);
	GMT_CHECK(test, m);
}

/* Shrinking by itself, without anybody ending a reservation. */
static void pool_goes_when_the_map_shrinks(struct kunit *test)
{
	struct gomap *m = large_map(test, &by_key);

	KUNIT_ASSERT_GT(test, m->nr_pool, 0U);
	delete_spread(test, m, 20, LARGE);
	settle(m);
	KUNIT_EXPECT_LT(test, dir_depth(m), 8U);
	KUNIT_EXPECT_EQ(test, 0U, m->nr_pool);
	KUNIT_EXPECT_EQ(test, 0ULL, missing_spread(m, 0, 20));
	GMT_CHECK(test, m);
}

static void pool_goes_when_the_map_is_cleared(struct kunit *test)
{
	struct gomap *m = large_map(test, &by_key);

	KUNIT_ASSERT_GT(test, m->nr_pool, 0U);
	gomap_clear(m);
	KUNIT_EXPECT_EQ(test, 0U, m->nr_pool);
	/* A late work item finds that there is nothing to do. */
	m->grow_work.func(&m->grow_work);
	KUNIT_EXPECT_EQ(test, 0U, m->nr_pool);
	KUNIT_EXPECT_EQ(test, 0U, dir_depth(m));
	GMT_CHECK(test, m);
}

/* Destroyed while the work items wait, or run. */
static void destroy_stops_the_work(struct kunit *test)
{
	u32 round, rounds = gochan_scaled(60), pending = 0;
	struct gomap *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, m);
	for (round = 0; round < rounds; round++) {
		KUNIT_ASSERT_EQ(test, 0, gomap_init_small(m, &by_key, 8, 0,
							  GFP_KERNEL));
		put_spread(test, m, 0, 900 + round);
		pending += !!work_busy(&m->grow_work);
		if (round % 2)
			delete_spread(test, m, 0, 850 + round);
		pending += delayed_work_pending(&m->shrink_work);
		gomap_destroy(m);
		KUNIT_ASSERT_FALSE(test, work_busy(&m->grow_work));
		KUNIT_ASSERT_FALSE(test, delayed_work_pending(&m->shrink_work));
		KUNIT_ASSERT_PTR_EQ(test, m->pool, NULL);
		KUNIT_ASSERT_PTR_EQ(test, m->next_dir, NULL);
	}
	KUNIT_EXPECT_GT(test, pending, 0U);
}

/* Each put of a value outside the table takes the slow way: not to the end. */
static void overwriting_asks_for_nothing(struct kunit *test)
{
	static const struct gomap_params outside = {
		.key_size = sizeof(u64),
		.val_size = 200,
		.hash = gmt_hash_is_key,
		.equal = gmt_equal,
	};
	struct gomap *m = gmt_map(test, &outside, 8, 0);
	u8 val[200] = { };
	u64 i, key;

	for (i = 0; i < 2000; i++) {
		key = spread(i);
		KUNIT_ASSERT_EQ(test, 0, gomap_put(m, &key, val, GOMAP_NEW,
						   GFP_KERNEL));
	}
	settle(m);
	KUNIT_ASSERT_EQ(test, m->nr_pool, (unsigned int)GOMAP_POOL);
	KUNIT_ASSERT_EQ(test, 0, gomap_shrink(m, GFP_KERNEL));
	KUNIT_ASSERT_GE(test, dir_depth(m), 8U);
	for (i = 0; i < 100; i++) {
		key = spread(i);
		KUNIT_ASSERT_EQ(test, 0, gomap_put(m, &key, val, GOMAP_EXISTING,
						   GFP_KERNEL));
		KUNIT_ASSERT_FALSE(test, work_busy(&m->grow_work));
	}
	KUNIT_EXPECT_EQ(test, 0U, m->nr_pool);
	GMT_CHECK(test, m);
}

static struct kunit_case large_cases[] = {
	KUNIT_CASE(large_map_is_ahead),
	KUNIT_CASE(large_map_grows_without_allocating),
	KUNIT_CASE(small_map_is_not),
	KUNIT_CASE(accounted_map_is_not),
	KUNIT_CASE(work_without_memory_does_no_harm),
	KUNIT_CASE(pool_goes_when_the_map_shrinks),
	KUNIT_CASE(pool_goes_when_the_map_is_cleared),
	KUNIT_CASE(destroy_stops_the_work),
	KUNIT_CASE(overwriting_asks_for_nothing),
	{}
};

struct kunit_suite gomap_large_suite = {
	.name = "gomap-large",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = large_cases,
};
