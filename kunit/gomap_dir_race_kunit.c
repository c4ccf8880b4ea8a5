// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - directories that are replaced while others use the map
 *
 * Tables of 8 make directories of several slices with few entries, which the
 * threads lengthen and shorten all the time. Some keys stay throughout.
 */

#include <linux/atomic.h>
#include <linux/prandom.h>

#include "gomap_kunit.h"

/* Keys that stay, and, above them, keys that come and go. */
#define STAY		32
#define TIDE		3000

/**
 * struct flood - what the threads of a test share
 * @m: the map
 * @writing: the writer that decides how long it lasts is not done yet
 * @rounds: tides of that one
 * @clears: also clear the map; then no key stays
 * @missed: keys not found that were there
 * @wrong: results that must not be
 * @longest: depth of the longest directory that was seen
 */
struct flood {
	struct gomap *m;
	atomic_t writing;
	u32 rounds;
	bool clears;
	atomic_t missed;
	atomic_t wrong;
	u32 longest;
};

static u64 own_key(u32 writer, u64 i)
{
	return (u64)(writer + 1) << 32 | i;
}

/*
 * In and out with the tide, each writer with keys of its own. With somebody who
 * clears they may be gone before.
 */
static void write_tide(struct flood *f, u32 writer, unsigned int *turns)
{
	u64 i;

	for (i = 0; i < TIDE; i++) {
		if (gmt_put(f->m, own_key(writer, i), i, GOMAP_NEW))
			atomic_inc(&f->wrong);
		gmt_breathe(turns);
	}
	for (i = 0; i < TIDE; i++) {
		if (gmt_delete(f->m, own_key(writer, i)) && !f->clears)
			atomic_inc(&f->wrong);
		gmt_breathe(turns);
	}
}

static int writer_fn(struct gct_thread *thread)
{
	struct flood *f = thread->arg;
	unsigned int turns = 0;
	u32 round;

	for (round = 0; round < f->rounds && !gct_stopping(thread); round++)
		write_tide(f, 1, &turns);
	atomic_set(&f->writing, 0);
	return 0;
}

/* Shrinks, or what else makes directories shorter, as long as it lasts. */
static int shrinker_fn(struct gct_thread *thread)
{
	struct flood *f = thread->arg;
	u32 turn, spins = 0;

	for (turn = 0; atomic_read(&f->writing) && !gct_stopping(thread);
	     turn++) {
		if (f->clears && turn % 16 == 15)
			gomap_clear(f->m);
		else if (turn % 4 == 3)
			atomic_add(!!gomap_reserve(f->m, 200, GFP_KERNEL),
				   &f->wrong);
		else
			atomic_add(!!gomap_shrink(f->m, GFP_KERNEL), &f->wrong);
		gct_relax(&spins);
	}
	return 0;
}

static int reader_fn(struct gct_thread *thread)
{
	struct flood *f = thread->arg;
	unsigned int turns = 0;
	u64 i = 0;

	while (atomic_read(&f->writing) && !gct_stopping(thread)) {
		struct gomap_dir *d;

		if (!f->clears && !gmt_has(f->m, i % STAY, i % STAY))
			atomic_inc(&f->missed);
		rcu_read_lock();
		d = rcu_dereference(f->m->dir);
		f->longest = max_t(u32, f->longest, d->depth);
		rcu_read_unlock();
		gmt_breathe(&turns);
		i++;
	}
	return 0;
}

static int (*const crew[])(struct gct_thread *thread) = {
	shrinker_fn, reader_fn, writer_fn,
};

static void run_flood(struct kunit *test, bool clears)
{
	struct flood *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	struct gct_thread *threads[ARRAY_SIZE(crew)];
	unsigned int i, turns = 0;

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->m = gmt_map_u64(test, 8);
	f->rounds = gochan_scaled(60);
	f->clears = clears;
	gmt_fill(test, f->m, 0, STAY);
	atomic_set(&f->writing, 1);
	for (i = 0; i < ARRAY_SIZE(crew); i++)
		threads[i] = gct_start(test, crew[i], f);
	/* The other writer is this one, with keys of number 0. */
	while (atomic_read(&f->writing))
		write_tide(f, 0, &turns);
	for (i = 0; i < ARRAY_SIZE(crew); i++)
		KUNIT_EXPECT_EQ(test, 0, gct_join(test, threads[i]));

	kunit_info(test, "directories of up to %u bits\n", f->longest);
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&f->missed));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&f->wrong));
	if (!clears) {
		KUNIT_EXPECT_GE(test, f->longest, 11U);
		KUNIT_EXPECT_EQ(test, 0ULL, gmt_missing(f->m, 0, STAY));
		KUNIT_EXPECT_EQ(test, gomap_len(f->m), (size_t)STAY);
	}
	GMT_CHECK(test, f->m);
	KUNIT_EXPECT_EQ(test, 0, gomap_shrink(f->m, GFP_KERNEL));
	GMT_CHECK(test, f->m);
}

static void growth_races_shrinking(struct kunit *test)
{
	run_flood(test, false);
}

static void growth_races_clear(struct kunit *test)
{
	run_flood(test, true);
}

/*
 * A reservation, while the map is about to shrink by itself.
 */

static int shrink_work_fn(struct gct_thread *thread)
{
	struct flood *f = thread->arg;
	unsigned int spins = 0;

	while (atomic_read(&f->writing) && !gct_stopping(thread)) {
		f->m->shrink_work.work.func(&f->m->shrink_work.work);
		gct_relax(&spins);
	}
	return 0;
}

/* What a reservation of @n must have got: see gomap_reserve(). */
static bool is_reserved(struct gomap *m, u32 n)
{
	unsigned long flags;
	bool ok;

	spin_lock_irqsave(&m->lock, flags);
	ok = m->reserved && m->nr_pool >= 2 * (n / 2 + 1) &&
	     (!m->next_dir || m->next_dir->depth >= 7);
	spin_unlock_irqrestore(&m->lock, flags);
	return ok;
}

static void reservations_hold_beside_the_work(struct kunit *test)
{
	struct flood *f = kunit_kzalloc(test, sizeof(*f), GFP_KERNEL);
	u32 round, rounds = gochan_scaled(100), n = 200;
	struct gct_thread *thread;
	struct gomap_stats st;
	unsigned int turns = 0;

	KUNIT_ASSERT_NOT_NULL(test, f);
	f->m = gmt_map_u64(test, 8);
	gmt_fill(test, f->m, 0, STAY);
	atomic_set(&f->writing, 1);
	thread = gct_start(test, shrink_work_fn, f);
	for (round = 0; round < rounds; round++) {
		u64 i;

		KUNIT_ASSERT_EQ(test, 0, gomap_reserve(f->m, n, GFP_KERNEL));
		for (i = 0; i < 4; i++) {
			KUNIT_ASSERT_TRUE(test, is_reserved(f->m, n));
			gomap_stats(f->m, &st);
			/* 232 entries, 4 in a table, and one bit to spare. */
			KUNIT_ASSERT_GE(test, st.depth, 7U);
			gct_pause();
		}
		gmt_fill(test, f->m, STAY, STAY + 2 * n);
		KUNIT_ASSERT_EQ(test, 0, gomap_shrink(f->m, GFP_KERNEL));
		for (i = STAY; i < STAY + 2 * n; i++) {
			KUNIT_ASSERT_EQ(test, 0, gmt_delete(f->m, i));
			gmt_breathe(&turns);
		}
	}
	atomic_set(&f->writing, 0);
	KUNIT_EXPECT_EQ(test, 0, gct_join(test, thread));
	KUNIT_EXPECT_EQ(test, 0ULL, gmt_missing(f->m, 0, STAY));
	GMT_CHECK(test, f->m);
}

static struct kunit_case dir_race_cases[] = {
	KUNIT_CASE(growth_races_shrinking),
	KUNIT_CASE(growth_races_clear),
	KUNIT_CASE(reservations_hold_beside_the_work),
	{}
};

struct kunit_suite gomap_dir_race_suite = {
	.name = "gomap-dir-race",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = dir_race_cases,
};
