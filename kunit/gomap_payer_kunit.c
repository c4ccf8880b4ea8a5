// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - maps that somebody pays for
 *
 * What a payer is charged is what the map takes, until it is freed. A payer that
 * refuses makes the operation fail with its error, and leaves the map as it was
 * and nothing behind that waits for a grace period.
 */

#include <linux/atomic.h>
#include <linux/sched.h>

#include "gomap_kunit.h"

/* More pieces than any single operation is charged for. */
#define MANY_PIECES	100

/* What a map never says by itself. */
#define NO_MONEY	(-ENOLINK)

/*
 * Static, as what it was charged may be freed after its test; each test begins
 * when all is.
 */
static struct {
	struct gomap_payer payer;
	atomic_long_t bytes;
	atomic_long_t retired;
	atomic_long_t all_retired;
	atomic_t left;
	atomic_t wrong;
} purse;

static int purse_charge(struct gomap_payer *payer, size_t bytes, gfp_t gfp)
{
	if (gfpflags_allow_blocking(gfp))
		might_sleep();
	if (!bytes || payer != &purse.payer)
		atomic_inc(&purse.wrong);
	if (!(gfp & __GFP_NOFAIL) && !atomic_add_unless(&purse.left, -1, 0))
		return NO_MONEY;
	atomic_long_add(bytes, &purse.bytes);
	return 0;
}

static void purse_retire(struct gomap_payer *payer, size_t bytes)
{
	atomic_long_add(bytes, &purse.retired);
	atomic_long_add(bytes, &purse.all_retired);
}

static void purse_uncharge(struct gomap_payer *payer, size_t bytes,
			   bool retired)
{
	if (retired && atomic_long_sub_return(bytes, &purse.retired) < 0)
		atomic_inc(&purse.wrong);
	if (atomic_long_sub_return(bytes, &purse.bytes) < 0)
		atomic_inc(&purse.wrong);
}

static int payer_init(struct kunit *test)
{
	gomap_free_barrier();
	KUNIT_ASSERT_EQ(test, 0L, atomic_long_read(&purse.bytes));
	KUNIT_ASSERT_EQ(test, 0L, atomic_long_read(&purse.retired));
	purse.payer.charge = purse_charge;
	purse.payer.retire = purse_retire;
	purse.payer.uncharge = purse_uncharge;
	atomic_set(&purse.left, INT_MAX);
	atomic_set(&purse.wrong, 0);
	return gct_init(test);
}

/* Values in the table, and outside of it: from kmalloc() and from vmalloc(). */
static const u32 val_sizes[] = { 8, 500, 9000 };

static void val_size_desc(const u32 *size, char *desc)
{
	snprintf(desc, KUNIT_PARAM_DESC_SIZE, "values of %u bytes", *size);
}

KUNIT_ARRAY_PARAM(val_size, val_sizes, val_size_desc);

static u8 val[9000];

static struct gomap *paid_map(struct kunit *test)
{
	const struct gomap_params p = {
		.key_size = sizeof(u64),
		.val_size = *(const u32 *)test->param_value,
		.gfp = __GFP_ACCOUNT,
		.payer = &purse.payer,
	};
	struct gomap *m = kunit_kzalloc(test, sizeof(*m), GFP_KERNEL);

	KUNIT_ASSERT_NOT_NULL(test, m);
	KUNIT_ASSERT_EQ(test, 0, gomap_init_small(m, &p, 16, 0, GFP_KERNEL));
	return m;
}

/* What the map took is charged until it is freed, perhaps after the map. */
static void end_map(struct kunit *test, struct gomap *m)
{
	gomap_destroy(m);
	gomap_free_barrier();
	KUNIT_EXPECT_EQ(test, 0L, atomic_long_read(&purse.bytes));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&purse.wrong));
}

static int put(struct gomap *m, u64 key, gfp_t gfp)
{
	return gomap_put(m, &key, val, GOMAP_ANY, gfp);
}

/* When nothing waits for a grace period, what is charged is what there is. */
static void expect_charge(struct kunit *test, const struct gomap *m)
{
	struct gomap_stats stats;

	gomap_free_barrier();
	gomap_stats(m, &stats);
	KUNIT_EXPECT_EQ(test, (long)stats.bytes, atomic_long_read(&purse.bytes));
	KUNIT_EXPECT_EQ(test, 0L, atomic_long_read(&purse.retired));
	KUNIT_EXPECT_EQ(test, 0, atomic_read(&purse.wrong));
}

static void charge_is_what_the_map_takes(struct kunit *test)
{
	struct gomap *m = paid_map(test);
	u64 key;

	expect_charge(test, m);
	for (key = 0; key < 100; key++) {
		KUNIT_ASSERT_EQ(test, 0, put(m, key, GFP_KERNEL));
		if (key % 16 == 0)
			expect_charge(test, m);
	}
	expect_charge(test, m);
	for (key = 0; key < 100; key++)
		KUNIT_ASSERT_EQ(test, 0, put(m, key, GFP_KERNEL));
	expect_charge(test, m);
	for (key = 0; key < 90; key++)
		KUNIT_ASSERT_EQ(test, 0, gomap_delete(m, &key));
	expect_charge(test, m);
	KUNIT_ASSERT_EQ(test, 0, gomap_shrink(m, GFP_KERNEL));
	expect_charge(test, m);
	/* There is no reserving what is outside. */
	if (m->val_size <= GOMAP_MAX_INLINE)
		KUNIT_ASSERT_EQ(test, 0, gomap_reserve(m, 500, GFP_KERNEL));
	expect_charge(test, m);
	gomap_clear(m);
	expect_charge(test, m);
	for (key = 0; key < 100; key++)
		KUNIT_ASSERT_EQ(test, 0, put(m, key, GFP_KERNEL));
	end_map(test, m);
}

static int op_insert(struct gomap *m, gfp_t gfp)
{
	return put(m, 14, gfp);
}

static int op_overwrite(struct gomap *m, gfp_t gfp)
{
	return put(m, 3, gfp);
}

static int op_cas(struct gomap *m, gfp_t gfp)
{
	static u8 old[sizeof(val)];
	u64 key = 3;

	return gomap_cas(m, &key, old, val, gfp);
}

static int (*const ops[])(struct gomap *m, gfp_t gfp) = {
	op_insert, op_overwrite, op_cas,
};

/* Run @op on a map of its own, with payment for @left pieces only. */
static int refused(struct kunit *test, int (*op)(struct gomap *m, gfp_t gfp),
		   int left, gfp_t gfp)
{
	struct gomap_stats before, after;
	struct gomap *m = paid_map(test);
	long retired;
	u64 key;
	int err;

	/* 14 of 16 slots: the next one splits the table. */
	for (key = 0; key < 14; key++)
		KUNIT_ASSERT_EQ(test, 0, put(m, key, GFP_KERNEL));
	expect_charge(test, m);
	gomap_stats(m, &before);
	retired = atomic_long_read(&purse.all_retired);
	atomic_set(&purse.left, left);
	err = op(m, gfp);
	atomic_set(&purse.left, INT_MAX);
	if (err) {
		/* 16 KiB in one piece may be missing. */
		if (err != -ENOMEM || gfpflags_allow_blocking(gfp))
			KUNIT_EXPECT_EQ(test, NO_MONEY, err);
		if (gfpflags_allow_blocking(gfp))
			KUNIT_EXPECT_EQ(test, retired,
					atomic_long_read(&purse.all_retired));
		gomap_stats(m, &after);
		KUNIT_EXPECT_EQ(test, before.entries, after.entries);
		KUNIT_EXPECT_EQ(test, before.tables, after.tables);
		KUNIT_EXPECT_EQ(test, before.bytes, after.bytes);
		GMT_CHECK(test, m);
		KUNIT_EXPECT_EQ(test, 0, op(m, GFP_KERNEL));
	}
	/* What was allocated without sleeping may be larger than stats say. */
	if (err || gfpflags_allow_blocking(gfp))
		expect_charge(test, m);
	end_map(test, m);
	return err;
}

static void refusal_changes_nothing(struct kunit *test)
{
	static const gfp_t how[] = { GFP_KERNEL, GMT_NOWAIT };
	unsigned int i, j;
	int left;

	for (i = 0; i < ARRAY_SIZE(ops); i++)
		for (j = 0; j < ARRAY_SIZE(how); j++) {
			for (left = 0; left < MANY_PIECES; left++)
				if (!refused(test, ops[i], left, how[j]))
					break;
			/* Small values are overwritten where they are. */
			KUNIT_EXPECT_EQ(test, ops[i] == op_insert ||
					*(const u32 *)test->param_value > 8,
					left > 0);
			KUNIT_EXPECT_LT(test, left, MANY_PIECES);
		}
}

static struct kunit_case payer_cases[] = {
	KUNIT_CASE_PARAM(charge_is_what_the_map_takes, val_size_gen_params),
	KUNIT_CASE_PARAM(refusal_changes_nothing, val_size_gen_params),
	{ }
};

struct kunit_suite gomap_payer_suite = {
	.name = "gomap-payer",
	.init = payer_init,
	.test_cases = payer_cases,
};
