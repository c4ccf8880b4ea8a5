// SPDX-License-Identifier: GPL-2.0-only
/*
 * gochan_kunit - bounds of what is done at a time: how large tables are
 */

#include <linux/slab.h>

#include "gomap_kunit.h"

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

static struct kunit_case bound_cases[] = {
	KUNIT_CASE_PARAM(large_slots_make_short_tables, size_gen_params),
	{}
};

struct kunit_suite gomap_bound_suite = {
	.name = "gomap-bound",
	.init = gct_init,
	.exit = gct_exit,
	.test_cases = bound_cases,
};
