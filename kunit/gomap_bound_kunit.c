// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - bounds of what is done at a time: how large tables are, how many
 * directory entries refer to one, what an insert that may not block leaves to the
 * work item, and what ends when its caller is killed
 */

#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "gomap_kunit.h"

/* The most directory entries that refer to one table, as a power of two. */
static u32 longest_run(struct gomap *m)
{
	const struct gomap_table *t;
	u32 run = 0;
	u64 pos = 0;

	rcu_read_lock();
	do {
		t = gomap_walk(m, &pos);
		if (t)
			run = max(run, rcu_dereference(m->dir)->depth -
				       t->depth);
	} while (pos);
	rcu_read_unlock();
	return run;
}

static u32 dir_depth(const struct gomap *m)
{
	u32 depth;

	rcu_read_lock();
	depth = rcu_dereference(m->dir)->depth;
	rcu_read_unlock();
	return depth;
}

static const u32 val_sizes[] = { 0, 8, 16, 24, 40, 64, 100, 128, 129, 4096 };

static void size_desc(const u32 *size, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "values of %u", *size);
}

KUNIT_ARRAY_PARAM(size, val_sizes, size_desc);

/* The slots of a full-size table are as many as 16 KiB have room for, from 64. */
static void large_slots_make_short_tables(struct kunit *test)
{
	const struct gomap_params p = {
		.key_size = sizeof(u64),
		.val_size = *(const u32 *)test->param_value,
	};
	struct gomap *m = gomap_alloc(&p, 0, GFP_KERNEL);
	void *val = kunit_kzalloc(test, p.val_size + 1, GFP_KERNEL);
	struct gomap_stats st;
	u32 slots;
	u64 key;

	KUNIT_ASSERT_NOT_NULL(test, val);
	KUNIT_ASSERT_NOT_ERR_OR_NULL(test, m);
	slots = gomap_slots(m->max_shift);
	KUNIT_EXPECT_GE(test, slots, 64U);
	KUNIT_EXPECT_LE(test, slots, 1024U);
	if (slots > 64)
		KUNIT_EXPECT_LE(test, slots * m->slot_size, 16384U);
	if (slots < 1024)
		KUNIT_EXPECT_GT(test, 2 * slots * m->slot_size, 16384U);
	for (key = 0; key < 3000; key++)
		KUNIT_ASSERT_EQ(test, 0, gomap_put(m, &key, val, GOMAP_NEW,
						   GFP_KERNEL));
	gomap_stats(m, &st);
	KUNIT_EXPECT_EQ(test, st.entries, (size_t)3000);
	KUNIT_EXPECT_GE(test, st.tables, (size_t)3000 / slots);
	GMT_CHECK(test, m);
	gomap_free(m);
}

/*
 * A reservation makes the directory long before there are tables, and those that
 * there are would each have a large part of it.
 */
static void reservation_keeps_runs_short(struct kunit *test)
{
	u64 n = gochan_scaled(100000), key;
	struct gomap *m = gmt_map_u64(test, 16);

	KUNIT_ASSERT_EQ(test, 0, gomap_reserve(m, n, GFP_KERNEL));
	KUNIT_EXPECT_LE(test, longest_run(m), (u32)GOMAP_RUN_DEPTH);
	GMT_CHECK(test, m);
	for (key = 0; key < n; key++) {
		KUNIT_ASSERT_EQ(test, 0, gmt_put_nowait(m, key, key));
		if (!(key & (key - 1)))
			KUNIT_EXPECT_LE(test, longest_run(m),
					(u32)GOMAP_RUN_DEPTH);
	}
	GMT_CHECK(test, m);
}

/* So does a hash that is not even: one table has half of the hashes. */
static void uneven_hash_keeps_runs_short(struct kunit *test)
{
	static const struct gomap_params p = {
		.key_size = sizeof(u64),
		.val_size = sizeof(u64),
		.hash = gmt_hash_is_key,
	};
	struct gomap *m = gmt_map(test, &p, 8, 0);
	u64 n = gochan_scaled(20000), i;

	KUNIT_ASSERT_EQ(test, 0, gmt_put(m, BIT_ULL(63), 0, GOMAP_NEW));
	for (i = 0; i < n; i++) {
		u64 key = gmt_hash_good(&i, sizeof(i), 1) >> 1;

		KUNIT_ASSERT_EQ(test, 0, gmt_put(m, key, i, GOMAP_ANY));
		if (i % 512 == 0)
			KUNIT_ASSERT_LE(test, longest_run(m),
					(u32)GOMAP_RUN_DEPTH);
	}
	KUNIT_EXPECT_LE(test, longest_run(m), (u32)GOMAP_RUN_DEPTH);
	GMT_CHECK(test, m);
}

/*
 * An insert that may not block fills a directory of up to 4096 entries only. What
 * it leaves to the work item is there when that is done.
 */
static void long_directory_is_left_to_the_work_item(struct kunit *test)
{
	struct gomap *m = gmt_map_u64(test, 8);
	u64 key, n = 8ULL << (GOMAP_ATOMIC_DEPTH + 1), refused = 0;

	for (key = 0; key < n; key++) {
		u32 depth = dir_depth(m);
		int err = gmt_put_nowait(m, key, key);

		if (err == -ENOMEM) {
			refused++;
			KUNIT_ASSERT_GE(test, depth, (u32)GOMAP_ATOMIC_DEPTH);
			flush_work(&m->grow_work);
			err = gmt_put_nowait(m, key, key);
		}
		KUNIT_ASSERT_EQ(test, err, 0);
	}
	KUNIT_EXPECT_GT(test, dir_depth(m), (u32)GOMAP_ATOMIC_DEPTH);
	KUNIT_EXPECT_EQ(test, gmt_missing(m, 0, n), 0ULL);
	GMT_CHECK(test, m);
}

/* A caller that is about to die waits for no memory that it will not use. */
static int killed_fn(struct gct_thread *thread)
{
	static const struct gomap_params p = {
		.key_size = sizeof(u64),
		.val_size = sizeof(u64),
	};
	struct gomap *m = thread->arg;
	struct gomap *hinted;
	int err;

	allow_signal(SIGKILL);
	send_sig(SIGKILL, current, 1);
	hinted = gomap_alloc(&p, 100000, GFP_KERNEL);
	err = PTR_ERR_OR_ZERO(hinted);
	if (!err)
		gomap_free(hinted);
	if (err == -EINTR)
		err = gomap_reserve(m, 100000, GFP_KERNEL);
	flush_signals(current);
	return err;
}

static void kill_ends_hint_and_reservation(struct kunit *test)
{
	struct gomap *m = gmt_map_u64(test, GMT_REAL);

	gmt_fill(test, m, 0, 2000);
	KUNIT_EXPECT_EQ(test, -EINTR,
			gct_join(test, gct_start(test, killed_fn, m)));
	KUNIT_EXPECT_EQ(test, gmt_missing(m, 0, 2000), 0ULL);
	KUNIT_EXPECT_EQ(test, 0, gomap_shrink(m, GFP_KERNEL));
	GMT_CHECK(test, m);
}

static struct kunit_case bound_cases[] = {
	KUNIT_CASE_PARAM(large_slots_make_short_tables, size_gen_params),
	KUNIT_CASE(reservation_keeps_runs_short),
	KUNIT_CASE(uneven_hash_keeps_runs_short),
	KUNIT_CASE(long_directory_is_left_to_the_work_item),
	KUNIT_CASE(kill_ends_hint_and_reservation),
	{}
};

struct kunit_suite gomap_bound_suite = {
	.name = "gomap-bound",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = bound_cases,
};
